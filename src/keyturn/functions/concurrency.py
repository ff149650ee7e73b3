"""How many invocations a function may have at once, out of what the server may.

AWS counts them by account and region; here all share one engine's environments.

AWS: https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
"""

from typing import Final

from keyturn.functions.refusals import ParameterError
from keyturn.model.function import Function
from keyturn.store import functions as rows
from keyturn.store.database import Connection

#: What this server runs at once: as many as it has execution environments.
CONCURRENT_EXECUTIONS_MAX: Final = 32
#: What must be left for functions that have nothing reserved. AWS leaves 100 of 1,000.
UNRESERVED_CONCURRENCY_MIN: Final = 4


def reserve(connection: Connection, function: Function, reserved: int) -> None:
    """Reserve concurrency for a function; none at all keeps it from running.

    Raises:
        ParameterError: too little would be left for the others.
    """
    others = rows.reserved(connection)
    others.pop(function.id, None)
    left = CONCURRENT_EXECUTIONS_MAX - sum(others.values()) - reserved
    if reserved > 0 and left < UNRESERVED_CONCURRENCY_MIN:
        raise ParameterError(
            "Specified ReservedConcurrentExecutions for function decreases account's "
            "UnreservedConcurrentExecution below its minimum value of "
            f"[{UNRESERVED_CONCURRENCY_MIN}]."
        )
    rows.save(connection, function.id, reserved_concurrency=reserved)


def unreserved(connection: Connection) -> int:
    """Return what functions without a reservation may have together."""
    return CONCURRENT_EXECUTIONS_MAX - sum(rows.reserved(connection).values())
