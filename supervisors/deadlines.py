"""The time limits of calls in flight: a heap and one timer, instead of a cancel scope per call."""

import heapq
from collections.abc import Callable
from itertools import count

import trio

from supervisors.caller import Caller
from supervisors.errors import CallTimeout

SWEEP_CALLS_MIN = 1000

CallAt = Callable[[float, Callable[[], None]], Callable[[], bool]]


class Deadlines:
    """Wakes callers whose time is over. A call that was answered leaves its entry to a sweep."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Caller, str, float]] = []
        self._order = count()
        self._sweep_at = SWEEP_CALLS_MIN
        self._armed_for = float("inf")

    def watch(self, caller: Caller, name: str, timeout: float, call_at: CallAt) -> None:
        """Let `caller`'s wait end with CallTimeout at its deadline, unless it is answered."""
        due = caller.deadline
        heapq.heappush(self._heap, (due, next(self._order), caller, name, timeout))
        if len(self._heap) >= self._sweep_at:
            self._sweep()
        if due < self._armed_for:
            self._arm(due, call_at)

    def _arm(self, due: float, call_at: CallAt) -> None:
        self._armed_for = due

        def fire() -> None:
            if self._armed_for == due:  # else an earlier one was armed meanwhile, and goes on
                self._fire(call_at)

        call_at(due, fire)

    def _fire(self, call_at: CallAt) -> None:
        now = trio.current_time()
        self._armed_for = float("inf")
        while self._heap and (self._heap[0][0] <= now or not self._heap[0][2].waits):
            _, _, caller, name, timeout = heapq.heappop(self._heap)
            if caller.waits:
                caller.time_out(CallTimeout(name, timeout))
        if self._heap:
            self._arm(self._heap[0][0], call_at)

    def _sweep(self) -> None:
        self._heap = [entry for entry in self._heap if entry[2].waits]
        heapq.heapify(self._heap)
        self._sweep_at = max(SWEEP_CALLS_MIN, 2 * len(self._heap))
