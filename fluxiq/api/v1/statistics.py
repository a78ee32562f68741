"""A merchant's payments as numbers."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from fluxiq.api.contract import Call, Rate, Routes
from fluxiq.domain.statistics import Bucket
from fluxiq.services import show_statistics as use
from fluxiq.services.messages.envelope import Data
from fluxiq.services.messages.statistics import PaymentStatisticsView

routes = Routes("/api/v1/statistics")

Moment = Annotated[datetime, Meta(tz=True)]


class StatisticsAsked(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """At most 1,500 buckets, up to now unless `until` is said; the last 60 minutes, 48 hours or 30
    days unless `since` is.
    """

    bucket: Bucket = Bucket.HOUR
    since: Moment | None = None
    until: Moment | None = None


@routes.get("/payments", permission="pix:read", rate=Rate.READ, reply=Data[PaymentStatisticsView])
async def show_payment_statistics(
    call: Call, query: StatisticsAsked
) -> Data[PaymentStatisticsView]:
    """Charges, payouts and refunds by minute, hour or day, and over the whole time."""
    return Data(
        await use.show_payments(
            call.tenant, call.merchant_id, query.bucket, query.since, query.until
        )
    )
