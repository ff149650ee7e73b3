"""Invoke a function of AWS Lambda, in the place of code of our own.

The rules, which every caller may rely on:

* It is signed with credentials that AWS's SDK finds for the server: of the profile that the place
  names, else of the server's environment, files or machine. They are looked for each time.
* ``AWS_ENDPOINT_URL`` and its like don't count: what points clients at this server would have it
  call itself.
* Nothing is sent twice: what was cut off may have been done.
* At most ``RESPONSE_BYTES_MAX`` of an answer are kept.

AWS: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html, "Error codes are reserved for
errors that prevent your function from executing"; those from 500 on are taken not to say that.
"""

from base64 import b64decode
import binascii
from contextlib import closing
from http import HTTPStatus
import time
from typing import TYPE_CHECKING, Final

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    ProfileNotFound,
    ReadTimeoutError,
    SSLError,
)

from keyturn.functions.execution.environment import TimedOut
from keyturn.functions.execution.reply import CONNECT_SECONDS_MAX, Errand, Lost, Reply, answered
from keyturn.functions.execution.runtime_api import (
    RESPONSE_BYTES_MAX,
    Raised,
    TooLarge,
)
from keyturn.functions.execution.transcript import TAIL_BYTES_MAX
from keyturn.functions.names import read_arn
from keyturn.functions.output.lines import as_text
from keyturn.functions.refusals import FunctionUnavailableError
from keyturn.model.function_place import LambdaPlace

if TYPE_CHECKING:
    from types_boto3_lambda import LambdaClient
    from types_boto3_lambda.type_defs import InvocationResponseTypeDef

_CHUNK_BYTES: Final = 65_536
_REASON_LETTERS_MAX: Final = 500
_UNVERIFIED: Final = "CERTIFICATE_VERIFY_FAILED"
# The others may quote what a program that fetches credentials has printed.
_TELLING: Final = (
    NoCredentialsError,
    ProfileNotFound,
    EndpointConnectionError,
    ConnectTimeoutError,
    SSLError,
)


def send(place: LambdaPlace, errand: Errand) -> Reply:
    """Invoke the function, and return what came back.

    Raises:
        FunctionUnavailableError: it surely wasn't run.
    """
    try:
        with closing(_client(place, errand.seconds)) as client:
            return _exchange(place, client, errand)
    except ReadTimeoutError:
        return Reply(TimedOut(errand.seconds))
    except ClientError as error:
        return Reply(_refused(place, error))
    except BotoCoreError as error:
        return Reply(_failed(place, error))


def _client(place: LambdaPlace, seconds: float) -> "LambdaClient":
    reference = read_arn(place.arn)
    assert reference is not None
    # Of its own: sessions aren't for several threads, and keep credentials that have changed.
    session = boto3.session.Session(profile_name=place.profile)
    config = Config(
        connect_timeout=CONNECT_SECONDS_MAX,
        read_timeout=seconds,
        retries={"total_max_attempts": 1},
        tcp_keepalive=True,
        # The stubs of botocore don't know it yet.
        ignore_configured_endpoint_urls=True,  # type: ignore[call-arg]
    )
    client: LambdaClient = session.client(
        "lambda",
        region_name=reference.region,
        endpoint_url=place.endpoint_url,
        config=config,
    )
    return client


def _exchange(place: LambdaPlace, client: "LambdaClient", errand: Errand) -> Reply:
    deadline = time.monotonic() + errand.seconds
    answer = client.invoke(FunctionName=place.arn, Payload=errand.payload, LogType="Tail")
    chunks, length = [], 0
    with closing(answer["Payload"]) as body:
        for chunk in body.iter_chunks(_CHUNK_BYTES):
            length += len(chunk)
            if length > RESPONSE_BYTES_MAX:
                return Reply(TooLarge(), _log(answer))
            if time.monotonic() > deadline:
                return Reply(TimedOut(errand.seconds))
            chunks.append(chunk)
    payload = b"".join(chunks)
    is_error = bool(answer.get("FunctionError"))
    return Reply(Raised(payload) if is_error else answered(place, payload), _log(answer))


def _log(answer: "InvocationResponseTypeDef") -> tuple[str, ...]:
    try:
        tail = b64decode(answer.get("LogResult", ""), validate=True)
    except (binascii.Error, ValueError):
        return ()
    lines = tail.decode(errors="replace").removesuffix("\n").split("\n") if tail else []
    # What a cut has left of a line may be the end of a value, in which none is recognised.
    whole = lines[1:] if len(tail) >= TAIL_BYTES_MAX else lines
    return tuple(line.rstrip("\r").replace("\r", "\n") for line in whole)


def _refused(place: LambdaPlace, error: ClientError) -> Lost:
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    code, message = error.response["Error"].get("Code"), error.response["Error"].get("Message")
    # JSON may hold halves of characters, which nothing can store or send on.
    reason = as_text(f"it answered {code}: {message}"[:_REASON_LETTERS_MAX])
    if status < HTTPStatus.INTERNAL_SERVER_ERROR:
        raise _unavailable(place, reason) from None
    return Lost(f"{place} was invoked, and {reason}")


def _failed(place: LambdaPlace, error: BotoCoreError) -> Lost:
    told = str(error) if isinstance(error, _TELLING) else type(error).__name__
    is_cut_off = isinstance(error, HTTPClientError | IncompleteReadError) or (
        isinstance(error, SSLError) and _UNVERIFIED not in told
    )
    if not is_cut_off:
        raise _unavailable(place, f"it can't be invoked: {told}"[:_REASON_LETTERS_MAX]) from None
    return Lost(f"{place} broke the connection off ({told})")


def _unavailable(place: LambdaPlace, reason: str) -> FunctionUnavailableError:
    return FunctionUnavailableError(
        f"The function's code is at {place}, and {reason.rstrip('.')}."
    )
