"""One institution with the real writer and breaker, over Postgres and TigerBeetle in memory."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
import trio.testing
from msgspec.structs import replace

from fluxiq.domain.records import Transfer, TransferFlags, TransferStatus
from fluxiq.ledgers.parts import Mode
from fluxiq.ledgers.simulation.institution import Institution
from fluxiq.ledgers.simulation.postgres import Postgres
from fluxiq.ledgers.simulation.process import Process
from fluxiq.ledgers.simulation.tigerbeetle import Server
from fluxiq.ledgers.simulation.world import World
from fluxiq.ledgers.writer import Policy, Writer, WriterLimits

# A test asks for `autojump_clock` itself, or pytest-trio does not take it.
Clock = trio.testing.MockClock
LEDGER = 7


class House:
    """`calm`: nothing fails but what a test lets fail."""

    def __init__(self, nursery: trio.Nursery, clock: Clock) -> None:
        self.world = World(1, clock)
        self.world.faulty = False
        self.world.nursery = nursery
        self.server = Server(self.world)
        self.postgres = Postgres(self.world)
        self.institution = Institution(self.world, LEDGER)
        self.institution.policy = Policy.STANDIN_FULL
        self.institution.limits = WriterLimits(sessions=2, batch_max=8, waiting_max=32)
        self.database = self.institution.database
        self.settlement = self.institution.settlement
        self.alice, self.bob = self.institution.customers[:2]
        self.process = self._make()

    def limit(self, **changes: Any) -> None:
        self.institution.limits = replace(self.institution.limits, **changes)

    # Processes

    def _make(self) -> Process:
        return Process(self.world, 1, [self.institution], self.server, self.postgres)

    def start(self) -> Process:
        """A new process with a new writer; the one before it lives on unless it was ended."""
        self.process.is_current = False
        self.process = self._make()
        self.world.nursery.start_soon(self.process.run)
        return self.process

    @property
    def writer(self) -> Writer:
        return self.process.writers[LEDGER]

    @property
    def keeper(self) -> Any:
        return self.process.keeper

    async def open(self, funds: int = 100) -> None:
        """Start, with accounts, and `funds` centavos for Alice."""
        self.start()
        await self.until(lambda: self.writer.submits)
        everybody = [self.settlement, *self.institution.customers]
        await self.writer.create_accounts(self.institution.accounts(everybody))
        if funds:
            assert await self.ask(self.pay(self.settlement, self.alice, funds)) == ["created"]
        await self.until(lambda: not self.database.unanswered() and not self.database.behind())

    # Waiting

    async def until(self, condition: Any, seconds: float = 60.0) -> None:
        with trio.fail_after(seconds):
            while not condition():  # noqa: ASYNC110 - of anything
                await trio.sleep(0.01)

    async def until_mode(self, mode: Mode) -> None:
        await self.until(lambda: self.writer.authority.mode is mode)

    async def leave(self) -> None:
        """Let the operator open the breaker, and wait for the stand-in."""
        self.keeper.open("a test")
        await self.until(lambda: self.writer.stands_in)

    async def return_(self) -> None:
        self.keeper.release("a test")
        await self.until(lambda: self.writer.submits)

    # Transfers

    async def ask(self, *transfers: Transfer) -> list[TransferStatus]:
        with trio.fail_after(30):
            return await self.writer.create_transfers(transfers)

    def pay(
        self,
        debit: int,
        credit: int,
        amount: int,
        flags: TransferFlags = TransferFlags.NONE,
        pending_id: int = 0,
    ) -> Transfer:
        return Transfer(
            id=self.institution.next_id(),
            ledger=LEDGER,
            code=1,
            debit_account_id=debit,
            credit_account_id=credit,
            amount=amount,
            flags=flags,
            pending_id=pending_id,
        )

    def hold(self, amount: int) -> Transfer:
        return self.pay(self.alice, self.settlement, amount, TransferFlags.PENDING)

    def end(self, hold: Transfer, flags: TransferFlags, amount: int) -> Transfer:
        return self.pay(0, 0, amount, flags, hold.id)

    # What is there

    def in_tigerbeetle(self, transfer: Transfer) -> bool:
        return bool(self.server.cluster.lookup_transfers([transfer.id]))

    def in_postgres(self, transfer: Transfer) -> bool:
        return transfer.id in self.database.transfers

    def available(self) -> int:
        """What Alice has, by TigerBeetle; it must be what she has by Postgres."""
        (record,) = self.server.cluster.lookup_accounts([self.alice])
        assert record.balance == self.database.states[self.alice].balance
        return record.balance.available

    def executed(self, transfer: Transfer) -> int:
        """How often TigerBeetle was asked for it."""
        return sum(f"{transfer.id:x}:" in row[3] for row in self.world.grid if row[2] == "executed")


@asynccontextmanager
async def open_house(clock: Clock) -> AsyncIterator[House]:
    async with trio.open_nursery() as nursery:
        yield House(nursery, clock)
        nursery.cancel_scope.cancel()


@pytest.fixture
async def house(autojump_clock: Clock) -> AsyncIterator[House]:
    async with open_house(autojump_clock) as opened:
        yield opened


class Told:
    """`ReplyTo` that remembers."""

    def __init__(self) -> None:
        self.answers: list[Any] = []

    def reply(self, value: object) -> bool:
        self.answers.append(value)
        return True

    def fail(self, error: Exception) -> bool:
        self.answers.append(error)
        return True
