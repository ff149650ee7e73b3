"""How a model spells its errors in JSON.

* The text's member is ``Message`` or ``message``, as the error's shape has it, and ``message``
  for errors that the model doesn't declare, such as ``ValidationException``.
* Where a shape has a ``Type``, as Lambda's have, it says who is to blame: ``User`` or ``Service``.
"""

from collections.abc import Mapping

from botocore.model import ServiceModel, Shape, StructureShape

from keyturn.wire.fault import Fault
from keyturn.wire.text import header_text


class JsonErrors:
    """One service's modelled errors."""

    def __init__(self, model: ServiceModel) -> None:
        self._members_of: dict[str, Mapping[str, Shape]] = {
            shape.error_code: shape.members
            for shape in model.error_shapes
            if isinstance(shape, StructureShape)
        }

    def body_of(self, fault: Fault) -> dict[str, object]:
        """Return the members that an error answer has in its body."""
        members = self._members(fault)
        message = next((name for name in members if name.lower() == "message"), "message")
        blame = {"Type": "User" if fault.is_sender else "Service"} if "Type" in members else {}
        elsewhere = _header_names(members)
        further = {name: item for name, item in fault.members.items() if name not in elsewhere}
        return {**blame, message: fault.message, **further}

    def headers_of(self, fault: Fault) -> tuple[tuple[str, str], ...]:
        """Return the members that an error answer has in its headers."""
        header_names = _header_names(self._members(fault))
        return tuple(
            (header_names[name], header_text(str(item)))
            for name, item in fault.members.items()
            if name in header_names
        )

    def _members(self, fault: Fault) -> Mapping[str, Shape]:
        return self._members_of.get(fault.code, {})


def _header_names(members: Mapping[str, Shape]) -> dict[str, str]:
    return {
        name: shape.serialization["name"]
        for name, shape in members.items()
        if shape.serialization.get("location") == "header"
    }
