import base64
from collections.abc import Callable
from html import escape
import json
import re
import string
import tracemalloc
from urllib.parse import quote, quote_plus

from hypothesis import example, given, strategies as st
import pytest

from keyturn.functions.output.leaves import leaves_of
from keyturn.functions.output.lines import as_text
from keyturn.functions.output.redaction import RUN_LETTERS, VALUE_LETTERS_MIN, Redactor
from keyturn.functions.output.spellings import LAYERS_MAX, readings

PASSWORD = "p\"a/ss+ wörd\\%<\n>'qzuw7&€😀x="
#: Seven letters in base64 of UTF-16, the longest of all spellings without marks, and one more.
SPELLED_LETTERS = 20
HEAD = "[INFO]\t2026-01-14T10:30:00.123Z\t6c0c0a3e-5c52-4b58-bb26-9f7a5a3c1f10\t"

Spell = Callable[[str], str]


def json_in_json(value: str) -> str:
    return json.dumps(json.dumps({"password": value}, ensure_ascii=False))


def lower_codes(value: str) -> str:
    return re.sub("%..", lambda code: code[0].lower(), quote(value, safe=""))


def in_c(value: str) -> str:
    return "".join(f"\\x{octet:02x}" for octet in value.encode())


def in_octal(value: str) -> str:
    return "".join(f"\\{octet:03o}" for octet in value.encode())


def in_base64(before: str = "", after: str = "", encoding: str = "utf-8") -> Spell:
    return lambda value: base64.b64encode((before + value + after).encode(encoding)).decode()


SPELLINGS: dict[str, Spell] = {
    "as it stands": str,
    "JSON": json.dumps,
    "JSON with letters": lambda value: json.dumps(value, ensure_ascii=False),
    "JSON in JSON": json_in_json,
    "JSON in JSON in JSON": lambda value: json.dumps(json_in_json(value)),
    "repr": repr,
    "repr of bytes": lambda value: repr(value.encode()),
    "ascii": ascii,
    "URL": quote,
    "URL, all": lambda value: quote(value, safe=""),
    "URL of a form": quote_plus,
    "URL in lower case": lower_codes,
    "URL in a URL": lambda value: quote(quote(value, safe=""), safe=""),
    "JSON in a URL": lambda value: quote(json.dumps(value)),
    "base64": in_base64(),
    "base64 behind one": in_base64(":"),
    "base64 behind two": in_base64("u:"),
    "base64 of more": in_base64("user=app&", "&more"),
    "base64url": lambda value: base64.urlsafe_b64encode(value.encode()).decode().rstrip("="),
    "base64 in lines": lambda value: base64.encodebytes(value.encode() * 5).decode(),
    "base64 in a URL": lambda value: quote(in_base64()(value), safe=""),
    "base64 in JSON": lambda value: json.dumps(in_base64()(value)).replace("/", "\\/"),
    "base64 of JSON": lambda value: in_base64()(json_in_json(value)),
    "base64 of UTF-16": in_base64(encoding="utf-16-le"),
    "hex": lambda value: value.encode().hex(),
    "hex in upper case": lambda value: value.encode().hex().upper(),
    "hex with colons": lambda value: value.encode().hex(":"),
    "hex with spaces": lambda value: value.encode().hex(" "),
    "hex with dashes": lambda value: value.encode().hex("-").upper(),
    "hex as C has it": lambda value: ", ".join(map(hex, value.encode())),
    "C": in_c,
    "octal": in_octal,
    "HTML": escape,
    "XML": lambda value: value.encode("ascii", "xmlcharrefreplace").decode(),
    "letters with blanks": " ".join,
    "letters in lines": "\n".join,
    "letters in a list": lambda value: repr(list(value)),
    "letters logged": lambda value: "\n".join(HEAD + letter for letter in value if letter != "\n"),
}

#: UTF-16 is read where its letters are ASCII.
OF_ANY_LETTERS = sorted(SPELLINGS.keys() - {"base64 of UTF-16"})

values = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=10, max_size=60).filter(
    # Of the letters that count there are enough.
    lambda value: len(re.sub(r"""[\s"',\\+%&=]""", "", value)) >= RUN_LETTERS + 2
)
passwords = st.text(string.ascii_letters + string.digits + "-_.!#*/", min_size=12, max_size=40)
texts = st.text(st.sampled_from("nothing of it: \n\t()[]{}=&%\\0123.é"), max_size=60)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_value_is_taken_out_however_it_is_spelled(spelling: str) -> None:
    spelled = SPELLINGS[spelling](PASSWORD)

    told = Redactor([PASSWORD]).redact(f"no login with <{spelled}> today")

    assert told.startswith("no login with <")
    assert told.endswith("> today")
    assert "qzuw7" not in told
    # What is put around any value may be left, and less than eight letters of the value.
    around = runs_in(SPELLINGS[spelling]("x" * len(PASSWORD)))
    assert not [run for run in runs_in(spelled) - around if run in told]


def runs_in(spelled: str) -> set[str]:
    return {spelled[at : at + SPELLED_LETTERS] for at in range(len(spelled) - SPELLED_LETTERS + 1)}


@given(value=values, before=texts, after=texts, spelling=st.sampled_from(OF_ANY_LETTERS))
@example(value="%41bcdefghijkl", before="", after="", spelling="URL in a URL")
def test_nothing_that_is_looked_for_is_left_of_any_value_in_any_text(
    value: str, before: str, after: str, spelling: str
) -> None:
    redactor = Redactor([value])

    told = redactor.redact(before + SPELLINGS[spelling](value) + after)

    assert "***" in told
    assert redactor.redact(told) == told


@given(passwords, texts, texts, st.sampled_from(sorted(SPELLINGS)))
def test_no_eight_letters_of_a_password_are_left_and_no_spelling_of_it(
    password: str, before: str, after: str, spelling: str
) -> None:
    spelled = SPELLINGS[spelling](password)

    told = Redactor([password]).redact(before + spelled + after)

    runs = {password[at : at + RUN_LETTERS] for at in range(len(password) - RUN_LETTERS + 1)}
    assert not any(run in told for run in runs)
    assert not any(run.encode().hex() in told.lower() for run in runs)
    assert spelled not in told
    for reading in readings(told):
        assert not any(run in reading.text for run in runs)


@given(passwords, st.integers(0, 40), st.integers(RUN_LETTERS, 40))
def test_fragment_of_eight_letters_is_taken_out(password: str, start: int, length: int) -> None:
    fragment = password[start : start + length]

    told = Redactor([password]).redact(f"({fragment})")

    assert told == ("(***)" if len(fragment) >= RUN_LETTERS else f"({fragment})")


@given(st.lists(passwords, max_size=5), st.lists(st.text("nopqrs \n:\\%+=\té", max_size=80)))
def test_text_that_holds_nothing_of_a_value_is_unchanged(
    secret: list[str], lines: list[str]
) -> None:
    known = [value.translate(str.maketrans("nopqrs", "NOPQRS")) for value in secret]

    assert Redactor(known).redact_lines(lines) == lines


@given(st.lists(texts), st.lists(passwords, min_size=1), st.data())
def test_lines_stay_lines(lines: list[str], secret: list[str], data: st.DataObject) -> None:
    parts = [part for value in secret for part in (value, value[:6], value[6:])]
    mixed = data.draw(st.permutations([*lines, *parts]))

    redacted = Redactor(secret).redact_lines(mixed)

    assert len(redacted) == len(mixed)
    assert [text.count("\n") for text in redacted] == [text.count("\n") for text in mixed]


def test_value_over_several_lines_is_taken_out_of_each_and_their_heads_stay() -> None:
    lines = ["begin", HEAD + "hunt", HEAD + "er22abcd", "end"]

    redacted = Redactor(["hunter22abcd"]).redact_lines(lines)

    assert redacted == ["begin", HEAD + "***", HEAD + "***", "end"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("no login with hunter!", "no login with ***!"),
        ("h u n t e r", "***"),
        ("h\nu\nn\nt\ne\nr", "***\n***\n***\n***\n***\n***"),
        ("aHVudGVy", "***"),
        ("domain\\hunter", "domain\\***"),
        ("\\nhunter", "\\n***"),
        ("the hun terrible", "the hun terrible"),
        ("hunte", "hunte"),
    ],
)
def test_short_value_is_taken_out_in_one_piece_or_letter_by_letter(text: str, told: str) -> None:
    assert Redactor(["hunter"]).redact(text) == told


