"""Everything that can stop a rotation.

* RotationError
  + NotRotatableError           the event or the secret's labels say not to rotate
  + SecretsManagerUnreachableError
  + SettingError                one of the function's environment variables is wrong
  + SecretValueError            a version's value isn't one of this function's secrets
    - MissingKeyError
    - WrongEngineError
    - UsernameTooLongError      there is no room for the second user's name
    - AdminSecretError          the admin secret can't be used for this secret
  + DifferentTargetError        two versions of the secret aren't for the same user and place
  + TargetError                 the database, or the way to it
    - UnreachableError          nothing answers there
    - ConnectionLostError       the connection broke under a statement
    - EncryptionError           TLS isn't there, or isn't to be trusted
    - LoginRefusedError         it answers, and doesn't let the user in
    - AdminLoginRefusedError    nor the administrator
    - PasswordNotAskedError     it lets the user in whatever the password
    - MissingRightError         who is logged in may not make the change
    - NotPairedError            a user has the second user's name, and may be somebody else's
    - RightsDifferError         one of two alternating users can't be made like the other
    - PasswordRefusedError      it doesn't take this password; a fresh one may do
    - ReadOnlyTargetError       it is a replica, or read-only
    - NoRoomError               it makes no more keys for this user
    - NotSavedError             it can't keep the change for after a restart
    - StatementFailedError      anything else that it says to a statement

Each message says what happened, why, and what to do next. None holds a secret value: what a
server says is passed through ``without_values`` first. Lambda answers an invocation with the
class's name and the message, so both are read by people and may be relied on by programs.
"""

from typing import Final

_SAID_LETTERS_MAX: Final = 400
_REDACTED: Final = "***"


class RotationError(Exception):
    """A rotation step can't be done, and the message says why and what to do."""


class NotRotatableError(RotationError):
    """The event or the secret's labels say that this version isn't to be rotated."""


class SecretsManagerUnreachableError(RotationError):
    """The API doesn't answer."""

    def __init__(self, endpoint: str, said: str) -> None:
        super().__init__(
            f"Secrets Manager doesn't answer at {endpoint}: {said}. The function has no way "
            "out to it, or SECRETS_MANAGER_ENDPOINT or AWS_ENDPOINT_URL is wrong. Check the "
            "function's subnets, its security group's outbound rules and the VPC endpoint."
        )


class SettingError(RotationError):
    """One of the function's environment variables can't be understood."""

    def __init__(self, name: str, rule: str) -> None:
        super().__init__(
            f"The environment variable {name} must be {rule}. "
            "Correct it with: aws lambda update-function-configuration --environment."
        )


class SecretValueError(RotationError):
    """A version's value isn't one of this function's secrets."""


class MissingKeyError(SecretValueError):
    """The secret's JSON lacks a key."""

    def __init__(self, key: str, *, needed: tuple[str, ...]) -> None:
        super().__init__(
            f"Key is missing from secret JSON: {key}. This function needs {_listed(needed)}, each "
            "with a value. Add it with: aws secretsmanager put-secret-value."
        )
        self.key = key


class WrongEngineError(SecretValueError):
    """The secret is for another engine than the function."""

    def __init__(self, accepted: frozenset[str]) -> None:
        super().__init__(
            f"The secret's \"engine\" isn't one of this function's: {_listed(sorted(accepted))}. "
            "Correct the secret, or choose the rotation function for its engine."
        )


class UsernameTooLongError(SecretValueError):
    """The second user's name would be longer than the database takes."""

    def __init__(self, length: int, length_max: int) -> None:
        super().__init__(
            f"The secret's username is {length} long, and may be {length_max} for a second user "
            "to be named after it. Put a login with a shorter name, or rotate as a single user."
        )


class AdminSecretError(SecretValueError):
    """The admin secret can't be used for this secret."""

    def __init__(self, arn: str, reason: str) -> None:
        super().__init__(
            f"The admin secret {arn} (the secret's masterarn) can't be used: {reason}."
        )


class DifferentTargetError(RotationError):
    """Two versions of the secret aren't for the same user and place."""

    def __init__(self, stage: str, keys: list[str]) -> None:
        super().__init__(
            f"The {stage} version differs from AWSCURRENT in {_listed(keys)}, so nothing was sent "
            "to either. A rotation changes a password, never whose or where it is. Remove "
            "AWSPENDING with: aws secretsmanager update-secret-version-stage; then rotate again."
        )
        self.keys = keys


class TargetError(RotationError):
    """The database refused, or can't be reached."""


class UnreachableError(TargetError):
    """Nothing answers at the secret's host and port."""

    def __init__(self, where: str, said: str) -> None:
        super().__init__(
            f"Can't reach the database at {where}: {said}. It is down, the secret's host or port "
            "is wrong, or the function has no way to it. Check the subnets, the security groups' "
            "rules in both directions and any firewall."
        )


class ConnectionLostError(TargetError):
    """The connection broke under a statement, which may have been done."""

    def __init__(self, where: str, said: str) -> None:
        super().__init__(
            f"The connection to the database at {where} broke: {said}. It was shut down or "
            "restarted, or something on the way cut the connection. What was sent may have been "
            "done; the step finds out when it is repeated."
        )


