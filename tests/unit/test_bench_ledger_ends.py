"""How a benchmark of the ledger ends: in order when it is told to, and cleaned up after if not."""

import fcntl
import os
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest
import trio

from fluxiq.commands.bench_ledger import stoppable
from fluxiq.commands.bench_ledger.leftovers import PREFIX, remove_leftovers, temporary_folder


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def dead() -> int:
    """The pid of a process that has ended."""
    ended = subprocess.Popen(["true"])
    ended.wait()
    return ended.pid


def left(folder: Path, pid: int) -> Path:
    there = folder / f"{PREFIX}{pid}-abc_12"
    (there / "run").mkdir(parents=True)
    (there / "run" / "lock").touch()
    return there


def test_folder_of_a_dead_run_is_removed_with_all_that_is_in_it(folder: Path, dead: int) -> None:
    there = left(folder, dead)
    (there / "tigerbeetle").mkdir()
    (there / "tigerbeetle" / "data").write_bytes(b"x" * 1000)
    assert remove_leftovers() == [there]
    assert not there.exists()


def test_folder_of_a_run_that_was_killed_before_it_had_a_lock_is_removed(
    folder: Path, dead: int
) -> None:
    there = folder / f"{PREFIX}{dead}-abc_12"
    there.mkdir()
    assert remove_leftovers() == [there]


def test_folders_of_runs_that_live_stay_our_own_among_them(folder: Path) -> None:
    parents = left(folder, os.getppid())
    with temporary_folder() as own:
        assert remove_leftovers() == []
        assert Path(own).is_dir()
    assert parents.is_dir()


def test_locked_folder_stays_though_its_pid_is_nobodys_here(folder: Path, dead: int) -> None:
    there = left(folder, dead)
    with (there / "run" / "lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert remove_leftovers() == []
    assert remove_leftovers() == [there]


def test_what_only_looks_like_a_leftover_stays(folder: Path, dead: int) -> None:
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    link = folder / f"{PREFIX}{dead}-link"
    link.symlink_to(elsewhere)
    others = [folder / name for name in (f"{PREFIX}x-abc", "fluxiq-bench-12ab", f"{PREFIX}{dead}")]
    for one in others:
        one.mkdir()
    assert remove_leftovers() == []
    assert all(one.exists() for one in (elsewhere, link, *others))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_cancels_a_measurement_and_ends_with_its_status_once_that_is_cleaned_up(
    number: signal.Signals,
) -> None:
    done: list[str] = []
    before = signal.getsignal(number)

    async def measure(what: str) -> None:
        try:
            os.kill(os.getpid(), number)
            await trio.sleep(60)
            done.append(what)
        finally:
            with trio.CancelScope(shield=True):
                await trio.lowlevel.checkpoint()
            done.append("cleaned up")

    with pytest.raises(SystemExit) as ended:
        stoppable.run(measure, "measured")
    assert ended.value.code == 128 + number
    assert done == ["cleaned up"]
    assert signal.getsignal(number) is before


def test_second_signal_acts_as_it_would_without_us() -> None:
    async def measure() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        await trio.sleep(60)

    heard: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
    try:

        async def stubborn() -> None:
            try:
                await measure()
            finally:
                os.kill(os.getpid(), signal.SIGTERM)

        with pytest.raises(SystemExit):
            stoppable.run(stubborn)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert heard == [signal.SIGTERM]


def test_result_and_errors_of_a_measurement_come_out_as_they_are() -> None:
    async def measure(number: int, *, fails: bool) -> int:
        await trio.lowlevel.checkpoint()
        if fails:
            raise ValueError(number)
        return number

    assert stoppable.run(measure, 7, fails=False) == 7
    with pytest.raises(ValueError, match="8"):
        stoppable.run(measure, 8, fails=True)
