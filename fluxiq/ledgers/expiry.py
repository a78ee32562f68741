"""Holds that end by themselves: TigerBeetle voids a hold `timeout` seconds after it was made.

Time is the ledger's own, in nanoseconds, and never goes back.
"""

from typing import Final

from fluxiq.domain.ledger_records import TIMESTAMP_MAX, Transfer

SECOND_NS: Final = 1_000_000_000


def expires_at(hold: Transfer) -> int | None:
    """When the hold is released unless it was resolved before; None: never by itself."""
    return hold.timestamp + hold.timeout * SECOND_NS if hold.timeout else None


def is_over(hold: Transfer, now: int) -> bool:
    """Whether the hold's time has come. One without a timestamp was made in this very batch, and a
    batch is shorter than the shortest timeout.
    """
    end = expires_at(hold)
    return end is not None and hold.timestamp > 0 and end <= now


def overflows(hold: Transfer, now: int) -> bool:
    """Whether the end of a hold made at `now` is later than a timestamp can say."""
    return now + hold.timeout * SECOND_NS > TIMESTAMP_MAX
