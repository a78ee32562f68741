"""`ports.audit.AuditChain` over an institution's own schema."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import asyncpg

from fluxiq.domain.audit import Line, Place, Purge, Seal
from fluxiq.errors import Refused
from fluxiq.ports import Page
from fluxiq.ports.audit import AuditChain, Deed, Leaves, LinesWanted, Waiting
from fluxiq.ports.origin import Origin
from fluxiq.stores import audit_reading, audit_rows, audit_sealing, paperwork
from fluxiq.stores.audit_rows import seal_of
from fluxiq.stores.pool import Connection, Postgres

_OLDEST: Final = """
SELECT * FROM audit_seals WHERE seq = (SELECT coalesce(max(seq), 0) + 1 FROM audit_purges)
"""
_TAKEN_IN: Final = """
INSERT INTO audit_desks (desk, taken_in) VALUES ($1, $2)
ON CONFLICT (desk) DO UPDATE SET taken_in = excluded.taken_in
"""


class PostgresAuditChain(AuditChain):
    """The sealed trail of one institution; `postgres` logs in as its role."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def head(self) -> Seal | None:
        return await self._postgres.run(audit_sealing.head)

    async def sealable(self, after: Place, limit: int) -> list[Line]:
        return await self._postgres.run(audit_sealing.sealable, after, limit)

    async def add_seal(self, seal: Seal, leaves: Leaves) -> bool:
        return await self._postgres.run(audit_sealing.add_seal, seal, leaves)

    async def unpublished(self, limit: int) -> list[Seal]:
        return await self._postgres.run(audit_sealing.unpublished, limit)

    async def published(self, seqs: Sequence[int]) -> None:
        await self._postgres.run(audit_sealing.published, seqs)

    async def waiting(self, after: Place) -> Waiting:
        return await self._postgres.run(audit_sealing.waiting, after)

    async def seals(self, after_seq: int, limit: int) -> list[Seal]:
        return await self._postgres.run(audit_reading.seals, after_seq, limit)

    async def seals_at(self, seqs: Sequence[int]) -> Mapping[int, Seal]:
        return await self._postgres.run(audit_reading.seals_at, seqs)

    async def seal_over(self, place: Place) -> Seal | None:
        return await self._postgres.run(audit_reading.seal_over, place)

    async def lines(self, after: Place, upto: Place, limit: int) -> list[Line]:
        return await self._postgres.run(audit_rows.lines, after, upto, limit)

    async def leaves(self, seq: int) -> Leaves | None:
        return await self._postgres.run(audit_reading.leaves, seq)

    async def purges(self, first_seq: int, last_seq: int) -> Mapping[int, Purge]:
        return await self._postgres.run(audit_reading.purges, first_seq, last_seq)

    async def published_upto(self) -> int:
        return await self._postgres.run(audit_sealing.published_upto)

    async def find(self, line_id: int) -> Line | None:
        return await self._postgres.run(audit_reading.find, line_id)

    async def page(self, wanted: LinesWanted, page: Page) -> tuple[list[Line], int]:
        return await self._postgres.run(audit_reading.page, wanted, page)

    async def export(self, wanted: LinesWanted, after: Place, limit: int) -> list[Line]:
        return await self._postgres.run(audit_reading.export, wanted, after, limit)

    async def oldest_unpurged(self) -> Seal | None:
        return await self._postgres.run(_oldest_unpurged)

    async def actions_under(self, seal: Seal) -> Mapping[str, datetime]:
        return await self._postgres.run(audit_reading.actions_under, seal)

    async def purge(self, seq: int, who: str, reason: str) -> int:
        return await self._postgres.transaction(_purge, seq, who, reason)

    async def desk_place(self, desk: str) -> int:
        return await self._postgres.run(_desk_place, desk)

    async def take_in(self, desk: str, upto: int, deeds: Sequence[Deed]) -> None:
        await self._postgres.transaction(_take_in, desk, upto, deeds)


async def _oldest_unpurged(connection: Connection) -> Seal | None:
    row = await connection.fetchrow(_OLDEST)
    return None if row is None else seal_of(row)


async def _purge(connection: Connection, seq: int, who: str, reason: str) -> int:
    try:
        gone: int = await connection.fetchval("SELECT audit_purge($1, $2, $3)", seq, who, reason)
    except (asyncpg.ObjectNotInPrerequisiteStateError, asyncpg.NoDataFoundError) as error:
        raise Refused("audit_not_purgeable", str(error)) from error

    note = f"{gone} lines: {reason}"
    line = paperwork.AuditLine(who, "audit.purged", f"seal:{seq}", b"", note=note)
    await paperwork.file(connection, audit=[line])
    return gone


async def _desk_place(connection: Connection, desk: str) -> int:
    found = await connection.fetchval("SELECT taken_in FROM audit_desks WHERE desk = $1", desk)
    return found or 0


async def _take_in(connection: Connection, desk: str, upto: int, deeds: Sequence[Deed]) -> None:
    lines = [
        paperwork.AuditLine(
            deed.actor,
            deed.action,
            deed.subject,
            deed.digest,
            note=deed.note,
            origin=Origin(
                credential=deed.credential, address=deed.address, request_id=deed.request_id
            ),
        )
        for deed in deeds
    ]
    await paperwork.file(connection, audit=lines)
    await connection.execute(_TAKEN_IN, desk, upto)
