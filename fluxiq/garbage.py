"""Pauses of the garbage collector, kept short and few: what stays is not walked again and again."""

import gc
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

# A full collection takes about a microsecond for each object that it walks.
PAUSE_SECONDS: Final = 0.05
FREE_OBJECTS: Final = 200_000  # set aside without a second look
OLDEST: Final = 2


@contextmanager
def started() -> Iterator[None]:
    """Set everything that exists now aside, for the length of the block, and later what turns out
    to stay.

    Modules, types and a tree are some 50,000 objects that stay. A full collection that walks them
    stops everything for 30 to 70 ms, about once in ten seconds of load; without them for some 7.
    What dies of them is freed as ever, but for cycles, which wait until all is walked again.
    """
    gc.collect()
    gc.freeze()
    staying = Staying()
    gc.callbacks.append(staying.heard)
    try:
        yield
    finally:
        gc.callbacks.remove(staying.heard)
        gc.unfreeze()


class Staying:
    """Sets aside what has survived a full collection that took long: thousands of websockets, of
    260 objects each, which Python would walk again at every growth by a quarter.

    A websocket that has closed is a cycle, and garbage that was set aside is not found. So all of
    it is walked once it has doubled since it was last: memory is bounded, and growing to a size
    costs one or two long pauses instead of one for each quarter.
    """

    def __init__(self, now: Callable[[], float] = time.thread_time) -> None:
        self._now = now
        self._began_at = 0.0
        # Objects set aside, and how many there were after the last walk through all. Counted here:
        # gc counts them by walking them, which takes as long as what is to be saved.
        self._aside = self._kept = gc.get_freeze_count()
        self._walks_all = False

    def heard(self, phase: str, about: Mapping[str, Any]) -> None:
        """A callback of gc's: called before and after each collection, while none is under way."""
        if about["generation"] != OLDEST:
            return
        if phase == "start":
            self._began_at = self._now()
            self._walks_all = self._aside > 2 * self._kept + FREE_OBJECTS
            if self._walks_all:
                gc.unfreeze()
                self._aside = 0
        elif self._walks_all or self._now() - self._began_at >= PAUSE_SECONDS:
            self._aside += len(gc.get_objects(generation=OLDEST))  # where all survivors are
            gc.freeze()
            if self._walks_all:
                self._kept = self._aside
