"""Waking somebody who sleeps between rounds: ringing twice is ringing once."""

from collections.abc import Iterable

import trio


class Doorbell:
    """A `ports.Bell` that outlives the incarnations of whoever answers it."""

    def __init__(self) -> None:
        self._rung = trio.Event()

    def ring(self, names: Iterable[str] = ()) -> None:  # noqa: ARG002  one bell, one door
        self._rung.set()

    async def wait(self, seconds_max: float) -> None:
        """Return at the next ring, or after `seconds_max`: who waits would look anyway."""
        with trio.move_on_after(seconds_max):
            await self._rung.wait()
        self._rung = trio.Event()
