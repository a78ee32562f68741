"""Many timers behind one deadline: no task per timer."""

import heapq
import itertools
import math
from collections.abc import Callable

WITHDRAWN_MIN = 1000


class Timers:
    """Actions by due time (trio's clock, seconds); equal times fire in the order they were set."""

    def __init__(self) -> None:
        self._heap: list[_Entry] = []
        self._order = itertools.count()
        self._withdrawn = 0

    def add(self, due: float, action: Callable[[], None]) -> Callable[[], bool]:
        """Set a timer. The returned function withdraws it, and says whether it was in time."""
        entry = _Entry(due, next(self._order), action)
        heapq.heappush(self._heap, entry)

        def withdraw() -> bool:
            if entry.action is None:
                return False
            entry.action = None
            self._forget_one()
            return True

        return withdraw

    def next_due(self) -> float:
        while self._heap and self._heap[0].action is None:
            heapq.heappop(self._heap)
            self._withdrawn -= 1
        return self._heap[0].due if self._heap else math.inf

    def fire(self, now: float) -> None:
        """Run everything due by now."""
        while self.next_due() <= now:
            entry = heapq.heappop(self._heap)
            action, entry.action = entry.action, None
            assert action is not None
            action()

    def _forget_one(self) -> None:
        # Withdrawn timers would pile up until due; sweep when most of the heap is dead.
        self._withdrawn += 1
        if self._withdrawn >= max(WITHDRAWN_MIN, len(self._heap) // 2):
            self._heap = [entry for entry in self._heap if entry.action is not None]
            heapq.heapify(self._heap)
            self._withdrawn = 0


class _Entry:
    __slots__ = ("action", "due", "order")

    def __init__(self, due: float, order: int, action: Callable[[], None]) -> None:
        self.due = due
        self.order = order
        self.action: Callable[[], None] | None = action

    def __lt__(self, other: "_Entry") -> bool:
        return (self.due, self.order) < (other.due, other.order)
