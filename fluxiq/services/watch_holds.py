"""Holds that outlive their workflow are found, and finished or voided.

The holds of the ledger are compared with what is on paper once they are older than a grace, which
is longer than any request, any try to send and any sweep's round. What is wrong then is told
(`finding`), and put right where that cannot give back money that has left:

| on paper | what is done |
|---|---|
| held, and nothing announces it | it is announced again |
| held, its message discarded by an operator for longer than the grace | the provider is asked |
| confirmed | the hold is posted |
| failed, cancelled | the provider is asked; voided unless it says it was accepted or settled |
| a book transfer that failed, or is not on paper | voided: nobody outside ever knew of it |
| nothing, though the hold names a payout | the provider is asked; as for a failed one |

**When a void is safe.** Nobody may be able to send the order any more: it has failed, or has no
record, or was discarded, which every try looks at before it sends; and whoever began a try before
that has ended it, because the grace is over. And the provider, asked after that, does not know the
order or has rejected it. No answer, or any other answer, leaves the hold as it is: an outcome that
is unknown is never voided.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec
import structlog

from fluxiq.domain import postings, transfer_postings
from fluxiq.domain.hold import ENDED_BY, OpenHold, Remedy, Workflow, judge_order, judge_transfer
from fluxiq.domain.identifiers import IdPrefix, tb_id_text
from fluxiq.domain.payout import PayoutEvent
from fluxiq.domain.postings import TransferCode
from fluxiq.domain.records import PayoutStage, Transfer, TransferStatus
from fluxiq.domain.references import end_to_end_id_of, ulid_id_of
from fluxiq.errors import Unavailable
from fluxiq.ports import OrderAnswer
from fluxiq.services.orders import O, OrderKind
from fluxiq.services.settle_orders import settle_orders, verdict_of
from fluxiq.services.settle_outcomes import PAYOUTS
from fluxiq.services.settle_refunds import REFUNDS
from fluxiq.services.tenant import Tenant

LOOKED_AT_MAX: Final = 200  # in one round; the next round takes the rest
READINGS_MAX: Final = 20  # of the journal in one round

_ENDED: Final = {
    TransferStatus.PENDING_TRANSFER_ALREADY_POSTED,
    TransferStatus.PENDING_TRANSFER_ALREADY_VOIDED,
}
_log = structlog.get_logger("holds")


async def watch_holds(tenant: Tenant) -> int:
    """One round; returns at how many holds it looked. Raises Unavailable and Unknown."""
    now = tenant.clock.now()
    before = now - timedelta(seconds=tenant.settings.pix.hold_grace_seconds)
    for _ in range(READINGS_MAX):
        if not await tenant.holds.follow(before):
            break

    looked = await tenant.holds.look(now, LOOKED_AT_MAX)
    for hold in looked:
        finding = await _treat(tenant, hold, before)
        if finding is not None and await tenant.holds.find(hold.id, finding, now) and finding:
            _log.warning("hold_outlived", hold=tb_id_text(hold.id), finding=finding)
    return len(looked)


async def _treat(tenant: Tenant, hold: OpenHold, before: datetime) -> str | None:
    """What is wrong and stays so, empty for nothing; None when it was put right."""
    if hold.code == TransferCode.BOOK_TRANSFER and hold.reference:
        return await _treat_transfer(tenant, hold)

    letter = {TransferCode.PIX_OUT: "E", TransferCode.PIX_REFUND: "D"}.get(TransferCode(hold.code))
    order_id = letter and end_to_end_id_of(letter, tenant.ispb, hold.reference)
    if not order_id:
        return "it does not say what it is for"
    if letter == "E":
        return await _treat_order(tenant, PAYOUTS, hold, order_id, before)
    return await _treat_order(tenant, REFUNDS, hold, order_id, before)


async def _treat_order(
    tenant: Tenant, kind: OrderKind[O], hold: OpenHold, order_id: str, before: datetime
) -> str | None:
    order = (await kind.find(tenant, [order_id])).get(order_id)
    if order is None:
        return await _treat_orphan(tenant, hold, order_id)

    workflows = await tenant.holds.workflows([order.id])
    remedy = judge_order(order.stage, workflows.get(order.id, Workflow()), before)
    if remedy in {Remedy.POST, Remedy.ASK_AND_VOID}:
        posts = remedy is Remedy.POST
        return await _end_as_on_paper(tenant, kind, hold, order, posts=posts)
    if remedy is Remedy.ASK:
        return await _ask(tenant, kind, order)
    if remedy is Remedy.ANNOUNCE:
        await _announce_again(tenant, kind, order)
    return ""


async def _end_as_on_paper(
    tenant: Tenant, kind: OrderKind[O], hold: OpenHold, order: O, *, posts: bool
) -> str | None:
    if posts:
        moved = kind.resolve(tenant, order, PayoutEvent.CONFIRMED)
        return await _end(tenant, hold, moved, "hold.posted", order.id)

    if (wrong := await _contradiction(tenant, order.order_id)) is not None:
        return f"it is {order.stage}, but {wrong}"
    moved = kind.resolve(tenant, order, PayoutEvent.FAILED)
    return await _end(tenant, hold, moved, "hold.voided", order.id)


async def _announce_again(tenant: Tenant, kind: OrderKind[O], order: O) -> None:
    draft, now = kind.draft(tenant, order), tenant.clock.now()
    if await tenant.holds.announce_again(order.id, draft, now):
        _log.warning("order_announced_again", order=order.id)
        tenant.relay.ring()


async def _ask(tenant: Tenant, kind: OrderKind[O], order: O) -> str:
    """End a discarded order as the provider says."""
    answer = await _enquire(tenant, order.order_id)
    if answer is None:
        return "its order was discarded, and the provider does not answer"

    if ENDED_BY[answer.state] is PayoutEvent.FAILED:
        answer = msgspec.structs.replace(answer, state="rejected")  # it never left, and never will
    verdict = verdict_of(order, answer)
    if verdict is None:
        sent = msgspec.structs.replace(order, stage=PayoutStage.SENT, updated_at=tenant.clock.now())
        await kind.mark_sent(tenant, [sent], [])
    else:
        await settle_orders(tenant, kind, [verdict])
    return ""


async def _treat_orphan(tenant: Tenant, hold: OpenHold, order_id: str) -> str | None:
    """Without a record nobody can send it; whether somebody did is the provider's to say."""
    if hold.code != TransferCode.PIX_OUT:
        return f"there is no record of {order_id}"
    if (wrong := await _contradiction(tenant, order_id)) is not None:
        return f"there is no record of {order_id}, but {wrong}"

    void = postings.payout_void(tenant.ispb, tenant.institution.ledger, order_id, hold.amount)
    return await _end(tenant, hold, [void], "hold.voided", order_id)


