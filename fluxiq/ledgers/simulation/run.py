"""One simulated life: a safety phase full of faults, then a phase that demands recovery.

The clock is virtual and the scheduler seeded, so that a seed gives one trace, event for event.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

import trio
import trio.testing
from trio._core import _run as trio_internals

from fluxiq.domain.ledger_records import QueryFilter, Transfer
from fluxiq.ledgers.breaker import BreakerState
from fluxiq.ledgers.limits import TRANSFERS_MAX
from fluxiq.ledgers.parts import Mode
from fluxiq.ledgers.simulation.clients import Clients
from fluxiq.ledgers.simulation.institution import Institution
from fluxiq.ledgers.simulation.invariants import Violation, balances_agree, demand
from fluxiq.ledgers.simulation.postgres import Postgres
from fluxiq.ledgers.simulation.process import Process
from fluxiq.ledgers.simulation.tigerbeetle import LATE_SECONDS_MAX, Server
from fluxiq.ledgers.simulation.world import World
from fluxiq.ledgers.writer import Writer

SAFETY_SECONDS: Final = 12.0
LIVENESS_SECONDS_MAX: Final = 120.0
LOOK_SECONDS: Final = 0.5
CLIENTS: Final = 3  # of each institution
ZOMBIES_MAX: Final = 2


@dataclass
class SeedResult:
    """What one seed did; `grid` has a row per event: time, place, what, why."""

    seed: int
    trace: str = ""
    steps: int = 0
    seconds: float = 0.0
    transfers: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)
    violation: str | None = None
    invariant: str | None = None
    grid: list[tuple[str, ...]] = field(default_factory=list)

    def grid_text(self) -> str:
        widths = [max(map(len, column)) for column in zip(*self.grid, strict=True)]
        rows = (
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in self.grid
        )
        return "\n".join(rows)


def replay_command(seed: int) -> str:
    return f"python run.py simulate ledger --from {seed} --seeds 1"


def run_seed(seed: int) -> SeedResult:
    """Live through one seed twice; a second trace that differs is a violation, too."""
    first = run_once(seed)
    if first.violation is None:
        second = run_once(seed)
        if second.trace != first.trace:
            first.invariant = "same seed, same trace"
            first.violation = f"same seed, same trace: {first.trace} and {second.trace}"
    return first


def run_once(seed: int) -> SeedResult:
    result = SeedResult(seed)
    before = trio_internals._ALLOW_DETERMINISTIC_SCHEDULING  # noqa: SLF001 - the switch trio made for this
    trio_internals._ALLOW_DETERMINISTIC_SCHEDULING = True  # type: ignore[misc]  # noqa: SLF001 - the same
    trio_internals._r.seed(seed)  # noqa: SLF001 - the same
    clock = trio.testing.MockClock(autojump_threshold=0)
    life = _Life(World(seed, clock), result)
    try:
        trio.run(life.live, clock=clock)
    except BaseException as error:
        broken = _first_violation(error)
        if isinstance(broken, KeyboardInterrupt):
            raise
        result.violation = str(broken) or repr(broken)
        result.invariant = getattr(broken, "invariant", type(broken).__name__)
    finally:
        trio_internals._ALLOW_DETERMINISTIC_SCHEDULING = before  # type: ignore[misc]  # noqa: SLF001 - the same
    life.conclude()
    return result


def _first_violation(error: BaseException) -> BaseException:
    if isinstance(error, BaseExceptionGroup):
        members = [_first_violation(member) for member in error.exceptions]
        return next((one for one in members if isinstance(one, Violation)), members[0])
    return error


class _Life:
    def __init__(self, world: World, result: SeedResult) -> None:
        self.world = world
        self.result = result
        self.server = Server(world)
        self.postgres = Postgres(world)
        count = world.random.choice([1, 1, 2])
        self.institutions = [Institution(world, 7 + number) for number in range(count)]
        self.processes: list[Process] = []
        self.started = 0
        self.foreign: list[tuple[Institution, Transfer]] = []
        self.clients = [Clients(one, self._pick_for(one)) for one in self.institutions]

    async def live(self) -> None:
        async with trio.open_nursery() as nursery:
            self.world.nursery = nursery
            self._start_process()
            nursery.start_soon(self.server.weather)
            nursery.start_soon(self.postgres.weather)
            nursery.start_soon(self._machine_weather)
            nursery.start_soon(self._operator)
            for one in self.clients:
                nursery.start_soon(one.open_accounts)
                for _ in range(CLIENTS):
                    nursery.start_soon(one.run)

            await trio.sleep(SAFETY_SECONDS)
            self._end_of_faults()
            await self._converge()
            self._judge()
            nursery.cancel_scope.cancel()

    def conclude(self) -> None:
        result, world = self.result, self.world
        if result.violation is not None:
            world.grid.append(("", "", "VIOLATION", result.violation))
        result.trace, result.steps, result.grid = world.trace(), world.steps, world.grid
        result.faults, result.events = world.faults, world.events

    # Processes

    def _pick_for(self, institution: Institution) -> "_Pick":
        return _Pick(self, institution)

    def _start_process(self) -> None:
        self.started += 1
        process = Process(self.world, self.started, self.institutions, self.server, self.postgres)
        self.processes.append(process)
        self.world.nursery.start_soon(self._live_process, process)

    async def _live_process(self, process: Process) -> None:
        await process.run()
        self.processes.remove(process)

    async def _machine_weather(self) -> None:
        """Crashes with a successor, zombies beside one, clocks that jump."""
        world = self.world
        while world.faulty:
            await trio.sleep(world.seconds(0.5, 4.0))
            if world.strikes("process crashed", 0.25) and self.processes:
                self.processes[-1].scope.cancel()
                await trio.sleep(world.seconds(0.0, 2.0))
                self._start_process()
            if world.strikes("process became a zombie", 0.2):
                world.nursery.start_soon(self._outlive, self.processes[-1])
                self._start_process()
            if world.strikes("clock jumped", 0.1):
                world.jump(world.seconds(0.0, 5.0))
            if world.strikes("servers' clock jumped", 0.1):
                world.jump_wall(world.seconds(-100.0, 100.0))
            if world.strikes("transfer made by somebody else", 0.04):
                self._make_foreign_transfer()

    async def _outlive(self, process: Process) -> None:
        process.is_current = False
        zombies = [one for one in self.processes if not one.is_current]
        if len(zombies) > ZOMBIES_MAX:
            zombies[0].scope.cancel()
        with trio.move_on_after(self.world.seconds(0.0, 15.0)):
            await self.world.calm.wait()
        process.scope.cancel()

    def _make_foreign_transfer(self) -> None:
        """A credit that is in no journal: what verifying is for. Not while a recovery compares: of
        accounts that were the same and that no journal moves, it looks only once.
        """
        institution = self.world.random.choice(self.institutions)
        if institution.database.authority.mode not in (Mode.TIGERBEETLE, Mode.STANDIN):
            return
        if not {institution.settlement, institution.unidentified} <= self.server.accounts:
            return
        transfer = Transfer(
            id=institution.next_id(),
            ledger=institution.ledger,
            code=9,
            debit_account_id=institution.settlement,
            credit_account_id=institution.unidentified,
            amount=1000,
        )
        self.server.cluster.create_transfers([transfer])
        self.foreign.append((institution, transfer))
        self.world.note("somebody else", "executed", f"{transfer.id:x}")

    async def _operator(self) -> None:
        world = self.world
        while world.faulty:
            await trio.sleep(world.seconds(1.0, 8.0))
            if world.strikes("operator", 0.3):
                keeper = world.random.choice(self.processes).keeper if self.processes else None
                verb = world.random.choice(["open", "close", "release"])
                if keeper is not None:
                    world.note("operator", verb)
                    getattr(keeper, verb)("the operator says so")

    # The end

    def _end_of_faults(self) -> None:
        world = self.world
        world.become_calm()
        world.note("world", "calm")
        self.server.resume()
        self.postgres.up = True
        for process in self.processes:
            process.keeper.release("the operator goes home")
        # An operator has read the reports, and settles what no journal has.
        for institution, transfer in self.foreign:
            institution.database.enter_foreign(transfer)
        if not self.processes or not self.processes[-1].is_current:
            self._start_process()

    async def _converge(self) -> None:
        """Wait until everything is definite and back, and late requests have had their chance."""
        with trio.move_on_after(LIVENESS_SECONDS_MAX) as scope:
            while self._restless():  # noqa: ASYNC110 - nobody rings when it is quiet
                await trio.sleep(LOOK_SECONDS)
        if scope.cancelled_caught:
            demand(not self._refused(), "I8", f"{self._refused()}")
            what = "; ".join(self._restless())
            raise Violation("I7", f"not at rest after {LIVENESS_SECONDS_MAX} s: {what}")
        self.result.seconds = trio.current_time()
        demand(not self._refused(), "I8", f"{self._refused()}")
        for process in self.processes:
            process.scope.cancel()
        # What is still on its way finds that it was done, or can never be. So does a last copy of
        # everything that was ever refused, now that there may be money for it.
        await trio.sleep(LATE_SECONDS_MAX)
        for institution in self.institutions:
            for transfers in institution.told.refused_requests:
                self.server.cluster.create_transfers(transfers)

    def _refused(self) -> list[tuple[str, ...]]:
        """What recoveries found that nobody has settled."""
        writers = [one for process in self.processes for one in process.writers.values()]
        return [one.refused for one in writers if one.refused]

    def _restless(self) -> list[str]:
        found: list[str] = []
        keeper = self.processes[-1].keeper if self.processes else None
        if keeper is None or keeper.state is not BreakerState.CLOSED:
            found.append(f"the breaker is {keeper.breaker if keeper else 'nowhere'}")
        for one, clients in zip(self.institutions, self.clients, strict=True):
            database = one.database
            if database.authority.mode is not Mode.TIGERBEETLE:
                writer = self.processes[-1].writers[one.ledger] if self.processes else None
                why = writer.last_report if writer else ""
                found.append(f"{one.name} is {database.authority} {why}")
            if unanswered := [row.seq for row in database.unanswered()]:
                found.append(f"{one.name}: {unanswered} have no answer")
            if behind := database.behind():
                found.append(f"{one.name}: the mirror is {behind} behind")
            if clients.busy:
                found.append(f"{one.name}: {clients.busy} operations are not definite")
        return found

    def _judge(self) -> None:
        everything = self.server.cluster.query_transfers(QueryFilter(limit=TRANSFERS_MAX))
        self.result.transfers = len(everything)
        for one in self.institutions:
            there = {t.id: t for t in everything if t.ledger == one.ledger}
            here = one.database.transfers
            one.told.is_true("TigerBeetle", there)
            one.told.is_true("Postgres", here)
            wrong = f"{one.name}: only on one side: {[f'{i:x}' for i in {*there} ^ {*here}]}"
            demand({*there} == {*here}, "I5", wrong)
            records = self.server.cluster.lookup_accounts(one.database.states)
            ours = one.database.balances(list(one.database.states))
            balances_agree(one.name, ours, {r.account.id: r.balance for r in records})


class _Pick:
    """The writer that a caller of `institution` finds: now and then a zombie's."""

    def __init__(self, life: _Life, institution: Institution) -> None:
        self.life = life
        self.institution = institution

    def __call__(self) -> Writer | None:
        processes = self.life.processes
        if not processes:
            return None
        draw = self.life.world.random
        old = len(processes) > 1 and draw.random() < 0.3  # noqa: PLR2004 - callers know no better
        process = draw.choice(processes[:-1]) if old else processes[-1]
        return process.writers[self.institution.ledger]
