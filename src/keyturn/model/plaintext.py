"""A secret value that can't be printed by accident.

* ``repr`` and ``str`` say only how long it is; formatting and pickling are refused.
* The bytes come out through ``reveal`` alone, and a test lists the modules that may call it.
* Comparison takes the same time wherever the values differ.
"""

import hmac
from typing import NoReturn, final

from typing_extensions import override


@final
class Plaintext:
    """Bytes that must never reach a log, an error, a metric or the disk."""

    __slots__ = ("_revealed",)

    def __init__(self, revealed: bytes) -> None:
        self._revealed = revealed

    def reveal(self) -> bytes:
        """Return the bytes themselves. Hold them as briefly as you can."""
        return self._revealed

    def __len__(self) -> int:
        return len(self._revealed)

    def __bool__(self) -> bool:
        return bool(self._revealed)

    @override
    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Plaintext):
            return NotImplemented
        return hmac.compare_digest(self._revealed, other._revealed)

    @override
    def __hash__(self) -> NoReturn:
        raise TypeError("a plaintext can't be hashed: a dictionary would keep it alive")

    @override
    def __repr__(self) -> str:
        return f"Plaintext({len(self._revealed)} bytes)"

    __str__ = __repr__

    @override
    def __format__(self, format_spec: str) -> NoReturn:
        raise TypeError("a plaintext can't be formatted into a text")

    @override
    def __reduce__(self) -> NoReturn:
        raise TypeError("a plaintext can't be pickled or copied")