async def _treat_transfer(tenant: Tenant, hold: OpenHold) -> str | None:
    transfer_id = ulid_id_of(IdPrefix.TRANSFER, hold.reference)
    transfer = await tenant.transfers.find(transfer_id)
    remedy = Remedy.VOID if transfer is None else judge_transfer(transfer.stage)
    if remedy is Remedy.NOTHING:
        return ""

    posts = remedy is Remedy.POST
    make = transfer_postings.transfer_post if posts else transfer_postings.transfer_void
    moved = [make(tenant.ispb, tenant.institution.ledger, transfer_id, hold.amount)]
    action = "hold.posted" if posts else "hold.voided"
    return await _end(tenant, hold, moved, action, transfer_id)


async def _contradiction(tenant: Tenant, order_id: str) -> str | None:
    """Why an order that has failed on paper may not be voided; None when it may."""
    answer = await _enquire(tenant, order_id)
    if answer is None:
        return "the provider does not answer"
    if ENDED_BY[answer.state] is PayoutEvent.FAILED:
        return None
    return f"the provider says it is {answer.state}"


async def _enquire(tenant: Tenant, order_id: str) -> OrderAnswer | None:
    try:
        return await tenant.provider.enquire(order_id)
    except Unavailable:
        return None


async def _end(
    tenant: Tenant, hold: OpenHold, moved: Sequence[Transfer], action: str, subject: str
) -> str | None:
    """Post or void; the first transfer's status speaks for its chain."""
    status, *_ = await tenant.ledger.create_transfers(moved)
    if not (status.stands or status in _ENDED):
        raise AssertionError(f"the ledger answered {status} to the end of hold {hold.id:x}")

    note = f"{tb_id_text(hold.id)}: {status}"
    await tenant.holds.conclude(hold.id, action, subject, note)
    _log.warning("hold_ended", hold=tb_id_text(hold.id), action=action, subject=subject)
    return None
