"""Sealing the audit trail: which lines can be sealed, the seals, and which of them were published.

Lines are sealed in the order of their transactions, below the oldest one that is still open
(`pg_snapshot_xmin`): all before it have ended, so none of them can still bring a line.
"""

from collections.abc import Sequence
from typing import Any, Final

from fluxiq.domain.audit import Line, Place, Seal
from fluxiq.errors import Refused
from fluxiq.ports.audit import Leaves, Waiting
from fluxiq.stores.audit_rows import LINE, line_of, seal_of
from fluxiq.stores.pool import Connection

# One snapshot for both: of the horizon, and of the lines below it.
_HORIZON: Final = "(pg_snapshot_xmin(pg_current_snapshot())::text::bigint)"
_SEALABLE: Final = f"""
SELECT {LINE} FROM audit_trail WHERE (xid, id) > ($1, $2) AND xid < {_HORIZON}
ORDER BY xid, id LIMIT $3
"""  # noqa: S608 - constants
# Transactions are numbered upwards, through crashes and on replicas; a dump that is restored into
# another server begins anew.
_WENT_BACK: Final = f"SELECT {_HORIZON} < $1"

_HEAD: Final = "SELECT * FROM audit_seals ORDER BY seq DESC LIMIT 1"

_ADD: Final = """
WITH sealed AS (
    INSERT INTO audit_seals (
        seq, first_xid, first_id, last_xid, last_id, count, root, previous, sealed_at, key_id,
        signature
    )
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
    ON CONFLICT DO NOTHING -- of its number or of its last place: which comes first is chance
    RETURNING seq
), noted AS (
    INSERT INTO audit_leaves (seq, ids, leaves) SELECT seq, $12, $13 FROM sealed
)
SELECT seq FROM sealed
"""

# From the last one that is noted onwards: they are published in order.
_UNPUBLISHED: Final = """
SELECT * FROM audit_seals WHERE seq > coalesce((SELECT max(seq) FROM audit_checkpoints), 0)
ORDER BY seq LIMIT $1
"""
_PUBLISHED: Final = """
INSERT INTO audit_checkpoints (seq) SELECT unnest($1::bigint[]) ON CONFLICT (seq) DO NOTHING
"""

# The oldest by its place; how many, no further than anybody would wait for.
_WAITING_MAX: Final = 100_000
_WAITING: Final = f"""
SELECT
    (SELECT count(*) FROM (
        SELECT FROM audit_trail WHERE (xid, id) > ($1, $2) LIMIT {_WAITING_MAX}
    ) AS line) AS count,
    (SELECT at FROM audit_trail WHERE (xid, id) > ($1, $2) ORDER BY xid, id LIMIT 1) AS oldest
"""  # noqa: S608 - constants


async def head(connection: Connection) -> Seal | None:
    row = await connection.fetchrow(_HEAD)
    return None if row is None else seal_of(row)


async def sealable(connection: Connection, after: Place, limit: int) -> list[Line]:
    rows = await connection.fetch(_SEALABLE, after.xid, after.id, limit)
    if not rows and await connection.fetchval(_WENT_BACK, after.xid):
        raise Refused(
            "audit_horizon_went_back",
            f"transactions are numbered from below {after.xid} again, up to which lines are sealed:"
            " this is not the server that wrote them (docs/audit.md, Restoring)",
        )
    return [line_of(row) for row in rows]


async def add_seal(connection: Connection, seal: Seal, leaves: Leaves) -> bool:
    values: tuple[Any, ...] = (
        seal.seq,
        seal.first.xid,
        seal.first.id,
        seal.last.xid,
        seal.last.id,
        seal.count,
        seal.root,
        seal.previous,
        seal.sealed_at,
        seal.key_id,
        seal.signature,
    )
    added = await connection.fetchval(_ADD, *values, leaves.ids, b"".join(leaves.hashes))
    return added is not None


async def unpublished(connection: Connection, limit: int) -> list[Seal]:
    return [seal_of(row) for row in await connection.fetch(_UNPUBLISHED, limit)]


async def published(connection: Connection, seqs: Sequence[int]) -> None:
    await connection.execute(_PUBLISHED, seqs)


async def published_upto(connection: Connection) -> int:
    found: int = await connection.fetchval("SELECT coalesce(max(seq), 0) FROM audit_checkpoints")
    return found


async def waiting(connection: Connection, after: Place) -> Waiting:
    row = await connection.fetchrow(_WAITING, after.xid, after.id)
    return Waiting(count=row["count"], oldest=row["oldest"])
