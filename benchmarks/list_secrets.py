"""What a page of ListSecrets costs, among few secrets and among very many.

    .venv/bin/python benchmarks/list_secrets.py [secrets ...]     1000 and 1000000 unless said

Secrets are written straight into a store in a temporary folder, as many as asked for. Then the
operation itself is called, without HTTP and signatures, for pages of 100: in every order, at the
beginning and in the middle, and with filters. The figure is the median of ``ROUNDS`` calls.

A page costs the same among few and among many, but for what SQLite's cache no longer holds. The
filter that nothing matches is the dearest page there is: as many secrets as are ever looked at
for one, and an empty answer.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from statistics import median
import sys
import tempfile
from time import perf_counter
from typing import Any, get_args
import uuid

from sqlalchemy import insert

from keyturn.api.calls import AuthorisedCall
from keyturn.api.secretsmanager.listing import Listing
from keyturn.iam.principal import Principal
from keyturn.keys.keyring import Keyring
from keyturn.model.clock import to_epoch_ms
from keyturn.model.limits import LIST_PAGE_MAX, LIST_SECRETS_LOOKED_AT_MAX
from keyturn.model.listing import SortKey
from keyturn.model.plaintext import Plaintext
from keyturn.model.secret import AWSCURRENT
from keyturn.store import secret_versions, secrets
from keyturn.store.database import Database
from keyturn.store.migrate import migrate

ROUNDS = 50
SECRETS = (1_000, 1_000_000)
ROWS_PER_INSERT = 10_000
ACCOUNT, REGION = "123456789012", "us-east-1"
BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
USER_ARN = f"arn:aws:iam::{ACCOUNT}:user/benchmark"
USER = Principal("user", ACCOUNT, USER_ARN, "AIDABENCHMARK", USER_ARN)

FILTERS: Mapping[str, list[dict[str, Any]]] = {
    "name begins as 1 in 100 does": [{"Key": "name", "Values": ["team07/"]}],
    "name begins as 1 in 1000 does": [{"Key": "name", "Values": ["team07/app3/"]}],
    "tag value that 1 in 10 has": [{"Key": "tag-value", "Values": ["stage3"]}],
    "description that none has": [{"Key": "description", "Values": ["nowhere"]}],
}


def main() -> None:
    """Measure with each number of secrets that the command line asks for."""
    for count in [int(argument) for argument in sys.argv[1:]] or SECRETS:
        with tempfile.TemporaryDirectory(prefix="keyturn-benchmark-") as folder:
            database = Database(Path(folder) / "keyturn.db")
            migrate(database)
            began = perf_counter()
            fill(database, count)
            print(f"\n{count:,} secrets, stored in {perf_counter() - began:.0f} s")
            measure(Listing(database, Keyring(Plaintext(bytes(32)))), count)
            database.close()


def fill(database: Database, count: int) -> None:
    """Store secrets with tags, a description and a label, many of them equal in every instant."""
    numbers = iter(range(1, count + 1))
    while chunk := list(islice(numbers, ROWS_PER_INSERT)):
        with database.write() as connection:
            connection.execute(insert(secrets.secrets), [secret_row(each) for each in chunk])
            connection.execute(
                insert(secret_versions.stages),
                [
                    {"secret_id": each, "stage": AWSCURRENT, "version_id": str(uuid.uuid4())}
                    for each in chunk
                ],
            )


def secret_row(number: int) -> dict[str, Any]:
    """Return one secret. The order of names is not that of their making."""
    name = f"team{number % 100:02}/app{number // 100 % 10}/{number:07}"
    made_at = to_epoch_ms(BEGINNING + timedelta(milliseconds=number // 4))
    return {
        "id": number,
        "account": ACCOUNT,
        "region": REGION,
        "name": name,
        "arn": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{name}-AbCdEf",
        "description": f"The password of application {number % 10} of team {number % 100}",
        "created_at": made_at,
        "last_changed_at": made_at + number % 1000 * 60_000,
        # Nine of ten were never read, the others today.
        "last_accessed_at": 0 if number % 10 else to_epoch_ms(BEGINNING),
        "tags": f'{{"stage": "stage{number % 10}", "owner": "team{number % 100}"}}',
    }


def measure(listing: Listing, count: int) -> None:
    """Print the median of every kind of page."""
    print(f"{'a page of ' + str(LIST_PAGE_MAX):48} {'first':>10} {'middle':>10}")
    for key in get_args(SortKey):
        for order in ("asc", "desc"):
            asked = {"SortBy": key, "SortOrder": order}
            first = page_ms(listing, asked)
            middle = page_ms(listing, {**asked, "NextToken": middle_token(listing, asked, count)})
            print(f"{'by ' + key + ', ' + order:48} {first:7.2f} ms {middle:7.2f} ms")
    for label, filters in FILTERS.items():
        for key in ("created-date", "name"):
            first = page_ms(listing, {"SortBy": key, "Filters": filters})
            print(f"{label + ', by ' + key:48} {first:7.2f} ms")


def page_ms(listing: Listing, params: Mapping[str, Any]) -> float:
    """Return how long a page takes."""
    return median(_timings_ms(listing, call(params)))


def middle_token(listing: Listing, params: Mapping[str, Any], count: int) -> str:
    """Return the token of a page in the middle, by the fewest steps."""
    token = None
    left = count // 2
    while left > 0:
        asked = call(params if token is None else {**params, "NextToken": token})
        most = min(left, LIST_SECRETS_LOOKED_AT_MAX)
        token = listing.page(asked, listing="ListSecrets", most=most).next_token
        left -= most
    assert token is not None
    return token


def call(params: Mapping[str, Any]) -> AuthorisedCall:
    """Return a call of ListSecrets that was let through."""
    return AuthorisedCall(
        caller=USER,
        region=REGION,
        request_id="benchmark",
        received_at=BEGINNING,
        source_ip="127.0.0.1",
        params=params,
    )


def _timings_ms(listing: Listing, asked: AuthorisedCall) -> Iterator[float]:
    for _ in range(ROUNDS):
        began = perf_counter()
        listing.list_secrets(asked)
        yield (perf_counter() - began) * 1000


if __name__ == "__main__":
    main()
