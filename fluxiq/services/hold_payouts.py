"""The Vault of PIX out: intents that are on paper get their money held, or are refused.

Every step is idempotent by the payouts' end-to-end ids, so whoever finds an intent without a hold
does this again.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from fluxiq.domain import postings
from fluxiq.domain.identifiers import tb_id_text
from fluxiq.domain.records import (
    Event,
    Hold,
    Payout,
    PayoutStage,
    Room,
    Step,
    Transfer,
    TransferStatus,
)
from fluxiq.errors import Refused
from fluxiq.ports import HoldSettled, OutboxDraft
from fluxiq.services.messages.envelope import Answer, Data, encode
from fluxiq.services.messages.payouts import PayoutView, payout_view
from fluxiq.services.payout_counter import Intent
from fluxiq.services.replay import Refusal
from fluxiq.services.tenant import Tenant

_NO_FUNDS = {TransferStatus.EXCEEDS_CREDITS, TransferStatus.ID_ALREADY_FAILED}


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """The message in the post room: this payout is held and wants to be sent. `account_id` is
    empty in messages from before accounts had lanes.
    """

    end_to_end_id: str
    account_id: str = ""


async def hold_payouts(tenant: Tenant, intents: Sequence[Intent]) -> list[Answer | Refused]:
    """Hold the money of all in one request, and write down what the vault said in one statement.

    Raises Unknown, or Unavailable: then the intents stay, and whoever sweeps comes back to them.
    """
    if not intents:
        return []

    entered = tenant.clock.now()
    ledger = tenant.institution.ledger
    holds = [
        postings.payout_hold(
            tenant.ispb,
            ledger,
            one.payout.end_to_end_id,
            one.account.ledger_id,
            one.payout.amount,
        )
        for one in intents
    ]
    statuses = await tenant.ledger.create_transfers(holds)

    now = tenant.clock.now()
    settled = [
        _settled(tenant, one.payout, status, now, _steps(one.payout, hold, status, entered, now))
        for one, hold, status in zip(intents, holds, statuses, strict=True)
    ]
    archived = await tenant.payments.settle_holds([one for one, _ in settled])
    tenant.relay.ring()
    tenant.couriers.ring(
        dict.fromkeys(endpoint_id for one in archived for endpoint_id in one.endpoint_ids)
    )
    return [answer for _, answer in settled]


def order_draft(tenant: Tenant, payout: Payout) -> OutboxDraft:
    """The message that announces a held payout to the worker of its account."""
    order = Order(end_to_end_id=payout.end_to_end_id, account_id=payout.account_id)
    return OutboxDraft(
        subject=tenant.subject("pix", "out", tenant.partition(payout.account_id)),
        reference=payout.end_to_end_id,
        body=encode(order),
    )


def _steps(
    payout: Payout, hold: Transfer, status: TransferStatus, entered: datetime, now: datetime
) -> tuple[Step, ...]:
    said = f"hold {tb_id_text(hold.id)} {status}"
    return (
        Step(payout.end_to_end_id, Room.ARCHIVE, payout.updated_at, entered, "intent"),
        Step(payout.end_to_end_id, Room.VAULT, entered, now, said),
    )


def _settled(
    tenant: Tenant, payout: Payout, status: TransferStatus, now: datetime, steps: tuple[Step, ...]
) -> tuple[HoldSettled, Answer | Refused]:
    if status in _NO_FUNDS:
        return _refused(tenant, payout, now, steps)
    if status.stands:
        return _accepted(tenant, payout, now, steps)
    raise AssertionError(f"the ledger answered {status} to the hold of {payout.id}")


def _accepted(
    tenant: Tenant, payout: Payout, now: datetime, steps: tuple[Step, ...]
) -> tuple[HoldSettled, Answer]:
    held = msgspec.structs.replace(payout, stage=PayoutStage.HELD, updated_at=now)
    view = payout_view(held)
    body = encode(Data(view))
    settled = HoldSettled(
        hold=Hold(payout_id=payout.id, at=now),
        event=_event(tenant, payout, "pix.payout.processing", now, view),
        response=body,
        order=order_draft(tenant, payout),
        steps=steps,
    )
    return settled, Answer(body=body)


def _refused(
    tenant: Tenant, payout: Payout, now: datetime, steps: tuple[Step, ...]
) -> tuple[HoldSettled, Refused]:
    refusal = Refusal(
        code="insufficient_funds",
        message="the account's available balance does not cover this payout",
        details={"payout_id": payout.id},
    )
    failed = msgspec.structs.replace(
        payout, stage=PayoutStage.FAILED, updated_at=now, failure_code=refusal.code
    )
    settled = HoldSettled(
        hold=Hold(payout_id=payout.id, at=now, failure_code=refusal.code),
        event=_event(tenant, payout, "pix.payout.failed", now, payout_view(failed)),
        response=encode(refusal),
        order=None,
        steps=steps,
    )
    return settled, refusal.raised()


def _event(tenant: Tenant, payout: Payout, kind: str, at: datetime, view: PayoutView) -> Event:
    return Event(
        id=tenant.ids.new("evt"),
        merchant_id=payout.merchant_id,
        type=kind,
        created_at=at,
        data=view,
    )
