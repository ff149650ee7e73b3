from collections.abc import Callable
import copy
import pickle  # noqa: TID251 - the test is that it is refused

import pytest

from keyturn.model.plaintext import Plaintext

SECRET = b"correct horse battery staple"


def test_repr_and_str_say_only_how_long_it_is() -> None:
    plaintext = Plaintext(SECRET)

    assert repr(plaintext) == str(plaintext) == "Plaintext(28 bytes)"


def test_formatting_is_refused() -> None:
    with pytest.raises(TypeError):
        f"{Plaintext(SECRET)}"


@pytest.mark.parametrize("duplicate", [pickle.dumps, copy.copy, copy.deepcopy])
def test_pickling_and_copying_are_refused(duplicate: Callable[[Plaintext], object]) -> None:
    with pytest.raises(TypeError):
        duplicate(Plaintext(SECRET))


def test_hashing_is_refused() -> None:
    with pytest.raises(TypeError):
        hash(Plaintext(SECRET))


def test_the_same_bytes_are_equal_and_others_are_not() -> None:
    assert Plaintext(SECRET) == Plaintext(SECRET)
    assert Plaintext(SECRET) != Plaintext(b"another")
    assert Plaintext(SECRET) != SECRET
