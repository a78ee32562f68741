"""The one directory in which a platform keeps its data, and the lock that makes it its own.

postgres/ nats/ redis/ tigerbeetle/  the data of each server
run/                                 the lock, sockets, remembered ports
logs/                                what the servers print
secrets/                             the master key, from which every password is derived
"""

import errno
import fcntl
import hashlib
import hmac
import os
import pwd
import secrets
import socket
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from fluxiq.errors import StartRefused

FOLDERS = ("postgres", "nats", "redis", "tigerbeetle", "run", "logs", "secrets")
FREE_BYTES_MIN = 128 * 1024 * 1024  # a new Postgres needs 40 MB and writes its log in 16 MB pieces
MASTER_KEY_BYTES = 32
SOCKET_PATH_BYTES_MAX = 107  # sockaddr_un has 108, the last is NUL
SOCKET_NAME_BYTES_MAX = 20
# Below the kernel's range for outgoing connections, one of which could take the port meanwhile.
PORTS = range(20_000, 30_000)
PORT_TRIES = 100

_REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "this user may not write there",
    errno.EPERM: "this user may not write there",
    errno.ENOTDIR: "a part of its path is a file",
    errno.EEXIST: "there is a file of that name",
    errno.ENAMETOOLONG: "its path is too long",
}


class DataDirectory:
    """Everything a platform keeps on disk, locked from `open` to `close`. Raises StartRefused."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self.run = path / "run"
        self._lock = lock
        self._ports: dict[str, int] = {}
        self._key = self._master_key()
        self.sockets = self._socket_folder()

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Create what is missing, refuse what is not ours, and lock it against other platforms."""
        path = Path(path).expanduser().absolute()
        with refusing(path):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            _check_owner(path)
            _check_space(path)
            for name in FOLDERS:
                (path / name).mkdir(mode=0o700, exist_ok=True)

            lock = _lock(path)
            try:
                return cls(path, lock)
            except BaseException:
                os.close(lock)
                raise

    def close(self) -> None:
        """Let another platform have it. Only after every server has ended."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def log(self, server: str) -> Path:
        """The file that gets the output of `server`."""
        return self.path / "logs" / f"{server}.log"

    def socket(self, name: str) -> Path:
        """Where a unix socket of this name belongs: the path is short enough for the kernel."""
        assert len(os.fsencode(name)) <= SOCKET_NAME_BYTES_MAX, name
        return self.sockets / name

    def secret(self, name: str) -> str:
        """A password for `name`: 64 hex digits, the same at every start, different elsewhere."""
        return hmac.new(self._key, name.encode(), hashlib.sha256).hexdigest()

    def port(self, name: str) -> int:
        """A loopback port for `name`: the one of last time unless somebody has taken it."""
        if name not in self._ports:
            with refusing(self.path):
                self._ports[name] = self._choose_port(self.run / f"{name}.port")

        return self._ports[name]

    def write(self, path: Path, text: str) -> None:
        """Replace a file as a whole, readable by nobody else, safe against a crash in between."""
        with refusing(path):
            _write(path, text.encode())

    def _choose_port(self, memory: Path) -> int:
        with suppress(FileNotFoundError, ValueError):
            port = int(memory.read_text())
            if port in PORTS and _is_free(port):
                return port

        for _ in range(PORT_TRIES):
            port = PORTS.start + secrets.randbelow(len(PORTS))
            if port not in self._ports.values() and _is_free(port):
                _write(memory, str(port).encode())
                return port

        raise StartRefused(
            f"No free port on 127.0.0.1 between {PORTS.start} and {PORTS.stop - 1} was found."
        )

    def _master_key(self) -> bytes:
        path = self.path / "secrets" / "master.key"
        with suppress(FileNotFoundError):
            key = path.read_bytes()
            if len(key) != MASTER_KEY_BYTES:
                raise StartRefused(
                    f"The master key {path} is damaged ({len(key)} bytes instead of"
                    f" {MASTER_KEY_BYTES}); restore it from a backup."
                )

            return key

        key = secrets.token_bytes(MASTER_KEY_BYTES)
        _write(path, key)
        return key

    def _socket_folder(self) -> Path:
        """run/ itself, or a private folder with a short name when its path is too long."""
        if len(os.fsencode(self.run)) + 1 + SOCKET_NAME_BYTES_MAX <= SOCKET_PATH_BYTES_MAX:
            return self.run

        memory = self.run / "sockets"
        with suppress(FileNotFoundError):
            remembered = Path(memory.read_text())
            if _is_private_folder(remembered):
                return remembered

        folder = Path(tempfile.mkdtemp(prefix="fluxiq-", dir="/tmp"))
        _write(memory, str(folder).encode())
        return folder


@contextmanager
def refusing(path: Path) -> Iterator[None]:
    """What the system says about a path, as one sentence for the person at the terminal."""
    try:
        yield
    except OSError as error:
        reason = _REASONS.get(error.errno or 0, error.strerror or str(error))
        raise StartRefused(f"The data directory {path} cannot be used: {reason}.") from error


def _check_owner(path: Path) -> None:
    owner = path.stat().st_uid
    if owner != os.geteuid():
        raise StartRefused(
            f"The data directory {path} belongs to {_user(owner)}, and this is"
            f" {_user(os.geteuid())}; set FLUXIQ_DATA_DIR to a directory of your own."
        )

    if not os.access(path, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, "not writable")


def _check_space(path: Path) -> None:
    disk = os.statvfs(path)
    free = disk.f_bavail * disk.f_frsize
    if free < FREE_BYTES_MIN:
        raise StartRefused(
            f"The data directory {path} cannot be used: the disk is full"
            f" ({free // 1024**2} MB free, {FREE_BYTES_MIN // 1024**2} MB needed)."
        )


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def _lock(path: Path) -> int:
    lock = os.open(path / "run" / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(lock, 0)
        os.write(lock, str(os.getpid()).encode())
    except BlockingIOError:
        holder = os.read(lock, 32).decode(errors="replace") or "unknown"
        os.close(lock)
        raise StartRefused(
            f"Another platform (process {holder}) is running in the data directory {path}."
        ) from None
    except BaseException:
        os.close(lock)
        raise

    return lock


def _write(path: Path, content: bytes) -> None:
    """Write to a neighbour, sync it, rename it: never half a file under the real name."""
    new = path.with_name(path.name + ".new")
    file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(file, content)
        os.fsync(file)
    finally:
        os.close(file)

    new.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False

    return True


def _is_private_folder(folder: Path) -> bool:
    try:
        found = folder.lstat()
    except OSError:
        return False

    return (
        stat.S_ISDIR(found.st_mode)
        and found.st_uid == os.geteuid()
        and found.st_mode & 0o066 == 0  # nobody else reads or writes there
    )
