import sys
import time
import unicodedata

import pytest

from keyturn.wire.pattern import compile_pattern
from support.aws_client import load_model

SERVICES = ["secretsmanager", "logs", "lambda", "iam", "sts"]
TAG_VALUE = r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*"


def patterns_of(service: str) -> set[str]:
    model = load_model(service)
    shapes = map(model.shape_for, model.shape_names)
    return {shape.metadata["pattern"] for shape in shapes if "pattern" in shape.metadata}


@pytest.mark.parametrize("service", SERVICES)
def test_every_pattern_of_the_services_has_a_compiled_form(service: str) -> None:
    uncompiled = {java for java in patterns_of(service) if compile_pattern(java) is None}

    assert uncompiled == set()


@pytest.mark.parametrize(
    "java", [r"[a-z&&[^bc]]", r"[a-d[m-p]]", r"\p{Alpha}+", r"(?<name>a)", r"\Qa.b\E", "("]
)
def test_what_python_cannot_say_the_same_way_is_not_guessed(java: str) -> None:
    assert compile_pattern(java) is None


@pytest.mark.parametrize(
    ("java", "matching", "other"),
    [
        (r"\d+", "12", "١٢"),
        (r"[\w]*", "aZ_9", "ü"),
        (r"\S+", "a\u00a0b", "a b"),
        (r"^[a-z]+$", "abc", "abc\n"),
        (r"a|bc", "bc", "bcd"),
        (r"[\w-_]*", "a-b_c", "a.b"),
        (r"[\u0020-\u00FF]+", "é", "Ā"),
        (r"[a\]\[]*", "[a]", "b"),
    ],
)
def test_a_pattern_matches_what_it_does_in_java(java: str, matching: str, other: str) -> None:
    pattern = compile_pattern(java)

    assert pattern is not None
    assert pattern.fullmatch(matching)
    assert not pattern.fullmatch(other)


def test_a_tag_holds_every_letter_separator_and_number_and_nothing_else() -> None:
    pattern = compile_pattern(TAG_VALUE)
    assert pattern is not None

    for code_point in range(sys.maxunicode + 1):
        character = chr(code_point)
        is_allowed = unicodedata.category(character)[0] in "LZN" or character in "_.:/=+-@"
        assert (pattern.fullmatch(character) is not None) == is_allowed, hex(code_point)


@pytest.mark.parametrize("service", SERVICES)
def test_no_pattern_takes_long_over_a_hostile_value(service: str) -> None:
    hostile = [unit * 5_000 + "!" for unit in ("a", "1", "a-", "/a", "a.", "a:", "-", " ", "\\")]
    began = time.process_time()

    for java in patterns_of(service):
        pattern = compile_pattern(java)
        assert pattern is not None
        for text in hostile:
            pattern.fullmatch(text)

    assert time.process_time() - began < 5
