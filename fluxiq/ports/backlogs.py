"""What waits to be told, as numbers for those who watch."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from msgspec import Struct

COUNTED_MAX = 100_000  # of each kind of rows; beyond that the number says no more


class Waits(StrEnum):
    """Why a delivery has not ended."""

    DUE = "due"
    UNDER_WAY = "under_way"
    LATER = "later"  # the time of its next attempt has not come
    HELD = "held"  # its endpoint is disabled


class Backlog(Struct, frozen=True, kw_only=True):
    """`oldest_due_at`: since when the first due delivery has been. `endpoints` are counted by
    `enabled` and the reasons for which they are disabled; deleted ones are not. `outbox_due` are
    messages that should be on the bus by now.
    """

    deliveries: Mapping[Waits, int]
    oldest_due_at: datetime | None
    endpoints: Mapping[str, int]
    outbox_due: int


class Backlogs(Protocol):
    async def look(self, now: datetime) -> Backlog:
        """One look, at one moment. Raises Unavailable."""
