"""A data directory for the embedded servers, gone afterwards."""

from collections.abc import Iterator
from contextlib import contextmanager

from actors.embedded import DataDirectory
from tests.support.folders import short_folder


@contextmanager
def temporary_data_directory() -> Iterator[DataDirectory]:
    with short_folder("own") as folder, DataDirectory.open(folder / "data") as directory:
        yield directory
