"""Names who holds up the event loop, while it is still held up.

The loop beats a few times per limit; a plain thread listens. When it has heard nothing for longer
than the limit, it looks at what the loop's thread is doing, once per stall, and tells when it is
over and how long it took. It cannot interrupt anybody: Python has no way to.

A machine that slept, or a process that was stopped, is no stall: then the listener slept as well,
and the loop's thread used no processor. A call into C that keeps the interpreter to itself silences
the listener too, but uses the processor: it is told as soon as the listener can speak, and its
culprit may be unknown by then.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import trio

from supervisors.diagnostics.culprit import NOBODY, Culprit, find_culprit

BEATS_PER_LIMIT = 4
SILENCES_MAX = 16  # remembered between two looks
BUSY_SHARE = 0.1  # of the silence: less, and the machine or the process slept


class Stall(NamedTuple):
    """The loop stood still for `seconds`, so far or, if it is `over`, in all.

    `cpu_seconds` is what the loop's thread computed meanwhile: nearly all of `seconds` for a busy
    loop, nearly nothing for a call that waits. `path` and `stack` are as in Culprit.
    """

    path: str
    seconds: float
    cpu_seconds: float
    stack: tuple[str, ...]
    over: bool


class _Beat(NamedTuple):
    at: float
    cpu: float


class _Silence(NamedTuple):
    after: _Beat
    seconds: float
    cpu_seconds: float


class StallWatchdog:
    """Watches the loop that `run` runs in.

    A step of more than `limit` seconds is told to `tell` between 1 and 1.5 limits after it began.
    `tell` is called in the watchdog's own thread, while the loop is stuck: it must need nothing
    of the loop. What it raises ends the watchdog, and is raised by `run`.
    """

    def __init__(
        self, limit: float, tell: Callable[[Stall], None], *, root_path: str = "root"
    ) -> None:
        if limit <= 0:
            raise ValueError(f"a stall has a limit in seconds > 0, not {limit!r}")
        self.stalls = 0
        self.longest = 0.0  # seconds
        self._limit = limit
        self._pause = limit / BEATS_PER_LIMIT
        self._tell = tell
        self._root_path = root_path
        self._silences: deque[_Silence] = deque(maxlen=SILENCES_MAX)
        self._stopped = threading.Event()
        self._failure: Exception | None = None

    async def run(self, noticed: Callable[[], None] | None = None) -> None:
        """Beat until cancelled. `noticed` is called, in the loop, when a stall was counted."""
        self._loop_thread = threading.get_ident()
        self._cpu_clock = time.pthread_getcpuclockid(self._loop_thread)
        root_task = trio.lowlevel.current_root_task()
        assert root_task is not None, "a loop that runs a task has a root task"
        self._root_task = root_task
        self._last = self._now()
        seen = self.stalls
        thread = threading.Thread(target=self._listen, name="stall watchdog", daemon=True)
        thread.start()
        try:
            while self._failure is None:
                self._beat()
                if noticed is not None and seen != self.stalls:
                    seen = self.stalls
                    noticed()
                await trio.sleep(self._pause)
        finally:
            self._stopped.set()
        raise self._failure

    # In the loop

    def _beat(self) -> None:
        last, now = self._last, self._now()
        silent = now.at - last.at
        if self._is_stall(silent):
            self._silences.append(_Silence(last, silent, now.cpu - last.cpu))
        self._last = now

    def _now(self) -> _Beat:
        return _Beat(time.monotonic(), time.clock_gettime(self._cpu_clock))

    def _is_stall(self, silent: float) -> bool:
        return silent > self._limit + self._pause  # between two beats the loop may rest

    # In the thread

    def _listen(self) -> None:
        try:
            self._listen_until_stopped()
        except Exception as error:  # noqa: BLE001 -- raised again in `run`, whose supervisor sees it
            self._failure = error

    def _listen_until_stopped(self) -> None:
        told: tuple[_Beat, Culprit] | None = None
        looked = time.monotonic()
        while not self._stopped.wait(self._pause):
            while self._silences:
                self._end(self._silences.popleft(), told)
                told = None
            slept = time.monotonic() - looked > 2 * self._pause
            looked = time.monotonic()
            last = self._last
            silent = looked - last.at
            if told is None and self._is_stall(silent):
                cpu = self._now().cpu - last.cpu
                if not slept or cpu > BUSY_SHARE * silent:
                    culprit = find_culprit(self._loop_thread, self._root_task, self._root_path)
                    if self._last is last:  # it is stuck still: these frames are its own
                        told = last, culprit
                        self._tell(Stall(culprit.path, silent, cpu, culprit.stack, over=False))

    def _end(self, silence: _Silence, told: tuple[_Beat, Culprit] | None) -> None:
        named = told is not None and told[0] is silence.after
        if not named and silence.cpu_seconds <= BUSY_SHARE * silence.seconds:
            return  # everybody slept
        culprit = told[1] if told is not None and named else Culprit(NOBODY, ())
        self.stalls += 1
        self.longest = max(self.longest, silence.seconds)
        self._tell(
            Stall(culprit.path, silence.seconds, silence.cpu_seconds, culprit.stack, over=True)
        )
