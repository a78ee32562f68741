"""A whole platform for the tests of this folder, and folders for platforms of a test's own."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.commands import assert_nothing_runs_in, processes_in
from tests.support.folders import short_folder
from tests.support.merchants import Inside
from tests.support.platform import PlatformProcess, started_platform


@pytest.fixture(scope="session")
def running_platform() -> Iterator[PlatformProcess]:
    """Use it, and leave it running."""
    with started_platform("e2e") as platform:
        yield platform


@pytest.fixture(scope="session")
def inside(running_platform: PlatformProcess) -> Inside:
    return Inside(running_platform.data_dir)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Of the test's own, short enough for unix sockets; whatever still runs in it is a failure."""
    with short_folder("own") as found:
        try:
            yield found
            assert_nothing_runs_in(found)
        finally:
            for pid in processes_in(found):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
