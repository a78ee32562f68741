"""The folders of a benchmark, a gigabyte each: gone afterwards, and if it was killed, at the next.

A folder's name has the pid of its run. A pid may be used again, or be one of another container that
shares the folder for temporary files; so the lock in it has to be free as well.
"""

import fcntl
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

PREFIX: Final = "fluxiq-bench-ledger-"
_OF_A_RUN: Final = re.compile(rf"{PREFIX}([0-9]+)-\w+")


def temporary_folder() -> tempfile.TemporaryDirectory[str]:
    """A folder of this run, to be entered."""
    return tempfile.TemporaryDirectory(prefix=f"{PREFIX}{os.getpid()}-")


def remove_leftovers() -> list[Path]:
    """Remove what runs of ours that are dead have left behind; return the folders.

    One in which a server still ends is left to the next run.
    """
    found = [one for one in Path(tempfile.gettempdir()).glob(f"{PREFIX}*") if _is_left_over(one)]
    return [one for one in found if _remove(one)]


def _is_left_over(folder: Path) -> bool:
    match = _OF_A_RUN.fullmatch(folder.name)
    if match is None or Path("/proc", match[1]).exists():
        return False
    try:
        there = folder.lstat()
    except FileNotFoundError:
        return False  # another run was faster
    return stat.S_ISDIR(there.st_mode) and there.st_uid == os.geteuid()


def _remove(folder: Path) -> bool:
    """False for a folder that is in use: it is locked, or a server that is ending writes in it."""
    try:
        with _locked(folder):
            shutil.rmtree(folder)
    except OSError:
        return False

    return True


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Raises BlockingIOError when somebody works there."""
    try:
        lock = os.open(folder / "run" / "lock", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        yield  # its run was killed before there was one
        return

    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(lock)
