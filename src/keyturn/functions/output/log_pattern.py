"""A filter pattern of CloudWatch Logs: which messages it matches. Pure.

There are four kinds, told apart by how they begin: ``{`` looks into JSON, ``[`` into columns,
``%`` is a regular expression, and anything else is terms. Each has a module beside this one.

* Whatever the pattern and the message, the work for a message grows with its length alone.
* A pattern that AWS's page has no meaning for is refused, with the place where it goes wrong.

AWS: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
"""

from collections.abc import Callable

from keyturn.functions.output.pattern_columns import read_columns
from keyturn.functions.output.pattern_json import read_json
from keyturn.functions.output.pattern_reader import PatternReader
from keyturn.functions.output.pattern_terms import read_terms
from keyturn.functions.output.pattern_values import read_regex

Matches = Callable[[str], bool]


def read_pattern(text: str) -> Matches:
    """Return the test that a pattern means.

    Raises:
        ParameterError: it means nothing.
    """
    reader = PatternReader(text)
    reader.skip_blanks()
    match reader.next_character:
        case "{":
            matches = read_json(reader)
        case "[":
            matches = read_columns(reader)
        case "%":
            matches = read_regex(reader)
        case _:
            matches = read_terms(reader)
    reader.require_end()
    return matches
