"""What a Lambda function sees of secret values, told before it sees it.

The rules, which every caller may rely on:

* Whenever a function's session gives a value or is given one, by whatever operation, the engine is
  told first: it takes the value out of what the function prints. A RotationToken is a value too.
* A value that is given counts even if it is refused: the function has it. One that is longer than
  any is refused for that, and isn't told.
* When the engine can't be told, nothing is done or answered, and the function gets an internal
  failure, after which clients try again. An answer whose value might be stored in a log would be
  worse than none.

Not covered are values that a function reads with other credentials than its own.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

import structlog

from keyturn.api.calls import AuthorisedCall
from keyturn.api.operation import Handler, Operation, Output, ServiceApi
from keyturn.iam.session import source_function_of
from keyturn.model.limits import SECRET_VALUE_BYTES_MAX
from keyturn.wire.fault import internal_failure

Tell = Callable[[str, bytes], None]
"""Tells which function sees which value; an ``OSError`` says that it can't be told."""

#: What AWS's model calls sensitive.
VALUE_MEMBERS: Final = ("SecretString", "SecretBinary", "RandomPassword", "RotationToken")
_LIST_MEMBER: Final = "SecretValues"

_log = structlog.get_logger(__name__)


def telling(service: ServiceApi, tell: Tell) -> ServiceApi:
    """Return a service that tells what functions see of values, whatever its operations are."""
    operations = tuple(_telling(operation, tell) for operation in service.operations)
    return replace(service, operations=operations)


def _telling(operation: Operation, tell: Tell) -> Operation:
    return replace(operation, handler=_telling_handler(operation.handler, tell))


def _telling_handler(handler: Handler, tell: Tell) -> Handler:
    def handle(call: AuthorisedCall) -> Output:
        function_arn = source_function_of(call.caller)
        if function_arn is None:
            return handler(call)
        _tell_of(call.params, function_arn, tell)
        output = handler(call)
        _tell_of(output, function_arn, tell)
        return output

    return handle


def _tell_of(members: Mapping[str, Any], function_arn: str, tell: Tell) -> None:
    try:
        for value in _values_in(members):
            tell(function_arn, value)
    except OSError as error:
        _log.error("the engine can't be told what a function sees", error=error.strerror)
        raise internal_failure() from None


def _values_in(members: Mapping[str, Any]) -> Iterator[bytes]:
    for name in VALUE_MEMBERS:
        value = members.get(name)
        if value is None:
            continue
        octets = value if isinstance(value, bytes) else value.encode()
        if len(octets) <= SECRET_VALUE_BYTES_MAX:
            yield octets
    for listed in members.get(_LIST_MEMBER, ()):
        yield from _values_in(listed)
