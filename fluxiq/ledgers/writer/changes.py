"""A bell for several who wait."""

import math

import trio


class Changes:
    """Whoever waits hears of every ring from then on; there is no memory of earlier ones."""

    def __init__(self) -> None:
        self._event = trio.Event()

    def set(self) -> None:
        if self._event.statistics().tasks_waiting:
            self._event.set()
            self._event = trio.Event()

    async def wait(self, seconds: float = math.inf) -> None:
        """Return at the next ring, or after `seconds`."""
        with trio.move_on_after(max(seconds, 0.0)):
            await self._event.wait()
