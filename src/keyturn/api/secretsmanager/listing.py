"""ListSecrets, and the search behind it.

* A page is found in two steps, in one snapshot: outlines are looked at in the order asked for,
  then the secrets of those that match are read whole.
* At most ``LIST_SECRETS_LOOKED_AT_MAX`` secrets are looked at for a page, and fewer once that has
  taken ``STEPS_PER_PAGE_MAX`` steps. If they are too few to fill it, it comes as it is, with a
  NextToken that goes on from there. AWS: "This can occur even when the response includes no values
  at all, such as when you ask for a filtered view of a long list."
* A NextToken is sealed, and holds the place of the last secret looked at, so what comes or goes
  between two pages neither repeats nor hides any other. It is good for the same listing, account,
  region, filters and order only, in any process and after any restart.
* Every order is ascending unless ``SortOrder`` says otherwise. AWS doesn't say which way it is.

AWS: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_ListSecrets.html
"""

from contextlib import closing
from dataclasses import dataclass
import hashlib
import json

from keyturn.api.calls import AuthorisedCall
from keyturn.api.operation import Output
from keyturn.api.secretsmanager.description import description_of
from keyturn.api.secretsmanager.pages import NextTokenError
from keyturn.keys.envelope import DecryptionError
from keyturn.keys.keyring import Keyring
from keyturn.model.limits import LIST_PAGE_MAX, LIST_SECRETS_LOOKED_AT_MAX
from keyturn.model.listing import Order, Outline, Position
from keyturn.model.secret import Secret
from keyturn.secrets import listing as filters, stages as labels
from keyturn.store import secret_listing, secret_versions as version_rows, secrets as rows
from keyturn.store.database import Connection, Database


@dataclass(frozen=True, slots=True)
class ListedPage:
    """The secrets of one page, and the token for the next, if there may be one."""

    secrets: list[Secret]
    next_token: str | None


class Listing:
    """Finds the secrets that a request asks for, page by page."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    def list_secrets(self, call: AuthorisedCall) -> Output:
        most = call.params.get("MaxResults", LIST_PAGE_MAX)
        with self._database.read() as connection:
            page = self._page(connection, call, "ListSecrets", most)
            stages = version_rows.labelled_versions(
                connection, [secret.values_id for secret in page.secrets]
            )
        entries = [
            {
                **description_of(secret),
                "SecretVersionsToStages": labels.by_version(stages[secret.values_id]) or None,
            }
            for secret in page.secrets
        ]
        return {"SecretList": entries, "NextToken": page.next_token}

    def page(self, call: AuthorisedCall, *, listing: str, most: int) -> ListedPage:
        """Return up to ``most`` secrets that the call's filters match, after its NextToken.

        Args:
            listing: the operation whose tokens these are.

        Raises:
            FilterKeyMissingError, FilterValuesMissingError: a filter is incomplete.
            NextTokenError: the token isn't one of this search's.
        """
        with self._database.read() as connection:
            return self._page(connection, call, listing, most)

    def _page(
        self, connection: Connection, call: AuthorisedCall, listing: str, most: int
    ) -> ListedPage:
        wanted = filters.parse(call.params.get("Filters", ()))
        order = _order(call)
        scope = _scope(call, listing, order)
        with_deleted = call.params.get("IncludePlannedDeletion", False)

        def look_at(outline: Outline) -> filters.Look:
            if outline.is_deleted and not with_deleted:
                return filters.Look(is_wanted=False)
            return filters.look(wanted, outline)

        walk = secret_listing.Walk(
            account=call.account,
            region=call.region,
            order=order,
            after=self._position(call, scope),
            name_prefix=filters.name_prefix(wanted),
        )
        with closing(secret_listing.outlines(connection, walk)) as outlines:
            taken = filters.take(
                outlines,
                look_at,
                most=most,
                looked_at_max=LIST_SECRETS_LOOKED_AT_MAX,
                steps_max=filters.STEPS_PER_PAGE_MAX,
            )
        secrets = rows.find_by_ids(connection, [each.position.secret_id for each in taken.found])
        return ListedPage(secrets, self._token(taken.more_after, scope))

    def _position(self, call: AuthorisedCall, scope: str) -> Position | None:
        token = call.params.get("NextToken")
        if token is None:
            return None
        try:
            claims = self._keyring.open_token(token)
        except DecryptionError:
            raise NextTokenError from None
        if claims.get("scope") != scope:
            raise NextTokenError
        return Position(*claims["after"])

    def _token(self, after: Position | None, scope: str) -> str | None:
        if after is None:
            return None
        return self._keyring.seal_token({"scope": scope, "after": [after.value, after.secret_id]})


def _order(call: AuthorisedCall) -> Order:
    return Order(
        call.params.get("SortBy", "created-date"), call.params.get("SortOrder", "asc") == "desc"
    )


def _scope(call: AuthorisedCall, listing: str, order: Order) -> str:
    # What a token is good for is longer than a token may be.
    asked = [
        *(listing, call.account, call.region),
        *(order.key, order.is_descending),
        [[each.get("Key"), each.get("Values")] for each in call.params.get("Filters", ())],
    ]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()
