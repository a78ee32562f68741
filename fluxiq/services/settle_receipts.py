"""Study, Vault and Archive of PIX in, for a batch of notices of money received.

Each notice is judged by `domain.receipt`, the ledger credits all of them in one call, and one
transaction archives charge, receipt, events and the closing of the visitors' book. Doing it twice
is doing it once: the transfer's id is derived from the end-to-end id, and so is the archive's key.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from fluxiq.domain import postings
from fluxiq.domain.fee import fee_of
from fluxiq.domain.identifiers import tb_id_text
from fluxiq.domain.receipt import ReceiptDecision, ReceiptOutcome, decide_receipt
from fluxiq.domain.records import (
    Charge,
    ChargeStatus,
    Event,
    InboxEntry,
    Receipt,
    Room,
    Step,
)
from fluxiq.ports import ReceiptArchived, ReceiptContext
from fluxiq.services.credit_receipts import Receiving, credit_receipts
from fluxiq.services.messages.charges import ChargeView, charge_view
from fluxiq.services.messages.receipts import ReceiptView, receipt_view
from fluxiq.services.tenant import Tenant


async def settle_receipts(tenant: Tenant, entries: Sequence[InboxEntry]) -> list[Receipt]:
    """The receipts that are new. Raises Unavailable or Unknown: the batch will come again."""
    studied_at = tenant.clock.now()
    contexts = await tenant.store.receipt_contexts(entries)
    judged = _study(entries, contexts, studied_at)

    vault_at = tenant.clock.now()
    settled = await _credit(tenant, judged)

    archive_at = tenant.clock.now()
    archived = [
        _archive(tenant, entry, one, (studied_at, vault_at, archive_at))
        for entry, one in zip(entries, settled, strict=True)
    ]
    owed = await tenant.store.archive_receipts(archived)
    tenant.relay.ring()
    tenant.couriers.ring(owed.endpoint_ids)
    return [line.receipt for line in archived if line.receipt is not None]


def _study(
    entries: Sequence[InboxEntry], contexts: Sequence[ReceiptContext], now: datetime
) -> list[Receiving]:
    """Judge in order: what one notice of the batch changes, the next one sees."""
    seen: set[str] = set()
    paid: dict[str, Charge] = {}
    judged = []
    for entry, context in zip(entries, contexts, strict=True):
        notice, charge = entry.notice, context.charge
        if charge is not None:
            charge = paid.get(charge.id, charge)

        decision = decide_receipt(
            notice,
            charge,
            context.key_owner,
            context.receipt is not None or notice.end_to_end_id in seen,
            now,
            charge_owner=context.charge_owner,
        )
        seen.add(notice.end_to_end_id)
        if decision.outcome is ReceiptOutcome.PAYS_CHARGE:
            assert decision.charge is not None, "a charge is paid that nobody named"
            paid[decision.charge.id] = msgspec.structs.replace(
                decision.charge, status=ChargeStatus.PAID
            )
        fee = 0 if decision.account is None else fee_of(context.fee, notice.amount)
        judged.append(Receiving(notice, decision, fee))
    return judged


async def _credit(tenant: Tenant, judged: Sequence[Receiving]) -> list[Receiving]:
    """As they stand in the ledger, which has duplicates already."""
    new = [
        (place, one)
        for place, one in enumerate(judged)
        if one.decision.outcome is not ReceiptOutcome.DUPLICATE
    ]
    settled = list(judged)
    credited = await credit_receipts(tenant, [one for _, one in new])
    for (place, _), one in zip(new, credited, strict=True):
        settled[place] = one
    return settled


def _archive(
    tenant: Tenant,
    entry: InboxEntry,
    settled: Receiving,
    times: tuple[datetime, datetime, datetime],
) -> ReceiptArchived:
    if settled.decision.outcome is ReceiptOutcome.DUPLICATE:
        return ReceiptArchived(inbox_id=entry.id, receipt=None, event=None, steps=())

    receipt = _receipt(tenant, entry, settled)
    return ReceiptArchived(
        inbox_id=entry.id,
        receipt=receipt,
        event=_event(tenant, receipt, settled.decision),
        steps=_steps(entry, receipt, times),
    )


def _receipt(tenant: Tenant, entry: InboxEntry, settled: Receiving) -> Receipt:
    decision = settled.decision
    notice, account, charge = entry.notice, decision.account, decision.charge
    assert decision.reason is not None, "only a duplicate has no reason"
    return Receipt(
        id=tenant.ids.new("pay"),
        end_to_end_id=notice.end_to_end_id,
        amount=notice.amount,
        reason=decision.reason,
        account_id=account.id if account else None,
        merchant_id=account.merchant_id if account else None,
        charge_id=charge.id if charge else None,
        payer=notice.payer,
        transfer_id=postings.pix_in_id(tenant.ispb, notice.end_to_end_id),
        received_at=entry.received_at,
        fee=settled.fee,
    )


def _event(tenant: Tenant, receipt: Receipt, decision: ReceiptDecision) -> Event | None:
    """What the merchant is told: the charge is paid, or money came that pays none."""
    if receipt.merchant_id is None:
        return None

    view: ChargeView | ReceiptView
    if decision.outcome is ReceiptOutcome.PAYS_CHARGE:
        assert decision.charge is not None, "a charge is paid that nobody named"
        paid = msgspec.structs.replace(
            decision.charge,
            status=ChargeStatus.PAID,
            paid_at=receipt.received_at,
            end_to_end_id=receipt.end_to_end_id,
            fee=receipt.fee,
        )
        kind, view = "pix.charge.paid", charge_view(paid)
    else:
        kind, view = "pix.receipt.credited", receipt_view(receipt)

    return Event(
        id=tenant.ids.new("evt"),
        merchant_id=receipt.merchant_id,
        type=kind,
        created_at=tenant.clock.now(),
        data=view,
    )


def _steps(
    entry: InboxEntry, receipt: Receipt, times: tuple[datetime, datetime, datetime]
) -> tuple[Step, ...]:
    studied_at, vault_at, archive_at = times
    walked = [
        (Room.POST_ROOM, entry.received_at, studied_at, entry.id),
        (Room.STUDY, studied_at, vault_at, receipt.reason.value),
        (Room.VAULT, vault_at, archive_at, tb_id_text(receipt.transfer_id)),
        (Room.ARCHIVE, archive_at, None, receipt.charge_id or receipt.id),
    ]
    return tuple(
        Step(receipt.end_to_end_id, room, entered, left, detail)
        for room, entered, left, detail in walked
    )
