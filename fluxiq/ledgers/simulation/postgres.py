"""The ports over the database in memory, behind a connection that breaks at the worst moments."""

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import outcome
import trio

from fluxiq.domain.ledger_records import Balance, LedgerAccount, Transfer
from fluxiq.domain.ledger_statuses import TransferStatus
from fluxiq.errors import FluxiqError, Unavailable, Unknown
from fluxiq.ledgers.limits import check_transfers
from fluxiq.ledgers.parts import Authority, Fenced, Mode, Row
from fluxiq.ledgers.simulation.database import Database
from fluxiq.ledgers.simulation.invariants import balances_agree, demand, is_one_ledger
from fluxiq.ledgers.simulation.tigerbeetle import Reply, Server
from fluxiq.ledgers.simulation.world import World
from fluxiq.ledgers.tigerbeetle.records import unpack_transfers
from fluxiq.ledgers.unknown import Overlay
from fluxiq.ledgers.writer.recovery import VERIFIED

T = TypeVar("T")

DEADLINE_SECONDS: Final = 1.5
STATEMENT_SECONDS: Final = 0.004
LATE_SECONDS_MAX: Final = 6.0


class Postgres:
    """The server of all institutions."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.up = True

    async def weather(self) -> None:
        world = self.world
        while True:
            await trio.sleep(world.seconds(1.0, 10.0))
            if world.strikes("postgres away", 0.4):
                self.up = False
                seconds = world.seconds(0.05, 3.0)
                world.note("postgres", "away", f"for {seconds:.3f} s")
                with trio.move_on_after(seconds):
                    await world.calm.wait()
                self.up = True
                world.note("postgres", "back")


class Connection:
    """One process's way to one institution's tables."""

    def __init__(self, postgres: Postgres, database: Database, place: str) -> None:
        self.postgres = postgres
        self.database = database
        self.place = place

    async def run(self, what: str, execute: Callable[[], T], *, lost: type[FluxiqError]) -> T:
        """Run one transaction. `lost` is raised when it may have been committed, or may be later:
        it goes on when its caller is cancelled, as a server does.
        """
        world = self.postgres.world
        if not self.postgres.up or world.strikes("statement not sent", 0.004):
            await trio.sleep(world.seconds(0.0, 0.5))
            raise Unavailable("postgres", f"{what}: no connection")
        reply = Reply()
        seconds = world.seconds(0.0, STATEMENT_SECONDS)
        if world.strikes("statement slow", 0.01):
            seconds = world.seconds(0.0, DEADLINE_SECONDS)
        if what == "mirror" and world.strikes("mirror slow", 0.3):
            seconds = world.seconds(0.0, DEADLINE_SECONDS)
        told = not world.strikes("commit not told", 0.006)
        if world.strikes("commit late", 0.006):
            seconds, told = world.seconds(0.0, LATE_SECONDS_MAX), False
        world.nursery.start_soon(self._carry, what, execute, reply, seconds, told)
        # A connection that breaks says so at once, a server that hangs only by the deadline.
        patience = DEADLINE_SECONDS if told else world.seconds(0.0, DEADLINE_SECONDS)
        with trio.move_on_after(patience):
            await reply.event.wait()
            result: outcome.Outcome[T] | None = reply.value
            if result is not None:
                return result.unwrap()
        raise self._lost(what, lost)

    async def _carry(
        self, what: str, execute: Callable[[], T], reply: Reply, seconds: float, told: bool
    ) -> None:
        await trio.sleep(seconds)
        world = self.postgres.world
        if not self.postgres.up:
            reply.set(None)  # rolled back, but nobody says so
            return
        world.steps += 1
        try:
            result: outcome.Outcome[T] = outcome.Value(execute())
        except Fenced as error:
            world.note(self.place, "fenced", f"{what}: {error}")
            result = outcome.Error(error)
        if told:
            await trio.sleep(world.seconds(0.0, STATEMENT_SECONDS))
            reply.set(result)
        elif what != "read":
            world.note(self.place, "untold", what)

    def _lost(self, what: str, lost: type[FluxiqError]) -> FluxiqError:
        message = "the answer was lost"
        if lost is Unknown:
            return Unknown("ledger", what, message)
        return Unavailable("postgres", f"{what}: {message}")


class SimulatedJournal:
    """`parts.Journal`."""

    def __init__(
        self, connection: Connection, server: Server, ledger: int, unmirrored_max: int
    ) -> None:
        self.connection = connection
        self.database = connection.database
        self.server = server
        self.ledger = ledger
        self.unmirrored_max = unmirrored_max

    async def authority(self) -> Authority:
        return await self.connection.run("read", lambda: self.database.authority, lost=Unavailable)

    async def take_over(self, reason: str) -> Authority:
        def execute() -> Authority:
            after = self.database.take_over()
            self._note("took", f"over: epoch {after.epoch}, {after.mode}: {reason}")
            return after

        return await self.connection.run("take over", execute, lost=Unavailable)

    async def change(self, before: Authority, mode: Mode, reason: str) -> Authority:
        def execute() -> Authority:
            after = self.database.change(before, mode)
            self._note(f"mode-{mode}", f"epoch {after.epoch}: {reason}")
            if reason == VERIFIED:
                self._closed()
            return after

        return await self.connection.run(f"to {mode}", execute, lost=Unavailable)

    async def seal(self, epoch: int, records: bytes) -> int:
        transfers = unpack_transfers(records)
        is_one_ledger(self.database.name, transfers, self.ledger)

        def execute() -> int:
            seq = self.database.seal(epoch, transfers)
            behind = self.database.unmirrored()
            what = f"{self.database.name}: {behind} transfers after {seq} was sealed"
            demand(behind <= self.unmirrored_max, "the mirror's bound", what)
            self._note("sealed", f"{seq} of {epoch}: {_ids(transfers)}")
            return seq

        return await self.connection.run("seal", execute, lost=Unknown)

    async def answer(self, answers: Sequence[tuple[int, bytes]]) -> None:
        def execute() -> None:
            self.database.answer(answers)
            self._note("answered", " ".join(str(seq) for seq, _ in answers))

        await self.connection.run("answer", execute, lost=Unavailable)

    async def unanswered(self) -> list[Row]:
        return await self.connection.run("read", self.database.unanswered, lost=Unavailable)

    async def to_replay(self, limit: int, *, after: int = 0) -> list[Row]:
        return await self.connection.run(
            "read", lambda: self.database.to_replay(limit, after), lost=Unavailable
        )

    async def replayed(self, seqs: Sequence[int]) -> None:
        def execute() -> None:
            self.database.replayed(seqs)
            self._note("replayed", " ".join(map(str, seqs)))

        await self.connection.run("replayed", execute, lost=Unavailable)

    def _closed(self) -> None:
        """Check I5 at the moment that TigerBeetle is in charge again."""
        ours = self.database.balances(list(self.database.states))
        records = self.server.cluster.lookup_accounts(ours)
        theirs = {one.account.id: one.balance for one in records}
        balances_agree(f"{self.database.name}, closing", ours, theirs)
        demand(
            not self.database.unanswered(), "I7", f"{self.database.name} closed with rows unknown"
        )

    def _note(self, what: str, why: str) -> None:
        self.connection.postgres.world.note(self.connection.place, what, why)


class SimulatedMirror:
    """`parts.Mirror`."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    async def catch_up(self, rows: int) -> int:
        execute = self.connection.database.catch_up
        return await self.connection.run("mirror", lambda: execute(rows), lost=Unavailable)

    async def behind(self) -> int:
        return await self.connection.run("read", self.connection.database.behind, lost=Unavailable)


