"""A supervised operating-system process: start, ready check, log, stop signal, and a certain end.

An `OsProcess` is usable as a child's start. Linux only: it stands on three things.

- The process dies with this one, even when this one gets `kill -9`: PR_SET_PDEATHSIG. The kernel
  sends that signal when the *thread* that forked ends, so the fork happens in trio's own thread
  (`trio.open_process` forks in a worker thread, whose end would kill the process), and it forgets
  the request at every change of credentials, so it is made after `wrapper` has changed them.
- Waiting is a pidfd that becomes readable: no SIGCHLD handler, no thread, no reuse of a pid.
- Its own session: Ctrl-C in the terminal reaches the platform alone, which then stops in order.
"""

import math
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import IO, Protocol

import trio

from supervisors.errors import SupervisionError

LOG_TAIL_LINES = 20  # lines of its log that the error about a dead process carries
LOG_LINE_BYTES_MAX = 16 * 1024  # a longer line is cut into pieces
LOG_FILE_BYTES_MAX = 16 * 1024 * 1024  # at a start, a larger log file is put aside as name.1
READY_CHECK_SECONDS_MAX = 2.0  # one ready check; the next one follows after a pause
READY_PAUSE_SECONDS = (0.005, 0.25)  # the first pause between ready checks, and the longest
KILL_SECONDS_MAX = 30.0  # after SIGKILL; longer means that the kernel holds it

# Runs between fork and the command, in a Python of its own rather than in a preexec_fn: a fork of a
# process with threads must not run Python. Not sent by a parent that is already gone: hence the check.
_LAUNCHER = """
import ctypes, os, signal, sys
parent, death_signal, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(1, death_signal, 0, 0, 0) != 0:
    sys.exit("prctl(PR_SET_PDEATHSIG): " + os.strerror(ctypes.get_errno()))
if os.getppid() != parent:
    sys.exit("the supervising process is gone")
for number in (signal.SIGPIPE, signal.SIGXFSZ):
    signal.signal(number, signal.SIG_DFL)
try:
    os.execvp(command[0], command)
except OSError as error:
    sys.stderr.write(f"cannot run {command[0]}: {error.strerror}\\n")
    os._exit(127)
"""

type_LogTarget = Path | Callable[[str], None]


class OsProcessError(SupervisionError):
    """Something about the operating-system process of the child `name`; `log` is its last lines."""

    def __init__(self, name: str, what: str, log: Sequence[str]) -> None:
        said = f"; it said: {log[-1]}" if log else ""
        super().__init__(f"{name}: the process {what}{said}")
        self.name = name
        self.log = tuple(log)


class OsProcessExited(OsProcessError):
    """It ended though nobody asked: `returncode` when it exited, or `signal` when it was killed."""

    def __init__(self, name: str, status: int, log: Sequence[str]) -> None:
        self.returncode = status if status >= 0 else None
        self.signal = signal.Signals(-status) if status < 0 else None
        what = f"was killed by {self.signal.name}" if self.signal else f"exited with {status}"
        super().__init__(name, what, log)


class OsProcessNotReady(OsProcessError):
    """It did not pass its ready check within `seconds`, and was stopped."""

    def __init__(self, name: str, seconds: float, log: Sequence[str]) -> None:
        super().__init__(name, f"was not ready within {seconds:g} s", log)
        self.seconds = seconds


class OsProcessStuck(OsProcessError):
    """Not even SIGKILL ended it: the kernel holds it, on a dead disk for example."""

    def __init__(self, name: str, pid: int) -> None:
        super().__init__(name, f"{pid} did not end after SIGKILL", ())
        self.pid = pid


class ProcessContext(Protocol):
    """What a child's context must have; `supervisors.Context` has it."""

    @property
    def name(self) -> str: ...

    def ready(self, value: object = None) -> None: ...

    def report(self, **facts: object) -> None: ...


@dataclass(frozen=True, slots=True)
class OsProcess:
    """One process, run for the life of a child: `ChildSpec(start=OsProcess(...), kind="os_process")`.

    `ready` is asked again and again, pausing longer each time; False and OSError mean "not yet". `log` gets
    standard output and error: appended to a file, or a function called with each line. `wrapper` is a
    command that changes credentials and then runs its arguments. `stop_timeout` (seconds between `stop_signal`
    and SIGKILL) must be below the shutdown limit of the child.
    """

    command: Sequence[str]
    _: KW_ONLY
    ready: Callable[[], Awaitable[bool]]
    log: Path | Callable[[str], None]
    ready_timeout: float = 30.0
    stop_signal: signal.Signals = signal.SIGTERM
    stop_timeout: float = 10.0
    death_signal: signal.Signals = signal.SIGKILL
    env: Mapping[str, str] | None = None
    cwd: Path | None = None
    wrapper: Sequence[str] = ()

    async def __call__(self, context: ProcessContext) -> None:
        """Run until cancelled. Raises OsProcessExited, OsProcessNotReady."""
        with _open_log(self.log) as log:
            ready_in_time = True

            async def become_ready() -> None:
                nonlocal ready_in_time
                ready_in_time = await self._until_ready()
                if ready_in_time:
                    context.ready()
                else:
                    nursery.cancel_scope.cancel()

            process = _Process(context.name, self._launch(log), log)
            try:
                context.report(pid=process.pid)
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(become_ready)
                    await process.wait()
                    nursery.cancel_scope.cancel()
            finally:
                status = await process.stop(self.stop_signal, self.stop_timeout)

            if not ready_in_time:
                raise OsProcessNotReady(context.name, self.ready_timeout, log.tail())

            raise OsProcessExited(context.name, status, log.tail())
