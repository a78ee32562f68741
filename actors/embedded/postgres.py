"""PostgreSQL 16, embedded: one cluster in the data directory, reached by a unix socket only."""

import shutil
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import trio

from actors.embedded.binaries import postgres_binary, server_environment
from actors.embedded.directory import DataDirectory, refusing, sync_folder
from actors.embedded.orphans import servers_in, stop_orphans
from actors.embedded.privileges import Privileges, privileges_for
from fluxiq.errors import StartRefused
from supervisors import ChildSpec, Context
from supervisors.os_process import OsProcess, run_to_end

VERSION = "16"  # the folder's name, so that a later version finds its predecessor beside it
SUPERUSER = "fluxiq"
DATABASE = "postgres"
PORT = 5432  # only names the socket file
CONNECTIONS_MAX = 120
INITDB_SECONDS_MAX = 60.0
READY_SECONDS_MAX = 60.0  # recovery after a crash reads the log of the last minutes
STOP_SECONDS_MAX = 20.0

SETTINGS = {
    # one way in
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": str(CONNECTIONS_MAX),
    "password_encryption": "scram-sha-256",
    # what is acknowledged is on disk
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    # a small machine, short statements
    "shared_buffers": "128MB",
    "huge_pages": "off",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "random_page_cost": "1.1",
    "max_wal_size": "1GB",
    # the log goes to standard error, which is a file in logs/
    "logging_collector": "off",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "log_timezone": "UTC",
    "timezone": "UTC",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresEndpoint:
    """How to connect: `host` is the folder of the socket."""

    host: str
    port: int
    user: str
    password: str
    database: str

    @property
    def url(self) -> str:
        """postgresql://user:password@/database?host=…&port=…"""
        where = f"host={quote(self.host, safe='')}&port={self.port}"
        return f"postgresql://{self.user}:{self.password}@/{self.database}?{where}"


def postgres_endpoint(directory: DataDirectory) -> PostgresEndpoint:
    """The superuser's way in, known before the server runs."""
    return PostgresEndpoint(
        host=str(_socket_folder(directory)),
        port=PORT,
        user=SUPERUSER,
        password=directory.secret("postgres/superuser"),
        database=DATABASE,
    )


def postgres_child(
    directory: DataDirectory,
    *,
    privileges: Privileges | None = None,
    id: str = "postgres",  # noqa: A002  as ChildSpec
) -> ChildSpec:
    """The server as a child. Raises StartRefused; so does its start, which runs initdb once."""
    binary = postgres_binary("postgres")
    rights = privileges or privileges_for(binary)
    data = directory.path / "postgres" / VERSION
    endpoint = postgres_endpoint(directory)
    settings = {**SETTINGS, "unix_socket_directories": endpoint.host}
    arguments = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
    process = OsProcess(
        [*rights.wrapper, str(binary), "-D", str(data), *arguments],
        ready=_ready_check(endpoint),
        ready_timeout=READY_SECONDS_MAX,
        stop_signal=signal.SIGINT,  # "fast": roll back, write a checkpoint, end
        stop_timeout=STOP_SECONDS_MAX,
        death_signal=signal.SIGQUIT,  # its own children must end first; recovery does the rest
        log=directory.log("postgres"),
        env=server_environment(),
        cwd=data,
    )

    async def start(context: Context) -> None:
        await _prepare(directory, data, rights, endpoint.password)
        await process(context)

    return ChildSpec(
        id=id,
        start=start,
        kind="os_process",
        start_timeout=INITDB_SECONDS_MAX + READY_SECONDS_MAX,
        shutdown=STOP_SECONDS_MAX + 5,
    )


def _socket_folder(directory: DataDirectory) -> Path:
    return _socket_file(directory).parent


def _socket_file(directory: DataDirectory) -> Path:
    return directory.socket(f"pg/.s.PGSQL.{PORT}")


async def _prepare(directory: DataDirectory, data: Path, rights: Privileges, password: str) -> None:
    """Leave a cluster behind that nobody uses."""
    await _stop_predecessor(data)
    with refusing(data):
        if not _make_folders(directory, data, rights):
            await _initialise(data, rights, password)

        # The lock files of a dead server keep the next one out once its pid is used by another, or
        # while it is a zombie that nobody reaps.
        (data / "postmaster.pid").unlink(missing_ok=True)
        _socket_file(directory).with_name(f".s.PGSQL.{PORT}.lock").unlink(missing_ok=True)


def _make_folders(directory: DataDirectory, data: Path, rights: Privileges) -> bool:
    """Everything around the cluster; whether the cluster exists."""
    sockets = _socket_folder(directory)
    sockets.mkdir(mode=0o700, exist_ok=True)
    rights.hand_over(data.parent, through=[directory.path])
    rights.hand_over(sockets, through=[directory.path, directory.sockets])
    return data.exists()


async def _stop_predecessor(data: Path) -> None:
    """A postmaster that outlived its platform, or the backends that outlived their postmaster."""
    leader = 0
    with suppress(FileNotFoundError, ValueError, IndexError):
        leader = int((data / "postmaster.pid").read_text().split(maxsplit=1)[0])

    await stop_orphans(data, "postgres", leader=leader, stop_signal=signal.SIGINT)
    assert not servers_in(data, "postgres")


async def _initialise(data: Path, rights: Privileges, password: str) -> None:
    """Run initdb into a neighbour, then rename: a crash leaves no half of a cluster behind."""
    new = data.with_name(f"{VERSION}.new")
    await stop_orphans(new, "postgres")
    await stop_orphans(data.parent, "initdb")
    shutil.rmtree(new, ignore_errors=True)
    password_file = data.with_name("password")
    password_file.touch(mode=0o600)
    password_file.write_text(password)
    rights.hand_over(data.parent, through=[])
    try:
        await _initdb(new, password_file, rights)
    finally:
        password_file.unlink()

    new.rename(data)
    sync_folder(data.parent)


async def _initdb(new: Path, password_file: Path, rights: Privileges) -> None:
    command = [
        *rights.wrapper,
        *(str(postgres_binary("initdb")), "-D", str(new), "-U", SUPERUSER),
        *("--encoding=UTF8", "--locale=C", "--auth-local=scram-sha-256", "--auth-host=reject"),
        *(f"--pwfile={password_file}", "--no-instructions"),
    ]
    finished = await run_to_end(
        command,
        limit=INITDB_SECONDS_MAX,
        env=server_environment(),
        cwd=new.parent,
    )
    if finished.status != 0:
        said = "; ".join(
            line for line in finished.lines if "rror" in line or "atal" in line.lower()
        )
        full = any("No space left" in line for line in finished.lines)
        why = "the disk is full" if full else said or f"initdb ended with {finished.status}"
        raise StartRefused(f"PostgreSQL cannot be set up in {new.parent}: {why}.")


def _ready_check(endpoint: PostgresEndpoint) -> Callable[[], Awaitable[bool]]:
    """What pg_isready does: a server that asks for a password is ready, one that refuses is not."""
    words = ("user", endpoint.user, "database", endpoint.database, "")
    body = (196608).to_bytes(4, "big") + b"".join(word.encode() + b"\0" for word in words)
    greeting = (len(body) + 4).to_bytes(4, "big") + body
    path = f"{endpoint.host}/.s.PGSQL.{endpoint.port}"

    async def ready() -> bool:
        try:
            async with await trio.open_unix_socket(path) as stream:
                await stream.send_all(greeting)
                return (await stream.receive_some(1024))[:1] == b"R"
        except trio.BrokenResourceError:
            return False

    return ready
