"""What policies can ask about tags: those that a resource has, and those in a request. Pure.

Resources tell tags apart by the case of their keys, policies don't. Tags whose keys differ in case
alone are one condition key with several values, which can't be compared with one: neither is
hidden by the other.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html,
aws:ResourceTag, aws:RequestTag and aws:TagKeys.
"""

from collections.abc import Iterable, Mapping

Keys = Mapping[str, tuple[str, ...]]
Tags = Mapping[str, str]


def of_resource(tags: Tags | None) -> Keys:
    """Return what policies can ask about the tags that a resource has."""
    return _by_key("aws:ResourceTag/", tags or {})


def of_request(tags: Tags, removed: Iterable[str] = ()) -> Keys:
    """Return what policies can ask about the tags in a request.

    Args:
        tags: those that it gives.
        removed: the keys of those that it takes away.
    """
    names = (*tags, *removed)
    return {**_by_key("aws:RequestTag/", tags), "aws:TagKeys": names} if names else {}


def _by_key(prefix: str, tags: Tags) -> Keys:
    keys: dict[str, tuple[str, ...]] = {}
    for key, value in tags.items():
        name = f"{prefix}{key}".lower()
        keys[name] = (*keys.get(name, ()), value)
    return keys
