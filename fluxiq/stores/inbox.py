"""The visitors' book: what providers told us, each of their events once and for ever."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, Final

from fluxiq.domain.records import Account, Charge, InboxEntry, Receipt
from fluxiq.ports import NoticeRecorded, ReceiptContext
from fluxiq.stores import paperwork
from fluxiq.stores.pool import Connection, int_of
from fluxiq.stores.rows import account_of, columns, record

# Sorted, so that two batches with the same events wait for each other in one direction only.
_INSERT: Final = """
INSERT INTO inbox (id, provider, event_id, notice, received_at)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::jsonb[], $5::timestamptz[])
    AS told (id, provider, event_id, notice, received_at)
ORDER BY provider, event_id
ON CONFLICT (provider, event_id) DO NOTHING
RETURNING id
"""

_ACCOUNTS: Final = """
SELECT accounts.*, NULL AS pix_key FROM accounts WHERE id = ANY ($1::text[])
UNION ALL
SELECT accounts.*, pix_keys.key FROM pix_keys JOIN accounts ON accounts.id = pix_keys.account_id
WHERE pix_keys.key = ANY ($2::text[])
"""


async def record_notices(
    connection: Connection, batches: Sequence[Sequence[NoticeRecorded]]
) -> list[list[bool]]:
    """For each notice of each batch, whether it is new; of equal ones the first is."""
    first: dict[tuple[str, str], NoticeRecorded] = {}
    for one in itertools.chain.from_iterable(batches):
        first.setdefault((one.entry.provider, one.entry.notice.event_id), one)

    entries = [one.entry for one in first.values()]
    rows = [(e.id, e.provider, e.notice.event_id, e.notice, e.received_at) for e in entries]
    found = {row["id"] for row in await connection.fetch(_INSERT, *columns(rows, 5))}

    new = [one for one in first.values() if one.entry.id in found]
    if new:
        await paperwork.file(
            connection,
            steps=[step for one in new for step in one.steps],
            announcements=[
                paperwork.Announcement(one.message, one.entry.id, one.entry.received_at)
                for one in new
            ],
        )

    winners = {id(one) for one in new}
    return [[_is_first(one, winners) for one in batch] for batch in batches]


async def receipt_contexts(
    connection: Connection, entries: Sequence[InboxEntry]
) -> list[ReceiptContext]:
    """What the Study needs for each entry, in three statements for all of them."""
    notices = [entry.notice for entry in entries]
    charges = await _charges(connection, [n.txid for n in notices if n.txid is not None])
    receipts = await _receipts(connection, [n.end_to_end_id for n in notices])
    by_id, by_key = await _accounts(
        connection,
        [charge.account_id for charge in charges.values()],
        [n.pix_key for n in notices if n.pix_key is not None],
    )

    contexts = []
    for notice in notices:
        charge = charges.get(notice.txid or "")
        contexts.append(
            ReceiptContext(
                charge=charge,
                key_owner=by_key.get(notice.pix_key or ""),
                charge_owner=None if charge is None else by_id[charge.account_id],
                receipt=receipts.get(notice.end_to_end_id),
            )
        )
    return contexts


async def _charges(connection: Connection, txids: Sequence[str]) -> dict[str, Charge]:
    rows = await connection.fetch("SELECT * FROM charges WHERE txid = ANY ($1::text[])", txids)
    return {row["txid"]: record(Charge, row) for row in rows}


async def _receipts(connection: Connection, end_to_end_ids: Sequence[str]) -> dict[str, Receipt]:
    rows = await connection.fetch(
        "SELECT * FROM receipts WHERE end_to_end_id = ANY ($1::text[])", end_to_end_ids
    )
    return {row["end_to_end_id"]: _receipt_of(row) for row in rows}


async def _accounts(
    connection: Connection, account_ids: Sequence[str], pix_keys: Sequence[str]
) -> tuple[dict[str, Account], dict[str, Account]]:
    """The accounts with these ids, and the owners of these keys."""
    rows = await connection.fetch(_ACCOUNTS, account_ids, pix_keys)
    by_id = {row["id"]: account_of(row) for row in rows if row["pix_key"] is None}
    by_key = {row["pix_key"]: account_of(row) for row in rows if row["pix_key"] is not None}
    return by_id, by_key


def _is_first(one: NoticeRecorded, winners: set[int]) -> bool:
    """Whether this very notice was written; taking it out, for a caller who says it twice."""
    if id(one) not in winners:
        return False

    winners.remove(id(one))
    return True


def _receipt_of(row: Mapping[str, Any]) -> Receipt:
    return record(Receipt, {**row, "transfer_id": int_of(row["transfer_id"])})
