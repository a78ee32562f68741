"""The payments of all merchants as numbers, and what there is to look at now."""

from fluxiq.api.contract import Call, Rate, Routes
from fluxiq.api.v1.statistics import StatisticsAsked
from fluxiq.services import show_statistics as use
from fluxiq.services.messages.envelope import Data
from fluxiq.services.messages.statistics import NowView, PaymentStatisticsView

routes = Routes("/api/v1/institution/statistics", institution=True)

READ = "institution:read"


@routes.get("/payments", permission=READ, rate=Rate.READ, reply=Data[PaymentStatisticsView])
async def show_institution_statistics(
    call: Call, query: StatisticsAsked
) -> Data[PaymentStatisticsView]:
    """As a merchant sees its own, over all merchants."""
    return Data(await use.show_payments(call.tenant, None, query.bucket, query.since, query.until))


@routes.get("/now", permission=READ, rate=Rate.READ, reply=Data[NowView])
async def show_institution_now(call: Call) -> Data[NowView]:
    """The last minute, and every incident that waits for somebody."""
    return Data(await use.show_now(call.tenant))
