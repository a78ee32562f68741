"""Archiving money received: the receipt, the charge it pays, and all that follows.

The Study judged each receipt on what it saw a moment ago. Here the charge is locked and has the
last word: a receipt that was to pay a charge which meanwhile is not pending is not archived. It has
to be studied again, so that its merchant is told what is true.
"""

from collections.abc import Sequence
from typing import Final

from fluxiq.domain.records import Receipt, ReceiptReason
from fluxiq.ports import Archived, ReceiptArchived
from fluxiq.stores import paperwork, telling
from fluxiq.stores.payers import payer_index
from fluxiq.stores.pool import Connection, uuid_of
from fluxiq.stores.rows import columns, digest_of
from fluxiq.stores.sealed import RECEIPT_PAYER, House
from fluxiq.stores.sealed_records import sealed_payer
from fluxiq.stores.statement import Part, compose

_ARCHIVE: Final = compose(
    [
        Part(
            """arrived (
                id, end_to_end_id, amount, reason, account_id, merchant_id, charge_id, payer,
                transfer_id, received_at, payer_index, fee
            )""",
            """
            SELECT * FROM unnest(
                $1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[],
                $7::text[], $8::bytea[], $9::uuid[], $10::timestamptz[], $11::bytea[],
                $12::bigint[]
            )
            """,
        ),
        Part(
            "locked",
            """
            SELECT id, status, end_to_end_id FROM charges
            WHERE id = ANY (ARRAY(SELECT charge_id FROM arrived WHERE reason = 'pays_charge'))
            ORDER BY id FOR UPDATE
            """,
        ),
        # A charge that this very money has paid stands too: archiving twice is archiving once.
        Part(
            "standing",
            """
            SELECT arrived.* FROM arrived LEFT JOIN locked ON locked.id = arrived.charge_id
            WHERE arrived.reason <> 'pays_charge' OR locked.status = 'pending'
                OR locked.end_to_end_id = arrived.end_to_end_id
            """,
        ),
        # The sort has every charge locked before the first receipt waits for a rival's.
        Part(
            "archived",
            """
            INSERT INTO receipts (
                id, end_to_end_id, amount, reason, account_id, merchant_id, charge_id, payer,
                transfer_id, received_at, payer_index, fee
            )
            SELECT * FROM standing ORDER BY end_to_end_id
            ON CONFLICT (end_to_end_id) DO NOTHING
            RETURNING id, end_to_end_id, reason, charge_id, received_at, fee
            """,
        ),
        Part(
            "paid",
            """
            UPDATE charges SET
                status = 'paid', paid_at = archived.received_at,
                end_to_end_id = archived.end_to_end_id, fee = archived.fee
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


async def archive_receipts(
    connection: Connection, house: House, batch: Sequence[ReceiptArchived]
) -> tuple[Archived, list[str]]:
    """Also the end-to-end ids of what does not stand as it was judged: nothing of it is written."""
    first = {one.receipt.end_to_end_id: one for one in reversed(batch) if one.receipt}
    arrived = [one.receipt for one in first.values() if one.receipt]
    assert not _rivals(arrived), "the Study lets one receipt of a batch pay a charge"
    ended = [(one.inbox_id, _reference(one)) for one in batch]
    rows = await connection.fetch(
        _ARCHIVE,
        *columns([_row(house, receipt) for receipt in arrived], 12),
        *telling.told(
            house,
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
    left = [end_to_end_id for end_to_end_id in first if end_to_end_id not in told.happened]
    return Archived(endpoint_ids=told.endpoint_ids), left


def _rivals(receipts: Sequence[Receipt]) -> bool:
    """Whether one charge is to be paid twice here."""
    paid = [r.charge_id for r in receipts if r.reason is ReceiptReason.PAYS_CHARGE]
    return len(set(paid)) < len(paid)


def _reference(one: ReceiptArchived) -> str | None:
    return None if one.receipt is None else one.receipt.end_to_end_id


def _row(house: House, receipt: Receipt) -> tuple[object, ...]:
    return (
        receipt.id,
        receipt.end_to_end_id,
        receipt.amount,
        receipt.reason,
        receipt.account_id,
        receipt.merchant_id,
        receipt.charge_id,
        sealed_payer(house, receipt.payer, RECEIPT_PAYER, receipt.id),
        uuid_of(receipt.transfer_id),
        receipt.received_at,
        payer_index(house, receipt.payer),
        receipt.fee,
    )


def _line(receipt: Receipt, *, given: str) -> paperwork.AuditLine:
    return paperwork.AuditLine(
        "provider",
        "receipt.archived",
        receipt.id,
        digest_of(receipt),
        receipt.reason,
        given,
        merchant_id=receipt.merchant_id,
    )
