"""A data directory for the embedded servers, in a short path, gone afterwards."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from actors.embedded import DataDirectory


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Short enough for unix sockets, reachable by any user."""
    folder = Path(tempfile.mkdtemp(prefix="fluxiq-test-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def temporary_data_directory() -> Iterator[DataDirectory]:
    with temporary_folder() as folder, DataDirectory.open(folder / "data") as directory:
        yield directory
