"""Why a function failed, told from the error that it answered with. Pure.

Lambda answers with the class of what the function raised and its message. Told apart are: our own
rotation functions by the class, what Lambda's runtime says, AWS's published functions by their
messages, and what drivers and servers say in their own words. Whatever isn't recognised is
``Cause.UNKNOWN``, against which waiting may help.

AWS: https://docs.aws.amazon.com/secretsmanager/latest/userguide/troubleshoot_rotation.html
"""

import re
from typing import Final

from keyturn.model.rotation import Cause

_BY_TYPE: Final = {
    # keyturn_rotators.errors
    "NotRotatableError": Cause.NOT_ROTATABLE,
    "SecretsManagerUnreachableError": Cause.API_UNREACHABLE,
    "SettingError": Cause.FUNCTION_BROKEN,
    "SecretValueError": Cause.SECRET_UNUSABLE,
    "MissingKeyError": Cause.SECRET_UNUSABLE,
    "WrongEngineError": Cause.SECRET_UNUSABLE,
    "UsernameTooLongError": Cause.SECRET_UNUSABLE,
    "AdminSecretError": Cause.SECRET_UNUSABLE,
    "DifferentTargetError": Cause.SECRET_UNUSABLE,
    "UnreachableError": Cause.TARGET_UNREACHABLE,
    "ConnectionLostError": Cause.CONNECTION_LOST,
    "StatementFailedError": Cause.STATEMENT_FAILED,
    "EncryptionError": Cause.TLS_REFUSED,
    "LoginRefusedError": Cause.LOGIN_REFUSED,
    "AdminLoginRefusedError": Cause.LOGIN_REFUSED,
    "PasswordNotAskedError": Cause.LOGIN_REFUSED,
    "MissingRightError": Cause.RIGHT_MISSING,
    "RightsDifferError": Cause.RIGHT_MISSING,
    "NotPairedError": Cause.SECRET_UNUSABLE,
    "NotSavedError": Cause.STATEMENT_FAILED,
    "NoRoomError": Cause.RIGHT_MISSING,
    "PasswordRefusedError": Cause.VALUE_REFUSED,
    "ReadOnlyTargetError": Cause.TARGET_READ_ONLY,
    # Lambda: "Troubleshoot invocation issues", "Lambda runtime API".
    "Runtime.ImportModuleError": Cause.FUNCTION_BROKEN,
    "Runtime.HandlerNotFound": Cause.FUNCTION_BROKEN,
    "Runtime.MalformedHandlerName": Cause.FUNCTION_BROKEN,
    "Runtime.UserCodeSyntaxError": Cause.FUNCTION_BROKEN,
    "Runtime.MarshalError": Cause.FUNCTION_BROKEN,
    "Runtime.InvalidEntrypoint": Cause.FUNCTION_BROKEN,
    # The handler had finished, so this says nothing of what it did.
    "Function.ResponseSizeTooLarge": Cause.FUNCTION_BROKEN,
    "Runtime.ExitError": Cause.FUNCTION_CRASHED,
    "Runtime.OutOfMemory": Cause.FUNCTION_CRASHED,
    "MemoryError": Cause.FUNCTION_CRASHED,
    "Sandbox.Timedout": Cause.FUNCTION_TIMED_OUT,
    # botocore.exceptions
    "EndpointConnectionError": Cause.API_UNREACHABLE,
    "ConnectTimeoutError": Cause.API_UNREACHABLE,
    "AccessDeniedException": Cause.ACCESS_DENIED,
}

# A driver says it in a few lines. What a function says may be as long as its answer, and to look
# through all of it would hold up every other rotation.
LETTERS_READ_MAX: Final = 8192

# The first that is found counts, so what a server says of the password comes before what it says
# of the login.
_BY_TEXT: Final = tuple(
    (cause, re.compile("|".join(texts), re.IGNORECASE))
    for cause, texts in (
        (
            Cause.VALUE_REFUSED,
            (
                # MySQL and MariaDB
                r"\b1819\b.*password",
                r"current policy requirements",
                # Oracle
                r"ORA-28003",
                r"ORA-28007",
                # SQL Server
                r"password validation failed",
                # PostgreSQL's passwordcheck
                r"password (is too short|must (not )?contain|is easily cracked)",
                # LDAP
                r"password fails quality checking",
            ),
        ),
        # How botocore words what the API answers.
        (
            Cause.ACCESS_DENIED,
            (r"\((AccessDenied|AccessDeniedException|UnrecognizedClientException)\)",),
        ),
        (Cause.API_UNREACHABLE, (r"could not connect to the endpoint url",)),
        # How we word that a function may not do so: see ``writers``.
        (
            Cause.FUNCTION_BROKEN,
            (
                r"a rotation function can't (make|move)",
                r"its rotation function can make no version AWSCURRENT",
                r"you can't use the lambda function",
            ),
        ),
        # The next three are how AWS's published rotation functions word it.
        (
            Cause.SECRET_UNUSABLE,
            (r"key is missing from secret json", r"database engine must be set to"),
        ),
        (
            Cause.NOT_ROTATABLE,
            (r"is not enabled for rotation", r"no stage for rotation", r"not set as AWSPENDING"),
        ),
        (Cause.LOGIN_FAILED, (r"unable to log into database",)),
        # From here on, libpq, PyMySQL, oracledb, redis, pymongo, and the kernel.
        (
            Cause.LOGIN_REFUSED,
            (
                r"(password )?authentication failed",
                r"\(1045,",
                # Locked: another try would only keep it so.
                r"account (is|was) locked",
                r"locked out",
                r"ORA-28000",
                r"\(3118,",
                r"access denied for user",
                r"ORA-01017",
                r"no pg_hba\.conf entry",
                r"WRONGPASS",
            ),
        ),
        (
            Cause.TLS_REFUSED,
            (r"certificate verify failed", r"does not support SSL", r"SSL is required"),
        ),
        (
            Cause.RIGHT_MISSING,
            (
                r"permission denied(?!: ['\"]?/)",
                r"must be owner",
                r"\(1227,",
                r"ORA-01031",
                r"NOPERM",
            ),
        ),
        (
            Cause.TARGET_READ_ONLY,
            (r"read[- ]only (transaction|mode|replica)", r"super-read-only"),
        ),
        (
            Cause.TARGET_UNREACHABLE,
            (
                r"connection (refused|timed out)",
                r"no route to host",
                r"timeout expired",
                r"could not (connect to|translate host)",
                r"name or service not known",
                r"\(2003,",
                r"the database system is (starting|shutting)",
                r"ORA-125(14|41)",
            ),
        ),
        (
            Cause.CONNECTION_LOST,
            (
                r"server closed the connection",
                r"connection (was )?(reset|lost|aborted|closed|broken)",
                r"lost connection",
                r"server has gone away",
                r"broken pipe",
                r"ORA-03113",
            ),
        ),
        # A runtime that isn't AWS's own says it in its message alone.
        (Cause.FUNCTION_TIMED_OUT, (r"task timed out after",)),
    )
)


def cause_of(error_type: str, message: str) -> Cause:
    """Return the cause that a function's ``errorType`` and ``errorMessage`` tell of."""
    known = _BY_TYPE.get(error_type)
    if known is not None:
        return known
    beginning = message[:LETTERS_READ_MAX]
    return next((cause for cause, text in _BY_TEXT if text.search(beginning)), Cause.UNKNOWN)
