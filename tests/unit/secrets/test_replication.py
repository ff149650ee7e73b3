"""Replicas on a real store: whatever is done in whatever order, none is orphaned or unreadable.

The operations are the domain's own, with the checks that the API makes before each; a refusal
undoes its transaction, as there. After every step all of the store is looked at.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
import tracemalloc
from typing import Final

from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
import pytest
from sqlalchemy import select, update

from keyturn.keys.keyring import Keyring
from keyturn.model.errors import ServiceError
from keyturn.model.limits import SECRET_VALUE_BYTES_MAX, SECRETS_PER_REGION_MAX
from keyturn.model.plaintext import Plaintext
from keyturn.model.secret import AWSPENDING, Secret, SecretValue
from keyturn.rotation import begin
from keyturn.secrets import (
    cross_account,
    lifecycle,
    lookup,
    ownership,
    replication,
    versions,
)
from keyturn.store import (
    replicas as replica_rows,
    rotations,
    secret_versions as version_rows,
    secrets as rows,
)
from keyturn.store.database import Connection, Database
from support.store import make_database

NOW: Final = datetime(2026, 1, 14, 10, 30, tzinfo=UTC)
ACCOUNT: Final = "123456789012"
HERE, THERE, YONDER = REGIONS = ("us-east-1", "us-west-2", "eu-west-1")
KEY: Final = "alias/shared"
TOKENS: Final = tuple(f"version-{number}".ljust(32, "-") for number in range(3))
STEPS_MAX: Final = 25
RUNS_MIN: Final = 60

many = settings(
    max_examples=RUNS_MIN,
    stateful_step_count=STEPS_MAX,
    deadline=None,
    # A run is two dozen transactions on a store on disk, by design.
    suppress_health_check=[HealthCheck.too_slow],
)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = make_database(tmp_path)
    yield made
    made.close()


@pytest.fixture
def keyring() -> Keyring:
    return Keyring(Plaintext(b"k" * 32))


def new_secret(account: str, region: str, name: str = "a") -> lifecycle.NewSecret:
    """Return what CreateSecret asks for: a secret that holds its own region's name."""
    value = SecretValue("string", Plaintext(region.encode()))
    return lifecycle.NewSecret(
        account=account,
        region=region,
        name=name,
        first_version=versions.NewVersion(token=TOKENS[0], value=value),
        description=None,
        kms_key_id=None,
        tags=None,
    )


def to(*regions: str) -> list[replication.NewReplica]:
    return [replication.NewReplica(region=region, kms_key_id=None) for region in regions]


def readable(connection: Connection, keyring: Keyring, secret: Secret) -> dict[str, str]:
    """Return the values that are read through a secret, by version."""
    return {
        version.version_id: versions.open_value(keyring, secret, version)
        .plaintext.reveal()
        .decode()
        for version in version_rows.versions_of(connection, secret.values_id)
        if version.sealed is not None
    }


def test_force_never_overwrites_a_managed_secret(database: Database, keyring: Keyring) -> None:
    managed = replace(new_secret(ACCOUNT, THERE), owning_service="rds")
    with database.write() as connection:
        in_the_way, _ = lifecycle.create(connection, keyring, managed, NOW)
        primary, _ = lifecycle.create(connection, keyring, new_secret(ACCOUNT, HERE), NOW)

        replication.replicate(connection, primary, to(THERE), is_forced=True, now=NOW)

        (replica,) = replication.in_regions(connection, primary)
        assert replica.status == "Failed"
        assert rows.find_by_name(connection, ACCOUNT, THERE, "a") == in_the_way


