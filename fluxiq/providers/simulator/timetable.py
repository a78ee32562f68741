"""Things to do later, by one task for all of them: a task per order would cost more than the order.

Times are trio's. Whoever adds things bounds how many there are.
"""

import heapq
import itertools
from collections.abc import Callable

import trio


class Timetable:
    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()  # of two things due together, the first added goes first
        self._sooner = trio.Event()

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        due = trio.current_time() + seconds
        heapq.heappush(self._heap, (due, next(self._numbers), action))
        if self._heap[0][0] == due:
            self._sooner.set()

    async def run(self) -> None:
        while True:
            self._sooner = trio.Event()
            until = self._heap[0][0] if self._heap else float("inf")
            with trio.move_on_at(until):
                await self._sooner.wait()

            while self._heap and self._heap[0][0] <= trio.current_time():
                heapq.heappop(self._heap)[2]()
                # One slow drain would be everyone's latency.
                await trio.lowlevel.checkpoint()
