"""What a decision about a secret is about: its ARN, its policy, and its condition keys."""

from itertools import chain
from sys import getsizeof
from typing import Final

from keyturn.api.calls import AuthenticatedCall
from keyturn.api.operation import Resource, ResourceOf
from keyturn.api.secretsmanager import condition_keys
from keyturn.model.secret import Secret
from keyturn.secrets import lookup, names
from keyturn.secrets.refusals import SecretNotFoundError
from keyturn.store.database import Database
from keyturn.store.read_cache import ReadCache

#: A process's; about 12,000 secrets without long policies or many tags.
RESOURCES_CACHED_BYTES_MAX: Final = 16_777_216

_BYTES_BESIDES: Final = 700


class SecretResources:
    """Finds secrets for decisions, and keeps what it found until anything is written."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: ReadCache[tuple[str, str, str], Resource] = ReadCache(
            database, RESOURCES_CACHED_BYTES_MAX, _bytes_of
        )

    def named(self, call: AuthenticatedCall) -> Resource:
        """Return the secret that the call's ``SecretId`` names."""
        return self.find(call, call.params["SecretId"])

    def named_if_any(self, call: AuthenticatedCall) -> Resource:
        """Return the secret that the call names, or ``*`` when it names none."""
        return self.named(call) if "SecretId" in call.params else no_secret(call)

    def find(self, call: AuthenticatedCall, secret_id: str) -> Resource:
        """Return the secret that ``secret_id`` refers to, as the caller would mean it.

        Raises:
            InvalidNameError: it can't refer to any.
        """
        asked = (call.account, call.region, secret_id)
        return self._known.get(asked, lambda: self._read(call, secret_id))

    def _read(self, call: AuthenticatedCall, secret_id: str) -> Resource:
        with self._database.read() as connection:
            try:
                secret = lookup.find(connection, call.account, call.region, secret_id)
            except SecretNotFoundError:
                return Resource(_arn_of_nothing(call, secret_id), shown=secret_id)
        return resource_of(secret, shown=secret_id)


def resource_of(secret: Secret, *, shown: str | None = None) -> Resource:
    """Return a secret as decisions see it.

    Args:
        shown: the ``SecretId`` that it was asked for by. AWS: a refusal repeats it.
    """
    keys = condition_keys.of_secret(secret)
    return Resource(secret.arn, secret.policy_in_force, keys, shown)


def _bytes_of(resource: Resource) -> int:
    """Return about how many bytes of memory a resource takes."""
    texts = (resource.arn, resource.policy, resource.shown, *resource.context)
    return _BYTES_BESIDES + sum(map(getsizeof, chain(texts, *resource.context.values())))


def no_secret(_call: AuthenticatedCall) -> Resource:
    """Return what an action is about that is about no secret in particular."""
    return Resource("*", shown="")


def new_secret(call: AuthenticatedCall) -> Resource:
    """Return the secret that CreateSecret would make; its suffix isn't known yet.

    Raises:
        InvalidNameError: no secret can have that name.
    """
    name = call.params["Name"]
    names.check(name)
    return Resource(names.secret_arn(call.region, call.account, name, "??????"), shown=name)


def with_request_keys(operation: str, resource_of_call: ResourceOf) -> ResourceOf:
    """Return ``resource_of_call`` with the keys of the request added to the resource's own."""

    def resource(call: AuthenticatedCall) -> Resource:
        keys = condition_keys.of_request(operation, call.params)
        return resource_of_call(call).with_context(keys)

    return resource


def _arn_of_nothing(call: AuthenticatedCall, asked: str) -> str:
    # Whoever may not read a secret of that name may not learn that there is none.
    if asked.startswith("arn:"):
        return asked
    return names.secret_arn(call.region, call.account, asked, "??????")
