"""Settlements: takings moved from the account that is paid into the one that pays out."""

from datetime import date

from fluxiq.api.contract import Call, Rate, Routes
from fluxiq.api.paging import PageAsked
from fluxiq.ports.settlements import DaysWanted
from fluxiq.services import settlements as use
from fluxiq.services.messages.envelope import Data, Listing
from fluxiq.services.messages.settlements import (
    PutSettlementSchedule,
    SettlementDayView,
    SettlementScheduleView,
)

routes = Routes("/api/v1/settlements")


class SettlementsAsked(PageAsked, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A page of days, which are São Paulo's here, both included."""

    start_date: date | None = None
    end_date: date | None = None


@routes.get(permission="transfers:read", rate=Rate.READ, reply=Listing[SettlementDayView])
async def list_settlements(call: Call, query: SettlementsAsked) -> Listing[SettlementDayView]:
    """By day, what was moved from the merchant's `prod_pix_merchant` accounts to its
    `prod_pix_settlement` accounts, by its schedule or by hand. The latest day first.
    """
    wanted = DaysWanted(merchant_id=call.merchant_id, since=query.start_date, until=query.end_date)
    return await use.list_settlements(call.tenant, wanted, query.wanted)


@routes.get(
    "/schedule",
    permission="transfers:read",
    rate=Rate.READ,
    reply=Data[SettlementScheduleView],
    refuses=("settlement_schedule_not_found",),
)
async def show_settlement_schedule(call: Call) -> Data[SettlementScheduleView]:
    """When the merchant settles by itself, when it does so next, and how the last time ended."""
    return Data(await use.show_schedule(call.tenant, call.merchant_id))


@routes.put(
    "/schedule",
    permission="accounts:write",
    rate=Rate.WRITE,
    reply=Data[SettlementScheduleView],
    refuses=("account_not_found", "account_not_of_product"),
)
async def put_settlement_schedule(
    call: Call, body: PutSettlementSchedule
) -> Data[SettlementScheduleView]:
    """Settle once a day at this time, in the name of whoever says so, who must also have
    `transfers:write`. A transfer above the institution's limit awaits its second person as any
    other.
    """
    return Data(await use.put_schedule(call.known_caller, body))
