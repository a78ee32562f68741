"""A supervised operating-system process: start, ready check, log, stop signal, and a certain end.

An `OsProcess` is usable as a child's start. Linux only: it stands on three things.

- The process dies with this one, even when this one gets `kill -9`: PR_SET_PDEATHSIG. The kernel
  sends that signal when the *thread* that forked ends, so the fork happens in trio's own thread
  (`trio.open_process` forks in a worker thread, whose end would kill the process).
- Waiting is a pidfd that becomes readable: no SIGCHLD handler, no thread, no reuse of a pid.
- Its own session: Ctrl-C in the terminal reaches the platform alone, which then stops in order.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Protocol

import trio

from supervisors.errors import SupervisionError
from supervisors.process_log import ProcessLog, open_log

READY_CHECK_SECONDS_MAX = 2.0  # one ready check; the next one follows after a pause
READY_PAUSE_SECONDS = (0.005, 0.25)  # the first pause between ready checks, and the longest
KILL_SECONDS_MAX = 30.0  # after SIGKILL; longer means that the kernel holds it

# Runs between the fork and the command, in a Python of its own rather than in a preexec_fn: the
# fork of a process with threads must not run Python. A parent that died before the request to the
# kernel sends nothing: hence the look at getppid.
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

    @property
    def killed(self) -> trio.Event: ...  # set when the tree no longer waits for a stop

    def ready(self, value: object = None) -> None: ...

    def report(self, **facts: object) -> None: ...


@dataclass(frozen=True, slots=True)
class OsProcess:
    """One process, run for the life of a child: `ChildSpec(start=OsProcess(...), ...)`.

    `ready` is asked again and again, pausing longer each time; False and OSError mean "not yet".
    `log` gets standard output and error: appended to a file, or a function called with each line.
    `stop_timeout` (seconds from `stop_signal` to SIGKILL) must be below the shutdown limit of the
    child. `death_signal` is what the process gets when this one dies; a command that changes its
    credentials makes the kernel forget it, and must ask for it again (PR_GET_PDEATHSIG).
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

    async def __call__(self, context: ProcessContext) -> None:
        """Run until cancelled. Raises OsProcessExited, OsProcessNotReady, OsProcessStuck."""
        in_time = True

        async def become_ready(process: _Process) -> None:
            nonlocal in_time
            context.report(pid=process.pid)
            in_time = await self._passes_ready_check()
            if in_time:
                context.ready()
            else:
                process.give_up()

        with open_log(self.log) as log:
            status = await self._live(context.name, context.killed, log, become_ready)
            if not in_time:
                raise OsProcessNotReady(context.name, self.ready_timeout, log.tail())

            raise OsProcessExited(context.name, status, log.tail())

    async def _passes_ready_check(self) -> bool:
        """Ask until it is ready; False when the time is over."""
        pause, pause_max = READY_PAUSE_SECONDS
        with trio.move_on_after(self.ready_timeout):
            while True:
                with suppress(OSError), trio.move_on_after(READY_CHECK_SECONDS_MAX):
                    if await self.ready():
                        return True

                await trio.sleep(pause)
                pause = min(pause * 1.5, pause_max)

        return False

    async def _live(
        self,
        name: str,
        killed: trio.Event,
        log: ProcessLog,
        beside: Callable[["_Process"], Awaitable[None]],
    ) -> int:
        """From the fork to the reaping, `beside` running meanwhile; the exit status."""
        async with trio.open_nursery() as nursery:
            process = _Process(name, self._spawn(log.output))
            nursery.start_soon(log.pump)
            try:
                nursery.start_soon(beside, process)
                await process.wait()
            finally:
                status = await process.end(self.stop_signal, self.stop_timeout, killed)
                await log.drain()

            nursery.cancel_scope.cancel()

        return status

    def _spawn(self, output: int) -> subprocess.Popen[bytes]:
        launcher = (sys.executable, "-I", "-S", "-c", _LAUNCHER)
        arguments = (str(os.getpid()), str(int(self.death_signal)), *self.command)
        return subprocess.Popen(  # noqa: S603  commands come from our own specs, never from outside
            [*launcher, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=self.env,
            cwd=self.cwd,
            start_new_session=True,
        )


@dataclass(frozen=True, slots=True)
class Finished:
    """How a command ended: its status (negative: minus the signal) and its last lines."""

    status: int
    lines: tuple[str, ...]


async def run_to_end(
    command: Sequence[str],
    *,
    limit: float,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Finished:
    """Run a short command with the same guarantees; trio.TooSlowError after `limit` seconds."""

    async def nothing(_: _Process) -> None:
        await trio.lowlevel.checkpoint()

    async def ready() -> bool:
        return True

    process = OsProcess(command, ready=ready, log=lambda _: None, env=env, cwd=cwd, stop_timeout=1)
    with open_log(process.log) as log:
        with trio.fail_after(limit):
            status = await process._live(command[0], trio.Event(), log, nothing)  # noqa: SLF001  the same file

        return Finished(status, log.tail())


class _Process:
    """A child of this process until it is reaped, which `end` always does."""

    def __init__(self, name: str, popen: subprocess.Popen[bytes]) -> None:
        self.name = name
        self.pid = popen.pid
        self._popen = popen
        self._pidfd = os.pidfd_open(popen.pid)
        self._waiting = trio.CancelScope()

    async def wait(self) -> None:
        """Until it has ended, or somebody has given it up."""
        with self._waiting:
            await trio.lowlevel.wait_readable(self._pidfd)

    def give_up(self) -> None:
        self._waiting.cancel()

    async def end(
        self, stop_signal: signal.Signals, stop_timeout: float, killed: trio.Event
    ) -> int:
        """Ask it to stop; SIGKILL after `stop_timeout` or when `killed`; reap it. Shielded."""
        try:
            # Not reaped yet, so there is always somebody to receive it, dead or alive.
            signal.pidfd_send_signal(self._pidfd, stop_signal)
            if not await self._ends_within(stop_timeout, killed):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

            if not await self._ends_within(KILL_SECONDS_MAX, trio.Event()):
                raise OsProcessStuck(self.name, self.pid)

            # The number of its group is still its own, too: what it started and left behind goes.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)

            return self._popen.wait()
        finally:
            os.close(self._pidfd)

    async def _ends_within(self, seconds: float, interrupted: trio.Event) -> bool:
        async def interrupt() -> None:
            await interrupted.wait()
            patience.cancel()

        ended = False
        with trio.move_on_after(seconds, shield=True) as patience:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(interrupt)
                await trio.lowlevel.wait_readable(self._pidfd)
                ended = True
                nursery.cancel_scope.cancel()

        return ended