@pytest.mark.parametrize("missing", [0, 1])
def test_region_with_all_the_secrets_it_may_have_gets_no_replica(
    database: Database, keyring: Keyring, missing: int
) -> None:
    other = new_secret(ACCOUNT, THERE, "b")
    with database.write() as connection:
        lifecycle.create(connection, keyring, other, NOW)
        primary, _ = lifecycle.create(connection, keyring, new_secret(ACCOUNT, HERE), NOW)
        connection.execute(
            update(rows.counts)
            .where(rows.counts.c.region == THERE)
            .values(secrets=SECRETS_PER_REGION_MAX - missing)
        )

        replication.replicate(connection, primary, to(THERE), is_forced=False, now=NOW)

        (replica,) = replication.in_regions(connection, primary)
        made = rows.find_by_name(connection, ACCOUNT, THERE, "a")
        assert (replica.status, made is None) == (
            ("InSync", False) if missing else ("Failed", True)
        )
        assert missing or str(SECRETS_PER_REGION_MAX) in (replica.status_message or "")


def test_forced_replica_takes_the_place_of_a_secret_also_in_a_full_region(
    database: Database, keyring: Keyring
) -> None:
    with database.write() as connection:
        lifecycle.create(connection, keyring, new_secret(ACCOUNT, THERE), NOW)
        primary, _ = lifecycle.create(connection, keyring, new_secret(ACCOUNT, HERE), NOW)
        connection.execute(update(rows.counts).values(secrets=SECRETS_PER_REGION_MAX))

        replication.replicate(connection, primary, to(THERE), is_forced=True, now=NOW)

        (replica,) = replication.in_regions(connection, primary)
        assert replica.status == "InSync"
        assert rows.count_in(connection, ACCOUNT, THERE) == SECRETS_PER_REGION_MAX


def test_promoted_replica_s_values_are_sealed_for_itself(
    database: Database, keyring: Keyring
) -> None:
    with database.write() as connection:
        primary, _ = lifecycle.create(connection, keyring, new_secret(ACCOUNT, HERE), NOW)
        replication.replicate(connection, primary, to(THERE), is_forced=False, now=NOW)
        (replica,) = rows.region_replicas_of(connection, primary.id)

        replication.promote(connection, keyring, replica, NOW)

        promoted = rows.find_by_arn(connection, replica.arn)
        assert promoted is not None
        assert promoted.values_arn == replica.arn
        assert readable(connection, keyring, promoted) == {TOKENS[0]: HERE}
        replication_ended = replace(promoted, primary_arn=primary.arn, primary_id=promoted.id)
        with pytest.raises(ServiceError):
            readable(connection, keyring, replication_ended)


def store_long_values(
    connection: Connection, keyring: Keyring, secret: Secret, how_many: int
) -> None:
    for number in range(how_many):
        value = SecretValue("binary", Plaintext(bytes(SECRET_VALUE_BYTES_MAX)))
        new = versions.NewVersion(token=f"{number:032}", value=value)
        versions.store_value(connection, keyring, secret, new, NOW)


def test_replica_with_any_number_of_versions_is_made_independent_in_little_memory(
    database: Database, keyring: Keyring
) -> None:
    how_many = 150
    with database.write() as connection:
        primary, _ = lifecycle.create(connection, keyring, new_secret(ACCOUNT, HERE), NOW)
        store_long_values(connection, keyring, primary, how_many)
        replication.replicate(connection, primary, to(THERE), is_forced=False, now=NOW)
        (replica,) = rows.region_replicas_of(connection, primary.id)

        tracemalloc.start()
        replication.promote(connection, keyring, replica, NOW)
        _, most_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()

        assert version_rows.count_versions(connection, replica.id) == how_many + 1
    assert most_bytes < how_many * SECRET_VALUE_BYTES_MAX / 3


picks = st.integers(0, 11)
regions = st.sampled_from(REGIONS)
region_lists = st.lists(regions, min_size=1, max_size=2, unique=True)
tokens = st.sampled_from(TOKENS)


