"""A supervised OS process: ready, log, stop, and never left behind."""

import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import trio

from actors.embedded.privileges import Privileges, privileges_for, unprivileged_user
from supervisors import process_log
from supervisors.os_process import (
    OsProcess,
    OsProcessExited,
    OsProcessNotReady,
    run_to_end,
)
from tests.support.child import FakeContext, other_platform, running
from tests.support.patience import PATIENCE_SECONDS


def python(code: str) -> list[str]:
    return [sys.executable, "-I", "-S", "-u", "-c", code]


def file_exists(path: Path) -> Callable[[], Awaitable[bool]]:
    async def ready() -> bool:
        return is_there(path)

    return ready


def is_there(path: Path) -> bool:
    return path.exists()


def is_alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


async def at_once() -> bool:
    return True


async def ends(pidfd: int) -> None:
    with trio.fail_after(PATIENCE_SECONDS):
        await trio.lowlevel.wait_readable(pidfd)

    os.close(pidfd)


async def test_it_is_ready_when_its_check_passes_and_reports_its_pid(tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    code = f"import time; time.sleep(0.05); open({str(flag)!r}, 'w'); time.sleep(60)"
    process = OsProcess(python(code), ready=file_exists(flag), log=tmp_path / "log")
    async with running(process) as context:
        assert is_there(flag)
        assert is_alive(context.pid)

    assert not is_alive(context.pid), "it must be reaped"


async def test_an_os_error_in_the_ready_check_means_not_yet(tmp_path: Path) -> None:
    answers = iter([ConnectionRefusedError(), FileNotFoundError(), None])

    async def ready() -> bool:
        answer = next(answers)
        if answer is not None:
            raise answer

        return True

    process = OsProcess(python("import time; time.sleep(60)"), ready=ready, log=tmp_path / "log")
    async with running(process) as context:
        assert context.became_ready.is_set()

    assert list(answers) == []


@pytest.mark.parametrize("status", [0, 3])
async def test_an_exit_that_nobody_asked_for_raises_with_its_last_words(
    status: int, tmp_path: Path
) -> None:
    code = f"print('one'); print('two'); raise SystemExit({status})"
    process = OsProcess(python(code), ready=at_once, log=tmp_path / "log")
    with pytest.raises(
        OsProcessExited, match=f"db: the process exited with {status}.*two"
    ) as raised:
        await process(FakeContext("db"))

    assert raised.value.returncode == status
    assert raised.value.signal is None
    assert raised.value.log == ("one", "two")


async def test_a_killed_process_raises_with_the_signal() -> None:
    lines: list[str] = []
    code = "import os; print('here'); os.kill(os.getpid(), 9)"
    process = OsProcess(python(code), ready=at_once, log=lines.append)
    with pytest.raises(OsProcessExited, match="was killed by SIGKILL") as raised:
        await process(FakeContext("db"))

    assert raised.value.returncode is None
    assert raised.value.signal is signal.SIGKILL
    assert lines == ["here"]


async def test_a_command_that_does_not_exist_is_named(tmp_path: Path) -> None:
    process = OsProcess(["/nowhere/server"], ready=at_once, log=tmp_path / "log")
    with pytest.raises(OsProcessExited, match="cannot run /nowhere/server: No such file"):
        await process(FakeContext("db"))


async def test_a_process_that_is_not_ready_in_time_is_stopped(tmp_path: Path) -> None:
    async def never() -> bool:
        return False

    context = FakeContext("db")
    process = OsProcess(
        python("import time; time.sleep(60)"), ready=never, ready_timeout=0.2, log=tmp_path / "log"
    )
    with pytest.raises(OsProcessNotReady, match="db: the process was not ready within"):
        await process(context)

    assert not context.became_ready.is_set()
    assert not is_alive(context.pid)


async def test_a_cancelled_child_gets_its_stop_signal_and_may_finish(tmp_path: Path) -> None:
    flag, note = tmp_path / "flag", tmp_path / "note"
    code = f"""
import signal, time
def stop(number, frame):
    time.sleep(0.1)
    open({str(note)!r}, "w").write(signal.Signals(number).name)
    raise SystemExit
signal.signal(signal.SIGINT, stop)
open({str(flag)!r}, "w")
time.sleep(60)
"""
    process = OsProcess(
        python(code), ready=file_exists(flag), stop_signal=signal.SIGINT, log=tmp_path / "log"
    )
    async with running(process):
        pass

    assert note.read_text() == "SIGINT"


async def test_a_process_that_ignores_the_stop_signal_is_killed(tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    code = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        f" open({str(flag)!r}, 'w'); time.sleep(60)"
    )
    process = OsProcess(
        python(code), ready=file_exists(flag), stop_timeout=0.1, log=tmp_path / "log"
    )
    with trio.fail_after(PATIENCE_SECONDS):
        async with running(process) as context:
            pass

    assert not is_alive(context.pid)


async def test_a_stop_at_once_kills_without_waiting(tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    code = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        f" open({str(flag)!r}, 'w'); time.sleep(600)"
    )
    process = OsProcess(
        python(code), ready=file_exists(flag), stop_timeout=500, log=tmp_path / "log"
    )
    with trio.fail_after(PATIENCE_SECONDS):
        async with running(process) as context:
            context.killed.set()

    assert not is_alive(context.pid)


async def test_what_it_left_behind_in_its_group_goes_with_it(tmp_path: Path) -> None:
    note = tmp_path / "note"
    code = f"""
import os, subprocess, sys, time
other = subprocess.Popen([sys.executable, "-I", "-S", "-c", "import time; time.sleep(60)"])
open({str(note)!r} + ".new", "w").write(str(other.pid))
os.rename({str(note)!r} + ".new", {str(note)!r})
time.sleep(60)
"""
    process = OsProcess(python(code), ready=file_exists(note), log=tmp_path / "log")
    async with running(process):
        pidfd = os.pidfd_open(int(note.read_text()))

    await ends(pidfd)


async def test_it_has_its_own_session_and_the_signals_of_a_fresh_process() -> None:
    lines: list[str] = []
    command = ["cat", "/proc/self/stat", "/proc/self/status"]
    with pytest.raises(OsProcessExited):
        await OsProcess(command, ready=at_once, log=lines.append)(FakeContext("db"))

    pid, _, _, _, _, session, terminal, *_ = lines[0].split()
    assert session == pid
    assert terminal == "0"
    status = dict(line.split(":\t", 1) for line in lines[1:])
    # What Python ignores for itself is not passed on; what `nohup` ignores for all of us is.
    ours = int(dict(_status_of_this_process())["SigIgn"], 16)
    pythons = _mask(signal.SIGPIPE) | _mask(signal.SIGXFSZ)
    assert ours & pythons == pythons
    assert int(status["SigIgn"], 16) == ours & ~pythons
    assert int(status["SigBlk"], 16) == 0


def _status_of_this_process() -> list[list[str]]:
    lines = Path("/proc/self/status").read_text().splitlines()
    return [line.split(":\t", 1) for line in lines]


def _mask(number: signal.Signals) -> int:
    return 1 << (number - 1)


async def test_lines_reach_the_function_one_by_one_the_last_without_its_end_too() -> None:
    lines: list[str] = []
    code = "print('a'); print(); print('\\u00e9', end='')"
    process = OsProcess(python(code), ready=at_once, log=lines.append, env={"PYTHONUTF8": "1"})
    with pytest.raises(OsProcessExited):
        await process(FakeContext("db"))

    assert lines == ["a", "", "é"]


async def test_a_process_that_talks_a_lot_while_it_stops_still_stops() -> None:
    lines: list[str] = []
    code = """
import signal, time
def stop(*_):
    for number in range(20_000):
        print("stopping", number)
    raise SystemExit
signal.signal(signal.SIGTERM, stop)
print("up")
time.sleep(60)
"""

    async def ready() -> bool:
        return lines == ["up"]

    async with running(OsProcess(python(code), ready=ready, log=lines.append)):
        pass

    assert lines[-1] == "stopping 19999"


async def test_a_log_file_is_continued_and_put_aside_when_it_is_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log"
    for word in ("one", "two"):
        with pytest.raises(OsProcessExited) as raised:
            await OsProcess(python(f"print({word!r})"), ready=at_once, log=log)(FakeContext("db"))

        assert raised.value.log == (word,), "only the lines of this incarnation"

    assert log.read_text() == "one\ntwo\n"

    monkeypatch.setattr(process_log, "LOG_FILE_BYTES_MAX", 4)
    with pytest.raises(OsProcessExited):
        await OsProcess(python("print('three')"), ready=at_once, log=log)(FakeContext("db"))

    assert log.read_text() == "three\n"
    assert (tmp_path / "log.1").read_text() == "one\ntwo\n"


async def test_a_bug_in_the_ready_check_stops_the_process_and_comes_up(tmp_path: Path) -> None:
    async def wrong() -> bool:
        raise KeyError("bug")

    context = FakeContext("db")
    process = OsProcess(python("import time; time.sleep(60)"), ready=wrong, log=tmp_path / "log")
    with pytest.RaisesGroup(KeyError):
        await process(context)

    assert not is_alive(context.pid)


PARENT = """
import sys, trio
from pathlib import Path
from supervisors.os_process import OsProcess
from tests.support.child import running

log = Path(sys.argv[1])

async def ready():
    return log.read_text() == "up\\n"

async def main():
    command = [*sys.argv[2:], "/bin/sh", "-c", "echo up; exec sleep 60"]
    process = OsProcess(command, ready=ready, log=log)
    async with running(process) as context:
        # A worker thread that ends must not take the process with it.
        await trio.to_thread.run_sync(lambda: None)
        print(context.pid, flush=True)
        await trio.sleep_forever()

trio.run(main)
"""


def as_it_is(_: Path) -> Privileges:
    return Privileges()


# Becoming another user makes the kernel forget the death signal.
WAYS = [as_it_is, privileges_for, *([unprivileged_user] if os.geteuid() == 0 else [])]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
async def test_it_dies_with_a_platform_that_gets_kill_9(
    way: Callable[[Path], Privileges], tmp_path: Path
) -> None:
    wrapper = way(Path("/bin/sleep")).wrapper
    async with other_platform(PARENT, str(tmp_path / "log"), *wrapper) as (platform, pid):
        pidfd = os.pidfd_open(int(pid))
        platform.kill()
        await platform.wait()

    await ends(pidfd)


async def test_run_to_end_gives_the_status_and_the_last_lines() -> None:
    finished = await run_to_end(python("print('done'); raise SystemExit(2)"), limit=20)
    assert (finished.status, finished.lines) == (2, ("done",))


async def test_run_to_end_kills_what_takes_too_long(tmp_path: Path) -> None:
    note = tmp_path / "note"
    code = f"import os, time; open({str(note)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    with pytest.raises(trio.TooSlowError):
        await run_to_end(python(code), limit=1)

    assert not is_alive(int(note.read_text()))
