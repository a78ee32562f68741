"""Payouts that came back: each return once, counted into its payout.

The ledger has credited it before, under an id derived from the return id. Here the payout is locked
and has the last word about its stage.
"""

from collections.abc import Sequence
from typing import Final

from fluxiq.domain.records import PayoutReturn
from fluxiq.ports import Archived
from fluxiq.ports.refunds import ReturnArchived
from fluxiq.stores import paperwork, telling
from fluxiq.stores.pool import Connection, int_of, uuid_of
from fluxiq.stores.rows import columns, digest_of, record
from fluxiq.stores.sealed import House
from fluxiq.stores.statement import Part, compose

_ARCHIVE: Final = compose(
    [
        Part(
            "arrived (return_id, payout_id, amount, reason_code, transfer_id, returned_at)",
            """
            SELECT * FROM unnest(
                $1::text[], $2::text[], $3::bigint[], $4::text[], $5::uuid[], $6::timestamptz[]
            )
            """,
        ),
        # In the order of their ids, as outcomes lock theirs; and before any return is written.
        Part(
            "locked",
            """
            SELECT id FROM payouts WHERE id = ANY (ARRAY(SELECT payout_id FROM arrived))
            ORDER BY id FOR UPDATE
            """,
        ),
        Part(
            "archived",
            """
            INSERT INTO payout_returns (
                return_id, payout_id, amount, reason_code, transfer_id, returned_at
            )
            SELECT arrived.* FROM arrived JOIN locked ON locked.id = arrived.payout_id
            ORDER BY arrived.return_id
            ON CONFLICT (return_id) DO NOTHING
            RETURNING return_id, payout_id, amount, returned_at
            """,
        ),
        Part(
            "came_back (payout_id, total, last_at)",
            "SELECT payout_id, sum(amount), max(returned_at) FROM archived GROUP BY payout_id",
        ),
        Part(
            "counted",
            """
            UPDATE payouts SET
                returned_amount = payouts.returned_amount + came_back.total,
                updated_at = greatest(payouts.updated_at, came_back.last_at),
                stage = CASE
                    WHEN payouts.returned_amount + came_back.total = payouts.amount THEN 'returned'
                    ELSE payouts.stage
                END
            FROM came_back WHERE payouts.id = came_back.payout_id
            """,
        ),
        Part("happened (what)", "SELECT return_id FROM archived"),
        *telling.TELLING,
        paperwork.WALKED,
        paperwork.AUDITED,
        paperwork.CLOSED,
        paperwork.DONE,
    ],
    telling.RESULT,
)


async def find_returns(
    connection: Connection, return_ids: Sequence[str]
) -> dict[str, PayoutReturn]:
    rows = await connection.fetch(
        "SELECT * FROM payout_returns WHERE return_id = ANY ($1::text[])", return_ids
    )
    return {
        row["return_id"]: record(PayoutReturn, {**row, "transfer_id": int_of(row["transfer_id"])})
        for row in rows
    }


async def archive_returns(
    connection: Connection, house: House, batch: Sequence[ReturnArchived]
) -> Archived:
    first = {one.returned.return_id: one for one in reversed(batch) if one.returned is not None}
    arrived = [one.returned for one in first.values() if one.returned is not None]
    closed: list[tuple[str, str | None]] = [(one.inbox_id, None) for one in batch]
    rows = await connection.fetch(
        _ARCHIVE,
        *columns([_row(returned) for returned in arrived], 6),
        *telling.told(
            house,
            [
                telling.Telling(one.event, one.payout.end_to_end_id, return_id)
                for return_id, one in first.items()
                if one.event is not None and one.payout is not None
            ],
        ),
        *paperwork.walked((step, _given(one)) for one in batch for step in one.steps),
        *paperwork.audited(_line(one) for one in batch),
        *paperwork.ended(closed),
        *paperwork.ended(closed),
    )
    return Archived(endpoint_ids=telling.Told.of_rows(rows).endpoint_ids)


def _given(archived: ReturnArchived) -> str | None:
    return None if archived.returned is None else archived.returned.return_id


def _row(returned: PayoutReturn) -> tuple[object, ...]:
    return (
        returned.return_id,
        returned.payout_id,
        returned.amount,
        returned.reason_code,
        uuid_of(returned.transfer_id),
        returned.returned_at,
    )


def _line(archived: ReturnArchived) -> paperwork.AuditLine:
    """A return, given that it is new; or why it changed nothing."""
    returned = archived.returned
    if returned is None:
        return paperwork.AuditLine(
            "provider",
            "return.ignored",
            archived.inbox_id,
            digest_of(archived),
            archived.note,
        )
    return paperwork.AuditLine(
        "provider",
        "payout.returned",
        returned.payout_id,
        digest_of(returned),
        returned.return_id,
        returned.return_id,
        merchant_id=None if archived.payout is None else archived.payout.merchant_id,
    )
