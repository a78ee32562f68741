"""Institutions on a platform that is stopped, restarted, or killed in the middle of an order."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from fluxiq.asyncio_host import AsyncioHost
from tests.e2e.test_institutions import caller_of, is_paid, removed, rooms_of
from tests.support.commands import environment
from tests.support.institutions import a_file, done, enrolled, standing
from tests.support.merchants import Inside
from tests.support.platform import ROOT, PlatformProcess

ISPB = "32000001"


async def test_what_was_ordered_of_a_stopped_platform_is_so_when_it_starts(folder: Path) -> None:
    platform = PlatformProcess(folder / "data")
    file = a_file(folder, ISPB, 32)
    try:
        assert done(platform, "add", "--file", str(file)).endswith("added, ledger 32\n")
        assert done(platform, "add", "--file", str(file)).endswith("already, ledger 32\n")
        assert done(platform, "suspend", ISPB, "--yes") == f"{ISPB}: suspended\n"
        assert done(platform, "resume", ISPB, "--yes") == f"{ISPB}: active\n"

        platform.start()
        async with caller_of(platform, enrolled(platform, ISPB)) as caller:
            assert await is_paid(platform, caller)
        done(platform, "suspend", ISPB, "--yes")
        assert platform.stop() == 0

        platform.start()
        assert standing(platform)[ISPB] == "suspended"
        login = platform.logins[ISPB]
        async with caller_of(platform, login) as caller:
            refused = await caller.http.get("/accounts")
            assert refused.status_code == 403
    finally:
        platform.close()


async def test_a_removed_one_stays_away_and_comes_back_with_its_own_records(folder: Path) -> None:
    platform = PlatformProcess(folder / "data")
    file = a_file(folder, ISPB, 32)
    try:
        platform.start()
        done(platform, "add", "--file", str(file))
        done(platform, "suspend", ISPB, "--yes")
        await removed(platform, ISPB)
        platform.kill()
        platform.start()
        assert standing(platform)[ISPB] == "removed"
        assert ISPB not in platform.logins

        assert done(platform, "add", "--file", str(file)).endswith("added, ledger 32\n")
        async with caller_of(platform, enrolled(platform, ISPB)) as caller:
            assert await is_paid(platform, caller)
    finally:
        platform.close()


@pytest.mark.parametrize("milliseconds", [0, 60, 400])
async def test_killed_in_the_middle_of_adding_it_is_there_whole_or_not_at_all(
    folder: Path, asyncio_host: AsyncioHost, milliseconds: int
) -> None:
    """From the moment when the order is in the book of deeds."""
    platform = PlatformProcess(folder / "data")
    file = a_file(folder, ISPB, 32)
    try:
        platform.start()
        command = [sys.executable, "run.py", "institution", "add", "--file", str(file)]
        adding = subprocess.Popen(  # noqa: ASYNC220  as an operator does
            command,
            cwd=ROOT,
            env=environment(platform.data_dir),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
        )
        await _claimed(platform, adding)
        time.sleep(milliseconds / 1000)  # noqa: ASYNC251  nothing else runs here
        platform.kill()
        adding.kill()
        adding.wait()

        platform.start()
        state = standing(platform).get(ISPB)
        if state is None:
            assert await rooms_of(Inside(platform.data_dir), asyncio_host, ISPB) == []
            done(platform, "add", "--file", str(file))
        assert standing(platform)[ISPB] == "active"
        async with caller_of(platform, enrolled(platform, ISPB)) as caller:
            assert await is_paid(platform, caller)
    finally:
        platform.close()


async def _claimed(platform: PlatformProcess, adding: "subprocess.Popen[bytes]") -> None:
    """The order has arrived: its intent is in the book of deeds."""
    book = Path(platform.addresses.admin_socket).with_name("admin_audit.jsonl")
    deadline = time.monotonic() + 30
    while not (book.exists() and '"institution_add"' in book.read_text()):
        assert time.monotonic() < deadline
        assert adding.poll() is None
        time.sleep(0.002)  # noqa: ASYNC251  nothing else runs here
