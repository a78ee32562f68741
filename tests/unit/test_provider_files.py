"""Files that rotate while the platform runs, and the certificate that is loaded from them."""

import ssl
from pathlib import Path

import pytest
import structlog.testing

from fluxiq.errors import StartRefused
from fluxiq.providers.files import FILE_BYTES_MAX, Reloaded, read
from fluxiq.providers.tls import MutualTls
from fluxiq.settings.providers import Psp
from tests.support.certificates import Authority, Issued

AUTHORITY = Authority()


def psp_of(folder: Path, issued: Issued, **changed: str) -> Psp:
    certificate, key = issued.write(folder, "client")
    return Psp(**{"certificate_file": certificate, "key_file": key, **changed})  # type: ignore[arg-type]


def test_a_file_is_loaded_once_until_it_changes(tmp_path: Path) -> None:
    file, loads = tmp_path / "file", []
    file.write_bytes(b"1")

    def load() -> bytes:
        loads.append(1)
        return read(str(file))

    reloaded = Reloaded([str(file)], load)
    assert [reloaded.get(), reloaded.get()] == [b"1", b"1"]
    assert len(loads) == 1

    file.write_bytes(b"22")
    assert [reloaded.get(), reloaded.get()] == [b"22", b"22"]
    assert len(loads) == 2


def test_a_file_that_goes_away_or_is_emptied_leaves_the_last_good_one_and_says_so_once(
    tmp_path: Path,
) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"good")
    reloaded = Reloaded([str(file)], lambda: read(str(file)))

    with structlog.testing.capture_logs() as logs:
        file.unlink()
        assert [reloaded.get(), reloaded.get()] == [b"good", b"good"]
        file.write_bytes(b"")
        assert reloaded.get() == b"good"

    assert [one["event"] for one in logs] == ["provider_file_refused"] * 2
    file.write_bytes(b"better")
    assert reloaded.get() == b"better"


def test_a_symbolic_link_that_is_turned_is_a_change(tmp_path: Path) -> None:
    """As Kubernetes rotates what it mounts."""
    for name in ("one", "two"):
        (tmp_path / name).write_bytes(name.encode())
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "one")
    reloaded = Reloaded([str(link)], lambda: read(str(link)))

    link.unlink()
    link.symlink_to(tmp_path / "two")

    assert reloaded.get() == b"two"


def test_a_file_larger_than_any_key_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x" * (FILE_BYTES_MAX + 1))

    with pytest.raises(StartRefused, match="longer than"):
        read(str(file))


def test_a_certificate_says_how_long_it_is_good_for_and_asks_for_tls_1_2(tmp_path: Path) -> None:
    issued = AUTHORITY.issue("client", until=10)
    identity = MutualTls(psp_of(tmp_path, issued)).identity

    assert identity.expires_at == issued.certificate.not_valid_after_utc
    assert identity.days_left(issued.certificate.not_valid_before_utc) == pytest.approx(11)
    assert identity.context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert identity.context.verify_mode is ssl.CERT_REQUIRED
    assert identity.context.check_hostname


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o660])
def test_a_key_that_others_can_read_or_write_is_refused(tmp_path: Path, mode: int) -> None:
    psp = psp_of(tmp_path, AUTHORITY.issue("client"))
    Path(psp.key_file).chmod(mode)

    with pytest.raises(StartRefused, match=f"mode {mode:04o}"):
        MutualTls(psp)


def test_a_key_of_another_certificate_is_refused(tmp_path: Path) -> None:
    psp = psp_of(tmp_path, AUTHORITY.issue("client"))
    Path(psp.key_file).write_bytes(AUTHORITY.issue("another").key)

    with pytest.raises(StartRefused, match="no certificate can be used"):
        MutualTls(psp)


def test_a_key_with_a_password_is_refused_without_asking_the_terminal(tmp_path: Path) -> None:
    issued = AUTHORITY.issue("client")
    psp = psp_of(tmp_path, issued)
    Path(psp.key_file).write_bytes(issued.locked_key)

    with pytest.raises(StartRefused, match="no certificate can be used"):
        MutualTls(psp)


@pytest.mark.parametrize("name", ["certificate_file", "key_file", "ca_file"])
def test_a_file_that_is_not_there_is_named(tmp_path: Path, name: str) -> None:
    nowhere = str(tmp_path / "nowhere.pem")
    psp = psp_of(tmp_path, AUTHORITY.issue("client"), **{name: nowhere})

    with pytest.raises(StartRefused, match="nowhere"):
        MutualTls(psp)


def test_a_rotation_that_is_half_done_leaves_the_old_pair_in_use(tmp_path: Path) -> None:
    psp = psp_of(tmp_path, AUTHORITY.issue("client"))
    tls = MutualTls(psp)
    before = tls.identity
    after = AUTHORITY.issue("client", until=700)

    Path(psp.certificate_file).write_bytes(after.chain)
    assert tls.identity is before

    Path(psp.key_file).write_bytes(after.key)
    assert tls.identity.expires_at == after.certificate.not_valid_after_utc
    assert tls.identity is tls.identity
