from collections.abc import Callable
from dataclasses import replace
import inspect
from pathlib import Path

from keyturn.model.identity import AccessKey, Role, User
from keyturn.store import access_keys, iam_revision, identities, identity_policies
from keyturn.store.database import Connection, Database
from support.iam_bench import ACCOUNT, LAMBDA_TRUST, START
from support.store import make_database

USER = User(
    id=0,
    account=ACCOUNT,
    name="ann",
    path="/",
    arn="arn:aws:iam::123456789012:user/ann",
    unique_id="AIDAANN",
    created_at=START,
    tags={},
)
ROLE = Role(
    id=0,
    account=ACCOUNT,
    name="rotator",
    path="/",
    arn="arn:aws:iam::123456789012:role/rotator",
    unique_id="AROAROTATOR",
    created_at=START,
    tags={"team": "data"},
    trust_policy=LAMBDA_TRUST,
    max_session_seconds=3600,
    description="Rotates.",
)
KEY = AccessKey(
    access_key_id="AKIA", user_id=1, is_active=True, created_at=START, sealed_secret=b"sealed"
)
POLICY_ARN = "arn:aws:iam::aws:policy/IAMFullAccess"

# In this order, so that each finds what it changes.
CHANGES: list[tuple[str, Callable[[Connection], object]]] = [
    ("insert_user", lambda c: identities.insert_user(c, USER)),
    ("insert_access_key", lambda c: access_keys.insert_access_key(c, KEY)),
    ("set_active", lambda c: access_keys.set_active(c, "AKIA", is_active=False)),
    ("delete_access_key", lambda c: access_keys.delete_access_key(c, "AKIA")),
    ("put_inline", lambda c: identity_policies.put_inline(c, 1, "p", "{}")),
    ("put_inline", lambda c: identity_policies.put_inline(c, 1, "p", "{ }")),
    ("delete_inline", lambda c: identity_policies.delete_inline(c, 1, "p")),
    ("attach", lambda c: identity_policies.attach(c, 1, POLICY_ARN)),
    ("detach", lambda c: identity_policies.detach(c, 1, POLICY_ARN)),
    ("delete_identity", lambda c: identities.delete_identity(c, 1)),
    ("insert_role", lambda c: identities.insert_role(c, ROLE)),
    ("save_trust_policy", lambda c: identities.save_trust_policy(c, 1, "{}")),
]


def revision(database: Database) -> int:
    with database.read() as connection:
        return iam_revision.current(connection)


def test_every_change_of_an_iam_row_advances_the_revision(tmp_path: Path) -> None:
    database = make_database(tmp_path)
    revisions = [revision(database)]

    for _, change in CHANGES:
        with database.write() as connection:
            change(connection)
        revisions.append(revision(database))

    assert revisions == list(range(len(CHANGES) + 1))


def test_no_function_that_changes_an_iam_row_is_left_out_above() -> None:
    verbs = ("insert_", "save_", "set_", "put_", "delete_", "attach", "detach")
    changing = {
        name
        for module in (access_keys, identities, identity_policies)
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__ and name.startswith(verbs)
    }

    assert changing - {"attached_to", "attachment_count"} == {name for name, _ in CHANGES}


def test_a_change_that_is_undone_leaves_the_revision(tmp_path: Path) -> None:
    database = make_database(tmp_path)

    with database.write() as connection:
        identities.insert_user(connection, USER)
        connection.rollback()

    assert revision(database) == 0


def test_rows_come_back_as_they_were_stored(tmp_path: Path) -> None:
    database = make_database(tmp_path)

    with database.write() as connection:
        identities.insert_user(connection, USER)
        identities.insert_role(connection, ROLE)
        access_keys.insert_access_key(connection, KEY)
        user = identities.find_by_arn(connection, USER.arn)
        role = identities.find_by_arn(connection, ROLE.arn)
        key = access_keys.find(connection, "AKIA")

    assert user == replace(USER, id=1)
    assert role == replace(ROLE, id=2)
    assert key == KEY
