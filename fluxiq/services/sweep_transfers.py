"""Transfers that a crash left between paper and ledger, and those that nobody approved in time."""

from datetime import timedelta

from fluxiq.domain.records import Account
from fluxiq.domain.transfer import BookTransfer, TransferStage
from fluxiq.errors import LedgerDegraded, Refused
from fluxiq.services.decide_transfer import expire_transfer, finish
from fluxiq.services.make_transfer import PLATFORM, carry_out
from fluxiq.services.tenant import Tenant

SWEEP_MAX = 200  # in one round; the next round takes the rest
UNFINISHED_SECONDS = 5.0  # whoever carried it out has left it


async def resume_transfers(tenant: Tenant) -> int:
    """Carry out, post or void what nobody came back to. Raises Unavailable and Unknown."""
    before = tenant.clock.now() - timedelta(seconds=UNFINISHED_SECONDS)
    waiting = await tenant.transfers.unfinished(before, SWEEP_MAX)
    for transfer in waiting:
        await _resume(tenant, transfer)
    return len(waiting)


async def expire_approvals(tenant: Tenant) -> int:
    """Give back what was held for an approval that did not come. Raises Unavailable and Unknown."""
    overdue = await tenant.transfers.overdue(tenant.clock.now(), SWEEP_MAX)
    for transfer in overdue:
        await expire_transfer(tenant, transfer)
    return len(overdue)


async def _resume(tenant: Tenant, transfer: BookTransfer) -> None:
    if transfer.stage is not TransferStage.CREATED:
        await finish(tenant, transfer, PLATFORM)
        return

    source = await _account(tenant, transfer.source_account_id)
    destination = await _account(tenant, transfer.destination_account_id)
    try:
        await carry_out(tenant, transfer, source, destination)
    except Refused:
        return  # it has ended: refused for its funds, and filed so
    except LedgerDegraded:
        return  # above a cap of the stand-in, which others may be within


async def _account(tenant: Tenant, account_id: str) -> Account:
    account = await tenant.store.find_account(account_id)
    assert account is not None, f"a transfer names {account_id}, which does not exist"
    return account
