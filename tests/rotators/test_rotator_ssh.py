"""SSH: which lines of ``authorized_keys`` are changed, through which crashes, and for whom."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import count
import json
from pathlib import Path
import subprocess
from typing import Any
import uuid

from hypothesis import given, strategies as st
import pytest

from keyturn_rotators.credential import Credential, parse
from keyturn_rotators.engines.ssh import FILE_BYTES_MAX, Ssh
from keyturn_rotators.engines.ssh_keys import make_private_key, public_key, with_two_keys
from keyturn_rotators.errors import (
    EncryptionError,
    LoginRefusedError,
    MissingKeyError,
    MissingRightError,
    PasswordNotAskedError,
    SecretValueError,
    StatementFailedError,
    TargetError,
    UnreachableError,
)
from support import sshd
from support.cutting_proxy import CuttingProxy
from support.sshd import Sshd, make_key

KEYS = [make_private_key() for _ in range(5)]
FIRST, SECOND, THIRD, FOURTH, OTHER = KEYS
PUBLIC = {key: public_key(key) for key in KEYS}

needs_server = [
    pytest.mark.engine,
    pytest.mark.skipif(bool(sshd.missing()), reason=f"NO SSHD HERE: install {sshd.missing()}"),
]


def line(key: str, options: str = "", comment: str = "by hand") -> bytes:
    return f"{options}{PUBLIC[key].decode()} {comment}\n".encode()


def keys_in(text: bytes) -> list[str]:
    blobs = {PUBLIC[key].split()[1]: key for key in KEYS}
    return [blobs[word] for row in text.splitlines() for word in row.split() if word in blobs]


def rotated(text: bytes, kept: str, fresh: str) -> bytes:
    changed = with_two_keys(text, PUBLIC[kept], PUBLIC[fresh])
    assert changed is not None
    return changed


def test_each_rotation_takes_the_key_before_the_one_that_is_kept() -> None:
    first = rotated(line(FIRST), FIRST, SECOND)
    second = rotated(first, SECOND, THIRD)
    third = rotated(second, THIRD, FOURTH)

    found = [keys_in(text) for text in (first, second, third)]
    assert found == [[FIRST, SECOND], [SECOND, THIRD], [THIRD, FOURTH]]


def test_key_of_a_rotation_that_was_abandoned_is_taken() -> None:
    abandoned = rotated(line(FIRST), FIRST, SECOND)

    assert keys_in(rotated(abandoned, FIRST, THIRD)) == [FIRST, THIRD]


def test_keys_of_another_secret_of_the_same_user_stay() -> None:
    text = rotated(line(FIRST) + line(OTHER), OTHER, FOURTH)

    text = rotated(rotated(text, FIRST, SECOND), SECOND, THIRD)

    assert set(keys_in(text)) == {OTHER, FOURTH, SECOND, THIRD}


@pytest.mark.parametrize(
    "options",
    [
        'restrict,command="internal-sftp -d \\"/in box\\"",from="10.0.0.0/8,!10.0.0.1" ',
        "no-pty\t",
        'environment="A=ssh-ed25519 AAAA" ',
    ],
)
def test_fresh_key_may_do_no_more_than_the_one_that_it_is_made_beside(options: str) -> None:
    text = rotated(line(FIRST, options), FIRST, SECOND)

    kept, fresh = text.decode().splitlines()
    assert kept.startswith(options)
    assert fresh.startswith(f"{options}ssh-ed25519 ")


def test_every_other_line_stays_as_it_is_to_the_byte() -> None:
    others = [
        b"# a comment\r\n",
        b"\n",
        b'cert-authority,principals="a,b" ssh-rsa AAAAB3NzaC1yc2E= ca\n',
        b"  " + line(OTHER, "no-pty "),
        b"ssh-ed25519 not-base64!\n",
        b"\xff\xfe\n",
        b'unclosed="quote ssh-ed25519 AAAA\n',
    ]

    text = rotated(b"".join(others) + line(FIRST).rstrip(b"\n"), FIRST, SECOND)

    assert text.startswith(b"".join(others) + line(FIRST).rstrip(b"\n") + b"\n")


def test_key_that_is_not_in_the_file_changes_nothing() -> None:
    assert with_two_keys(line(OTHER), PUBLIC[FIRST], PUBLIC[SECOND]) is None


LINES = st.lists(st.sampled_from([line(OTHER), line(THIRD), line(FOURTH), b"#\n", b"\n"]))


@given(before=LINES, after=LINES)
def test_what_is_done_twice_is_done_once_and_takes_nobody_elses_line(
    before: list[bytes], after: list[bytes]
) -> None:
    text = b"".join([*before, line(FIRST), *after])

    once = rotated(text, FIRST, SECOND)

    assert rotated(once, FIRST, SECOND) == once
    assert once == text + once[len(text) :]
    assert keys_in(once[len(text) :]) == [SECOND]


def test_key_that_is_none_is_refused_without_being_shown(tmp_path: Path) -> None:
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret word"]
    subprocess.run([*command, "-f", str(tmp_path / "locked")], check=True)
    locked = (tmp_path / "locked").read_text()

    for key in ("canary" * 10, FIRST.replace("AAAA", "AABB", 1), locked, PUBLIC[FIRST].decode()):
        with pytest.raises(SecretValueError, match="isn't a private key") as caught:
            public_key(key)
        assert key[40:60] not in str(caught.value)
        assert caught.value.__cause__ is None


# On a server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with Sshd.start(tmp_path_factory.mktemp("sshd") / "server") as started:
        yield started


@pytest.fixture
def user(server: Sshd) -> str:
    """A user with the key FIRST."""
    name = f"app-{uuid.uuid4().hex[:8]}"
    server.make_user(name, line(FIRST).decode())
    return name


def credential(server: Sshd, username: str, **keys: Any) -> Credential:  # noqa: ANN401 - JSON
    value = {
        "engine": "ssh",
        "host": server.host,
        "port": server.port,
        "username": username,
        "privateKey": FIRST,
        "hostKey": server.host_key,
        **keys,
    }
    return parse(json.dumps(value), "AWSCURRENT", Ssh().defaults)


def keep_two(login: Credential, fresh: str = SECOND) -> None:
    with Ssh().login(login) as session:
        session.keep_two_passwords(login.password, fresh)


def text_of(server: Sshd, username: str) -> bytes:
    return server.keys_file(username).read_bytes()


class TestOnAServer:
    """The file, and the login."""

    pytestmark = needs_server

    def test_file_is_whole_whatever_message_the_function_dies_at(
        self, server: Sshd, user: str
    ) -> None:
        before, after = line(FIRST), rotated(line(FIRST), FIRST, SECOND)
        seen = set()
        with CuttingProxy.start((server.host, server.port)) as proxy:
            login = replace(credential(server, user), port=proxy.port)
            for place in count():
                server.keys_file(user).write_bytes(before)
                proxy.arm(place)
                try:
                    keep_two(login)
                except TargetError:
                    assert proxy.has_cut
                proxy.disarm()

                seen.add(text_of(server, user))
                keep_two(login)

                assert text_of(server, user) == after
                if not proxy.has_cut:
                    break

        assert seen == {before, after}
        # Version, key exchange, login, and SFTP's messages.
        assert place > 20

    def test_mode_and_link_stay(self, server: Sshd, user: str) -> None:
        path = server.keys_file(user)
        path.rename(path.with_name("elsewhere"))
        path.symlink_to("elsewhere")
        path.chmod(0o640)

        keep_two(credential(server, user))

        assert path.is_symlink()
        assert path.stat().st_mode & 0o777 == 0o640
        assert sorted(each.name for each in path.parent.iterdir()) == [
            "authorized_keys",
            "elsewhere",
        ]

    def test_user_that_may_do_nothing_but_sftp_is_rotated(self, server: Sshd) -> None:
        name = f"app-{uuid.uuid4().hex[:8]}"
        only_sftp = 'restrict,command="internal-sftp" '
        server.make_user(name, line(FIRST, only_sftp).decode())

        keep_two(credential(server, name))

        assert text_of(server, name).count(only_sftp.encode()) == 2
        with Ssh().login(credential(server, name, privateKey=SECOND)) as session:
            session.probe()

    def test_file_that_the_user_may_not_write_is_named(self, server: Sshd, user: str) -> None:
        path = server.keys_file(user)
        path.parent.chmod(0o500)
        try:
            with pytest.raises(MissingRightError, match="own to write"):
                keep_two(credential(server, user))
        finally:
            path.parent.chmod(0o700)

        assert text_of(server, user) == line(FIRST)

    def test_file_that_is_too_long_is_left_alone(self, server: Sshd, user: str) -> None:
        path = server.keys_file(user)
        path.write_bytes(line(FIRST) + b"#" * FILE_BYTES_MAX)

        with pytest.raises(StatementFailedError, match=str(FILE_BYTES_MAX)):
            keep_two(credential(server, user))

        assert path.stat().st_size > FILE_BYTES_MAX

    def test_administrators_are_not_asked(self, server: Sshd, user: str) -> None:
        login = credential(server, user)

        with pytest.raises(MissingRightError, match="no administrators"):
            Ssh().administer(login, login)

    def test_key_of_another_is_refused(self, server: Sshd, user: str) -> None:
        with pytest.raises(LoginRefusedError) as caught:
            keep_two(credential(server, user, privateKey=OTHER))

        assert OTHER[60:80] not in str(caught.value)

    def test_nobody_there_is_named(self, server: Sshd, user: str) -> None:
        with pytest.raises(UnreachableError, match=":1:"):
            keep_two(credential(server, user, port=1))

    def test_secret_without_a_host_key_is_refused(self, server: Sshd, user: str) -> None:
        with pytest.raises(MissingKeyError, match="hostKey"):
            keep_two(credential(server, user, hostKey=""))
        with pytest.raises(SecretValueError, match="hostKey"):
            keep_two(credential(server, user, hostKey="ssh-ed25519 none"))

    def test_server_is_known_by_any_of_several_host_keys(self, server: Sshd, user: str) -> None:
        several = f"{PUBLIC[OTHER].decode()} retired\n{server.host_key}\n"

        keep_two(credential(server, user, hostKey=several))

        with pytest.raises(EncryptionError, match="hostKey"):
            keep_two(credential(server, user, hostKey=PUBLIC[OTHER].decode()))

    @pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
    def test_host_key_of_another_kind_is_known(self, kind: str, tmp_path: Path) -> None:
        with Sshd.start(tmp_path / "server", key_type=kind) as started:
            started.make_user("app", line(FIRST).decode())

            keep_two(credential(started, "app"))

    def test_keys_that_the_server_has_from_elsewhere_are_named(self, tmp_path: Path) -> None:
        elsewhere = tmp_path / "keys"
        elsewhere.write_bytes(line(FIRST))
        tmp_path.chmod(0o755)
        more = f"Match User app\n  AuthorizedKeysFile {elsewhere}"
        with Sshd.start(tmp_path / "server", more=more) as started:
            started.make_user("app", "")

            with pytest.raises(MissingRightError, match="from elsewhere"):
                keep_two(credential(started, "app"))

    def test_server_that_asks_for_no_key_proves_nothing(self, tmp_path: Path) -> None:
        more = (
            "Match User app\n  PasswordAuthentication yes\n  PermitEmptyPasswords yes\n"
            "  AuthenticationMethods none"
        )
        with Sshd.start(tmp_path / "server", more=more) as started:
            started.make_user("app", line(FIRST).decode(), has_password=False)

            with pytest.raises(PasswordNotAskedError):
                keep_two(credential(started, "app", privateKey=OTHER))

    def test_key_of_opensshs_own_making_is_rotated(
        self, server: Sshd, user: str, tmp_path: Path
    ) -> None:
        key = make_key(tmp_path / "key", "rsa")
        server.keys_file(user).write_bytes(public_key(key) + b" rsa\n")

        keep_two(credential(server, user, privateKey=key))

        assert server.accepts(user, SECOND)
