"""Plain values in headers, paths and query strings: there and back."""

from datetime import UTC, datetime
from typing import Any

from botocore.model import Shape
from hypothesis import given, strategies as st
import pytest

from keyturn.wire.malformed import MalformedError
from keyturn.wire.text import text_reader, text_writer

AT = datetime(2018, 4, 11, 20, 5, 45, tzinfo=UTC)


def shape(type_name: str) -> Shape:
    return Shape("Any", {"type": type_name})


@pytest.mark.parametrize(
    ("type_name", "values"),
    [
        ("string", st.text()),
        ("boolean", st.booleans()),
        ("integer", st.integers(-(2**31), 2**31 - 1)),
        ("long", st.integers(-(2**63), 2**63 - 1)),
        ("double", st.integers(-1000, 1000).map(lambda n: n / 8)),
        ("blob", st.binary()),
    ],
)
@given(data=st.data())
def test_a_value_is_read_as_it_was_written(
    type_name: str, values: st.SearchStrategy[Any], data: st.DataObject
) -> None:
    value = data.draw(values)

    text = text_writer(shape(type_name), "iso8601")(value)

    assert text_reader(shape(type_name), "iso8601")(text) == value


@pytest.mark.parametrize(
    ("timestamp_format", "text"),
    [
        ("iso8601", "2018-04-11T20:05:45Z"),
        ("rfc822", "Wed, 11 Apr 2018 20:05:45 GMT"),
        ("unixTimestamp", "1523477145.000"),
    ],
)
def test_a_timestamp_is_read_as_it_was_written(timestamp_format: str, text: str) -> None:
    assert text_writer(shape("timestamp"), timestamp_format)(AT) == text
    assert text_reader(shape("timestamp"), timestamp_format)(text) == AT


@pytest.mark.parametrize(
    ("type_name", "text"),
    [
        ("boolean", "yes"),
        ("boolean", ""),
        ("integer", "2147483648"),
        ("integer", "1.0"),
        ("integer", "\uff11"),
        ("long", "9223372036854775808"),
        ("long", "9" * 5000),
        ("double", "nan"),
        ("double", "inf"),
        ("double", "1e999"),
        ("double", "1_0"),
        ("blob", "a"),
        ("blob", "é"),
    ],
)
def test_text_that_is_no_value_of_its_type_is_refused(type_name: str, text: str) -> None:
    with pytest.raises(MalformedError):
        text_reader(shape(type_name), "iso8601")(text)


@pytest.mark.parametrize(
    ("timestamp_format", "text"),
    [
        ("rfc822", "Wed, 11 Apr 2018 20:05:45 -0000"),
        ("rfc822", "Wed, 31 Feb 2018 20:05:45 GMT"),
        ("rfc822", "yesterday"),
        ("unixTimestamp", "1e9"),
        ("unixTimestamp", "999999999999"),
        ("unixTimestamp", ""),
    ],
)
def test_text_that_is_no_timestamp_is_refused(timestamp_format: str, text: str) -> None:
    with pytest.raises(MalformedError):
        text_reader(shape("timestamp"), timestamp_format)(text)
