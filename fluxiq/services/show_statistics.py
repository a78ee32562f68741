"""Payments as numbers, for merchants and for the institution's own people."""

from collections.abc import AsyncIterator
from datetime import datetime

from fluxiq.domain.statistics import Bucket, span_of
from fluxiq.errors import Unavailable
from fluxiq.ports.statistics import Moment
from fluxiq.services.list_in_doubt import doubted_before
from fluxiq.services.messages.statistics import (
    IncidentKind,
    IncidentView,
    NowView,
    PaymentStatisticsView,
    statistics_view,
)
from fluxiq.services.tenant import Tenant

_MINUTE_SECONDS = 60
_CLOSED = "closed"


async def show_payments(
    tenant: Tenant,
    merchant_id: str | None,
    bucket: Bucket,
    since: datetime | None,
    until: datetime | None,
) -> PaymentStatisticsView:
    """Of one merchant, or (None) of all. Raises Refused("validation_failed")."""
    span = span_of(bucket, since, until, tenant.clock.now())
    return statistics_view(span, await tenant.statistics.payments(span, merchant_id))


async def show_now(tenant: Tenant) -> NowView:
    now = tenant.clock.now()
    moment = await tenant.statistics.moment(now, doubted_before(now))
    payouts = moment.payouts_confirmed + moment.payouts_failed
    return NowView(
        at=now,
        payments_per_second=round((moment.charges_paid + payouts) / _MINUTE_SECONDS, 3),
        charges_paid=moment.charges_paid,
        payouts_confirmed=moment.payouts_confirmed,
        payouts_failed=moment.payouts_failed,
        amount=moment.amount,
        payout_success_share=round(moment.payouts_confirmed / payouts, 4) if payouts else None,
        incidents=[one async for one in _incidents(tenant, moment)],
    )


async def _incidents(tenant: Tenant, moment: Moment) -> AsyncIterator[IncidentView]:
    try:
        providers = (await tenant.live_data.providers()).values.values()
    except Unavailable:
        # Of all that is asked for, only this is not in Postgres.
        yield _incident("providers_unseen", 1)
    else:
        for one in providers:
            if one.breaker != _CLOSED:
                yield _incident("provider_breaker", 1, one.last_failure_at, one.name)
    if moment.in_doubt:
        yield _incident("in_doubt", moment.in_doubt, moment.oldest_in_doubt_at)
    if moment.dead_letters:
        yield _incident("dead_letters", moment.dead_letters)
    if moment.differences:
        yield _incident("differences", moment.differences)


def _incident(
    kind: IncidentKind, count: int, since: datetime | None = None, detail: str = ""
) -> IncidentView:
    return IncidentView(kind=kind, count=count, since=since, detail=detail)
