"""The stand-in: TigerBeetle's decisions over the mirror's balances, two round trips per batch.

A batch reads the ledger's clock and what its transfers refer to in one snapshot, decides in memory,
and writes records and results into the journal with one statement (`ledger_stand_in`, migration
0004_ledger_journal), whence they go on the books as TigerBeetle's do: there is one way into the
tables, and its checks and unique indexes guard limits and ids once more. The statement does nothing
unless the clock still stands where it was read: who writes moves the clock, so what was read is
what is there. A hot account costs one update per batch. With the usual one writer the clock never
moves meanwhile. With several the loser decides again holding the clock's row, everybody's turn:
every payment moves the settlement account, so finer locks would only queue them one account later,
with deadlocks.
"""

from collections.abc import Sequence
from typing import Final

import asyncpg

from fluxiq.domain.ledger_records import Transfer
from fluxiq.domain.ledger_statuses import TRANSIENT, TransferStatus
from fluxiq.ledgers.decision import decide
from fluxiq.ledgers.limits import CENTAVOS_MAX, check_transfers
from fluxiq.ledgers.parts import Row
from fluxiq.ledgers.postgres_pool import Connection, Pool, Progress, outages
from fluxiq.ledgers.reading import read_books
from fluxiq.ledgers.tigerbeetle.records import pack_transfers
from fluxiq.ledgers.tigerbeetle.results import TransferResult, pack_transfer_results
from fluxiq.ledgers.unknown import NOTHING_UNKNOWN, Overlay

MIRROR_ROWS: Final = 16

_CONFLICTS = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)
_KEPT: Final = TRANSIENT | {TransferStatus.CREATED}
# Without a timestamp: the books have it.
_RESULTS: Final = {
    status: pack_transfer_results([TransferResult(0, status)]) for status in TransferStatus
}


class PostgresStandIn:
    """`parts.StandIn` over `pool`, whose search path is the institution's schema."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._overlay = NOTHING_UNKNOWN

    async def apply(
        self, epoch: int, transfers: Sequence[Transfer], unknown: Sequence[Row] = ()
    ) -> list[TransferStatus | None]:
        """Decide in order, chains whole; one status per transfer, None for those in doubt.

        Raises Fenced, Unavailable when nothing was committed, Unknown when the answer to the write
        is lost, and ValueError for what `limits.check_transfers` refuses. A row without an answer
        that is not in `unknown` is an assertion.
        """
        check_transfers(transfers)
        overlay = self._overlay_of(unknown)
        in_doubt = overlay.in_doubt(transfers)
        decided = [one for place, one in enumerate(transfers) if place not in in_doubt]
        if not decided:
            return [None] * len(transfers)

        statuses = iter(await self._apply(_Batch(epoch, decided, overlay)))
        return [None if place in in_doubt else next(statuses) for place in range(len(transfers))]

    async def _apply(self, batch: "_Batch") -> list[TransferStatus]:
        with outages(batch.reference, batch.progress):
            results = await self._pool.run(batch.apply_at_once)
            if results is None:
                results = await self._pool.transaction(batch.apply_in_turn)

        return results

    def _overlay_of(self, unknown: Sequence[Row]) -> Overlay:
        """U changes seldom, and takes milliseconds to read."""
        if self._overlay.seqs != tuple(row.seq for row in unknown):
            self._overlay = Overlay(unknown)

        return self._overlay


class _Batch:
    """One batch on its way: units for the pool."""

    def __init__(self, epoch: int, transfers: Sequence[Transfer], overlay: Overlay) -> None:
        self.epoch = epoch
        self.transfers = transfers
        self.overlay = overlay
        self.progress = Progress()
        self.reference = f"{len(transfers)} transfers from {transfers[0].id:x}"

    async def apply_at_once(self, connection: Connection) -> list[TransferStatus] | None:
        """Outside a transaction. None: nothing was written, somebody else wrote meanwhile."""
        try:
            return await self._apply(connection)
        except _CONFLICTS:
            self.progress.committing = False
            return None

    async def apply_in_turn(self, connection: Connection) -> list[TransferStatus]:
        """Inside a transaction, in which nobody else can write any more."""
        self.progress.committing = False  # this may be another try, after a definite rollback
        # Statements of their own, because the next ones must see what the writers before us
        # committed. Each takes the clock's row first, and keeps it.
        while await connection.fetchval("SELECT ledger_mirror($1)", MIRROR_ROWS):
            pass

        results = await self._apply(connection)
        assert results is not None, "a batch without an answer was not counted as unknown"
        return results

    async def _apply(self, connection: Connection) -> list[TransferStatus] | None:
        last_timestamp, known, accounts = await read_books(connection, self.transfers)
        decision = decide(
            self.overlay.over(accounts), known, self.transfers, counter_max=CENTAVOS_MAX
        )

        # Answers that write nothing stay true for ever, so it does not matter who writes meanwhile.
        if not decision.created and not decision.burnt:
            return decision.results

        # What changed nothing is not written: of the rest the journal has the request itself.
        kept = [
            (transfer, status)
            for transfer, status in zip(self.transfers, decision.results, strict=True)
            if status in _KEPT
        ]
        records = pack_transfers([transfer for transfer, _ in kept])
        results = b"".join([_RESULTS[status] for _, status in kept])
        self.progress.committing = True
        seq = await connection.fetchval(
            "SELECT ledger_stand_in($1, $2, $3, $4, $5)",
            self.epoch,
            last_timestamp,
            self.overlay.seqs,
            records[::-1],
            results[::-1],
        )
        if seq is not None:
            return decision.results

        self.progress.committing = False
        return None
