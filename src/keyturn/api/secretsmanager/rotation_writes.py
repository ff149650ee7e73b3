"""Whether a request may write while the secret rotates: what ``keyturn.rotation.writers`` asks.

Whoever is no Lambda function and shows no RotationToken costs nothing: no rule is about them.
"""

from keyturn.api.calls import AuthorisedCall
from keyturn.iam.session import source_function_of
from keyturn.keys.keyring import Keyring
from keyturn.model.secret import Secret
from keyturn.rotation import writers
from keyturn.store import rotations
from keyturn.store.database import Connection


def require_writer(
    connection: Connection,
    keyring: Keyring,
    secret: Secret,
    call: AuthorisedCall,
    change: writers.Change,
) -> None:
    """Return if the caller may make ``change``, whether or not a rotation is under way.

    Raises:
        RotationTokenError: the request has one, which isn't that of the rotation under way.
        WriterError: the caller is a function, and the rotation doesn't leave the change to it.
    """
    source = source_function_of(call.caller)
    given = call.params.get("RotationToken")
    if source is None and given is None:
        return
    rotation = rotations.find_running(connection, secret.id)
    if given is not None:
        writers.require_rotation_token(given, keyring, secret.arn, rotation, change)
    if rotation is not None:
        called = _called(secret)
        # Who shows the token is the function, also under a role that it has taken on.
        writers.require_writer(rotation, called=called, source=source or called, change=change)


def _called(secret: Secret) -> str:
    assert secret.rotation is not None
    assert secret.rotation.lambda_arn is not None
    return secret.rotation.lambda_arn