def test_short_value_with_a_blank_in_it_is_taken_out_as_it_stands() -> None:
    assert Redactor(["ab cde"]).redact("it is ab cde, said abc def") == "it is ***, said abc def"


@pytest.mark.parametrize("text", ["0" * 9, "30" * 12 + "003", "MDAw" * 4 + "M", "MDAw" * 4 + "MD"])
def test_a_spelling_that_ends_within_a_letter_is_taken_out(text: str) -> None:
    assert "***" in Redactor(["0" * 12]).redact(text)


@pytest.mark.parametrize("length", [VALUE_LETTERS_MIN - 1, VALUE_LETTERS_MIN])
def test_value_of_too_few_letters_is_no_secret(length: int) -> None:
    value = "wxyz"[:length]

    told = Redactor([value]).redact(f"it is {value}")

    assert (told == "it is ***") is (length >= VALUE_LETTERS_MIN)


@pytest.mark.parametrize("layers", range(1, LAYERS_MAX + 1))
def test_layers_of_quoting_are_read_up_to_their_limit(layers: int) -> None:
    spelled = "ä" * 12
    for _ in range(layers):
        spelled = quote(spelled, safe="")

    assert Redactor(["ä" * 12]).redact(spelled) == "***"


def test_log_of_a_rotation_is_unchanged() -> None:
    redactor = Redactor(["J8$kq)z2LmV!x0pWsR,e7", "4f1d9c77ab02c0ffee9f3b7a5c52e1d0"])
    described = json.dumps(
        {
            "ARN": "arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/app-AbCdEf",
            "RotationLambdaARN": "arn:aws:lambda:us-east-1:123456789012:function:rotate",
            "VersionIdsToStages": {
                "0b7e4d0a-96f0-4d6c-8e0f-6a1b2c3d4e5f": ["AWSCURRENT"],
                "9a8b7c6d-5e4f-4a3b-9c2d-1e0f9a8b7c6d": ["AWSPENDING"],
            },
        }
    )
    lines = [
        "START RequestId: 6c0c0a3e-5c52-4b58-bb26-9f7a5a3c1f10 Version: $LATEST",
        HEAD + "createSecret: made a new version 9a8b7c6d-5e4f-4a3b-9c2d-1e0f9a8b7c6d",
        HEAD + described,
        HEAD + "connecting to db.example.com:5432 as app, sslmode=verify-full",
        (
            '[ERROR] OperationalError: connection to server at "10.0.0.7", port 5432 failed\n'
            'Traceback (most recent call last):\n  File "/var/task/lambda_function.py", line 7'
        ),
        "d41d8cd98f00b204e9800998ecf8427e QmFzZTY0IG9mIHNvbWV0aGluZyBlbHNl=",
        "END RequestId: 6c0c0a3e-5c52-4b58-bb26-9f7a5a3c1f10",
    ]

    assert redactor.redact_lines(lines) == lines


def test_binary_value_that_is_printed_as_it_stands_is_taken_out() -> None:
    value = bytes(range(128, 160)) + b"\x00\x01key\xff"
    printed = b"is <" + value + b">"

    redactor = Redactor([value.decode("latin-1")])

    assert redactor.redact(printed.decode(errors="surrogateescape")) == "is <***>"


@pytest.mark.parametrize("text", ["\\" * 50_000, "&" * 50_000, "%25" * 20_000, "a\n" * 50_000, ""])
def test_text_of_nothing_but_quoting_is_read(text: str) -> None:
    assert Redactor(["hunter22"]).redact(text) == text


def test_memory_of_a_value_is_bounded_by_its_length() -> None:
    value = base64.b64encode(bytes(at * at % 251 for at in range(48_000))).decode()
    tracemalloc.start()

    redactor = Redactor([value])

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert redactor.redact(value) == "***"
    assert peak < 250 * len(value)


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_whatever_is_printed_can_be_redacted_and_stored(value: bytes, printed: bytes) -> None:
    redactor = Redactor([*leaves_of(value), json.dumps(value.decode("latin-1"))])
    line = (printed + value + printed).decode(errors="surrogateescape")

    [redacted] = redactor.redact_lines([line])

    assert as_text(redacted).encode().count(b"\n") == line.count("\n")
