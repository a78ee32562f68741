"""Archiving money received: the receipt, the charge it pays, and all that follows.

The Study judged each receipt on what it saw a moment ago. Here the charge is locked and has the
last word: a receipt that was to pay a charge which meanwhile is not pending is kept with the reason
that is true now, pays nothing, and its event is not sent.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from fluxiq.domain.records import Event, Receipt, ReceiptReason
from fluxiq.ports import Archived, ReceiptArchived
from fluxiq.stores import paperwork, telling
from fluxiq.stores.pool import Connection, uuid_of
from fluxiq.stores.rows import columns, digest_of

_REASON_OF_STATUS: Final = {
    "paid": ReceiptReason.CHARGE_ALREADY_PAID,
    "refunded": ReceiptReason.CHARGE_ALREADY_PAID,
    "expired": ReceiptReason.LATE,
    "cancelled": ReceiptReason.CHARGE_CANCELLED,
}

_LOCK: Final = """
SELECT id, status FROM charges WHERE id = ANY ($1::text[]) ORDER BY id FOR UPDATE
"""

# After the lock, in a statement (and so a snapshot) of its own.
_SEEN: Final = "SELECT end_to_end_id FROM receipts WHERE end_to_end_id = ANY ($1::text[])"

_INSERT: Final = """
INSERT INTO receipts (
    id, end_to_end_id, amount, reason, account_id, merchant_id, charge_id, payer, transfer_id,
    received_at
)
SELECT * FROM unnest(
    $1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[],
    $8::jsonb[], $9::uuid[], $10::timestamptz[]
) AS arrived (
    id, end_to_end_id, amount, reason, account_id, merchant_id, charge_id, payer, transfer_id,
    received_at
)
ORDER BY end_to_end_id
ON CONFLICT (end_to_end_id) DO NOTHING
RETURNING end_to_end_id
"""

_PAY: Final = """
UPDATE charges SET status = 'paid', paid_at = paid.at, end_to_end_id = paid.end_to_end_id
FROM unnest($1::text[], $2::timestamptz[], $3::text[]) AS paid (id, at, end_to_end_id)
WHERE charges.id = paid.id AND charges.status = 'pending'
"""


async def archive_receipts(
    connection: Connection, ispb: str, batch: Sequence[ReceiptArchived]
) -> Archived:
    arrived = {one.receipt.end_to_end_id: one.receipt for one in reversed(batch) if one.receipt}
    pending, other = await _lock_charges(connection, list(arrived.values()))
    seen = await _seen(connection, list(arrived))
    judged = _judge_again(
        [r for e2e, r in sorted(arrived.items()) if e2e not in seen], pending, other
    )

    inserted = await _insert(connection, judged)
    await _pay(connection, inserted)
    told = _events_of(batch, {receipt.end_to_end_id: receipt for receipt in inserted})
    announced = await telling.tell(connection, ispb, told)
    await paperwork.file(
        connection,
        steps=[step for one in batch for step in one.steps],
        audit=[_line(one) for one in inserted],
        inbox_ids=[one.inbox_id for one in batch],
        done=[one.inbox_id for one in batch],
    )
    return Archived(endpoint_ids=announced.endpoint_ids)


async def _lock_charges(
    connection: Connection, receipts: Sequence[Receipt]
) -> tuple[set[str], dict[str, ReceiptReason]]:
    """The charges still pending, and for the others why money no longer pays them."""
    wanted = [r.charge_id for r in receipts if r.reason is ReceiptReason.PAYS_CHARGE]
    rows = await connection.fetch(_LOCK, wanted)
    pending = {row["id"] for row in rows if row["status"] == "pending"}
    other = {
        row["id"]: _REASON_OF_STATUS[row["status"]] for row in rows if row["id"] not in pending
    }
    return pending, other


async def _seen(connection: Connection, end_to_end_ids: Sequence[str]) -> set[str]:
    return {row["end_to_end_id"] for row in await connection.fetch(_SEEN, end_to_end_ids)}


def _judge_again(
    receipts: Sequence[Receipt], pending: set[str], other: dict[str, ReceiptReason]
) -> list[Receipt]:
    """Each pending charge goes to the receipt that arrived first; the rest only credit."""
    judged = []
    free = set(pending)

    for receipt in sorted(receipts, key=lambda r: (r.received_at, r.end_to_end_id)):
        if receipt.reason is not ReceiptReason.PAYS_CHARGE:
            judged.append(receipt)
            continue

        assert receipt.charge_id is not None, "what pays a charge names it"
        if receipt.charge_id in free:
            free.remove(receipt.charge_id)
            judged.append(receipt)
        else:
            reason = other.get(receipt.charge_id, ReceiptReason.CHARGE_ALREADY_PAID)
            judged.append(msgspec.structs.replace(receipt, reason=reason))

    return judged


async def _insert(connection: Connection, receipts: Sequence[Receipt]) -> list[Receipt]:
    """Those that were really new: a rival may have archived the same money a moment ago."""
    rows = [
        (
            r.id,
            r.end_to_end_id,
            r.amount,
            r.reason,
            r.account_id,
            r.merchant_id,
            r.charge_id,
            r.payer,
            uuid_of(r.transfer_id),
            r.received_at,
        )
        for r in receipts
    ]
    if not rows:
        return []

    found = await connection.fetch(_INSERT, *columns(rows, 10))
    new = {row["end_to_end_id"] for row in found}
    return [receipt for receipt in receipts if receipt.end_to_end_id in new]


async def _pay(connection: Connection, receipts: Sequence[Receipt]) -> None:
    paying = [
        (receipt.charge_id, receipt.received_at, receipt.end_to_end_id)
        for receipt in receipts
        if receipt.reason is ReceiptReason.PAYS_CHARGE
    ]

    if paying:
        done = await connection.execute(_PAY, *columns(paying, 3))
        assert done == f"UPDATE {len(paying)}", "a locked pending charge stays pending"


def _events_of(
    batch: Sequence[ReceiptArchived], inserted: dict[str, Receipt]
) -> list[tuple[Event, str | None]]:
    """The events of what really happened as it was judged, each once."""
    told: list[tuple[Event, str | None]] = []
    left = dict(inserted)

    for one in batch:
        if one.receipt is None:
            continue

        kept = left.pop(one.receipt.end_to_end_id, None)
        if kept is not None and one.event is not None and kept.reason is one.receipt.reason:
            told.append((one.event, kept.end_to_end_id))

    return told


def _line(receipt: Receipt) -> paperwork.AuditLine:
    return paperwork.AuditLine(
        "provider", "receipt.archived", receipt.id, digest_of(receipt), receipt.reason
    )
