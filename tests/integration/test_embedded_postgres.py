"""The embedded PostgreSQL: set up once, private, durable, and back after every kind of end."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import trio

from actors.embedded import DataDirectory, PostgresEndpoint, postgres_child, postgres_endpoint
from actors.embedded import postgres as module
from actors.embedded.binaries import postgres_binary
from actors.embedded.orphans import servers_in
from actors.embedded.privileges import privileges_for, unprivileged_user
from fluxiq.errors import StartRefused
from supervisors.os_process import OsProcessExited
from tests.support.child import running
from tests.support.embedded import temporary_data_directory

pytestmark = pytest.mark.embedded


@pytest.fixture
def directory() -> Iterator[DataDirectory]:
    with temporary_data_directory() as directory:
        yield directory


async def query(endpoint: PostgresEndpoint, sql: str, password: str | None = None) -> str:
    """What psql says, or its error."""
    connection = {
        "PGHOST": endpoint.host,
        "PGPORT": str(endpoint.port),
        "PGUSER": endpoint.user,
        "PGPASSWORD": password or endpoint.password,
        "PGDATABASE": endpoint.database,
    }
    finished = await trio.run_process(
        [str(postgres_binary("psql")), "-XAtw", "-c", sql],
        env=connection,
        capture_stdout=True,
        stderr=subprocess.STDOUT,
        check=False,
    )
    return finished.stdout.decode().strip()


def data_of(directory: DataDirectory) -> Path:
    return directory.path / "postgres" / module.VERSION


def write_lock_file(directory: DataDirectory, pid: int) -> None:
    (data_of(directory) / "postmaster.pid").write_text(f"{pid}\n{data_of(directory)}\n1\n5432\n")


def capabilities(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(dict(line.split(":\t", 1) for line in lines)["CapEff"], 16)


def start_orphan(directory: DataDirectory) -> subprocess.Popen[bytes]:
    """Without the death signal: as if the kernel had not sent it."""
    binary = postgres_binary("postgres")
    settings = ("listen_addresses=", f"unix_socket_directories={directory.sockets}")
    return subprocess.Popen(
        [
            *(*privileges_for(binary).wrapper, str(binary), "-D", str(data_of(directory))),
            *(word for setting in settings for word in ("-c", setting)),
        ],
        cwd=data_of(directory),
        stderr=subprocess.DEVNULL,
    )


async def test_it_is_private_and_durable_and_has_no_privileges(directory: DataDirectory) -> None:
    endpoint = postgres_endpoint(directory)
    async with running(postgres_child(directory).start) as context:
        assert (await query(endpoint, "SHOW server_version")).startswith("16.")
        assert await query(endpoint, "SHOW fsync") == "on"
        assert await query(endpoint, "SHOW synchronous_commit") == "on"
        assert await query(endpoint, "SHOW listen_addresses") == ""
        assert "password authentication failed" in await query(endpoint, "SELECT 1", "wrong")
        assert capabilities(context.pid) == 0


async def test_the_url_of_its_endpoint_names_the_socket(directory: DataDirectory) -> None:
    endpoint = postgres_endpoint(directory)
    parts = urlsplit(endpoint.url)
    assert (parts.scheme, parts.username, parts.password) == (
        "postgresql",
        "fluxiq",
        endpoint.password,
    )
    assert endpoint.host.replace("/", "%2F") in parts.query


async def test_what_was_committed_survives_a_stop_and_a_kill(directory: DataDirectory) -> None:
    endpoint = postgres_endpoint(directory)
    async with running(postgres_child(directory).start):
        await query(endpoint, "CREATE TABLE note (text text)")
        await query(endpoint, "INSERT INTO note VALUES ('stopped')")

    with pytest.RaisesGroup(pytest.RaisesExc(OsProcessExited, match="SIGKILL")):
        async with running(postgres_child(directory).start) as context:
            await query(endpoint, "INSERT INTO note VALUES ('killed')")
            os.kill(context.pid, signal.SIGKILL)
            await trio.sleep_forever()

    async with running(postgres_child(directory).start):
        assert await query(endpoint, "SELECT text FROM note ORDER BY 1") == "killed\nstopped"


async def test_a_server_that_outlived_its_platform_is_stopped_first(
    directory: DataDirectory,
) -> None:
    async with running(postgres_child(directory).start):
        pass

    orphan = start_orphan(directory)
    try:
        with trio.fail_after(20):
            while not directory.socket(".s.PGSQL.5432").exists():  # noqa: ASYNC110  no child of ours
                await trio.sleep(0.01)

        assert orphan.pid in servers_in(data_of(directory), "postgres")
        async with running(postgres_child(directory).start) as context:
            assert orphan.poll() == 0, "a fast, orderly shutdown"
            assert context.pid != orphan.pid
    finally:
        orphan.kill()
        orphan.wait()


async def test_a_lock_file_with_the_pid_of_a_stranger_is_no_obstacle(
    directory: DataDirectory,
) -> None:
    async with running(postgres_child(directory).start):
        pass

    with subprocess.Popen(["sleep", "60"]) as stranger:  # noqa: ASYNC220  it only has a pid
        write_lock_file(directory, stranger.pid)
        async with running(postgres_child(directory).start):
            assert stranger.poll() is None, "it must not be touched"

        stranger.kill()


async def test_a_socket_lock_with_the_pid_of_a_stranger_kept_the_server_down(
    directory: DataDirectory,
) -> None:
    """Also the pid of its own predecessor, killed with the platform, as a zombie nobody reaps."""
    async with running(postgres_child(directory).start):
        lock = Path(postgres_endpoint(directory).host) / ".s.PGSQL.5432.lock"
        said = lock.read_text().splitlines()

    with subprocess.Popen(["sleep", "60"]) as stranger:  # noqa: ASYNC220  it only has a pid
        lock.write_text("\n".join([str(stranger.pid), *said[1:], ""]))
        async with running(postgres_child(directory).start):
            assert stranger.poll() is None, "it must not be touched"

        stranger.kill()


async def test_an_interrupted_set_up_begins_again(directory: DataDirectory) -> None:
    half = data_of(directory).with_name("16.new")
    half.mkdir()
    (half / "PG_VERSION").write_text("16\n")
    async with running(postgres_child(directory).start):
        assert await query(postgres_endpoint(directory), "SELECT 1") == "1"

    left = [path.name for path in data_of(directory).parent.iterdir()]
    assert left == ["16"], "neither the half nor the file with the password"


async def test_a_full_disk_during_the_set_up_is_one_sentence(
    directory: DataDirectory, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    child = postgres_child(directory)
    fake = tmp_path / "initdb"
    fake.write_text(
        "#!/bin/sh\necho 'initdb: error: could not write: No space left on device'\nexit 1\n"
    )
    fake.chmod(0o755)
    monkeypatch.setattr(module, "postgres_binary", lambda _: fake)
    with pytest.RaisesGroup(
        pytest.RaisesExc(StartRefused, match=r"cannot be set up in .*: the disk is full\.")
    ):
        async with running(child.start):
            pass


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
async def test_where_namespaces_are_refused_it_runs_as_another_user(
    directory: DataDirectory,
) -> None:
    rights = unprivileged_user(postgres_binary("postgres"))
    for _ in range(2):
        async with running(postgres_child(directory, privileges=rights).start) as context:
            assert rights.owner is not None
            assert Path(f"/proc/{context.pid}").stat().st_uid == rights.owner[0]  # noqa: ASYNC240  /proc does not block
            assert await query(postgres_endpoint(directory), "SELECT 1") == "1"
