"""Servers left behind by a platform that is gone.

Whoever holds the lock of a data directory is its only platform, so any server that still works in
one of its folders is an orphan. It is known by its executable and its working directory, never by a
pid from a file alone: pids are used again.
"""

import os
import signal
from contextlib import suppress
from pathlib import Path

import trio

LOOK_AGAIN_SECONDS = 0.02
KILL_SECONDS_MAX = 30.0


def servers_in(folder: Path, executable: str) -> list[int]:
    """The pids of processes that run `executable` (a file name) with `folder` as their cwd."""
    try:
        place = folder.stat()
    except FileNotFoundError:
        return []

    return [
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and _is_at_home(entry, place, executable)
    ]


async def stop_orphans(
    folder: Path,
    executable: str,
    *,
    leader: int | None = None,
    stop_signal: signal.Signals = signal.SIGTERM,
    patience: float = 10.0,
) -> int:
    """Stop what `servers_in` finds, with SIGKILL after `patience` seconds; how many there were.

    Raises trio.TooSlowError when the kernel holds one of them.

    With `leader` only that process (when it is one of them) gets the signal: it stops the others.
    """
    found = servers_in(folder, executable)
    for pid in found:
        if leader is None or leader == pid:
            _send(pid, stop_signal)

    with trio.move_on_after(patience):
        await _all_gone(folder, executable)
        return len(found)

    for pid in servers_in(folder, executable):
        _send(pid, signal.SIGKILL)

    with trio.fail_after(KILL_SECONDS_MAX):
        await _all_gone(folder, executable)
        return len(found)


async def _all_gone(folder: Path, executable: str) -> None:
    while servers_in(folder, executable):  # noqa: ASYNC110  they are not our children
        await trio.sleep(LOOK_AGAIN_SECONDS)


def _is_at_home(entry: Path, place: os.stat_result, executable: str) -> bool:
    # ESRCH or ENOENT: it has just ended. EACCES: somebody else's, so not a server of ours.
    with suppress(OSError):
        program = (entry / "exe").readlink().name.removesuffix(" (deleted)")
        return program == executable and os.path.samestat((entry / "cwd").stat(), place)

    return False


def _send(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
