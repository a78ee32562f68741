"""The Vault of refunds: an intent that is on paper gets its money held, or is refused.

Every step is idempotent by the refund's return id, so whoever finds an intent without a hold does
this again.
"""

import msgspec

from fluxiq.domain import refund_postings
from fluxiq.domain.identifiers import tb_id_text
from fluxiq.domain.records import Event, PayoutStage, Refund, Room, Step, TransferStatus
from fluxiq.errors import Refused
from fluxiq.ports import OutboxDraft
from fluxiq.ports.refunds import RefundHeld
from fluxiq.services.messages.envelope import Answer, Data, encode
from fluxiq.services.messages.refunds import refund_view
from fluxiq.services.replay import Refusal
from fluxiq.services.tenant import Tenant

_FULL = {TransferStatus.EXCEEDS_CREDITS, TransferStatus.ID_ALREADY_FAILED}


class RefundOrder(msgspec.Struct, frozen=True, kw_only=True):
    """The message in the post room: this refund is held and wants to be sent. `account_id` is
    empty in messages from before accounts had lanes.
    """

    return_id: str
    account_id: str = ""


async def hold_refund(tenant: Tenant, refund: Refund) -> Answer:
    """Hold the money and its room in the limit, and write down what the vault said.

    Raises Refused when it said no; Unknown or Unavailable: then the intent stays for the sweep.
    """
    account = await tenant.store.find_account(refund.account_id)
    assert account is not None, f"{refund.id} names an account that does not exist"
    entered = tenant.clock.now()
    await open_limit(tenant, refund.end_to_end_id)
    limit, money = refund_postings.refund_hold(
        tenant.ispb, tenant.institution.ledger, refund, account.ledger_id
    )
    limited, funded = await tenant.ledger.create_transfers([limit, money])

    now = tenant.clock.now()
    fits = limited is TransferStatus.LINKED_EVENT_FAILED  # the money was in the way, not the limit
    status = funded if fits else limited
    hold = f"hold {tb_id_text(money.id)} {status}"
    steps = (
        Step(refund.return_id, Room.ARCHIVE, refund.created_at, entered, "intent"),
        Step(refund.return_id, Room.VAULT, entered, now, hold),
    )
    if limited.stands:
        held = msgspec.structs.replace(refund, stage=PayoutStage.HELD, updated_at=now)
        return await _accept(tenant, held, steps)

    assert status in _FULL, f"the ledger answered {limited}, {funded} to the hold of {refund.id}"
    refusal = _refusal(refund, fits=fits)
    failed = msgspec.structs.replace(
        refund, stage=PayoutStage.FAILED, updated_at=now, failure_code=refusal.code
    )
    raise await _refuse(tenant, failed, refusal, steps)


def refund_draft(tenant: Tenant, refund: Refund) -> OutboxDraft:
    """The message that announces a held refund to the worker of its account."""
    order = RefundOrder(return_id=refund.return_id, account_id=refund.account_id)
    return OutboxDraft(
        subject=tenant.subject("pix", "refund", tenant.partition(refund.account_id)),
        reference=refund.return_id,
        body=encode(order),
    )


async def open_limit(tenant: Tenant, end_to_end_id: str) -> None:
    """Have the receipt's limit credited; nothing happens from its second refund on.

    In a request of its own: a hold that is refused must mean that the limit is used up, and not
    that its credit is under way.
    """
    ispb, ledger = tenant.ispb, tenant.institution.ledger
    limit_id = refund_postings.limit_account_id(ispb, end_to_end_id)
    balance = (await tenant.ledger.balances([limit_id])).get(limit_id)
    if balance is not None and balance.credits_posted:
        return

    receipt = await tenant.refunds.find_receipt(end_to_end_id)
    assert receipt is not None, f"{end_to_end_id} is refunded and was never received"
    await tenant.ledger.create_accounts(
        [refund_postings.limit_account(ispb, ledger, end_to_end_id)]
    )
    [status] = await tenant.ledger.create_transfers(
        [refund_postings.limit_credit(ispb, ledger, end_to_end_id, receipt.amount)]
    )
    assert status.stands, f"the ledger answered {status} to the refund limit of {end_to_end_id}"


def refund_event(tenant: Tenant, refund: Refund, kind: str) -> Event:
    """The event `kind` of a refund that has just changed."""
    return Event(
        id=tenant.ids.new("evt"),
        merchant_id=refund.merchant_id,
        type=kind,
        created_at=refund.updated_at,
        data=refund_view(refund),
    )


async def _accept(tenant: Tenant, held: Refund, steps: tuple[Step, ...]) -> Answer:
    body = encode(Data(refund_view(held)))
    await _file(
        tenant,
        RefundHeld(
            refund=held,
            event=refund_event(tenant, held, "pix.refund.requested"),
            response=body,
            order=refund_draft(tenant, held),
            steps=steps,
        ),
    )
    return Answer(body=body)


def _refusal(refund: Refund, *, fits: bool) -> Refusal:
    if fits:
        code = "insufficient_funds"
        message = "the account's available balance does not cover this refund"
    else:
        code = "refund_above_original"
        message = "the refunds would add up to more than was received (AM09)"
    return Refusal(code=code, message=message, details={"refund_id": refund.id})


async def _refuse(
    tenant: Tenant, failed: Refund, refusal: Refusal, steps: tuple[Step, ...]
) -> Refused:
    await _file(
        tenant,
        RefundHeld(
            refund=failed,
            event=refund_event(tenant, failed, "pix.refund.failed"),
            response=encode(refusal),
            order=None,
            steps=steps,
        ),
    )
    return refusal.raised()


async def _file(tenant: Tenant, held: RefundHeld) -> None:
    archived = await tenant.refunds.settle_hold(held)
    tenant.relay.ring()
    tenant.couriers.ring(archived.endpoint_ids)
