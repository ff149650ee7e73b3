"""Where a function's code runs, if not on this machine: which places there may be.

The rules, which every caller may rely on:

* A place is the operator's to say, on the server's machine. No operation of the API sets one: who
  may call the API can't have the server call a URL.
* A URL is ``http`` or ``https``, and names a host. It holds no user, no password and no query: it
  is shown in errors and logs.
* A function that is deleted takes its place with it; another one of its name runs here.

AWS: https://docs.aws.amazon.com/lambda/latest/dg/images-test.html (the runtime interface emulator)
"""

from datetime import datetime
from io import BytesIO
from ipaddress import IPv6Address
import re
from typing import Final
from urllib.parse import urlsplit
from zipfile import ZipFile, ZipInfo

from botocore.utils import is_valid_endpoint_url, is_valid_ipv6_endpoint_url

from keyturn.functions import package, registry
from keyturn.functions.names import FunctionRef, read_arn
from keyturn.functions.runtimes import OWN_PYTHON
from keyturn.keys.keyring import Keyring
from keyturn.model.errors import InvalidInputError
from keyturn.model.function import Function
from keyturn.model.function_place import HttpPlace, LambdaPlace, Place
from keyturn.store import function_places as rows
from keyturn.store.database import Connection

#: Where AWS's emulator takes events.
INVOCATIONS_PATH: Final = "/2015-03-31/functions/function/invocations"
URL_LETTERS_MAX: Final = 2_048
PROFILE_LETTERS_MAX: Final = 128
#: What AWS gives its own rotation functions; its default of 3 is for others.
TIMEOUT_SECONDS: Final = 30

_SHOWN_LETTERS_MAX: Final = 140
_URL: Final = re.compile(r"https?://[!-\[\]-~]+")
# RFC 1123, 2.1, and what container networks name their hosts.
_LABEL: Final = "[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST: Final = re.compile(rf"(?=.{{1,253}}\.?$){_LABEL}(?:\.{_LABEL})*\.?")
_PROFILE: Final = re.compile(rf"[^\s\x00-\x1f\x7f]{{1,{PROFILE_LETTERS_MAX}}}")
_FILE_MODE: Final = 0o100644
_STUB: Final = '''"""Stands where this function's code would be: that lives elsewhere."""


def lambda_handler(event, context):
    """Refuse to run."""
    raise RuntimeError(
        "The code of this function lives elsewhere. Say where, on the server's machine: "
        "keyturn function place"
    )
'''


class PlaceError(InvalidInputError):
    """A function can't run there; the message says why."""


def http_place(url: str) -> HttpPlace:
    """Return the place that a URL names; without a path, the emulator's is meant.

    Raises:
        PlaceError: it names none.
    """
    checked = _checked(url)
    path = urlsplit(checked).path
    return HttpPlace(checked if path.strip("/") else checked.rstrip("/") + INVOCATIONS_PATH)


def lambda_place(
    arn: str, *, profile: str | None = None, endpoint_url: str | None = None
) -> LambdaPlace:
    """Return the place that the ARN of a function of AWS Lambda names.

    Raises:
        PlaceError: it names none, or the profile or the endpoint can't be one.
    """
    if read_arn(arn) is None:
        raise PlaceError(
            f"{_shown(arn)} isn't the ARN of a Lambda function: write "
            "arn:aws:lambda:REGION:ACCOUNT:function:NAME, with :QUALIFIER behind it or without."
        )
    if profile is not None and _PROFILE.fullmatch(profile) is None:
        raise PlaceError(f"{_shown(profile)} isn't the name of a profile of AWS's configuration.")
    if endpoint_url is not None and not _is_taken_by_sdk(_checked(endpoint_url)):
        raise PlaceError(f"{_shown(endpoint_url)} isn't an endpoint that AWS's SDK takes.")
    return LambdaPlace(arn=arn, profile=profile, endpoint_url=endpoint_url)


def put(connection: Connection, reference: FunctionRef, place: Place | None) -> Function:
    """Have a function, with all its versions, run at a place; None for here.

    Raises:
        FunctionNotFoundError: there is no such function.
        ParameterError: only one version of it is meant.
    """
    registry.refuse_qualifier(reference)
    function = registry.find(connection, reference)
    if place is None:
        rows.remove(connection, function.id)
    else:
        rows.put(connection, function.id, place)
    return function


def make_function(
    connection: Connection,
    keyring: Keyring,
    reference: FunctionRef,
    role_arn: str,
    now: datetime,
) -> Function:
    """Make a function whose code lives elsewhere. Whether the role can be its own isn't asked.

    Raises:
        FunctionExistsError: there is such a function.
        ParameterError: only one version of it is meant.
    """
    registry.refuse_qualifier(reference)
    stub = _stub()
    request = {
        "Role": role_arn,
        "Runtime": OWN_PYTHON,
        "Handler": "lambda_function.lambda_handler",
        "Timeout": TIMEOUT_SECONDS,
        "Description": "The code of this function lives elsewhere.",
        "Code": {"ZipFile": stub},
    }
    return registry.create(connection, keyring, reference, request, package.check(stub), now)


def _checked(url: str) -> str:
    if "@" in url or "?" in url or "#" in url:
        # Not shown: there may be a password in it.
        raise PlaceError("The URL of a place has no user, no password, no query and no fragment.")
    if len(url) > URL_LETTERS_MAX:
        raise PlaceError(f"A URL of {len(url)} letters is too long: {URL_LETTERS_MAX} at most.")
    if _URL.fullmatch(url) is None or not _has_host(url):
        raise PlaceError(
            f"{_shown(url)} isn't a URL that a function can be reached at: write "
            "http://HOST:PORT or https://HOST."
        )
    return url


def _has_host(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        return port != 0 and (_HOST.fullmatch(host) is not None or bool(IPv6Address(host)))
    except ValueError:
        return False


def _is_taken_by_sdk(url: str) -> bool:
    # Names with an underscore in them, for one, aren't.
    return is_valid_endpoint_url(url) or is_valid_ipv6_endpoint_url(url)


def _shown(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text[:_SHOWN_LETTERS_MAX])


def _stub() -> bytes:
    packed = BytesIO()
    entry = ZipInfo("lambda_function.py")
    entry.external_attr = _FILE_MODE << 16
    with ZipFile(packed, "w") as archive:
        archive.writestr(entry, _STUB)
    return packed.getvalue()
