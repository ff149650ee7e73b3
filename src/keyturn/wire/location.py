"""Where in a request or an answer the model puts a structure's members."""

from botocore.model import Shape, StructureShape


def members_at(shape: StructureShape, location: str | None) -> dict[str, Shape]:
    """Return the members that are in one place, such as ``header``; None is the body."""
    return {
        name: member
        for name, member in shape.members.items()
        if member.serialization.get("location") == location
    }
