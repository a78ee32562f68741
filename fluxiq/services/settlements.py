"""What a merchant has settled, and when it settles by itself."""

import msgspec

from fluxiq.domain.product import PIX_MERCHANT, PIX_SETTLEMENT, Product
from fluxiq.domain.settlement import UNDECIDED, SettlementSchedule, next_time, outcome_of
from fluxiq.errors import Refused
from fluxiq.ports import Page
from fluxiq.ports.settlements import DaysWanted
from fluxiq.services.accounts import find_account
from fluxiq.services.authenticate import Caller
from fluxiq.services.messages.envelope import Listing, listing
from fluxiq.services.messages.settlements import (
    PutSettlementSchedule,
    SettlementDayView,
    SettlementScheduleView,
    day_view,
    schedule_view,
)
from fluxiq.services.tenant import Tenant
from fluxiq.services.transfers import find_transfer

MOVES_MONEY = "transfers:write"


async def list_settlements(
    tenant: Tenant, wanted: DaysWanted, page: Page
) -> Listing[SettlementDayView]:
    """The latest day first."""
    found, total = await tenant.settlements.days(wanted, page)
    return listing([day_view(one) for one in found], page, total)


async def show_schedule(tenant: Tenant, merchant_id: str) -> SettlementScheduleView:
    """Raises Refused("settlement_schedule_not_found") where none was ever put."""
    schedule = await tenant.settlements.find_schedule(merchant_id)
    if schedule is None:
        raise Refused("settlement_schedule_not_found", "no schedule was put yet")
    return schedule_view(await _as_it_stands(tenant, schedule))


async def put_schedule(caller: Caller, request: PutSettlementSchedule) -> SettlementScheduleView:
    """From now on; a transfer that has been made stays. Raises Refused: forbidden for who may not
    move money, account_not_found, account_not_of_product.
    """
    tenant, merchant_id = caller.tenant, caller.merchant_id
    if not caller.may(MOVES_MONEY):
        raise Refused(
            "forbidden",
            "a schedule moves money: that takes the permission to",
            details={"permission": MOVES_MONEY},
        )
    await _require_product(tenant, merchant_id, request, "source_account_id", PIX_MERCHANT)
    await _require_product(tenant, merchant_id, request, "destination_account_id", PIX_SETTLEMENT)

    now = tenant.clock.now()
    before = await tenant.settlements.find_schedule(merchant_id)
    schedule = SettlementSchedule(
        merchant_id=merchant_id,
        time=request.time,
        source_account_id=request.source_account_id,
        destination_account_id=request.destination_account_id,
        minimum=request.minimum,
        keep=request.keep,
        set_by=caller.actor,
        updated_at=now,
        next_at=next_time(request.time, now) if request.enabled else None,
    )
    await tenant.settlements.put_schedule(schedule)
    if before is not None:
        schedule = msgspec.structs.replace(
            schedule,
            last_at=before.last_at,
            last_outcome=before.last_outcome,
            last_transfer_id=before.last_transfer_id,
        )
    return schedule_view(await _as_it_stands(tenant, schedule))


async def _as_it_stands(tenant: Tenant, schedule: SettlementSchedule) -> SettlementSchedule:
    """With what has become of a run that was undecided when it was noted."""
    if schedule.last_outcome not in UNDECIDED or schedule.last_transfer_id is None:
        return schedule
    transfer = await find_transfer(tenant, schedule.merchant_id, schedule.last_transfer_id)
    return msgspec.structs.replace(schedule, last_outcome=outcome_of(transfer))


async def _require_product(
    tenant: Tenant, merchant_id: str, request: PutSettlementSchedule, field: str, product: Product
) -> None:
    account_id: str = getattr(request, field)
    account = await find_account(tenant, merchant_id, account_id, field=field)
    if account.product_id != product.id:
        raise Refused(
            "account_not_of_product", f"account {account_id} is not of {product.id}", field=field
        )
