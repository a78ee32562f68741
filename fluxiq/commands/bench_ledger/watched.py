"""The parts of a writer, watched: the real ones, which note when they did what."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from time import perf_counter

import trio

from fluxiq.domain.ledger_records import Transfer
from fluxiq.domain.ledger_statuses import TransferStatus
from fluxiq.ledgers.breaker import Breaker
from fluxiq.ledgers.journal import PostgresJournal
from fluxiq.ledgers.mirror import PostgresMirror
from fluxiq.ledgers.parts import Authority, Mode, Row
from fluxiq.ledgers.standin import PostgresStandIn
from fluxiq.ledgers.tigerbeetle import Sessions, TigerBeetleLedger
from fluxiq.ledgers.tigerbeetle.records import TRANSFER_BYTES
from fluxiq.stores.pool import Postgres


@dataclass(slots=True)
class Watch:
    """Where a batch spends its time, and when what happened; seconds by `perf_counter`."""

    sealing: float = 0.0
    submitting: float = 0.0
    answered_at: deque[float] = field(default_factory=deque)  # rows that the mirror lacks
    mirror_lags: list[float] = field(default_factory=list)  # from an answer to the mirror's commit
    stood_in_at: list[float] = field(default_factory=list)  # ends of stand-in batches
    modes: list[tuple[float, Mode]] = field(default_factory=list)
    breaker: list[tuple[float, Breaker]] = field(default_factory=list)
    replayed: list[tuple[float, int]] = field(default_factory=list)  # transfers marked as replayed
    replay_began: float = 0.0

    def clear(self) -> None:
        """Forget what was; the rows that the mirror lacks stay."""
        self.sealing = self.submitting = self.replay_began = 0.0
        for events in (self.mirror_lags, self.stood_in_at, self.modes, self.breaker, self.replayed):
            events.clear()


class WatchedJournal(PostgresJournal):
    def __init__(self, postgres: Postgres, watch: Watch) -> None:
        super().__init__(postgres)
        self._watch = watch
        self._sizes: dict[int, int] = {}  # of rows to replay, by seq

    async def seal(self, epoch: int, records: bytes) -> int:
        began = perf_counter()
        seq = await super().seal(epoch, records)
        self._watch.sealing += perf_counter() - began
        return seq

    async def change(self, before: Authority, mode: Mode, reason: str) -> Authority:
        after = await super().change(before, mode, reason)
        self._watch.modes.append((perf_counter(), after.mode))
        return after

    async def to_replay(self, limit: int, *, after: int = 0) -> list[Row]:
        self._watch.replay_began = self._watch.replay_began or perf_counter()
        rows = await super().to_replay(limit, after=after)
        self._sizes |= {row.seq: len(row.records) // TRANSFER_BYTES for row in rows}
        return rows

    async def replayed(self, seqs: Sequence[int]) -> None:
        await super().replayed(seqs)
        transfers = sum(self._sizes.pop(seq) for seq in seqs)
        self._watch.replayed.append((perf_counter(), transfers))


class NoJournal(WatchedJournal):
    """Says where a batch would be, and keeps nothing."""

    def __init__(self, postgres: Postgres, watch: Watch) -> None:
        super().__init__(postgres, watch)
        self._seqs = count(1)

    async def seal(self, epoch: int, records: bytes) -> int:  # noqa: ARG002 - as in the journal
        await trio.lowlevel.checkpoint()
        return next(self._seqs)

    async def answer(self, answers: Sequence[tuple[int, bytes]]) -> None:
        await trio.lowlevel.checkpoint()
        for _ in answers:
            self._watch.answered_at.popleft()


class WatchedMirror(PostgresMirror):
    def __init__(self, postgres: Postgres, watch: Watch) -> None:
        super().__init__(postgres)
        self._watch = watch

    async def catch_up(self, rows: int) -> int:
        taken = await super().catch_up(rows)
        now, answered_at = perf_counter(), self._watch.answered_at
        for _ in range(min(taken, len(answered_at))):
            self._watch.mirror_lags.append(now - answered_at.popleft())
        return taken


class NoMirror(PostgresMirror):
    """Takes nothing in."""

    async def catch_up(self, rows: int) -> int:  # noqa: ARG002 - as in the mirror
        await trio.lowlevel.checkpoint()
        return 0


class WatchedStandIn(PostgresStandIn):
    def __init__(self, postgres: Postgres, watch: Watch) -> None:
        super().__init__(postgres)
        self._watch = watch

    async def apply(
        self, epoch: int, transfers: Sequence[Transfer], unknown: Sequence[Row] = ()
    ) -> list[TransferStatus | None]:
        statuses = await super().apply(epoch, transfers, unknown)
        self._watch.stood_in_at.append(perf_counter())
        return statuses


class WatchedTigerBeetle(TigerBeetleLedger):
    def __init__(self, sessions: Sessions, ledger: int, watch: Watch) -> None:
        super().__init__(sessions, ledger)
        self._watch = watch

    async def submit(self, records: bytes) -> bytes:
        began = perf_counter()
        results = await super().submit(records)
        ended = perf_counter()
        self._watch.submitting += ended - began
        self._watch.answered_at.append(ended)
        return results
