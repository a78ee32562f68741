"""Archiving money received: the receipt, the charge it pays, and all that follows.

The Study judged each receipt on what it saw a moment ago. Here the charge is locked and has the
last word: a receipt that was to pay a charge which meanwhile is not pending is kept with the reason
that is true now, pays nothing, and its event is not sent.

That is rare, so what stands as it was judged is archived in one statement (`archive_as_judged`),
and what is left over is judged again in a transaction (`archive_judged_again`).
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from fluxiq.domain.records import Receipt, ReceiptReason
from fluxiq.ports import Archived, ReceiptArchived
from fluxiq.stores import paperwork, telling
from fluxiq.stores.pool import Connection, uuid_of
from fluxiq.stores.rows import columns, digest_of
from fluxiq.stores.statement import Part, compose

_REASON_OF_STATUS: Final = {
    "paid": ReceiptReason.CHARGE_ALREADY_PAID,
    "refunded": ReceiptReason.CHARGE_ALREADY_PAID,
    "expired": ReceiptReason.LATE,
    "cancelled": ReceiptReason.CHARGE_CANCELLED,
}

_ARCHIVE_AS_JUDGED: Final = compose(
    [
        Part(
            """arrived (
                id, end_to_end_id, amount, reason, account_id, merchant_id, charge_id, payer,
                transfer_id, received_at
            )""",
            """
            SELECT * FROM unnest(
                $1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[],
                $7::text[], $8::jsonb[], $9::uuid[], $10::timestamptz[]
            )
            """,
        ),
        Part(
            "locked",
            """
            SELECT id, status FROM charges
            WHERE id = ANY (ARRAY(SELECT charge_id FROM arrived WHERE reason = 'pays_charge'))
            ORDER BY id FOR UPDATE
            """,
        ),
        Part(
            "standing",
            """
            SELECT arrived.* FROM arrived LEFT JOIN locked ON locked.id = arrived.charge_id
            WHERE arrived.reason <> 'pays_charge' OR locked.status = 'pending'
            """,
        ),
        # The sort has every charge locked before the first receipt waits for a rival's.
        Part(
            "archived",
            """
            INSERT INTO receipts (
                id, end_to_end_id, amount, reason, account_id, merchant_id, charge_id, payer,
                transfer_id, received_at
            )
            SELECT * FROM standing ORDER BY end_to_end_id
            ON CONFLICT (end_to_end_id) DO NOTHING
            RETURNING id, end_to_end_id, reason, charge_id, received_at
            """,
        ),
        Part(
            "paid",
            """
            UPDATE charges SET
                status = 'paid', paid_at = archived.received_at,
                end_to_end_id = archived.end_to_end_id
            FROM archived
            WHERE charges.id = archived.charge_id AND archived.reason = 'pays_charge'
            """,
        ),
        # An end-to-end id: it stands as it was judged. A receipt's id: and it is new.
        Part(
            "happened (what)",
            "SELECT end_to_end_id FROM standing UNION ALL SELECT id FROM archived",
        ),
        *telling.TELLING,
        paperwork.WALKED,
        paperwork.AUDITED,
        paperwork.CLOSED,
        paperwork.DONE,
    ],
    telling.RESULT,
)

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


async def archive_as_judged(
    connection: Connection, ispb: str, batch: Sequence[ReceiptArchived]
) -> tuple[Archived, list[ReceiptArchived]]:
    """Also returns what does not stand as it was judged; of that nothing is written."""
    first = {one.receipt.end_to_end_id: one for one in reversed(batch) if one.receipt}
    if _rivals([one.receipt for one in first.values() if one.receipt]):
        return Archived(), list(batch)

    arrived = [one.receipt for one in first.values() if one.receipt]
    ended = [(one.inbox_id, _reference(one)) for one in batch]
    rows = await connection.fetch(
        _ARCHIVE_AS_JUDGED,
        *columns([_row(receipt) for receipt in arrived], 10),
        *telling.told(
            ispb,
            [
                telling.Telling(event, end_to_end_id, receipt.id)
                for end_to_end_id, one in first.items()
                if (receipt := one.receipt) and (event := one.event)
            ],
        ),
        *paperwork.walked((step, _reference(one)) for one in batch for step in one.steps),
        *paperwork.audited(_line(receipt, given=receipt.id) for receipt in arrived),
        *paperwork.ended(ended),
        *paperwork.ended(ended),
    )
    told = telling.Told.of_rows(rows)
    left = [one for one in batch if one.receipt and _reference(one) not in told.happened]
    return Archived(endpoint_ids=told.endpoint_ids), left


async def archive_judged_again(
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


def _rivals(receipts: Sequence[Receipt]) -> bool:
    """Whether one charge is to be paid twice here: which receipt came first needs judgement."""
    paid = [r.charge_id for r in receipts if r.reason is ReceiptReason.PAYS_CHARGE]
    return len(set(paid)) < len(paid)


def _reference(one: ReceiptArchived) -> str | None:
    return None if one.receipt is None else one.receipt.end_to_end_id


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
    rows = [_row(receipt) for receipt in receipts]
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


def _row(receipt: Receipt) -> tuple[object, ...]:
    return (
        receipt.id,
        receipt.end_to_end_id,
        receipt.amount,
        receipt.reason,
        receipt.account_id,
        receipt.merchant_id,
        receipt.charge_id,
        receipt.payer,
        uuid_of(receipt.transfer_id),
        receipt.received_at,
    )


def _events_of(
    batch: Sequence[ReceiptArchived], inserted: dict[str, Receipt]
) -> list[telling.Telling]:
    """The events of what really happened as it was judged, each once."""
    told: list[telling.Telling] = []
    left = dict(inserted)

    for one in batch:
        if one.receipt is None:
            continue

        kept = left.pop(one.receipt.end_to_end_id, None)
        if kept is not None and one.event is not None and kept.reason is one.receipt.reason:
            told.append(telling.Telling(one.event, kept.end_to_end_id))

    return told


def _line(receipt: Receipt, *, given: str | None = None) -> paperwork.AuditLine:
    return paperwork.AuditLine(
        "provider", "receipt.archived", receipt.id, digest_of(receipt), receipt.reason, given
    )
