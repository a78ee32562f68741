"""Payments as numbers: by minute, hour or day, and over the whole time."""

from datetime import datetime
from typing import Literal

from msgspec import Struct

from fluxiq.sdk.calls import C, Call, Resource
from fluxiq.sdk.request import Request, data, get


class Counted(Struct, frozen=True, kw_only=True):
    """Amounts are centavos. Payouts and refunds count when they ended."""

    charges_created: int
    charges_created_amount: int
    charges_paid: int
    charges_paid_amount: int
    payouts_confirmed: int
    payouts_confirmed_amount: int
    payouts_failed: int
    payouts_failed_amount: int
    refunds_completed: int
    refunds_completed_amount: int


class CountedFrom(Counted, frozen=True, kw_only=True):
    """From `at` until the next one."""

    at: datetime


class Seconds(Struct, frozen=True, kw_only=True):
    """Percentiles over `count` payments."""

    count: int
    p50: float
    p95: float
    p99: float


class Totals(Counted, frozen=True, kw_only=True):
    """`conversion`: the part of the charges created in this time that is paid by now, 0 to 1."""

    conversion: float | None
    average_ticket: int | None
    payout_seconds: Seconds | None
    charge_seconds: Seconds | None


class PaymentStatistics(Struct, frozen=True, kw_only=True):
    """`since` and `until` are those of whole buckets; days are São Paulo's."""

    bucket: str
    since: datetime
    until: datetime
    series: tuple[CountedFrom, ...]
    totals: Totals


class Statistics(Resource[C]):
    @Call
    def payments(
        self,
        *,
        bucket: Literal["minute", "hour", "day"] = "hour",
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Request[PaymentStatistics]:
        """At most 1,500 buckets; the last 60, 48 or 30 unless told."""
        return get(
            "/statistics/payments",
            data(PaymentStatistics),
            bucket=bucket,
            since=since,
            until=until,
        )
