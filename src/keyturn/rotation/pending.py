"""What becomes of the pending version when its rotation is over."""

from keyturn.model.rotation import Kind, Rotation
from keyturn.model.secret import Secret
from keyturn.secrets import stages as labels
from keyturn.store import secret_versions as version_rows
from keyturn.store.database import Connection


def take_label_off(connection: Connection, secret: Secret, rotation: Rotation) -> None:
    """Take AWSPENDING off the rotation's version, if it is there."""
    before = version_rows.stages_of(connection, secret.id)
    after = labels.without_pending(before, rotation.token)
    version_rows.replace_stages(connection, secret.id, before, after)


def withdraw_test_version(connection: Connection, secret: Secret, rotation: Rotation) -> None:
    """Remove the version that a test was made with, and its label, however the test ended.

    Whoever labelled the version meanwhile wants to keep it.

    AWS: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotateSecret.html,
    RotateImmediately
    """
    if rotation.kind is not Kind.TEST:
        return
    take_label_off(connection, secret, rotation)
    if rotation.token not in version_rows.stages_of(connection, secret.id).values():
        version_rows.delete_versions(connection, secret.id, [rotation.token])
