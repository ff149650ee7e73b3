r"""The models' patterns, which are written for Java, as Python's.

* A pattern must match the whole value, as Java's ``Pattern.matches`` does.
* ``\d``, ``\s`` and ``\w`` are ASCII, as they are in Java.
* What Python can't say the same way is not guessed: such a pattern has no compiled form, and a
  test lists every one of them in the services we serve.

One difference is left: Java's ``.`` also stops at a lone carriage return and at Unicode's line
separators.
"""

import re

# "Letters, separators and numbers", which is how AWS spells what a tag may hold. Python's \w is
# Unicode's letters, numbers and the underscore; the separators are few and never change.
_TAG_CLASS = r"\p{L}\p{Z}\p{N}_"
_TAG_CLASS_IN_PYTHON = r"\w \u00A0\u1680\u2000-\u200A\u2028\u2029\u202F\u205F\u3000"

# Java's [\w-_] holds a hyphen; to Python it is a range with no beginning.
_HYPHEN_AFTER_CLASS = re.compile(r"(?<=\\[dsw])-(?=[^\]])")

# Java reads a set inside a set, and "&&" as what two sets share; Python reads characters.
_JAVA_SET = re.compile(r"(?<!\\)\[(?:\\.|[^\]\\])*?(?:\[|&&)")


def compile_pattern(java: str) -> re.Pattern[str] | None:
    """Return ``java`` for use with ``fullmatch``, or None when Python can't say the same."""
    if _JAVA_SET.search(java):
        return None
    is_unicode = _TAG_CLASS in java
    python = java.replace(_TAG_CLASS, _TAG_CLASS_IN_PYTHON)
    python = _HYPHEN_AFTER_CLASS.sub(r"\-", python)
    try:
        return re.compile(python, re.UNICODE if is_unicode else re.ASCII)
    except re.error:
        return None
