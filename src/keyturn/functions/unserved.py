"""Members of CreateFunction and its like that ask for what isn't done here. Pure.

They are refused by name: a setting that is taken and not kept would be believed. What says the
same as leaving it out, as tools send it, is fine.
"""

from collections.abc import Mapping
from typing import Any, Final

from keyturn.functions.refusals import ParameterError

_UNSERVED: Final = (
    "AcceleratorConfig",
    "CapacityProviderConfig",
    "CodeSigningConfigArn",
    "DeadLetterConfig",
    "DurableConfig",
    "FileSystemConfigs",
    "ImageConfig",
    "KMSKeyArn",
    "PublishTo",
    "RuntimeConfig",
    "TenancyConfig",
)
_DEFAULTS: Final[Mapping[str, Mapping[str, str]]] = {
    "LoggingConfig": {"LogFormat": "Text"},
    "SnapStart": {"ApplyOn": "None"},
    "TracingConfig": {"Mode": "PassThrough"},
}
#: Members of those that may be anything.
_FREE: Final = frozenset({"LogGroup"})


def refuse_unserved(request: Mapping[str, Any]) -> None:
    """Refuse a request that asks for what isn't done here.

    Raises:
        ParameterError: it does; the message says which member.
    """
    for member in _UNSERVED:
        if _says_something(request.get(member)):
            raise ParameterError(f"{member} isn't served here; leave it out.")
    for member, default in _DEFAULTS.items():
        asked = {name: item for name, item in request.get(member, {}).items() if name not in _FREE}
        if not asked.items() <= default.items():
            raise ParameterError(f"Of {member} only the default is served here: {dict(default)}.")


def _says_something(value: object) -> bool:
    # {"TargetArn": ""} takes a setting away: there is none.
    if isinstance(value, dict):
        return any(_says_something(item) for item in value.values())
    return bool(value)
