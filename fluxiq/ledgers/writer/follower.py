"""Keeps the mirror behind the journal, and knows what the mirror cannot know yet: U."""

from typing import TYPE_CHECKING, Final

import trio

from fluxiq.domain.ledger_statuses import TransferStatus
from fluxiq.errors import Unavailable
from fluxiq.ledgers.parts import Row
from fluxiq.ledgers.tigerbeetle.records import unpack_transfers
from fluxiq.ledgers.tigerbeetle.results import unpack_transfer_results
from fluxiq.ledgers.writer.changes import Changes
from fluxiq.ledgers.writer.lag import Lag

if TYPE_CHECKING:
    from fluxiq.ledgers.writer.writer import Writer

ROWS: Final = 16  # in one step of the mirror
WEATHER_SECONDS: Final = 0.2
# Another writer's late answer rings no bell here.
LOOK_SECONDS: Final = 1.0


class Follower:
    """`unknown` is U, by seq, while the stand-in answers: rows whose debits count as spent."""

    def __init__(self, writer: "Writer") -> None:
        self.writer = writer
        self.unknown: dict[int, Row] = {}
        self.lag = Lag()
        self._work = Changes()
        self._following = trio.Lock()

    @property
    def keeps_up(self) -> bool:
        """Say whether the mirror is near enough for another batch. Only what is about to be sealed
        waits for that: the stand-in, recoveries and changes of authority bring the mirror up to
        date themselves, and nothing that they wait for waits here.
        """
        return self.lag.transfers < self.writer.limits.mirror_behind_max

    def answered(self, seqs: list[int]) -> None:
        """Hear that the journal has these answers."""
        self.lag.answered(seqs)
        self._work.set()

    async def unanswered(self) -> list[Row]:
        """The journal's rows without an answer. What else was sealed here has one, although the
        commit that wrote it may not have been told. Raises Unavailable.
        """
        sealed = self.lag.unanswered()
        rows = await self.writer.journal.unanswered()
        self.answered(sorted(sealed.difference(row.seq for row in rows)))
        return rows

    async def run(self) -> None:
        while True:
            try:
                await self.follow()
            except Unavailable:
                await trio.sleep(WEATHER_SECONDS)
            else:
                await self._work.wait(LOOK_SECONDS)

    async def follow(self) -> None:
        """Bring the mirror up to every answer, and let what it has leave U. Raises Unavailable."""
        async with self._following:
            # Asked before the mirror moves: what had an answer then is in the mirror afterwards.
            # Asked later, an answer that came meanwhile would be neither here nor there.
            left = await self.unanswered() if self.unknown else []
            await self._catch_up()
            seqs = {row.seq for row in left}
            self.unknown = {seq: row for seq, row in self.unknown.items() if seq in seqs}

    async def count_unknown(self) -> None:
        """After TigerBeetle was left: what has no answer is U. Raises Unavailable."""
        await self.writer.batches.write_answers()
        async with self._following:
            rows = await self.unanswered()
            await self._catch_up()
            self.unknown = {row.seq: row for row in rows}
        await self._count_spent()

    async def _catch_up(self) -> None:
        taken = ROWS
        # An answer that came while the mirror looked rang for nobody.
        while taken or self.lag.has_news:
            self.lag.asked()
            taken = await self.writer.mirror.catch_up(ROWS)
            held = not self.keeps_up
            self.lag.took(taken)
            if held and self.keeps_up:
                self.writer.changed.set()

    async def _count_spent(self) -> None:
        """Count against the caps what the stand-in did and TigerBeetle does not have."""
        caps, seq = self.writer.batches.caps, 0
        caps.clear()
        while self.writer.limited and (
            rows := await self.writer.journal.to_replay(ROWS, after=seq)
        ):
            for row in rows:
                assert row.results is not None, f"stand-in row {row.seq} has no results"
                results = unpack_transfer_results(row.results)
                statuses: list[TransferStatus] = [one.status for one in results]
                caps.count(unpack_transfers(row.records), statuses)
            seq = rows[-1].seq
