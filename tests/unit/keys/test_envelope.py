import string

from hypothesis import given, strategies as st
import pytest

from keyturn.keys.envelope import OVERHEAD_BYTES, DecryptionError, KeyEncryptionKey
from keyturn.keys.keyring import Keyring
from keyturn.model.plaintext import Plaintext

KEY = KeyEncryptionKey(Plaintext(b"k" * 32))
CONTEXT = {
    "SecretARN": "arn:aws:secretsmanager:us-east-1:1:secret:a-bcdefg",
    "SecretVersionId": "v",
}
BASE64 = string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/"
SEALED = KEY.seal(Plaintext(b"a value"), CONTEXT)


@given(st.binary(max_size=300))
def test_what_is_sealed_opens(value: bytes) -> None:
    opened = KEY.open(KEY.seal(Plaintext(value), CONTEXT), CONTEXT)

    assert opened == Plaintext(value)


def test_the_same_value_sealed_twice_differs() -> None:
    assert KEY.seal(Plaintext(b"a value"), CONTEXT) != SEALED


@given(st.integers(0, len(SEALED) * 8 - 1))
def test_a_flipped_bit_anywhere_does_not_open(bit: int) -> None:
    changed = bytearray(SEALED)
    changed[bit // 8] ^= 1 << (bit % 8)

    with pytest.raises(DecryptionError):
        KEY.open(bytes(changed), CONTEXT)


@given(st.integers(0, len(SEALED) - 1))
def test_a_cut_value_does_not_open(length: int) -> None:
    with pytest.raises(DecryptionError):
        KEY.open(SEALED[:length], CONTEXT)


@pytest.mark.parametrize(
    "context",
    [
        {},
        {**CONTEXT, "SecretVersionId": "w"},
        {**CONTEXT, "More": "x"},
        # The same letters, cut elsewhere.
        {"SecretARN": CONTEXT["SecretARN"] + "SecretVersionId", "": "v"},
    ],
)
def test_another_context_does_not_open(context: dict[str, str]) -> None:
    with pytest.raises(DecryptionError):
        KEY.open(SEALED, context)


def test_another_key_does_not_open() -> None:
    other = KeyEncryptionKey(Plaintext(b"o" * 32))

    with pytest.raises(DecryptionError):
        other.open(SEALED, CONTEXT)


def test_the_overhead_is_what_the_layout_says() -> None:
    assert len(KEY.seal(Plaintext(b""), CONTEXT)) == OVERHEAD_BYTES


def test_a_token_carries_its_claims_and_no_other_keyring_reads_it() -> None:
    ours, other = Keyring(Plaintext(b"a" * 32)), Keyring(Plaintext(b"b" * 32))
    token = ours.seal_token({"after": 7})

    assert ours.open_token(token) == {"after": 7}
    for forged in (token[:-4], "", "not base64!", other.seal_token({"after": 7})):
        with pytest.raises(DecryptionError):
            ours.open_token(forged)


def test_a_token_has_one_spelling() -> None:
    keyring = Keyring(Plaintext(b"a" * 32))
    # One of three lengths leaves four bits of the last letter unused, one leaves two.
    tokens = [keyring.seal_token({"after": "b" * length}) for length in range(3)]
    letters = {token: token.rstrip("=") for token in tokens}

    assert {len(token) - len(letters[token]) for token in tokens} == {0, 1, 2}
    for token, spelled in letters.items():
        other = spelled[:-1] + BASE64[BASE64.index(spelled[-1]) ^ 1]
        for forged in (other + token[len(spelled) :], spelled + "=" * 3, token + "\n"):
            with pytest.raises(DecryptionError):
                keyring.open_token(forged)


def test_a_value_sealed_for_the_store_is_not_a_token() -> None:
    keyring = Keyring(Plaintext(b"a" * 32))
    sealed = keyring.seal(Plaintext(b"{}"), {"Purpose": "token"})

    with pytest.raises(DecryptionError):
        keyring.open_token(sealed.hex())


def test_marks_differ_by_every_word_and_by_where_words_end() -> None:
    keyring = Keyring(Plaintext(b"a" * 32))

    marks = {keyring.mark(*words) for words in (("a", "b"), ("ab",), ("ab", ""), ("a", "c"))}

    assert len(marks) == 4
