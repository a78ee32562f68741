"""TigerBeetle as the writer meets it: the model, behind a network that does what networks do."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import trio

from fluxiq.domain.ledger_records import Balance, LedgerAccount, Transfer
from fluxiq.domain.ledger_statuses import CreateAccountStatus
from fluxiq.errors import Unavailable, Unknown
from fluxiq.ledgers.books import AccountState
from fluxiq.ledgers.model_cluster import ModelCluster
from fluxiq.ledgers.simulation.invariants import debits_equal_credits, limits_are_kept
from fluxiq.ledgers.simulation.world import World
from fluxiq.ledgers.tigerbeetle.records import unpack_transfers
from fluxiq.ledgers.tigerbeetle.results import pack_transfer_results

DEADLINE_SECONDS: Final = 0.6
NETWORK_SECONDS: Final = 0.01
LATE_SECONDS_MAX: Final = 30.0

_THERE: Final = frozenset({CreateAccountStatus.CREATED, CreateAccountStatus.EXISTS})


class Reply:
    """Where an answer is waited for; only the first one counts."""

    def __init__(self) -> None:
        self.event = trio.Event()
        self.value: Any = None

    def set(self, value: object) -> None:
        if not self.event.is_set():
            self.value = value
            self.event.set()


class Server:
    """The cluster. While it is stopped or restarts, requests wait for it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.cluster = ModelCluster(world.wall_ns)
        self.accounts: set[int] = set()
        self._up = trio.Event()
        self._up.set()

    def stop(self) -> None:
        self._up = trio.Event()

    def resume(self) -> None:
        self._up.set()

    async def weather(self) -> None:
        """Stop and resume as drawn: most outages are short."""
        world = self.world
        await trio.sleep(world.seconds(1.0, 4.0))
        if world.strikes("long outage", 1.0):
            await self._outage(world.seconds(2.5, 6.0))
        while True:
            await trio.sleep(world.seconds(0.5, 5.0))
            if world.strikes("tigerbeetle stopped", 0.7):
                await self._outage(world.seconds(0.1, world.random.choice([0.5, 3.0])))

    async def _outage(self, seconds: float) -> None:
        world = self.world
        self.stop()
        world.note("tigerbeetle", "stopped", f"for {seconds:.3f} s")
        with trio.move_on_after(seconds):
            await world.calm.wait()
        self.resume()
        world.note("tigerbeetle", "resumed")

    async def ask(self, what: str, execute: Callable[[], object]) -> Any:
        """One request and its answer; the deadline is the caller's."""
        world = self.world
        reply = Reply()
        copies = 2 if world.strikes("request repeated", 0.03) else 1
        for _ in range(copies):
            if not world.strikes("request lost", 0.02):
                world.nursery.start_soon(self._carry, execute, reply)
        with trio.move_on_after(DEADLINE_SECONDS):
            await reply.event.wait()
            return reply.value
        raise Unknown("tigerbeetle", what, f"no answer within {DEADLINE_SECONDS} s")

    async def _carry(self, execute: Callable[[], object], reply: Reply) -> None:
        world = self.world
        seconds = world.seconds(0.0, NETWORK_SECONDS)
        if world.strikes("request late", 0.03):
            seconds = world.seconds(DEADLINE_SECONDS, LATE_SECONDS_MAX)
        await trio.sleep(seconds)
        await self._up.wait()
        value = execute()
        self.check()
        if world.strikes("answer lost", 0.02):
            return
        answer_seconds = world.seconds(0.0, NETWORK_SECONDS)
        if world.strikes("answer late", 0.02):
            answer_seconds = world.seconds(0.0, 2 * DEADLINE_SECONDS)
        await trio.sleep(answer_seconds)
        reply.set(value)

    def check(self) -> None:
        self.world.steps += 1
        records = self.cluster.lookup_accounts(self.accounts)
        debits_equal_credits("tigerbeetle", (one.balance for one in records))
        limits_are_kept(
            "tigerbeetle",
            (
                AccountState(
                    ledger=one.account.ledger, flags=int(one.account.flags), balance=one.balance
                )
                for one in records
            ),
        )


class SimulatedTigerBeetle:
    """`parts.TigerBeetle`: the sessions of one institution in one process."""

    def __init__(self, server: Server, place: str) -> None:
        self.server = server
        self.place = place

    async def submit(self, records: bytes) -> bytes:
        server, world = self.server, self.server.world
        if world.strikes("no session", 0.01):
            raise Unavailable("tigerbeetle", "no session was free")
        transfers = unpack_transfers(records)

        def execute() -> bytes:
            results = server.cluster.create_transfers(transfers)
            told = " ".join(
                f"{one.id:x}:{result.status}"
                for one, result in zip(transfers, results, strict=True)
            )
            world.note(f"tigerbeetle {self.place}", "executed", told)
            return pack_transfer_results(results)

        answer: bytes = await server.ask(f"{len(transfers)} transfers", execute)
        return answer

    async def create_accounts(self, accounts: Sequence[LedgerAccount]) -> None:
        def execute() -> None:
            results = self.server.cluster.create_accounts(accounts)
            assert all(one.status in _THERE for one in results), f"accounts refused: {results!r}"
            self.server.accounts.update(one.id for one in accounts)

        await self.server.ask("accounts", execute)

    async def balances(self, account_ids: Sequence[int]) -> dict[int, Balance]:
        found: list[Any] = await self._read(
            lambda: self.server.cluster.lookup_accounts(account_ids)
        )
        return {record.account.id: record.balance for record in found}

    async def look_up_transfers(self, ids: Sequence[int]) -> list[Transfer]:
        found: list[Transfer] = await self._read(lambda: self.server.cluster.lookup_transfers(ids))
        return found

    async def probe(self) -> None:
        await self._read(lambda: None)

    async def _read(self, execute: Callable[[], object]) -> Any:
        try:
            return await self.server.ask("a read", execute)
        except Unknown as error:
            raise Unavailable("tigerbeetle", str(error)) from error
