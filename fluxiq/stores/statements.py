"""Statements: an account's posted movements, from the ledger's copy in Postgres.

`ledger_transfers` has what either backend put on the books, in the order of `timestamp`; a larger
one was always committed later, and counters change in the same transaction. So the balance of now,
less what came after a moment, is the balance of that moment, and rows up to a timestamp that was
seen stay as they are. Sums go backwards from now: a recent period costs what is in it.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from msgspec import Struct

from fluxiq.domain.identifiers import IdPrefix
from fluxiq.domain.ledger_records import TIMESTAMP_MAX
from fluxiq.domain.postings import TransferCode
from fluxiq.domain.references import end_to_end_id_of, ulid_id_of
from fluxiq.domain.statement import Movement, Period, StatementHead
from fluxiq.ports.accounts import Statements
from fluxiq.stores.pool import Connection, Postgres, int_of, uuid_of

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

# The conditions on flags and code are those of the two indexes (migration 0006_transfers).
_DEBITED: Final = """
    SELECT id, timestamp, code, user_data_128, -amount AS amount FROM ledger_transfers
    WHERE debit_account_id = $1 AND flags & 10 = 0 AND code NOT IN (1, 2, 4, 6, 9)
        AND timestamp > $2
"""
_CREDITED: Final = """
    SELECT id, timestamp, code, user_data_128, amount FROM ledger_transfers
    WHERE credit_account_id = $1 AND flags & 10 = 0 AND code NOT IN (2, 3, 5, 6, 8)
        AND timestamp > $2
"""
_MOVEMENT: Final = f"{_DEBITED} UNION ALL {_CREDITED}"

# Each side is read in the order of its index, and no further than $4 rows: together they have the
# first $4 of both.
_FIRST: Final = f"""
    ({_DEBITED} AND timestamp <= $3 ORDER BY timestamp LIMIT $4)
    UNION ALL
    ({_CREDITED} AND timestamp <= $3 ORDER BY timestamp LIMIT $4)
    ORDER BY timestamp LIMIT $4
"""

_HEAD: Final = f"""
WITH movement AS ({_MOVEMENT})
SELECT
    account.credits_posted - account.debits_posted AS balance,
    coalesce(sum(amount) FILTER (WHERE timestamp > $3), 0)::bigint AS later,
    coalesce(sum(amount) FILTER (WHERE timestamp <= $3), 0)::bigint AS within,
    count(*) FILTER (WHERE timestamp <= $3) AS lines,
    max(timestamp) FILTER (WHERE timestamp <= $3) AS last
FROM ledger_accounts AS account LEFT JOIN movement ON true
WHERE account.id = $1
GROUP BY account.id
"""  # noqa: S608 - constants

_SKIPPED: Final = f"""
SELECT max(timestamp) AS last, sum(amount)::bigint AS amount, count(*) AS lines
FROM ({_FIRST}) AS skipped
"""  # noqa: S608 - constants

_DESCRIBED: Final = """
SELECT
    transfer_id::text AS found, receipts.id AS reference,
    coalesce(charges.description, '') AS description
FROM receipts LEFT JOIN charges ON charges.id = receipts.charge_id
WHERE transfer_id = ANY ($1::uuid[])
UNION ALL
SELECT end_to_end_id, id, description FROM payouts WHERE end_to_end_id = ANY ($2::text[])
UNION ALL
SELECT return_id, id, description FROM refunds WHERE return_id = ANY ($2::text[])
UNION ALL
SELECT payout_returns.transfer_id::text, payouts.id, payouts.description
FROM payout_returns JOIN payouts ON payouts.id = payout_returns.payout_id
WHERE payout_returns.transfer_id = ANY ($1::uuid[])
UNION ALL
SELECT id, id, description FROM transfers WHERE id = ANY ($2::text[])
"""


class PostgresStatements(Statements):
    """Of institution `ispb`, whose schema `postgres` sees."""

    def __init__(self, postgres: Postgres, ispb: str) -> None:
        self._postgres = postgres
        self._ispb = ispb

    async def head(self, ledger_id: int, period: Period) -> StatementHead | None:
        after = 0 if period.since is None else _before(period.since)
        until = TIMESTAMP_MAX if period.until is None else _before(period.until)
        return await self._postgres.run(_head, ledger_id, after, until)

    async def movements(
        self, ledger_id: int, head: StatementHead, *, limit: int, offset: int = 0, after: int = 0
    ) -> list[Movement]:
        wanted = _Wanted(uuid_of(ledger_id), max(after, head.after), head.last, limit, offset)
        return await self._postgres.run(_movements, self._ispb, wanted)


class _Wanted(Struct, frozen=True):
    """Which movements: those above `after`, up to `last`, `limit` of them after `offset`."""

    account: UUID
    after: int
    last: int
    limit: int
    offset: int


async def _head(
    connection: Connection, ledger_id: int, after: int, until: int
) -> StatementHead | None:
    row = await connection.fetchrow(_HEAD, uuid_of(ledger_id), after, until)
    if row is None:
        return None

    closing = row["balance"] - row["later"]
    return StatementHead(
        opening_balance=closing - row["within"],
        closing_balance=closing,
        lines=row["lines"],
        after=after,
        last=after if row["last"] is None else row["last"],
    )


async def _movements(connection: Connection, ispb: str, wanted: _Wanted) -> list[Movement]:
    after, running = wanted.after, 0
    if wanted.offset:
        skipped = await connection.fetchrow(
            _SKIPPED, wanted.account, after, wanted.last, wanted.offset
        )
        if skipped["lines"] < wanted.offset:
            return []
        after, running = skipped["last"], skipped["amount"]

    rows = await connection.fetch(_FIRST, wanted.account, after, wanted.last, wanted.limit)
    names = [_name_of(ispb, row) for row in rows]
    described = await _describe(connection, rows, names)
    movements = []

    for row, name in zip(rows, names, strict=True):
        running += row["amount"]
        reference, description = described.get(name or str(_record_of(row)), (name, ""))
        movements.append(
            Movement(
                id=int_of(row["id"]),
                timestamp=row["timestamp"],
                code=row["code"],
                amount=row["amount"],
                running=running,
                reference=reference,
                description=description,
            )
        )

    return movements


async def _describe(
    connection: Connection, rows: Sequence[Any], names: Sequence[str | None]
) -> dict[str, tuple[str, str]]:
    """The records behind a page of movements: by name, or by ledger id where there is no name."""
    named = [name for name in names if name is not None]
    nameless = [_record_of(row) for row, name in zip(rows, names, strict=True) if name is None]
    found = await connection.fetch(_DESCRIBED, nameless, named)
    return {one["found"]: (one["reference"], one["description"]) for one in found}


def _name_of(ispb: str, row: Any) -> str | None:
    """What the ledger itself says a movement belongs to; None where only a record knows."""
    if row["user_data_128"] is None:
        return None

    reference = int_of(row["user_data_128"])
    match row["code"]:
        case TransferCode.PIX_OUT:
            return end_to_end_id_of("E", ispb, reference)
        case TransferCode.PIX_REFUND:
            return end_to_end_id_of("D", ispb, reference)
        case TransferCode.BOOK_TRANSFER:
            return ulid_id_of(IdPrefix.TRANSFER, reference)

    return None


def _record_of(row: Any) -> UUID:
    """The ledger id under which a record has a movement: its own, or of a fee its receipt's."""
    found: UUID = row["user_data_128"] if row["code"] == TransferCode.FEE else row["id"]
    return found


def _before(moment: datetime) -> int:
    """The last nanosecond before `moment`, as the ledger counts them."""
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1_000 - 1
