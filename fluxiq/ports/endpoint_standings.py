"""How the webhook endpoints of a whole institution fare, for those who operate it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from msgspec import Struct

from fluxiq.domain.records import DisabledReason

ATTEMPTS_COUNTED_MAX = 100_000  # of the last day, the newest; beyond that it says since when


class EndpointStanding(Struct, frozen=True, kw_only=True):
    """An endpoint that is not deleted. `waiting` deliveries have not ended, `under_way` of them are
    being sent now; `oldest_waiting_at` is the time of the first one's event. Attempts are counted
    over the hour and the day before the look.
    """

    id: str
    merchant_id: str
    url: str
    ordered: bool
    created_at: datetime
    disabled_at: datetime | None
    disabled_reason: DisabledReason | None
    failing_since: datetime | None
    waiting: int
    under_way: int
    oldest_waiting_at: datetime | None
    attempts_hour: int
    delivered_hour: int
    attempts_day: int
    delivered_day: int
    milliseconds_day: int | None  # the mean of an attempt; None: there was none
    last_attempt_at: datetime | None


class Standings(Struct, frozen=True, kw_only=True):
    """Those in trouble first: by how much waits for them. `total` are all that are not deleted;
    `counted_since` is the oldest attempt that was counted, where the day had more than that.
    """

    endpoints: Sequence[EndpointStanding]
    total: int
    counted_since: datetime | None


class EndpointStandings(Protocol):
    async def look(self, now: datetime, limit: int) -> Standings:
        """One look, at one moment; `limit` endpoints at most. Raises Unavailable."""
