"""The journal of one institution in Postgres: batches as rows, fenced by the authority's epoch.

The work is done by the functions of migration 0004_ledger_journal, each in one statement. Bytes are
stored in reverse, because Postgres reads only big-endian numbers; here they are TigerBeetle's.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import asyncpg

from fluxiq.errors import Unavailable
from fluxiq.ledgers.limits import KEPT_FLAGS, TRANSFERS_MAX
from fluxiq.ledgers.parts import Authority, Backend, Fenced, Mode, Row
from fluxiq.ledgers.postgres_pool import Connection, Pool, Progress, outages
from fluxiq.ledgers.tigerbeetle.records import TRANSFER_BYTES, check_whole

TAKE_OVERS_MAX: Final = 8

# What the mirror can follow: amounts that the record itself tells, holds that nobody releases
# unseen. In a packed record flags are two bytes from 118, the timeout four from 108.
_MIRRORED_FLAGS: Final = bytes(range(KEPT_FLAGS + 1))
_FLAGS_AT: Final = 118
_ZERO_AT: Final = (*range(108, 112), _FLAGS_AT + 1)


class PostgresJournal:
    """`parts.Journal` over `pool`, whose search path is the institution's schema."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def authority(self) -> Authority:
        """Raises Unavailable."""
        with outages():
            return await self._pool.run(_authority)

    async def take_over(self, reason: str) -> Authority:
        """Grow the epoch and keep the mode: an older process can write nothing from now on.

        Raises Unavailable; whether it was done then is told by `authority`.
        """
        for _ in range(TAKE_OVERS_MAX):
            before = await self.authority()
            try:
                return await self.change(before, before.mode, reason)
            except Fenced:
                continue  # somebody else took over in between

        raise Unavailable("ledger", f"the authority changed {TAKE_OVERS_MAX} times meanwhile")

    async def change(self, before: Authority, mode: Mode, reason: str) -> Authority:
        """Move from exactly `before` to `mode`. Raises Fenced, and Unavailable as `take_over` does.

        To TigerBeetle only when it has every batch of the stand-in: anything else is an assertion.
        """
        with outages():
            try:
                epoch = await self._pool.run(_change, before, mode, reason)
            except asyncpg.AssertError as error:
                raise AssertionError(str(error)) from error

        if epoch is None:
            raise Fenced(f"the authority is not {before} any more")

        return Authority(epoch, mode)

    async def seal(self, epoch: int, records: bytes) -> int:
        """Write a batch down for TigerBeetle before it is submitted; return its seq.

        Raises ValueError for what could not be mirrored, Fenced, Unavailable when it is certainly
        not there, Unknown when it may be.
        """
        check_records(records)
        progress = Progress()
        with outages(f"a batch of {len(records) // TRANSFER_BYTES}", progress):
            return await self._pool.run(_seal, epoch, records[::-1], progress)

    async def answer(self, answers: Sequence[tuple[int, bytes]]) -> None:
        """Write down results by seq; an answered row keeps its first answer. Results for a batch
        that is not in the journal, or of another number, are an assertion. Raises Unavailable.
        """
        with outages():
            try:
                missing = await self._pool.run(_answer, answers)
            except asyncpg.CheckViolationError as error:
                raise AssertionError(f"results for another number of records: {error}") from error

        assert not missing, f"batches {missing} were answered and are not in the journal"

    async def unanswered(self) -> list[Row]:
        """The rows for TigerBeetle without results, in order of seq. Raises Unavailable."""
        return await self._rows("results_reversed IS NULL")

    async def to_replay(self, limit: int, *, after: int = 0) -> list[Row]:
        """The first stand-in rows above the seq `after` that TigerBeetle does not have yet, in
        order of seq. Raises Unavailable.
        """
        condition = "backend = 'standin' AND NOT replayed"
        return await self._rows(condition, after=after, limit=limit)

    async def replayed(self, seqs: Sequence[int]) -> None:
        """TigerBeetle has these. Raises Unavailable."""
        with outages():
            await self._pool.run(_replayed, seqs)

    async def _rows(self, condition: str, *, after: int = 0, limit: int | None = None) -> list[Row]:
        with outages():
            return await self._pool.run(_rows, condition, after, limit)


def check_records(records: bytes) -> None:
    """Raise ValueError for what is not a batch, or what the mirror could not follow: balancing,
    closing and imported transfers, and timeouts. Some 50 microseconds for 8189 transfers.
    """
    check_whole(records, TRANSFER_BYTES)
    count = len(records) // TRANSFER_BYTES
    if not 0 < count <= TRANSFERS_MAX:
        raise ValueError(f"{count} transfers in one batch, 1 to {TRANSFERS_MAX} are possible")

    # A column of bytes at a time.
    beyond = records[_FLAGS_AT::TRANSFER_BYTES].translate(None, _MIRRORED_FLAGS)
    if beyond or any(records[at::TRANSFER_BYTES].strip(b"\0") for at in _ZERO_AT):
        raise ValueError("a transfer has a timeout, or flags beyond chains and holds")


async def _authority(connection: Connection) -> Authority:
    row = await connection.fetchrow("SELECT epoch, mode FROM ledger_authority")
    return Authority(row["epoch"], Mode(row["mode"]))


async def _change(connection: Connection, before: Authority, mode: Mode, reason: str) -> int | None:
    epoch: int | None = await connection.fetchval(
        "SELECT ledger_change_authority($1, $2, $3, $4)",
        before.epoch,
        str(before.mode),
        str(mode),
        reason,
    )
    return epoch


async def _seal(
    connection: Connection, epoch: int, records_reversed: bytes, progress: Progress
) -> int:
    progress.committing = True
    seq: int = await connection.fetchval("SELECT ledger_seal($1, $2)", epoch, records_reversed)
    return seq


async def _answer(connection: Connection, answers: Sequence[tuple[int, bytes]]) -> list[int]:
    missing: list[int] = await connection.fetchval(
        "SELECT ledger_answer($1, $2)",
        [seq for seq, _ in answers],
        [results[::-1] for _, results in answers],
    )
    return missing


async def _rows(connection: Connection, condition: str, after: int, limit: int | None) -> list[Row]:
    rows = await connection.fetch(
        f"""
        SELECT seq, epoch, backend, records_reversed, results_reversed FROM ledger_journal
        WHERE {condition} AND seq > $1 ORDER BY seq LIMIT $2
        """,  # noqa: S608 - one of the conditions above
        after,
        limit,
    )
    return [_row_of(row) for row in rows]


async def _replayed(connection: Connection, seqs: Sequence[int]) -> None:
    await connection.execute(
        """
        UPDATE ledger_journal SET replayed = true
        WHERE seq = ANY ($1::bigint[]) AND backend = 'standin' AND NOT replayed
        """,
        seqs,
    )


def _row_of(row: Mapping[str, Any]) -> Row:
    results = row["results_reversed"]
    return Row(
        seq=row["seq"],
        epoch=row["epoch"],
        backend=Backend(row["backend"]),
        records=row["records_reversed"][::-1],
        results=None if results is None else results[::-1],
    )