class SimulatedStandIn:
    """`parts.StandIn`: reads and decides, then writes if nothing was written in between."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.database = connection.database

    async def apply(
        self, epoch: int, transfers: Sequence[Transfer], unknown: Sequence[Row]
    ) -> list[TransferStatus | None]:
        check_transfers(transfers)
        overlay = Overlay(unknown)
        in_doubt = overlay.in_doubt(transfers)
        decided = [one for place, one in enumerate(transfers) if place not in in_doubt]
        statuses = iter(await self._apply(epoch, decided, overlay) if decided else [])
        return [None if place in in_doubt else next(statuses) for place in range(len(transfers))]

    async def _apply(
        self, epoch: int, transfers: Sequence[Transfer], overlay: Overlay
    ) -> list[TransferStatus]:
        database = self.database
        clock, decision = await self.connection.run(
            "read", lambda: database.decide(transfers, overlay), lost=Unavailable
        )
        if not decision.created and not decision.burnt:
            return decision.results

        def at_once() -> list[TransferStatus] | None:
            written = database.stand_in(epoch, clock, transfers, decision, overlay)
            return self._told(epoch, transfers, decision.results) if written else None

        def in_turn() -> list[TransferStatus]:
            while database.catch_up(16):
                pass
            now, again = database.decide(transfers, overlay)
            written = database.stand_in(epoch, now, transfers, again, overlay)
            assert written, "a batch without an answer was not counted as unknown"
            return self._told(epoch, transfers, again.results)

        results = await self.connection.run("stand in", at_once, lost=Unknown)
        if results is None:
            results = await self.connection.run("stand in", in_turn, lost=Unknown)
        return results

    def _told(
        self, epoch: int, transfers: Sequence[Transfer], results: list[TransferStatus]
    ) -> list[TransferStatus]:
        told = " ".join(
            f"{one.id:x}:{status}" for one, status in zip(transfers, results, strict=True)
        )
        seq = self.database.last_seq
        self.connection.postgres.world.note(
            self.connection.place, "stood-in", f"{seq} of {epoch}: {told}"
        )
        return results


class SimulatedAccounts:
    """`parts.Accounts`."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.database = connection.database

    async def create(self, accounts: Sequence[LedgerAccount]) -> None:
        await self.connection.run(
            "accounts", lambda: self.database.create(accounts), lost=Unavailable
        )

    async def not_in_tigerbeetle(self, limit: int) -> list[LedgerAccount]:
        def execute() -> list[LedgerAccount]:
            known = self.database.in_tigerbeetle
            return [one for one in self.database.accounts.values() if one.id not in known][:limit]

        return await self.connection.run("read", execute, lost=Unavailable)

    async def in_tigerbeetle(self, account_ids: Sequence[int]) -> None:
        await self.connection.run(
            "accounts", lambda: self.database.in_tigerbeetle.update(account_ids), lost=Unavailable
        )

    async def page(self, after: int, limit: int) -> list[int]:
        return await self.connection.run(
            "read",
            lambda: sorted(one for one in self.database.accounts if one > after)[:limit],
            lost=Unavailable,
        )

    async def balances(self, account_ids: Sequence[int]) -> dict[int, Balance]:
        return await self.connection.run(
            "read", lambda: self.database.balances(account_ids), lost=Unavailable
        )


def _ids(transfers: Sequence[Transfer]) -> str:
    return " ".join(f"{one.id:x}" for one in transfers)
