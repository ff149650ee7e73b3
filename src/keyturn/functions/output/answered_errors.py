"""Errors that functions answer with, for those who keep them.

Whoever invokes a function through Lambda's API gets its answer as it is, as on AWS. A rotation
keeps the error that ended it: that one is without the values that the function has seen
(``keyturn.functions.output.seen_values``), those included that were never stored.
"""

from dataclasses import replace
import json

from keyturn.functions.invocation import Invocation, Invoker
from keyturn.functions.output.seen_values import SeenValues
from keyturn.functions.permission import unqualified


class RedactedErrors:
    """Invokes functions; see ``keyturn.functions.invocation.Invoker``."""

    def __init__(self, invoker: Invoker, seen: SeenValues) -> None:
        self._invoker = invoker
        self._seen = seen

    def invoke(self, function_arn: str, payload: bytes) -> Invocation:
        """Invoke a function, and take values out of the error that it answers with, if any."""
        invocation = self._invoker.invoke(function_arn, payload)
        if invocation.function_error is None:
            return invocation
        return replace(
            invocation, payload=self._redacted(unqualified(function_arn), invocation.payload)
        )

    def _redacted(self, function_arn: str, payload: bytes) -> bytes:
        try:
            error = json.loads(payload)
        except (ValueError, RecursionError):
            # Whoever keeps errors can't read it either.
            return b""
        if not isinstance(error, dict):
            return b""
        members = [said if isinstance(said, str) else json.dumps(said) for said in error.values()]
        # Together: a value may be spread over several.
        redacted = self._seen.redact(function_arn, members)
        return json.dumps(dict(zip(error, redacted, strict=True))).encode()
