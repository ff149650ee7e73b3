"""Who may take up which rotation, on a real store."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from keyturn.model.rotation import Kind, Rotation, State, Target
from keyturn.store import rotation_claims, rotation_hosts, rotations, secrets as secret_rows
from keyturn.store.database import Database
from keyturn.store.rotation_claims import Claimant
from support.secret_rows import insert_secrets
from support.store import make_database

NOW = datetime(2026, 1, 14, 10, 30, tzinfo=UTC)
LEASE = timedelta(minutes=1)
PER_HOST_MAX = 2


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = make_database(tmp_path)
    yield database
    database.close()


def claimant(owner: str = "engine", at: tuple[int, ...] = ()) -> Claimant:
    return Claimant(owner=owner, at=at, per_host_max=PER_HOST_MAX)


def add(database: Database, name: str, target: Target, due_at: datetime = NOW) -> int:
    """Make a secret with a rotation that is due; return the secret's number."""
    insert_secrets(database, [{"name": name, "account": "1", "region": "r"}])
    new = rotations.NewRotation(
        token=name,
        kind=Kind.ROTATION,
        begins_at=due_at,
        retry_until=NOW + timedelta(hours=1),
        target=target,
    )
    with database.write() as connection:
        secret = secret_rows.find_by_name(connection, "1", "r", name)
        assert secret is not None
        rotations.insert_rotation(connection, secret.id, new, started_from=None, now=NOW)
    return secret.id


def claim(database: Database, by: Claimant | None = None, now: datetime = NOW) -> Rotation | None:
    with database.write() as connection:
        return rotation_claims.claim_due(
            connection, by or claimant(), now=now, lease_until=now + LEASE
        )


def claim_all(database: Database, now: datetime = NOW) -> list[str]:
    claimed = []
    while (rotation := claim(database, now=now)) is not None:
        claimed.append(rotation.token)
    return claimed


def test_the_longest_due_comes_first(database: Database) -> None:
    for name, minutes in (("b", 2), ("c", 1), ("a", 3)):
        add(database, name, Target(), NOW - timedelta(minutes=minutes))
    add(database, "later", Target(), NOW + timedelta(seconds=1))

    assert claim_all(database) == ["a", "b", "c"]


def test_no_more_than_so_many_touch_one_host_and_others_pass_by(database: Database) -> None:
    for number in range(4):
        add(database, f"busy-{number}", Target(host="busy"), NOW - timedelta(minutes=1))
    add(database, "other", Target(host="other"))
    add(database, "none", Target())

    assert claim_all(database) == ["busy-0", "busy-1", "other", "none"]


def test_a_rotation_that_ends_makes_room_at_its_host(database: Database) -> None:
    for number in range(3):
        add(database, f"busy-{number}", Target(host="busy"))
    first = claim(database)
    claim(database)
    assert first is not None

    with database.write() as connection:
        rotations.end(connection, first, State.SUCCEEDED, now=NOW)

    assert claim_all(database) == ["busy-2"]


def test_two_users_of_a_pair_are_never_rotated_at_once(database: Database) -> None:
    add(database, "app", Target(host="h", user="app"))
    add(database, "app_clone", Target(host="h", user="app"))
    add(database, "another", Target(host="h", user="another"))

    assert claim_all(database) == ["app", "another"]


@pytest.mark.parametrize("admin_first", [True, False])
def test_a_secret_and_its_admin_are_never_rotated_at_once(
    database: Database, admin_first: bool
) -> None:
    admin_due, app_due = (NOW - LEASE, NOW) if admin_first else (NOW, NOW - LEASE)
    admin_id = add(database, "admin", Target(host="h", user="admin"), admin_due)
    add(database, "app", Target(host="h", user="app", admin_id=admin_id), app_due)

    assert claim_all(database) == ["admin" if admin_first else "app"]


def test_two_secrets_with_one_admin_may_be_rotated_at_once(database: Database) -> None:
    admin_id = add(database, "admin", Target(), NOW + LEASE)
    for name in ("a", "b"):
        add(database, name, Target(host="h", user=name, admin_id=admin_id))

    assert claim_all(database) == ["a", "b"]


def test_a_lease_keeps_others_away_until_it_ends_and_a_later_claim_has_a_higher_fence(
    database: Database,
) -> None:
    add(database, "a", Target())
    first = claim(database, claimant("one"))

    during = claim(database, claimant("other"), NOW + LEASE - timedelta(milliseconds=1))
    after = claim(database, claimant("other"), NOW + LEASE)

    assert first is not None
    assert during is None
    assert after is not None
    assert after.fence == first.fence + 1
    with database.write() as connection, pytest.raises(rotations.LeaseLostError):
        rotations.end(connection, first, State.SUCCEEDED, now=NOW)


def test_a_prolonged_lease_lasts_unless_another_has_it_by_then(database: Database) -> None:
    add(database, "a", Target())
    first = claim(database, claimant("one"))
    assert first is not None

    with database.write() as connection:
        rotation_claims.prolong(connection, "one", [first.id], NOW + 2 * LEASE)
    during = claim(database, claimant("other"), NOW + LEASE)
    after = claim(database, claimant("other"), NOW + 2 * LEASE)
    with database.write() as connection:
        rotation_claims.prolong(connection, "one", [first.id], NOW + 9 * LEASE)
    third = claim(database, claimant("third"), NOW + 4 * LEASE)

    assert (during, after is None, third is None) == (None, False, False)


def test_a_clock_that_jumps_ahead_does_not_make_an_engine_begin_twice(
    database: Database,
) -> None:
    add(database, "a", Target())
    first = claim(database)
    assert first is not None

    tomorrow = NOW + timedelta(days=1)

    assert claim(database, claimant(at=(first.id,)), tomorrow) is None


def test_the_leases_of_an_engine_that_is_gone_can_be_ended(database: Database) -> None:
    add(database, "a", Target())
    claim(database, claimant("gone"))

    with database.write() as connection:
        rotation_claims.release_leases_of(connection, "gone")

    assert claim_all(database) == ["a"]


def test_a_host_in_trouble_is_left_alone_and_then_tried_by_one(database: Database) -> None:
    for number in range(3):
        add(database, f"dead-{number}", Target(host="dead"), NOW - timedelta(minutes=1))
    add(database, "well", Target(host="well"))
    later = NOW + LEASE / 2
    with database.write() as connection:
        rotation_hosts.note_failure(
            connection, "dead", failures=rotation_hosts.FAILURES_MAX, blocked_until=later
        )

    while_blocked = claim_all(database)
    with database.read() as connection:
        next_at = rotation_claims.next_due_at(connection, NOW)
    afterwards = claim_all(database, later)

    assert (while_blocked, afterwards, next_at) == (["well"], ["dead-0"], later)


def test_a_host_that_answers_again_is_open_to_all(database: Database) -> None:
    for number in range(2):
        add(database, f"{number}", Target(host="h"))
    with database.write() as connection:
        rotation_hosts.note_failure(
            connection, "h", failures=rotation_hosts.FAILURES_MAX, blocked_until=NOW + LEASE
        )
        rotation_hosts.note_success(connection, "h")

    assert claim_all(database) == ["0", "1"]


def test_what_can_be_claimed_is_counted_up_to_a_limit(database: Database) -> None:
    for number in range(5):
        add(database, f"{number}", Target())

    with database.read() as connection:
        counts = [
            rotation_claims.count_claimable(connection, claimant(), now=NOW, most=most)
            for most in (3, 9)
        ]

    assert counts == [3, 5]
