"""Rounds that are not too many: what piles up meanwhile is done together, at the same fixed cost.

A round of the relay, a worker or a courier is several round trips to Postgres and NATS, however
little there is to do. Without a pace, a platform at half load spends its day on rounds of one.
"""

import trio

ROUND_SECONDS_MIN = 0.01


class Pace:
    """At most one round per `seconds`; the first one, and any after a pause, starts at once."""

    def __init__(self, seconds: float = ROUND_SECONDS_MIN) -> None:
        self._seconds = seconds
        self._next = 0.0

    async def wait(self) -> None:
        """Until the next round may start; call it as the round begins."""
        await trio.sleep_until(self._next)
        self._next = trio.current_time() + self._seconds
