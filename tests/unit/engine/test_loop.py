import threading

import pytest

from keyturn.engine import loop


def test_a_round_that_fails_is_followed_by_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "PAUSE_AFTER_ERROR_SECONDS", 0)
    is_stopping = threading.Event()
    rounds = []

    def one_round() -> None:
        rounds.append(1)
        if len(rounds) == 1:
            raise RuntimeError("a bug")
        is_stopping.set()

    loop.run_rounds("test", one_round, is_stopping)

    assert len(rounds) == 2
