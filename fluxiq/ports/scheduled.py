"""What scheduled payouts need from the records."""

from collections.abc import Sequence
from datetime import date
from typing import Protocol

from msgspec import Struct

from fluxiq.domain.limits import Bounds
from fluxiq.domain.records import Event, Payout, Step
from fluxiq.ports import Archived, Idempotency, Limited, Opening
from fluxiq.ports.jobs import NewJob


class PayoutScheduling(Struct, frozen=True, kw_only=True):
    """A payout for another day, the job that will make it, and what its key answers for ever."""

    payout: Payout
    idempotency: Idempotency
    response: bytes
    event: Event
    job: NewJob
    steps: tuple[Step, ...]


class PayoutDue(Struct, frozen=True, kw_only=True):
    """Its day has come: it is an intent now, of the limits that hold now."""

    payout: Payout  # as it will be: CREATED
    bounds: Bounds
    steps: tuple[Step, ...]


class PayoutCalledOff(Struct, frozen=True, kw_only=True):
    """It will not be made: CANCELLED by its merchant, or FAILED."""

    payout: Payout  # as it will be
    event: Event
    actor: str


class ScheduledPayouts(Protocol):
    """Payouts of one institution whose day has not come. Every method is one transaction; what is
    not scheduled any more is left as it is.
    """

    async def schedule(self, scheduling: PayoutScheduling) -> Opening: ...

    async def start(self, due: PayoutDue) -> bool | Limited:
        """Turn it to CREATED and count it into its account's limits; False when it was not
        scheduled any more.
        """

    async def call_off(self, called_off: PayoutCalledOff) -> Archived | None:
        """None when it was not scheduled any more."""

    async def overdue(self, today: date, limit: int) -> Sequence[Payout]:
        """Those still scheduled for a day before `today`."""
