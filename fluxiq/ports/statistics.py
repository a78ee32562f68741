"""Payments as numbers: by stretches of time, and just now."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from msgspec import Struct

from fluxiq.domain.statistics import Counted, Seconds, Span


class PaymentStatistics(Struct, frozen=True, kw_only=True):
    """`buckets` are those of the span, in their order. `charges_converted` of the charges that were
    created within it are paid by now. `payout_seconds`: from acceptance to the end, of payouts that
    were for at once and did not come back; `charge_seconds`: from the notice to the charge that is
    paid on paper, of the last of them (SAMPLED_MAX). None where there are none.
    """

    buckets: Sequence[Counted]
    charges_converted: int
    payout_seconds: Seconds | None
    charge_seconds: Seconds | None


class Moment(Struct, frozen=True, kw_only=True):
    """What an institution has to look at: payments that ended within the last minute, and what
    waits for somebody. `oldest_in_doubt_at`: since when the first payment in doubt has been.
    """

    charges_paid: int
    payouts_confirmed: int
    payouts_failed: int
    amount: int
    in_doubt: int
    oldest_in_doubt_at: datetime | None
    dead_letters: int
    differences: int


SAMPLED_MAX = 1000


class Statistics(Protocol):
    """Of one institution. Raises Unavailable, also where there is more than can be counted in the
    time that a statement has.
    """

    async def payments(self, span: Span, merchant_id: str | None) -> PaymentStatistics:
        """Of one merchant, or (None) of all of the institution's."""

    async def moment(self, now: datetime, accepted_before: datetime) -> Moment:
        """Over all merchants, in the minute before `now`. In doubt is also what was
        `accepted_before` and has not ended.
        """
