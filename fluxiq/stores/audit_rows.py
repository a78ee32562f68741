"""Lines and seals of the audit trail as rows."""

from collections.abc import Mapping
from typing import Any, Final

from fluxiq.domain.audit import Line, Place, Seal
from fluxiq.stores.pool import Connection

LINE: Final = """
id, xid, at, actor, credential, address, request_id, action, subject, merchant_id, before, digest,
note
"""
_UPTO: Final = f"""
SELECT {LINE} FROM audit_trail WHERE (xid, id) > ($1, $2) AND (xid, id) <= ($3, $4)
ORDER BY xid, id LIMIT $5
"""  # noqa: S608 - a constant


def line_of(row: Mapping[str, Any]) -> Line:
    return Line(**dict(row))


def seal_of(row: Mapping[str, Any]) -> Seal:
    return Seal(
        seq=row["seq"],
        first=Place(row["first_xid"], row["first_id"]),
        last=Place(row["last_xid"], row["last_id"]),
        count=row["count"],
        root=row["root"],
        previous=row["previous"],
        sealed_at=row["sealed_at"],
        key_id=row["key_id"],
        signature=row["signature"],
    )


async def lines(connection: Connection, after: Place, upto: Place, limit: int) -> list[Line]:
    rows = await connection.fetch(_UPTO, after.xid, after.id, upto.xid, upto.id, limit)
    return [line_of(row) for row in rows]
