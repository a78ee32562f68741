"""The visitors' book: what providers told us, each of their events once and for ever."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from msgspec import Struct

from fluxiq.domain.fee import NO_FEE, FeePlan
from fluxiq.domain.records import Account, Charge, InboxEntry, Receipt
from fluxiq.ports import NoticeRecorded, ReceiptContext
from fluxiq.stores import paperwork
from fluxiq.stores.pool import Connection
from fluxiq.stores.rows import columns, digest_of, record
from fluxiq.stores.sealed import NOTICE, House, key_index
from fluxiq.stores.sealed_records import account_of, charge_of, receipt_of
from fluxiq.stores.statement import HAPPENED, Part, compose

R = TypeVar("R", bound=Struct)

# Sorted, so that two batches with the same events wait for each other in one direction only.
_INSERTED: Final = Part(
    "happened (what)",
    """
    INSERT INTO inbox (id, provider, event_id, notice, received_at)
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bytea[], $5::timestamptz[])
        AS told (id, provider, event_id, notice, received_at)
    ORDER BY provider, event_id
    ON CONFLICT (provider, event_id) DO NOTHING
    RETURNING id
    """,
)
_RECORD: Final = compose(
    [_INSERTED, paperwork.WALKED, paperwork.AUDITED, paperwork.ORDERED], HAPPENED
)


def _selected(kind: type[Struct], name: str) -> str:
    """The fields of `kind` from the table that is called `name`, as columns named after both."""
    return ", ".join(f'{name}.{field} AS "{name}.{field}"' for field in kind.__struct_fields__)


# The account that is credited is the key's, else the charge's (`domain.receipt`).
_CONTEXTS: Final = f"""
SELECT
    {_selected(Charge, "charge")}, {_selected(Account, "charge_owner")},
    {_selected(Account, "key_owner")}, {_selected(Receipt, "receipt")},
    {_selected(FeePlan, "agreed")}
FROM unnest($1::text[], $2::text[], $3::bytea[]) WITH ORDINALITY
    AS asked (txid, end_to_end_id, key_index, number)
LEFT JOIN charges AS charge ON charge.txid = asked.txid
LEFT JOIN accounts AS charge_owner ON charge_owner.id = charge.account_id
LEFT JOIN pix_keys ON pix_keys.key_index = asked.key_index
LEFT JOIN accounts AS key_owner ON key_owner.id = pix_keys.account_id
LEFT JOIN receipts AS receipt ON receipt.end_to_end_id = asked.end_to_end_id
LEFT JOIN LATERAL (
    SELECT * FROM agreed_fees
    WHERE merchant_id = coalesce(key_owner.merchant_id, charge_owner.merchant_id)
    ORDER BY version DESC LIMIT 1
) AS agreed ON true
ORDER BY number
"""  # noqa: S608 - a constant


async def record_notices(
    connection: Connection, house: House, batches: Sequence[Sequence[NoticeRecorded]]
) -> list[list[bool]]:
    """For each notice of each batch, whether it is new; of equal ones the first is."""
    first: dict[tuple[str, str], NoticeRecorded] = {}
    for one in itertools.chain.from_iterable(batches):
        first.setdefault((one.entry.provider, one.entry.notice.event_id), one)

    entries = [one.entry for one in first.values()]
    rows = [_row(house, one) for one in entries]
    found = await connection.fetch(
        _RECORD,
        *columns(rows, 5),
        *paperwork.walked((step, one.entry.id) for one in first.values() for step in one.steps),
        *paperwork.audited(_line(one) for one in first.values()),
        *paperwork.ordered(
            paperwork.Announcement(
                one.message, one.entry.id, one.entry.received_at, given=one.entry.id
            )
            for one in first.values()
        ),
    )

    inserted = {row["what"] for row in found}
    new = [one for one in first.values() if one.entry.id in inserted]
    winners = {id(one) for one in new}
    return [[_is_first(one, winners) for one in batch] for batch in batches]


async def receipt_contexts(
    connection: Connection, house: House, entries: Sequence[InboxEntry]
) -> list[ReceiptContext]:
    """What the Study needs for each entry, in the order of `entries`."""
    asked = [(e.notice.txid, e.notice.end_to_end_id, _key_index(house, e)) for e in entries]
    rows = await connection.fetch(_CONTEXTS, *columns(asked, 3))
    return [
        ReceiptContext(
            charge=_found(house, charge_of, Charge, "charge", row),
            key_owner=_found(house, account_of, Account, "key_owner", row),
            charge_owner=_found(house, account_of, Account, "charge_owner", row),
            receipt=_found(house, receipt_of, Receipt, "receipt", row),
            fee=_plan_of(row),
        )
        for row in rows
    ]


def _row(house: House, entry: InboxEntry) -> tuple[object, ...]:
    notice = entry.notice
    sealed = house.seal_json(notice, NOTICE, entry.id)
    return entry.id, entry.provider, notice.event_id, sealed, entry.received_at


def _key_index(house: House, entry: InboxEntry) -> bytes | None:
    key = entry.notice.pix_key
    return None if key is None else key_index(house, key)


def _plan_of(row: Mapping[str, Any]) -> FeePlan:
    if row["agreed.fixed"] is None:
        return NO_FEE
    return record(FeePlan, {name: row[f"agreed.{name}"] for name in FeePlan.__struct_fields__})


def _found(
    house: House,
    read: Callable[[House, Mapping[str, Any]], R],
    kind: type[R],
    name: str,
    row: Mapping[str, Any],
) -> R | None:
    """What `_selected` has selected under `name`."""
    if row[f"{name}.id"] is None:
        return None
    return read(house, {field: row[f"{name}.{field}"] for field in kind.__struct_fields__})


def _line(recorded: NoticeRecorded) -> paperwork.AuditLine:
    """That it was heard, which decides what happens to money, also where nothing follows."""
    entry = recorded.entry
    return paperwork.AuditLine(
        "provider",
        "notice.recorded",
        entry.id,
        digest_of(entry.notice),
        entry.provider,
        entry.id,
        origin=recorded.origin,
    )


def _is_first(one: NoticeRecorded, winners: set[int]) -> bool:
    """Whether this very notice was written; taking it out, for a caller who says it twice."""
    if id(one) not in winners:
        return False

    winners.remove(id(one))
    return True
