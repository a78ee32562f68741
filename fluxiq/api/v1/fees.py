"""What a merchant pays for receiving."""

from datetime import date

from msgspec import Struct

from fluxiq.api.contract import Call, Rate, Routes
from fluxiq.api.paging import PageAsked
from fluxiq.ports.fees import FeeBucket
from fluxiq.services import show_fees as use
from fluxiq.services.messages.envelope import Data, Listing
from fluxiq.services.messages.fees import FeesView, FeeTotalsView
from fluxiq.services.messages.receipts import ReceiptView

routes = Routes("/api/v1/fees")

READ = "fees:read"


class FeeTotalsAsked(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Days in São Paulo, both included, up to today unless `end_date` is said. By month at most
    three years, the last twelve months unless `start_date` is said, whose month counts whole; by
    day at most 92, the last 31 unless it is.
    """

    bucket: FeeBucket = FeeBucket.MONTH
    start_date: date | None = None
    end_date: date | None = None


@routes.get(permission=READ, rate=Rate.READ, reply=Data[FeesView])
async def show_fees(call: Call) -> Data[FeesView]:
    """What is kept of each payment received, and what was before."""
    return Data(await use.show_fees(call.tenant, call.merchant_id))


@routes.get("/totals", permission=READ, rate=Rate.READ, reply=Data[FeeTotalsView])
async def show_fee_totals(call: Call, query: FeeTotalsAsked) -> Data[FeeTotalsView]:
    """What was kept, by month or day."""
    return Data(
        await use.show_totals(
            call.tenant, call.merchant_id, query.bucket, query.start_date, query.end_date
        )
    )


@routes.get("/payments", permission=READ, rate=Rate.READ, reply=Listing[ReceiptView])
async def list_charged_payments(call: Call, query: PageAsked) -> Listing[ReceiptView]:
    """The payments of which something was kept, the last first."""
    return await use.list_charged(call.tenant, call.merchant_id, query.wanted)
