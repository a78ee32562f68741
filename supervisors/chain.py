"""Who waits for whom: found at the moment of a call, so that a deadlock has a name."""

from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Protocol

LINKS_MAX = 1000


class InFlight(Protocol):
    """A call in flight, seen from its caller."""

    @property
    def blocks(self) -> bool: ...


class Frame:
    """An actor's handler at work, and the calls it waits for, by callee.

    Tasks that the handler started inherit the frame. Once the handler is over they hold nobody
    up, and `active` is False.
    """

    __slots__ = ("active", "calls", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.active = True
        self.calls: dict[InFlight, str] | None = None  # most handlers call nobody

    def begin(self, call: InFlight, callee: str) -> None:
        if self.calls is None:
            self.calls = {}
        self.calls[call] = callee

    def end(self, call: InFlight) -> None:
        assert self.calls is not None
        del self.calls[call]

    def waits_for(self) -> Iterator[str]:
        return (callee for call, callee in (self.calls or {}).items() if call.blocks)


CURRENT: ContextVar[Frame | None] = ContextVar("supervisors_frame", default=None)


def find_cycle(
    frame: Frame, callee: str, frame_of: Callable[[str], Frame | None]
) -> tuple[str, ...] | None:
    """Return the names from `frame`'s actor round to itself, if a call to `callee` closes a loop.

    `frame_of` gives the handler at work in an actor, if any.
    """
    seen: set[str] = set()
    paths: list[tuple[str, ...]] = [(frame.name, callee)]
    while paths and len(seen) < LINKS_MAX:
        path = paths.pop()
        name = path[-1]
        if name == frame.name:
            return path
        if name in seen:
            continue

        seen.add(name)
        at_work = frame_of(name)
        if at_work is not None and at_work.active:
            paths.extend((*path, other) for other in at_work.waits_for())
    return None