class ReplicaMachine(RuleBasedStateMachine):
    """One run: two accounts of its own, in three regions, with secrets called ``a`` and ``b``."""

    def __init__(
        self, database: Database, keyring: Keyring, seen: Counter[str], runs: Iterator[int]
    ) -> None:
        super().__init__()
        self.database = database
        self.keyring = keyring
        self.seen = seen
        run = next(runs)
        self.accounts = (f"{2 * run:012}", f"{2 * run + 1:012}")
        self.now = NOW
        self.arns: list[str] = []
        # Those that only some operations are for.
        self.with_regions: list[str] = []
        self.replicas: list[str] = []
        self.across_accounts: list[str] = []
        self.with_account: list[str] = []
        self.scheduled: list[str] = []

    @initialize()
    def begin(self) -> None:
        self.create(is_other=False, region=HERE, name="a")
        self.create(is_other=False, region=YONDER, name="b")

    @rule(is_other=st.booleans(), region=regions, name=st.sampled_from("ab"))
    def create(self, is_other: bool, region: str, name: str) -> None:
        def act(connection: Connection) -> None:
            new = new_secret(self.accounts[is_other], region, name)
            lifecycle.create(connection, self.keyring, new, self.now)

        self.do("create", act)

    @precondition(lambda self: self.arns)
    @rule(pick=picks, token=tokens, value=st.sampled_from("xy"), is_pending=st.booleans())
    def put(self, pick: int, token: str, value: str, is_pending: bool) -> None:
        def act(connection: Connection) -> None:
            secret = self.alive(connection, pick)
            ownership.require_own_values(secret)
            new = versions.NewVersion(
                token=token,
                value=SecretValue("string", Plaintext(value.encode())),
                stages=[AWSPENDING] if is_pending else None,
            )
            versions.store_value(connection, self.keyring, secret, new, self.now)

        self.do("put", act)

    @precondition(lambda self: self.arns)
    @rule(pick=picks, token=tokens)
    def label(self, pick: int, token: str) -> None:
        def act(connection: Connection) -> None:
            secret = self.alive(connection, pick)
            ownership.require_own_values(secret)
            stages = version_rows.stages_of(connection, secret.id)
            versions.move_stage(
                connection,
                secret,
                "blue",
                remove_from=stages.get("blue"),
                move_to=token,
                now=self.now,
            )

        self.do("label", act)

    @precondition(lambda self: self.arns)
    @rule(pick=picks, token=tokens)
    def begin_rotation(self, pick: int, token: str) -> None:
        def act(connection: Connection) -> None:
            secret = self.alive(connection, pick)
            ownership.require_own_values(secret)
            if rotations.find_running(connection, secret.id) is None:
                begin.rotation(
                    connection, self.keyring, secret, token, self.now, retry_until=self.now
                )

        self.do("begin_rotation", act)

    @precondition(lambda self: self.arns)
    @rule(pick=picks, regions=region_lists, is_forced=st.booleans())
    def replicate(self, pick: int, regions: list[str], is_forced: bool) -> None:
        def act(connection: Connection) -> None:
            secret = self.alive(connection, pick)
            replication.replicate(
                connection, secret, to(*regions), is_forced=is_forced, now=self.now
            )

        self.do("replicate", act)

    @precondition(lambda self: self.with_regions)
    @rule(pick=picks, how_many=st.integers(1, 3))
    def remove(self, pick: int, how_many: int) -> None:
        def act(connection: Connection) -> None:
            secret = self.alive(connection, pick, self.with_regions)
            known = [replica.region for replica in replication.in_regions(connection, secret)]
            # The last of three is its own region, or else one that it isn't replicated to.
            asked = sorted(REGIONS, key=lambda region: region not in known)[:how_many]
            replication.remove(connection, secret, asked, self.now)

        self.do("remove", act)

    @precondition(lambda self: self.replicas)
    @rule(pick=picks)
    def stop(self, pick: int) -> None:
        def act(connection: Connection) -> None:
            secret = self.alive(connection, pick, self.replicas)
            end = (
                replication.promote if secret.cross_account_status is None else cross_account.leave
            )
            with self.keeping_values(connection, secret):
                end(connection, self.keyring, secret, self.now)

        self.do("stop", act)

    @precondition(lambda self: self.arns)
    @rule(pick=picks, name=st.sampled_from("ab"))
    def create_for_primary(self, pick: int, name: str) -> None:
        def act(connection: Connection) -> None:
            primary = self.alive(connection, pick)
            account = self.other_account(primary)
            cross_account.check_new(primary.region, account, primary.arn, KEY)
            new = replace(
                new_secret(account, primary.region, name),
                first_version=None,
                kms_key_id=KEY,
                cross_account_primary_arn=primary.arn,
            )
            lifecycle.create(connection, self.keyring, new, self.now)

        self.do("create_for_primary", act)

    @precondition(lambda self: self.across_accounts)
    @rule(pick=picks)
    def associate(self, pick: int) -> None:
        def act(connection: Connection) -> None:
            replica = self.alive(connection, pick, self.across_accounts)
            primary = self.named(connection, replica.primary_arn or replica.arn)
            cross_account.associate(connection, primary, replica, role_arn=None, now=self.now)

        self.do("associate", act)

    @precondition(lambda self: self.with_account)
    @rule(pick=picks)
    def disassociate(self, pick: int) -> None:
        def act(connection: Connection) -> None:
            primary = self.alive(connection, pick, self.with_account)
            linked = cross_account.in_accounts(connection, primary)
            replica_arn = linked[0].arn if linked else primary.arn
            replica = rows.find_by_arn(connection, replica_arn) or primary
            with self.keeping_values(connection, replica):
                cross_account.disassociate(
                    connection, self.keyring, primary, replica_arn, self.now
                )

        self.do("disassociate", act)

    @precondition(lambda self: self.arns)
    @rule(pick=picks, is_forced=st.booleans())
    def delete(self, pick: int, is_forced: bool) -> None:
        def act(connection: Connection) -> None:
            secret = self.any_secret(connection, pick)
            lifecycle.require_deletable(connection, secret)
            if is_forced:
                lifecycle.delete_now(connection, secret)
            else:
                lifecycle.schedule_deletion(connection, secret, recovery_days=7, now=self.now)

        self.do("delete", act)

    @precondition(lambda self: self.scheduled)
    @rule(pick=picks)
    def restore(self, pick: int) -> None:
        def act(connection: Connection) -> None:
            lifecycle.restore(
                connection, self.any_secret(connection, pick, self.scheduled), self.now
            )

        self.do("restore", act)

    @precondition(lambda self: self.scheduled)
    @rule()
    def purge(self) -> None:
        def act(connection: Connection) -> None:
            for secret_id in rows.purgeable_ids(connection, self.now, 100):
                lifecycle.purge(connection, secret_id, self.now)

        self.now += timedelta(days=8)
        self.do("purge", act)

    @invariant()
    def store_is_sound(self) -> None:
        with self.database.read() as connection:
            secrets = self.all(connection)
            self.note(connection, secrets)
            by_id = {secret.id: secret for secret in secrets}
            for secret in secrets:
                self.check_values(connection, secret)
                if secret.primary_id is not None:
                    check_replica(connection, secret, by_id[secret.primary_id])
                else:
                    check_independent(connection, secret)
            self.check_counts(connection, secrets)

    def note(self, connection: Connection, secrets: list[Secret]) -> None:
        self.arns = [secret.arn for secret in secrets]
        self.replicas = [each.arn for each in secrets if each.is_replica]
        self.across_accounts = [each.arn for each in secrets if each.cross_account_status]
        self.scheduled = [each.arn for each in secrets if each.deleted_at]
        self.with_regions = [
            each.arn for each in secrets if replication.in_regions(connection, each)
        ]
        self.with_account = [
            each.arn for each in secrets if cross_account.in_accounts(connection, each)
        ]

    def check_values(self, connection: Connection, secret: Secret) -> None:
        readable(connection, self.keyring, secret)
        known = {
            each.version_id for each in version_rows.versions_of(connection, secret.values_id)
        }
        assert set(version_rows.stages_of(connection, secret.values_id).values()) <= known
        if secret.primary_id is not None:
            assert list(version_rows.versions_of(connection, secret.id)) == []
            assert version_rows.stages_of(connection, secret.id) == {}

    def check_counts(self, connection: Connection, secrets: list[Secret]) -> None:
        actual = Counter((secret.account, secret.region) for secret in secrets)
        for account in self.accounts:
            for region in REGIONS:
                assert rows.count_in(connection, account, region) == actual[account, region]

    def do(self, operation: str, act: Callable[[Connection], None]) -> None:
        """Do something in one transaction; a refusal undoes it."""
        try:
            with self.database.write() as connection:
                act(connection)
        except ServiceError as error:
            self.seen[f"{operation}: {type(error).__name__}"] += 1
        else:
            self.seen[operation] += 1

    @contextmanager
    def keeping_values(self, connection: Connection, secret: Secret) -> Iterator[None]:
        """Whatever is done meanwhile, the secret has its values and their labels afterwards."""
        before = self.shown(connection, secret)
        yield
        after = rows.find_by_id(connection, secret.id)
        assert after is not None
        assert self.shown(connection, after) == before

    def shown(self, connection: Connection, secret: Secret) -> tuple[object, object]:
        values = readable(connection, self.keyring, secret)
        stages = {
            stage: holder
            for stage, holder in version_rows.stages_of(connection, secret.values_id).items()
            if stage != AWSPENDING and holder in values
        }
        return values, stages

    def all(self, connection: Connection) -> list[Secret]:
        ids = connection.execute(
            select(rows.secrets.c.id)
            .where(rows.secrets.c.account.in_(self.accounts))
            .order_by(rows.secrets.c.id)
        )
        return rows.find_by_ids(connection, [row.id for row in ids])

    def any_secret(
        self, connection: Connection, pick: int, pool: list[str] | None = None
    ) -> Secret:
        arns = pool or self.arns
        found = rows.find_by_arn(connection, arns[pick % len(arns)])
        assert found is not None
        return found

    def alive(self, connection: Connection, pick: int, pool: list[str] | None = None) -> Secret:
        return self.named(connection, self.any_secret(connection, pick, pool).arn)

    def named(self, connection: Connection, arn: str) -> Secret:
        region = arn.split(":")[3]
        return lookup.find_alive(connection, self.accounts[0], region, arn)

    def other_account(self, secret: Secret) -> str:
        (other,) = set(self.accounts) - {secret.account}
        return other


