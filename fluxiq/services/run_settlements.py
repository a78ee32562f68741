"""The hour of a settlement: what is above the rest is moved, by an ordinary transfer.

The transfer's idempotency key is derived from the planned time, which stays on paper until the run
is noted. So whoever comes again after a crash, or at the same moment, finds the transfer that was
made, however much is in the account by then.
"""

import hashlib

import msgspec

from fluxiq.domain.settlement import (
    NOTHING_TO_SETTLE,
    SettlementSchedule,
    next_time,
    outcome_of,
)
from fluxiq.errors import FluxiqError, Refused, Unavailable, Unknown
from fluxiq.ports import Idempotency
from fluxiq.services.accounts import find_account
from fluxiq.services.make_transfer import make_transfer
from fluxiq.services.messages.envelope import Answer
from fluxiq.services.messages.transfers import MakeTransfer
from fluxiq.services.replay import replay_if_known
from fluxiq.services.tenant import Tenant
from fluxiq.services.transfers import find_transfer

DUE_MAX = 200  # in one round; the next round takes the rest
DESCRIPTION = "settlement"


class _Made(msgspec.Struct, frozen=True):
    id: str


class _Envelope(msgspec.Struct, frozen=True):
    data: _Made


_transfer_in = msgspec.json.Decoder(_Envelope).decode


async def run_settlements(tenant: Tenant) -> int:
    """Settle for every merchant whose time has come; returns for how many. Raises Unavailable or
    Unknown after all were tried: the others come again.
    """
    due = await tenant.settlements.due(tenant.clock.now(), DUE_MAX)
    left: FluxiqError | None = None
    for schedule in due:
        try:
            await _run(tenant, schedule)
        except (Unavailable, Unknown) as error:
            left = error
    if left is not None:
        raise left
    return len(due)


async def _run(tenant: Tenant, schedule: SettlementSchedule) -> None:
    transfer_id = None
    try:
        transfer_id = await _settle(tenant, schedule)
        outcome = NOTHING_TO_SETTLE
        if transfer_id is not None:
            transfer = await find_transfer(tenant, schedule.merchant_id, transfer_id)
            outcome = outcome_of(transfer)
    except Refused as refused:
        outcome = refused.code
        transfer_id = refused.details.get("transfer_id")

    now = tenant.clock.now()
    after = msgspec.structs.replace(
        schedule,
        next_at=next_time(schedule.time, now),
        last_at=now,
        last_outcome=outcome,
        last_transfer_id=transfer_id,
    )
    await tenant.settlements.note_run(schedule, after)


async def _settle(tenant: Tenant, schedule: SettlementSchedule) -> str | None:
    """The transfer of this run, made now or before; None where there is nothing to move."""
    assert schedule.next_at is not None, "what is off is never due"
    key = schedule.key_of(schedule.next_at)
    # Of the key alone: the amount is what was there when it was first tried.
    idempotency = Idempotency(key=key, digest=hashlib.sha256(key.encode()).digest())
    try:
        answer = await replay_if_known(tenant, schedule.merchant_id, idempotency)
        if answer is None:
            answer = await _transfer(tenant, schedule, idempotency)
    except Refused as refused:
        if refused.code != "idempotency_in_progress":
            raise
        transfer_id: str = refused.details["resource_id"]  # on paper: the sweep carries it on
        return transfer_id
    return None if answer is None else _transfer_in(answer.body).data.id


async def _transfer(
    tenant: Tenant, schedule: SettlementSchedule, idempotency: Idempotency
) -> Answer | None:
    source = await find_account(tenant, schedule.merchant_id, schedule.source_account_id)
    balance = (await tenant.ledger.balances([source.ledger_id]))[source.ledger_id]
    amount = schedule.amount_of(balance.available)
    if amount == 0:
        return None

    order = MakeTransfer(
        source_account_id=schedule.source_account_id,
        destination_account_id=schedule.destination_account_id,
        amount=amount,
        description=DESCRIPTION,
    )
    return await make_transfer(tenant, schedule.merchant_id, schedule.set_by, order, idempotency)
