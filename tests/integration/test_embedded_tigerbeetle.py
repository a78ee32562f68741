"""The embedded TigerBeetle, by a stand-in program: formatted once, started, or absent."""

import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from actors.embedded import (
    DataDirectory,
    TigerBeetleEndpoint,
    tigerbeetle_child,
    tigerbeetle_endpoint,
)
from fluxiq.errors import StartRefused
from tests.support.child import running
from tests.support.embedded import temporary_data_directory

# Behaves as the real one where it matters: formats only a new file, starts only a formatted one.
PROGRAM = f"""#!{sys.executable} -IS
import socket, sys, time
command, *arguments = sys.argv[1:]
with open({{calls!r}}, "a") as calls:
    print(command, *arguments, file=calls)
if command == "format":
    open(arguments[-1], "x").write("formatted")
else:
    assert open(arguments[-1]).read() == "formatted"
    [address] = [word.partition("=")[2] for word in arguments if word.startswith("--addresses=")]
    host, port = address.split(":")
    with socket.create_server((host, int(port))):
        time.sleep(600)
"""


@pytest.fixture
def directory() -> Iterator[DataDirectory]:
    with temporary_data_directory() as directory:
        yield directory


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "tigerbeetle"
    path.write_text(PROGRAM.format(calls=str(tmp_path / "calls")))
    path.chmod(0o755)
    return path


def replace_by_failure(program: Path) -> None:
    program.write_text("#!/bin/sh\necho 'error: no space left'\nexit 1\n")


def calls(program: Path) -> list[list[str]]:
    return [line.split() for line in program.with_name("calls").read_text().splitlines()]


@pytest.mark.parametrize("variable", ["PATH", "FLUXIQ_TIGERBEETLE_BIN"])
async def test_it_is_formatted_once_and_started_each_time(
    variable: str, directory: DataDirectory, program: Path
) -> None:
    environ = {"PATH": str(program.parent)} if variable == "PATH" else {variable: str(program)}
    endpoint = tigerbeetle_endpoint(directory, environ)
    assert isinstance(endpoint, TigerBeetleEndpoint)
    assert endpoint.cluster == 0
    child = tigerbeetle_child(directory, environ=environ)
    assert child is not None
    for _ in range(2):
        async with running(child.start):
            host, _, port = endpoint.address.partition(":")
            async with await trio.open_tcp_stream(host, int(port)):
                pass

    file = directory.path / "tigerbeetle" / "0_0.tigerbeetle"
    start = ["start", f"--addresses={endpoint.address}", str(file)]
    identity = ["--cluster=0", "--replica=0", "--replica-count=1"]
    assert calls(program) == [["format", *identity, f"{file}.new"], start, start]


async def test_development_is_asked_for_only_when_said(
    directory: DataDirectory, program: Path
) -> None:
    environ = {"FLUXIQ_TIGERBEETLE_BIN": str(program)}
    child = tigerbeetle_child(directory, development=True, environ=environ)
    assert child is not None
    async with running(child.start):
        pass

    assert ["--development" in call for call in calls(program)] == [True, True]


async def test_an_interrupted_format_begins_again(directory: DataDirectory, program: Path) -> None:
    (directory.path / "tigerbeetle" / "0_0.tigerbeetle.new").write_text("half")
    child = tigerbeetle_child(directory, environ={"FLUXIQ_TIGERBEETLE_BIN": str(program)})
    assert child is not None
    async with running(child.start) as context:
        assert context.became_ready.is_set()


async def test_a_format_that_fails_is_one_sentence(directory: DataDirectory, program: Path) -> None:
    replace_by_failure(program)
    child = tigerbeetle_child(directory, environ={"FLUXIQ_TIGERBEETLE_BIN": str(program)})
    assert child is not None
    with pytest.RaisesGroup(
        pytest.RaisesExc(StartRefused, match="cannot format its data file in .*: error: no space")
    ):
        async with running(child.start):
            pass


def test_an_absent_program_is_said_in_one_sentence(
    directory: DataDirectory, tmp_path: Path
) -> None:
    environ = {"PATH": str(tmp_path)}
    assert tigerbeetle_child(directory, environ=environ) is None
    reason = tigerbeetle_endpoint(directory, environ)
    assert isinstance(reason, str)
    assert "FLUXIQ_TIGERBEETLE_BIN" in reason


def test_a_program_that_was_named_but_cannot_run_is_refused(
    directory: DataDirectory, program: Path
) -> None:
    program.chmod(stat.S_IRUSR)
    with pytest.raises(StartRefused, match=r"FLUXIQ_TIGERBEETLE_BIN names .*cannot be executed"):
        tigerbeetle_child(directory, environ={"FLUXIQ_TIGERBEETLE_BIN": str(program)})
