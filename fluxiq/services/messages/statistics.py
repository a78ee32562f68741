"""Payments as numbers: series, totals, and what there is to look at now. Amounts are centavos."""

from datetime import datetime
from typing import Literal

from msgspec import Struct, structs

from fluxiq.domain.statistics import Bucket, Counted, Span, total
from fluxiq.ports.statistics import PaymentStatistics


class PaymentsCountedView(Counted, frozen=True, kw_only=True):
    """What happened from `at` until the next one. Charges count when they are created, and when
    they are paid; payouts and refunds when they ended; a payout of which a part came back, when
    that came. One that came back whole is none of these.
    """

    at: datetime


class SecondsView(Struct, frozen=True, kw_only=True):
    """Percentiles in seconds, over `count` payments."""

    count: int
    p50: float
    p95: float
    p99: float


class TotalsView(Counted, frozen=True, kw_only=True):
    """Of the whole span. `conversion`: which part of the charges created in it is paid by now, from
    0 to 1; `average_ticket`: of the charges paid in it, in centavos. `payout_seconds`: from being
    accepted to the end, of payouts that were for at once and did not come back; `charge_seconds`:
    from the provider's notice to the charge that is paid, of the last 1,000. Null where there is
    nothing to say it of.
    """

    conversion: float | None
    average_ticket: int | None
    payout_seconds: SecondsView | None
    charge_seconds: SecondsView | None


class PaymentStatisticsView(Struct, frozen=True, kw_only=True):
    """One record for each bucket, empty ones too. `since` and `until` are as wide as the buckets
    that hold what was asked for; days are São Paulo's.
    """

    bucket: Bucket
    since: datetime
    until: datetime
    series: list[PaymentsCountedView]
    totals: TotalsView


IncidentKind = Literal[
    "provider_breaker", "providers_unseen", "in_doubt", "dead_letters", "differences"
]


class IncidentView(Struct, frozen=True, kw_only=True):
    """Something that waits for somebody. `provider_breaker`: calls to the link `detail` are
    stopped, or tried one at a time. `providers_unseen`: nobody can say how the links are.
    `in_doubt`: payments whose provider has not said how they ended, the first since `since`.
    `dead_letters`: messages that nobody could work on. `differences`: between our books and a
    provider's.
    """

    kind: IncidentKind
    count: int
    since: datetime | None
    detail: str


class NowView(Struct, frozen=True, kw_only=True):
    """The minute before `at`: charges paid, payouts that ended, and what was moved by both, in
    centavos. `payout_success_share` is null in a minute in which no payout ended.
    """

    at: datetime
    payments_per_second: float
    charges_paid: int
    payouts_confirmed: int
    payouts_failed: int
    amount: int
    payout_success_share: float | None
    incidents: list[IncidentView]


def statistics_view(span: Span, found: PaymentStatistics) -> PaymentStatisticsView:
    sums = total(found.buckets)
    created, paid = sums.charges_created, sums.charges_paid
    payouts, charges = (
        None if one is None else SecondsView(**structs.asdict(one))
        for one in (found.payout_seconds, found.charge_seconds)
    )
    return PaymentStatisticsView(
        bucket=span.bucket,
        since=span.since,
        until=span.until,
        series=[
            PaymentsCountedView(at=at, **structs.asdict(one))
            for at, one in zip(span.starts, found.buckets, strict=True)
        ],
        totals=TotalsView(
            **structs.asdict(sums),
            conversion=round(found.charges_converted / created, 4) if created else None,
            average_ticket=sums.charges_paid_amount // paid if paid else None,
            payout_seconds=payouts,
            charge_seconds=charges,
        ),
    )
