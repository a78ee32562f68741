"""Folders for servers and platforms of the tests: short enough for unix sockets, gone afterwards.

They are in memory where there is room for them: each test has a database of its own, which is a
thousand files to copy and to remove. Processes that are killed find the same in it as on a disk.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_MEMORY: Final = Path("/dev/shm")
_DISK: Final = Path("/tmp")
_ROOM_BYTES: Final = 4 << 30


@contextmanager
def short_folder(name: str, *, on_disk: bool = False) -> Iterator[Path]:
    """Reachable by any user, for servers that refuse to be root. `on_disk` is for those who read
    past the page cache, which memory has none of.
    """
    place = _DISK if on_disk else _place()
    folder = Path(tempfile.mkdtemp(prefix=f"fx-{name}-", dir=place))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _place() -> Path:
    if not os.access(_MEMORY, os.W_OK) or shutil.disk_usage(_MEMORY).free < _ROOM_BYTES:
        return _DISK
    return _MEMORY
