"""Reading the audit trail: by seals, by lines, by what somebody searches for."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from fluxiq.domain.audit import Line, Place, Purge, Seal
from fluxiq.domain.merkle import HASH_BYTES
from fluxiq.ports import Page
from fluxiq.ports.audit import Leaves, LinesWanted
from fluxiq.stores.audit_rows import LINE, line_of, seal_of
from fluxiq.stores.pool import Connection
from fluxiq.stores.rows import record

_SEALS: Final = "SELECT * FROM audit_seals WHERE seq > $1 ORDER BY seq LIMIT $2"
_SEALS_AT: Final = "SELECT * FROM audit_seals WHERE seq = ANY ($1::bigint[])"
_SEAL_OVER: Final = """
SELECT * FROM audit_seals WHERE (last_xid, last_id) >= ($1, $2) ORDER BY last_xid, last_id LIMIT 1
"""
_LEAVES: Final = "SELECT ids, leaves FROM audit_leaves WHERE seq = $1"
_PURGES: Final = "SELECT * FROM audit_purges WHERE seq BETWEEN $1 AND $2"

COUNTED_MAX: Final = 100_000  # who has more than that asks for fewer days

# Each filter is there only when it is wanted: a plan for all of them together would use no index.
_FILTERS: Final = {
    "merchant_id": "merchant_id = {}",
    "actor": "(actor = {0} OR credential = {0})",
    "subject": "subject = {}",
    "since": "at >= {}",
    "until": "at < {}",
}


async def seals(connection: Connection, after_seq: int, limit: int) -> list[Seal]:
    return [seal_of(row) for row in await connection.fetch(_SEALS, after_seq, limit)]


async def seals_at(connection: Connection, seqs: Sequence[int]) -> dict[int, Seal]:
    return {row["seq"]: seal_of(row) for row in await connection.fetch(_SEALS_AT, seqs)}


async def seal_over(connection: Connection, place: Place) -> Seal | None:
    row = await connection.fetchrow(_SEAL_OVER, place.xid, place.id)
    return None if row is None else seal_of(row)


async def leaves(connection: Connection, seq: int) -> Leaves | None:
    row = await connection.fetchrow(_LEAVES, seq)
    if row is None:
        return None

    packed = row["leaves"]
    hashes = (packed[at : at + HASH_BYTES] for at in range(0, len(packed), HASH_BYTES))
    return Leaves(ids=tuple(row["ids"]), hashes=tuple(hashes))


async def purges(connection: Connection, first_seq: int, last_seq: int) -> dict[int, Purge]:
    rows = await connection.fetch(_PURGES, first_seq, last_seq)
    return {row["seq"]: record(Purge, row) for row in rows}


async def find(connection: Connection, line_id: int) -> Line | None:
    row = await connection.fetchrow(f"SELECT {LINE} FROM audit_trail WHERE id = $1", line_id)  # noqa: S608 - a constant
    return None if row is None else line_of(row)


async def page(connection: Connection, wanted: LinesWanted, page: Page) -> tuple[list[Line], int]:
    condition, values = _condition(wanted)
    total = await connection.fetchval(
        f"""
        SELECT count(*) FROM (
            SELECT FROM audit_trail {condition} LIMIT {COUNTED_MAX}
        ) AS line
        """,  # noqa: S608 - of constants
        *values,
    )
    rows = await connection.fetch(
        f"""
        SELECT {LINE} FROM audit_trail {condition}
        ORDER BY id DESC LIMIT {page.size} OFFSET {(page.number - 1) * page.size}
        """,  # noqa: S608 - of constants and numbers
        *values,
    )
    return [line_of(row) for row in rows], total


async def export(
    connection: Connection, wanted: LinesWanted, after: Place, limit: int
) -> list[Line]:
    condition, values = _condition(wanted, after)
    rows = await connection.fetch(
        f"SELECT {LINE} FROM audit_trail {condition} ORDER BY xid, id LIMIT {limit}",  # noqa: S608 - of constants and a number
        *values,
    )
    return [line_of(row) for row in rows]


async def actions_under(connection: Connection, seal: Seal) -> dict[str, datetime]:
    rows = await connection.fetch(
        """
        SELECT action, max(at) AS at FROM audit_trail
        WHERE (xid, id) >= ($1, $2) AND (xid, id) <= ($3, $4) GROUP BY action
        """,
        seal.first.xid,
        seal.first.id,
        seal.last.xid,
        seal.last.id,
    )
    return {row["action"]: row["at"] for row in rows}


def _condition(wanted: LinesWanted, after: Place | None = None) -> tuple[str, list[Any]]:
    """`WHERE` and its values."""
    parts: list[str] = []
    values: list[Any] = []
    if after is not None:
        parts, values = ["(xid, id) > ($1, $2)"], [after.xid, after.id]

    for name, text in _FILTERS.items():
        value = getattr(wanted, name)
        if value is not None:
            values.append(value)
            parts.append(text.format(f"${len(values)}"))

    if wanted.action is not None:
        values.append(wanted.action)
        begins = wanted.action.endswith(".")
        parts.append(("starts_with(action, ${})" if begins else "action = ${}").format(len(values)))
    return f"WHERE {' AND '.join(parts)}" if parts else "", values
