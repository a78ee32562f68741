"""The day of a scheduled payout: looked at again, and opened as one of today would be.

Where money or a limit is in the way at 06:00 it is tried once more at 18:00; what is in the way
then, or cannot change by itself, ends it as failed. From the moment that it is an intent, the sweep
that resumes unheld payouts holds it, whatever becomes of this job.
"""

from typing import Final

import msgspec
from msgspec import Struct

from fluxiq.domain import limits as rules
from fluxiq.domain import schedule_pix
from fluxiq.domain.identifiers import IdPrefix
from fluxiq.domain.job import Job
from fluxiq.domain.records import (
    Account,
    AccountStatus,
    Event,
    Payout,
    PayoutStage,
    Recipient,
    Room,
    Step,
)
from fluxiq.errors import Refused, Unavailable
from fluxiq.ports import Limited
from fluxiq.ports.scheduled import PayoutCalledOff, PayoutDue
from fluxiq.services.dict_lookup import find_owners
from fluxiq.services.messages.payouts import payout_view
from fluxiq.services.open_payout import hold_payout
from fluxiq.services.run_jobs import Kind, NoArgs, new_job
from fluxiq.services.tenant import Tenant
from fluxiq.services.within_limits import effective

OVERDUE_MAX: Final = 500  # in one round of the sweep

# What may be otherwise in the evening.
_PASSING: Final = frozenset({"insufficient_funds", "amount_above_limit"})


class RunScheduled(Struct, frozen=True, forbid_unknown_fields=True):
    payout_id: str


def job_keys_of(payout_id: str) -> tuple[str, str]:
    """What the jobs of a payout hold: that of the morning, and that of the evening."""
    return payout_id, f"{payout_id} evening"


async def run_scheduled(tenant: Tenant, payout_id: str) -> None:
    """Make it, put it off until the evening, or fail it; nothing where that was done before.
    Raises Unavailable or Unknown: the job comes again.
    """
    payout = await tenant.store.find_payout(payout_id)
    assert payout is not None, f"{payout_id} was scheduled and is not on paper"
    if payout.stage is not PayoutStage.SCHEDULED:
        return

    try:
        intent, account = await _start(tenant, payout)
    except Refused as refused:
        await _in_the_way(tenant, payout, refused.code)
        return

    try:
        await hold_payout(tenant, intent, account)
    except Refused:
        return  # it has ended: somebody else took the money in between


async def fail_overdue(tenant: Tenant) -> int:
    """End those whose day passed without them; returns how many."""
    today = rules.day_of(tenant.clock.now())
    overdue = await tenant.scheduled.overdue(today, OVERDUE_MAX)
    for payout in overdue:
        await _fail(tenant, payout, "schedule_missed")
    return len(overdue)


async def _start(tenant: Tenant, payout: Payout) -> tuple[Payout, Account]:
    """The intent, on paper and counted. Raises Refused with what is in the way."""
    entered = tenant.clock.now()
    assert payout.scheduled_for is not None, f"{payout.id} is scheduled for no day"
    if schedule_pix.is_over(payout.scheduled_for, entered):
        raise Refused("schedule_missed", "its day has passed")

    account = await tenant.store.find_account(payout.account_id)
    assert account is not None, f"{payout.id} names an account that does not exist"
    if account.status is not AccountStatus.ACTIVE:
        raise Refused("account_not_active", f"the account is {account.status}")

    recipient = await _recipient(tenant, payout.recipient)
    balance = (await tenant.ledger.balances([account.ledger_id]))[account.ledger_id]
    if balance.available < payout.amount:
        raise Refused("insufficient_funds", "the account has less than that available")

    state = (await tenant.payout_limits.states([account.id]))[account.id]
    now = tenant.clock.now()
    limits = effective(tenant, state, now)
    [exceeded] = rules.judge(state, limits, [payout.amount], now)
    if exceeded is not None:
        raise Refused("amount_above_limit", f"the account's limit {exceeded.kind} is used up")

    intent = msgspec.structs.replace(
        payout, stage=PayoutStage.CREATED, updated_at=now, recipient=recipient
    )
    started = await tenant.scheduled.start(
        PayoutDue(
            payout=intent,
            bounds=rules.bounds_of(state, limits, now),
            steps=(Step(payout.end_to_end_id, Room.COUNTER, entered, now, "its day"),),
        )
    )
    if isinstance(started, Limited) or not started:
        raise Unavailable("limits", "the payout or its limits changed while it was looked at")
    return intent, account


async def _recipient(tenant: Tenant, before: Recipient) -> Recipient:
    """Who owns the key today; of an account nobody can be asked. Raises Refused when that is
    nobody, or somebody else.
    """
    if before.account is not None:
        return before

    [owner] = (await find_owners(tenant, [before.pix_key])).values()
    if isinstance(owner, Unavailable):
        raise owner
    if owner is None:
        raise Refused("pix_key_not_found", "nobody has this PIX key any more")

    # The same person may have moved the key to another institution, and a name may be corrected.
    known_by_document = bool(before.document and owner.document)
    is_same = before.document == owner.document if known_by_document else before.name == owner.name
    if not is_same:
        raise Refused("recipient_changed", "the key belongs to somebody else by now")
    if owner.ispb == tenant.ispb:
        raise Refused("same_institution", "the recipient is a customer of this institution now")
    return msgspec.structs.replace(owner, pix_key=before.pix_key, pix_key_type=before.pix_key_type)


async def _in_the_way(tenant: Tenant, payout: Payout, code: str) -> None:
    """Put it off until the evening if that may help, else fail it."""
    assert payout.scheduled_for is not None, f"{payout.id} is scheduled for no day"
    again = schedule_pix.second_try(payout.scheduled_for, tenant.clock.now())
    if code not in _PASSING or again is None:
        await _fail(tenant, payout, code)
        return

    # While the morning's job runs it holds the payout's own key.
    evening = new_job(
        tenant,
        RUN_SCHEDULED,
        RunScheduled(payout_id=payout.id),
        run_at=again,
        unique_key=job_keys_of(payout.id)[1],
    )
    await tenant.jobs.enqueue([evening])


async def _fail(tenant: Tenant, payout: Payout, code: str) -> None:
    failed = msgspec.structs.replace(
        payout, stage=PayoutStage.FAILED, updated_at=tenant.clock.now(), failure_code=code
    )
    event = Event(
        id=tenant.ids.new(IdPrefix.EVENT),
        merchant_id=payout.merchant_id,
        type="pix.payout.failed",
        created_at=failed.updated_at,
        data=payout_view(failed),
    )
    archived = await tenant.scheduled.call_off(
        PayoutCalledOff(payout=failed, event=event, actor="platform")
    )
    if archived is not None:
        tenant.relay.ring()
        tenant.couriers.ring(archived.endpoint_ids)


async def _run(tenant: Tenant, args: RunScheduled, _job: Job) -> None:
    await run_scheduled(tenant, args.payout_id)


async def _sweep(tenant: Tenant, _args: NoArgs, _job: Job) -> None:
    await fail_overdue(tenant)


RUN_SCHEDULED: Final = Kind(
    name="payouts.run_scheduled",
    run=_run,
    args={1: RunScheduled},
    concurrency=8,
    priority=3,
    attempts_max=100,
)
FAIL_OVERDUE: Final = Kind(name="payouts.fail_overdue", run=_sweep, concurrency=1, priority=4)
