"""Who holds the event loop, and for how long: off by default, switched while the tree runs.

While it is on, trio calls two functions of ours around every step of every task. While it is off
they are not there, and nothing costs anything.

A step is charged to the node whose task takes it. A call that is handled inline runs in its
caller's step, and is charged to the caller; what timers and plain `init`s do, to the tree itself.
"""

import heapq
import time
from typing import NamedTuple

import trio

from supervisors.diagnostics.culprit import owner_of

PATHS_MAX = 10_000
OTHERS = "(others)"


class Hog(NamedTuple):
    """What the tasks of one node, or of one outsider, took: times in seconds."""

    path: str
    steps: int
    seconds: float
    longest: float


class HogsStatistics(NamedTuple):
    """`seconds_on` is how long this measurement has lasted; `seconds` what all steps took."""

    is_on: bool
    seconds_on: float
    steps: int
    seconds: float


class _Account:
    __slots__ = ("longest", "path", "seconds", "steps")

    def __init__(self, path: str) -> None:
        self.path = path
        self.steps = 0
        self.seconds = 0.0
        self.longest = 0.0


class Hogs(trio.abc.Instrument):
    """Measures the steps of tasks, for the nodes of the tree whose root is at `root_path`."""

    def __init__(self, root_path: str = "root") -> None:
        self._root_path = root_path
        self._accounts: dict[str, _Account] = {}
        self._of: dict[trio.lowlevel.Task, _Account] = {}
        self._in_step: _Account | None = None
        self._step_began = 0.0
        self._on_since: float | None = None
        self._was_on = 0.0

    @property
    def is_on(self) -> bool:
        return self._on_since is not None

    def switch_on(self) -> None:
        """Measure from now on, from zero. Twice is once."""
        if self._on_since is None:
            self._accounts.clear()
            self._on_since = time.perf_counter()
            trio.lowlevel.add_instrument(self)

    def switch_off(self) -> None:
        """Stop measuring, and keep what was measured. Twice is once."""
        if self._on_since is not None:
            trio.lowlevel.remove_instrument(self)
            self._was_on = time.perf_counter() - self._on_since
            self._on_since = None
            self._in_step = None
            self._of.clear()

    def top(self, count: int) -> tuple[Hog, ...]:
        """Return those who took most time, most first."""
        found = heapq.nlargest(count, self._accounts.values(), key=lambda one: one.seconds)
        return tuple(Hog(one.path, one.steps, one.seconds, one.longest) for one in found)

    def statistics(self) -> HogsStatistics:
        on = self._was_on if self._on_since is None else time.perf_counter() - self._on_since
        accounts = self._accounts.values()
        steps, seconds = sum(one.steps for one in accounts), sum(one.seconds for one in accounts)
        return HogsStatistics(self.is_on, on, steps, seconds)

    # For trio

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self._in_step = self._of.get(task) or self._open(task)
        self._step_began = time.perf_counter()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:  # noqa: ARG002 -- trio's
        took = time.perf_counter() - self._step_began
        account = self._in_step
        if account is None:
            return  # this step began before we were switched on

        self._in_step = None
        account.steps += 1
        account.seconds += took
        if took > account.longest:  # noqa: PLR1730 -- this runs after every step: no call
            account.longest = took

    def task_exited(self, task: trio.lowlevel.Task) -> None:
        self._of.pop(task, None)

    def _open(self, task: trio.lowlevel.Task) -> _Account:
        path = owner_of(task, self._root_path) or task.name
        if path not in self._accounts and len(self._accounts) >= PATHS_MAX:
            path = OTHERS
        account = self._accounts.get(path)
        if account is None:
            account = self._accounts[path] = _Account(path)
        self._of[task] = account
        return account
