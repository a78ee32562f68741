"""Losing a server is weather: said once, ridden out with growing pauses, said when it is over."""

import random

import structlog
import trio

from fluxiq.errors import Unavailable, Unknown

PAUSE_SECONDS = 0.2
PAUSE_SECONDS_MAX = 5.0

_log = structlog.get_logger("weather")


class Weather:
    """The outages that one actor sees. `who` is its path in the tree."""

    def __init__(self, who: str) -> None:
        self._who = who
        self._failures = 0

    async def ride_out(self, error: Unavailable | Unknown) -> None:
        """Say the first failure of a row, then pause: doubling, with jitter, up to 5 s."""
        pause = min(PAUSE_SECONDS * 2**self._failures, PAUSE_SECONDS_MAX)
        self.met(error)
        await trio.sleep(pause * random.uniform(0.7, 1.3))  # noqa: S311  jitter, not a secret

    def met(self, error: Unavailable | Unknown) -> None:
        """Say the first failure of a row; for those who pause in their own way."""
        if self._failures == 0:
            _log.warning("outage_began", actor=self._who, system=error.system, error=str(error))
        self._failures = min(self._failures + 1, 16)

    def cleared(self) -> None:
        """The last round went well."""
        if self._failures:
            _log.info("outage_ended", actor=self._who)
            self._failures = 0