def check_replica(connection: Connection, replica: Secret, primary: Secret) -> None:
    (known,) = (
        each for each in replica_rows.of_primary(connection, primary.id) if each.arn == replica.arn
    )
    assert known.status == "InSync"
    assert not primary.is_replica
    assert (replica.deleted_at, primary.deleted_at) == (None, None)
    assert replica.primary_arn == primary.arn
    if replica.cross_account_status is None:
        assert replica.arn == primary.arn.replace(primary.region, replica.region) != primary.arn
        assert replica.last_changed_at == primary.last_changed_at
        assert primary.primary_arn == primary.arn
    else:
        assert replica.cross_account_status == "InSync"
        assert replica.account != primary.account
        assert replica.region == primary.region


def check_independent(connection: Connection, secret: Secret) -> None:
    known = replica_rows.of_primary(connection, secret.id)
    for each in known:
        made = rows.find_by_arn(connection, each.arn)
        assert (made is not None and made.primary_id == secret.id) == (each.status == "InSync")
    assert len(cross_account.in_accounts(connection, secret)) <= 1
    if secret.cross_account_status is not None:
        assert secret.cross_account_status in ("Pending", "Detached")
        assert known == []
        return
    has_regions = bool(replication.in_regions(connection, secret))
    assert secret.primary_arn == (secret.arn if has_regions else None)
    assert secret.deleted_at is None or known == []


# What the runs must have come to, for their silence to say something.
OUTCOMES: Final = {"associate", "create_for_primary", "delete", "put", "replicate", "stop"}


def test_no_replica_is_ever_without_its_primary_and_every_value_opens(
    database: Database, keyring: Keyring
) -> None:
    seen, runs = Counter[str](), count()

    def machine() -> ReplicaMachine:
        return ReplicaMachine(database, keyring, seen, runs)

    run_state_machine_as_test(machine, settings=many)  # type: ignore[arg-type]  # a function will do

    assert set(seen) >= OUTCOMES