class EncryptionError(TargetError):
    """TLS isn't there, or isn't to be trusted."""

    def __init__(self, where: str, said: str) -> None:
        super().__init__(
            f"No trusted TLS connection to the database at {where}: {said}. The server has no "
            "TLS, its certificate is for another name, or its CA isn't known. Give the CA's file "
            'in TLS_CA_FILE, or choose "ssl": false in the secret to go without.'
        )


class LoginRefusedError(TargetError):
    """The database answers, and doesn't let the user in."""

    def __init__(self, where: str, stage: str, said: str) -> None:
        super().__init__(
            f"Unable to log into database at {where} with {stage}: {said}. The secret's username, "
            "password or dbname isn't the database's, the password's validity is over, or the "
            "server's own rules keep the function out. Put the value that works with: "
            "aws secretsmanager put-secret-value."
        )


class AdminLoginRefusedError(TargetError):
    """The database answers, and doesn't let the administrator in."""

    def __init__(self, said: str) -> None:
        super().__init__(f"The administrator's login was refused. {said}")


class PasswordNotAskedError(TargetError):
    """The database lets the user in whatever the password, so a login proves nothing."""

    def __init__(self, where: str) -> None:
        super().__init__(
            f"The database at {where} let the user in without asking for its password, so a "
            "rotation couldn't be tested. Its rules trust the function's address, or anybody: "
            "make them ask for the password."
        )


class MissingRightError(TargetError):
    """Who is logged in may not make the change.

    Args:
        advice: what to do about it, as a sentence; by default, what a user needs for itself.
    """

    def __init__(self, where: str, said: str, advice: str = "") -> None:
        advice = advice or (
            "Grant it the right to change its own password, or name an administrator's secret "
            'in the secret as "masterarn".'
        )
        super().__init__(f"The login at {where} hasn't the right to do this: {said}. {advice}")


class NotPairedError(TargetError):
    """A user has the name of the second of two alternating users, and may be somebody else's."""

    def __init__(self, model: str, follower: str, reason: str) -> None:
        super().__init__(
            f"{follower} is left alone: {reason}, so it may have nothing to do with {model}. If "
            "it is somebody else's, rename one of them. If it is the second user of this secret, "
            f"put its login into the secret, then {model}'s, so that AWSPREVIOUS shows it."
        )


class RightsDifferError(TargetError):
    """One of two alternating users can't be made like the other one.

    Args:
        advice: what to do about it, as a sentence.
    """

    def __init__(self, model: str, follower: str, drift: str, advice: str = "") -> None:
        advice = advice or (
            "Let the administrator of masterarn's secret have the rights to grant and revoke it."
        )
        super().__init__(
            f"{follower} couldn't be given the rights of {model}, so its password was left as it "
            f"is. What differs (+ lacking, - too much): {drift[:_SAID_LETTERS_MAX]}. {advice}"
        )


class PasswordRefusedError(TargetError):
    """The database doesn't take this password. A fresh one may do."""

    def __init__(self, where: str, said: str) -> None:
        super().__init__(
            f"The database at {where} refused the AWSPENDING password: {said}. Its password rules "
            "are stricter than the function's, or take no password that was hashed by the client. "
            "Set PASSWORD_LENGTH, EXCLUDE_CHARACTERS or the like, then rotate with a fresh value."
        )


class ReadOnlyTargetError(TargetError):
    """The database takes no changes."""

    def __init__(self, where: str) -> None:
        super().__init__(
            f"The database at {where} is read-only: a replica, or a primary that was demoted. "
            "Let the secret's host name the primary."
        )


class NoRoomError(TargetError):
    """The target makes no more keys for this user."""

    def __init__(self, where: str, said: str) -> None:
        super().__init__(
            f"The user at {where} has as many keys as there may be: {said}. One of them isn't "
            "this secret's, so it is left alone. Find out who uses it; delete it if nobody does."
        )


class NotSavedError(TargetError):
    """The database can't keep the change for after a restart."""

    def __init__(self, where: str, said: str) -> None:
        super().__init__(
            f"The database at {where} can't save a changed user, so a restart would bring the old "
            f"password back: {said}. Give the server an aclfile, or a configuration file, that it "
            'may write; or choose "persist": false in the secret to do without.'
        )


class StatementFailedError(TargetError):
    """The database answered a statement with an error of another kind."""

    def __init__(self, where: str, said: str) -> None:
        super().__init__(
            f"The database at {where} answered with an error: {said}. Nothing was changed by it, "
            "and the step may be repeated. The database's own log says more."
        )


def without_values(text: str, *values: str) -> str:
    """Return one short line of what a server or driver said, without these values."""
    for value in values:
        text = text.replace(value, _REDACTED) if value else text
    return " ".join(text.split())[:_SAID_LETTERS_MAX].rstrip(".")


def _listed(words: list[str] | tuple[str, ...]) -> str:
    return ", ".join(words)
