"""Secrets, keys and certificates in files: read again when they change, so nothing has to restart.

A new version that cannot be used (half written, wrong key, group-readable) is refused aloud, and
the last good one stays in use. One look is a `stat` per file, some microseconds of a local disk.
"""

import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Generic, TypeVar

import structlog

from fluxiq.errors import StartRefused

FILE_BYTES_MAX: Final = 262_144
SECRETS_MAX: Final = 4

T = TypeVar("T")

# What tells two versions of the files apart: device, inode, size, and time of change in ns.
_Version = tuple[tuple[int, int, int, int] | None, ...]

_log = structlog.get_logger("fluxiq.providers")


class Reloaded(Generic[T]):
    """What `load` makes of `paths`, made anew when one of them changes. The first time, what it
    raises (StartRefused) is the caller's.
    """

    def __init__(self, paths: Sequence[str], load: Callable[[], T]) -> None:
        self._paths = tuple(paths)
        self._load = load
        self._version = self._look()
        self._value = load()

    def get(self) -> T:
        """The newest that could be used."""
        self.refresh()
        return self._value

    def refresh(self) -> bool:
        """Whether a new version was taken just now."""
        version = self._look()
        if version == self._version:
            return False

        # Remembered also when it is refused: it is said once, and tried again with the next change.
        self._version = version
        try:
            self._value = self._load()
        except StartRefused as refused:
            _log.warning("provider_file_refused", files=self._paths, reason=str(refused))
            return False
        _log.info("provider_file_taken", files=self._paths)
        return True

    def _look(self) -> _Version:
        return tuple(_version_of(path) for path in self._paths)


def read(path: str, *, private: bool = False) -> bytes:
    """A whole file. Raises StartRefused: it cannot be read, is empty or too large, or is `private`
    and others than its owner may read or write it.
    """
    try:
        with Path(path).open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise StartRefused(f"cannot read {path}: {error.strerror}") from None

    if private and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise StartRefused(
            f"{path} can be read by others than its owner (mode {stat.S_IMODE(mode):04o});"
            f" say: chmod 600 {path}"
        )
    if not content.strip() or len(content) > FILE_BYTES_MAX:
        raise StartRefused(f"{path} is empty, or longer than {FILE_BYTES_MAX} bytes")
    return content


def read_secrets(path: str) -> tuple[bytes, ...]:
    """The secrets in a file, one per line, the newest first: while one is rotated there are two.
    Raises StartRefused.
    """
    secrets = tuple(line.strip() for line in read(path, private=True).splitlines() if line.strip())
    if len(secrets) > SECRETS_MAX:
        raise StartRefused(f"{path} has more than {SECRETS_MAX} secrets")
    return secrets


def _version_of(path: str) -> tuple[int, int, int, int] | None:
    try:
        found = Path(path).stat()
    except OSError:
        return None  # not there now: a rotation is under way, or somebody will see to it
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
