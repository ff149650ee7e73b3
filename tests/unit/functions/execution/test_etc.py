"""The /etc that a sandbox is shown: what it holds, and when it is made anew."""

import os
from pathlib import Path
import stat

import pytest

from keyturn.functions.execution import etc as module
from keyturn.functions.execution.etc import Etc

USERS = {993: 990, 60_800: 60_800}
RESOLVER = "nameserver 192.0.2.53\noptions ndots:2\n"


@pytest.fixture
def resolver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A resolv.conf of this machine that a test may change."""
    file = tmp_path / "resolv.conf"
    file.write_text(RESOLVER)
    monkeypatch.setattr(module, "_RESOLVER", file)
    return file


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Two places of certificates; this machine has only the second."""
    places = [tmp_path / "missing.pem", tmp_path / "trusted.pem"]
    places[1].write_text("certificates")
    monkeypatch.setattr(module, "_TRUSTED", tuple(map(str, places)))
    return places


@pytest.fixture
def etc(tmp_path: Path, resolver: Path, trusted: list[Path]) -> Etc:
    del resolver, trusted
    return Etc(tmp_path / "etc", USERS)


def test_it_holds_what_is_named_and_nothing_else_of_this_machine(etc: Etc) -> None:
    folder = etc.folder()

    made = {"passwd", "group", "nsswitch.conf", "resolv.conf", "pki"}
    bound = {path.relative_to("/etc").parts[0] for path in etc.bound}
    assert {path.name for path in folder.iterdir()} <= {*made, *bound, *module._COPIED}
    assert not {"shadow", "gshadow", "hostname", "machine-id", "ssh", "fstab"} & {
        path.name for path in folder.rglob("*")
    }


def test_its_users_are_the_sandboxes_own_and_root(etc: Etc) -> None:
    lines = (etc.folder() / "passwd").read_text().splitlines()

    assert [line.split(":")[0] for line in lines] == ["root", "sbx_user993", "sbx_user60800"]
    assert {line.split(":")[1] for line in lines} == {"x"}
    assert {line.split(":")[-1] for line in lines} == {"/sbin/nologin"}


def test_names_are_looked_up_by_tcp_whatever_else_the_resolver_is_told(etc: Etc) -> None:
    lines = (etc.folder() / "resolv.conf").read_text().split("\n")

    assert "\n".join(lines).startswith(RESOLVER)
    assert "options use-vc" in lines


def test_a_resolver_without_an_end_of_line_is_told_too(etc: Etc, resolver: Path) -> None:
    resolver.write_text("nameserver 192.0.2.53")

    lines = (etc.folder() / "resolv.conf").read_text().splitlines()

    assert lines == ["nameserver 192.0.2.53", "options use-vc"]


def test_certificates_are_at_both_of_awss_places(etc: Etc) -> None:
    folder = etc.folder() / "pki" / "tls"

    assert (folder / "cert.pem").read_text() == "certificates"
    assert (folder / "certs" / "ca-bundle.crt").read_text() == "certificates"


def test_the_first_place_of_certificates_that_has_any_is_taken(
    etc: Etc, trusted: list[Path]
) -> None:
    trusted[0].write_text("preferred")

    assert (etc.folder() / "pki" / "tls" / "cert.pem").read_text() == "preferred"


def test_a_machine_without_resolver_and_certificates_has_one_too(
    etc: Etc, resolver: Path, trusted: list[Path]
) -> None:
    resolver.unlink()
    trusted[1].unlink()

    folder = etc.folder()

    assert (folder / "resolv.conf").read_text() == "\noptions use-vc\n"
    assert (folder / "pki" / "tls" / "cert.pem").read_bytes() == b""


def test_it_is_made_once_as_long_as_nothing_changes(etc: Etc) -> None:
    first = etc.folder()

    assert etc.folder() == first


def test_it_is_made_anew_when_the_resolver_changes(etc: Etc, resolver: Path) -> None:
    before = etc.folder()
    resolver.write_text("nameserver 192.0.2.54\n")

    after = etc.folder()

    assert "192.0.2.54" in (after / "resolv.conf").read_text()
    # A sandbox that was started with it still shows it.
    assert "192.0.2.53" in (before / "resolv.conf").read_text()


def test_a_change_that_keeps_the_length_is_seen(etc: Etc, trusted: list[Path]) -> None:
    etc.folder()
    before = trusted[1].stat()
    trusted[1].write_text("CERTIFICATES")
    os.utime(trusted[1], ns=(before.st_atime_ns, before.st_mtime_ns + 1))

    assert (etc.folder() / "pki" / "tls" / "cert.pem").read_text() == "CERTIFICATES"


def test_a_source_that_appears_is_taken_up(etc: Etc, trusted: list[Path]) -> None:
    before = etc.folder()
    trusted[0].write_text("preferred")

    assert etc.folder() != before


def test_all_of_it_can_be_read_by_others_and_written_by_none_whatever_the_mask(etc: Etc) -> None:
    mask = os.umask(0o077)
    try:
        folder = etc.folder()
    finally:
        os.umask(mask)

    for path in (folder, *folder.rglob("*")):
        expected = 0o755 if path.is_dir() else 0o644
        assert stat.S_IMODE(path.stat().st_mode) == expected, path
