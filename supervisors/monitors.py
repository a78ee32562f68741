"""Monitors: exactly one word when a process ends, and none lost."""

from collections.abc import Callable
from typing import NamedTuple

import trio

NO_PROCESS = "no process"


class Down(NamedTuple):
    """The end of a process, to whoever monitored it; `incarnation` 0: it was not there."""

    name: str
    incarnation: int
    reason: str
    exception: BaseException | None


class Monitor:
    """Waits for one end of one process."""

    __slots__ = ("_down", "_ended", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self._down: Down | None = None
        self._ended = trio.Event()

    async def wait(self) -> Down:
        """Return when the process has ended; again and again the same."""
        await self._ended.wait()
        assert self._down is not None
        return self._down

    def tell(self, down: Down) -> None:
        assert self._down is None, f"a monitor of {self.name} was told twice"
        self._down = down
        self._ended.set()


class Monitors:
    """Who waits for whose end, by name. Each is told once and forgotten."""

    def __init__(self, is_there: Callable[[str], bool]) -> None:
        self._is_there = is_there
        self._tellers: dict[str, dict[int, Callable[[Down], None]]] = {}
        self._last = 0

    def add(self, name: str, tell: Callable[[Down], None]) -> Callable[[], None]:
        """Call `tell` at the end of the process, at once if nobody has the name.

        The returned function takes the monitor back.
        """
        if not self._is_there(name):
            tell(Down(name, 0, NO_PROCESS, None))
            return lambda: None

        self._last += 1
        number = self._last
        self._tellers.setdefault(name, {})[number] = tell
        return lambda: self._forget(name, number)

    def announce(self, down: Down) -> None:
        for tell in self._tellers.pop(down.name, {}).values():
            tell(down)

    def _forget(self, name: str, number: int) -> None:
        tellers = self._tellers.get(name, {})
        tellers.pop(number, None)
        if not tellers:
            self._tellers.pop(name, None)
