import pytest

from keyturn.model.rotation import Cause, Remedy
from keyturn.rotation.cause import cause_of
from keyturn_rotators import errors

OURS_WITHOUT_A_CAUSE = {"RotationError", "TargetError"}


def own_error_types() -> list[str]:
    found, waiting = [], [errors.RotationError]
    while waiting:
        kind = waiting.pop()
        found.append(kind.__name__)
        waiting.extend(kind.__subclasses__())
    return sorted(found)


@pytest.mark.parametrize("error_type", own_error_types())
def test_each_error_of_our_own_functions_has_its_cause(error_type: str) -> None:
    is_unknown = cause_of(error_type, "") is Cause.UNKNOWN

    assert is_unknown is (error_type in OURS_WITHOUT_A_CAUSE)


@pytest.mark.parametrize(
    ("error_type", "message", "expected"),
    [
        # Lambda's runtime
        ("Sandbox.Timedout", "RequestId: 1 Error: Task timed out", Cause.FUNCTION_TIMED_OUT),
        ("Runtime.ExitError", "exited without providing a reason", Cause.FUNCTION_CRASHED),
        ("Runtime.ImportModuleError", "No module named 'x'", Cause.FUNCTION_BROKEN),
        ("Runtime.HandlerNotFound", "Handler 'h' missing", Cause.FUNCTION_BROKEN),
        # AWS's published functions, which raise Python's own errors
        ("KeyError", "'Key is missing from secret JSON'", Cause.SECRET_UNUSABLE),
        (
            "ValueError",
            "setSecret: Unable to log into database with previous, current, or pending secret",
            Cause.LOGIN_FAILED,
        ),
        ("ValueError", "Secret a is not enabled for rotation", Cause.NOT_ROTATABLE),
        # What the API and drivers say
        (
            "ClientError",
            "An error occurred (AccessDeniedException) when calling the GetSecretValue operation",
            Cause.ACCESS_DENIED,
        ),
        ("EndpointConnectionError", "Could not connect", Cause.API_UNREACHABLE),
        (
            "OperationalError",
            "connection to server failed: Connection refused",
            Cause.TARGET_UNREACHABLE,
        ),
        (
            "OperationalError",
            'FATAL:  password authentication failed for user "app"',
            Cause.LOGIN_REFUSED,
        ),
        ("OperationalError", "(1045, \"Access denied for user 'app'\")", Cause.LOGIN_REFUSED),
        ("OperationalError", '(2003, "Can\'t connect to MySQL server")', Cause.TARGET_UNREACHABLE),
        (
            "OperationalError",
            "(1819, 'Your password does not satisfy the current policy')",
            Cause.VALUE_REFUSED,
        ),
        ("DatabaseError", "ORA-28003: password verification failed", Cause.VALUE_REFUSED),
        ("DatabaseError", "ORA-01017: invalid username/password", Cause.LOGIN_REFUSED),
        ("InsufficientPrivilege", "permission denied to alter role", Cause.RIGHT_MISSING),
        (
            "ReadOnlySqlTransaction",
            "cannot execute ALTER ROLE in a read-only transaction",
            Cause.TARGET_READ_ONLY,
        ),
        (
            "OperationalError",
            "connection to port 1045 failed: Connection refused",
            Cause.TARGET_UNREACHABLE,
        ),
        ("OperationalError", "server closed the connection unexpectedly", Cause.CONNECTION_LOST),
        (
            "OperationalError",
            "(2013, 'Lost connection to server during query')",
            Cause.CONNECTION_LOST,
        ),
        ("DatabaseError", "ORA-28000: the account is locked", Cause.LOGIN_REFUSED),
        ("PermissionError", "[Errno 13] Permission denied: '/tmp/ca.pem'", Cause.UNKNOWN),
        ("ZeroDivisionError", "division by zero", Cause.UNKNOWN),
        ("Error", "", Cause.UNKNOWN),
    ],
)
def test_what_others_say_is_understood(error_type: str, message: str, expected: Cause) -> None:
    assert cause_of(error_type, message) is expected


def test_only_a_refused_value_is_helped_by_a_fresh_one() -> None:
    renewed = [cause for cause in Cause if cause.remedy is Remedy.FRESH_VALUE]

    assert renewed == [Cause.VALUE_REFUSED]
