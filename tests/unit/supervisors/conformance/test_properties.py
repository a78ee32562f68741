"""Properties of whole lives: a seed draws a tree, then crashes, calls and an operator's whims."""

import random
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest
import trio

from supervisors import (
    ChildSpec,
    DynamicSpec,
    EventKind,
    Mailbox,
    Overflow,
    Restart,
    Spec,
    Step,
    Strategy,
    SupervisionError,
    SupervisorSpec,
    Tree,
)
from supervisors.decide import check
from supervisors.state import AddChild, Phase, Report, RestartChild, State, StopTask
from tests.unit.supervisors.actor_kit import Worker, statistics
from tests.unit.supervisors.conftest import run_on_virtual_clock
from tests.unit.supervisors.supervision_kit import EXACT, Lab, settle

SEEDS = range(10)
TURNS = 60
CALM_SECONDS = 300.0
MESSAGES = (("sleep", 0.4), ("sleep", 3), "crash", "keep", "answer kept", "twice", "hello")

over_seeds = pytest.mark.parametrize("seed", SEEDS)


@pytest.fixture(autouse=True)
def scheduler(monkeypatch: pytest.MonkeyPatch) -> random.Random:
    """Seed trio's scheduler, so that a life that fails fails again."""
    monkeypatch.setattr(trio._core._run, "_ALLOW_DETERMINISTIC_SCHEDULING", True)
    chooser: random.Random = trio._core._run._r
    chooser.seed(0)
    return chooser


class Narrow(Worker):
    mailbox = Mailbox(capacity=2, overflow=Overflow.BLOCK, redeliver_max=1)


class Life:
    """One life: a tree drawn by the seed, troubled for some turns, then left in peace."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.choose = random.Random(seed)
        self.lab = Lab()
        self.tree: Tree
        self.workers: list[str] = []
        self.steps: list[tuple[float, Step]] = []
        self.restarts: dict[tuple[int, str], list[float]] = {}
        self.states: dict[int, State] = {}
        self.stop_orders: dict[int, list[str]] = {}
        self.held: set[str] = set()
        self.tasks_before = self.tasks_after = 0

    async def live(
        self, look: Callable[[Tree], None] = lambda _: None, *, calm: bool = True
    ) -> "Life":
        self.tasks_before = trio.lowlevel.current_statistics().tasks_living
        spec = self.lab.supervisor(*self.draw(), max_restarts=10**6)
        async with self.lab.open(spec, seed=self.seed, on_step=self.note) as self.tree:
            async with trio.open_nursery() as nursery:
                for _ in range(TURNS):
                    self.trouble(nursery)
                    await trio.sleep(self.choose.choice([0.0, 0.1, 1.0, 3.0]))
                    look(self.tree)
            if calm:
                await self.come_to_rest()
                look(self.tree)
        look(self.tree)
        self.tasks_after = trio.lowlevel.current_statistics().tasks_living
        return self

    # The tree

    def draw(self) -> list[Spec]:
        pool = DynamicSpec(
            id="pool",
            template=self.actor,
            keys=tuple("xyz"),
            child_max_restarts=self.choose.choice([None, 0, 1, 3]),
            max_restarts=self.choose.choice([2, 100]),
            backoff=EXACT,
        )
        return [self.group("g"), pool, self.group("h", self.group("i"))]

    def group(self, key: str, *more: Spec) -> SupervisorSpec:
        names = [f"{key}{number}" for number in range(self.choose.randint(1, 4))]
        self.workers += names
        return self.lab.supervisor(
            *(self.worker(name) for name in names),
            *more,
            id=key,
            strategy=self.choose.choice(list(Strategy)),
            max_restarts=self.choose.choice([0, 2, 100]),
            max_seconds=20,
        )

    def worker(self, id: str) -> ChildSpec:  # noqa: A002 -- as in the spec
        return self.lab.worker(
            id,
            restart=self.choose.choice([*Restart, Restart.PERMANENT]),
            init_seconds=self.choose.choice([0.0, 0.0, 1.0]),
            stop_seconds=self.choose.choice([0.0, 0.0, 1.0, 6.0]),
            shutdown=self.choose.choice([0, 2, 10]),
            crash_in_stop=self.choose.random() < 0.2,
        )

    def actor(self, key: str) -> ChildSpec:
        return Narrow.spec(id=key, backoff=EXACT, shutdown=2)

    # The trouble

    def trouble(self, nursery: trio.Nursery) -> None:
        for name in self.choose.sample(self.workers, 2):
            if name in self.lab._commands:
                self.choose.choice([self.lab.crash, self.lab.finish])(name)
        for _ in range(self.choose.randint(0, 6)):
            name, message = self.choose.choice("xyzw"), self.choose.choice(MESSAGES)
            ref = self.tree.ref(f"pool/{name}")
            act = self.choose.choice([ref.call, ref.cast])
            limit = self.choose.choice([0.2, 2.0])
            nursery.start_soon(tolerating, partial(act, message, timeout=limit))
        self.operate(nursery)

    def operate(self, nursery: trio.Nursery) -> None:
        path = self.choose.choice(self.tree.snapshot().nodes).path
        match self.choose.randint(0, 9):
            case 0:
                self.held.add(path)
                nursery.start_soon(tolerating, partial(self.tree.stop_child, path))
            case 1:
                nursery.start_soon(tolerating, partial(self.tree.restart_child, path))
            case 2:
                nursery.start_soon(tolerating, partial(self.tree.start_child, "root/pool", "w"))
            case 3:
                nursery.start_soon(tolerating, partial(self.tree.release, path))

    async def come_to_rest(self) -> None:
        """Release whoever is quarantined, and give everybody time to come up."""
        for node in self.tree.snapshot().nodes:
            if node.state == "quarantined":
                await self.tree.release(node.path)
        await settle(CALM_SECONDS)

    # What is seen of it

    def note(self, step: Step) -> None:
        state = step.state
        check(state, state.children)
        self.steps.append((self.lab.now(), step))
        self.states[id(state)] = state
        if isinstance(step.event, RestartChild):
            self.restarts.pop((id(state), step.event.child_id), None)
        if isinstance(step.event, AddChild):
            self.restarts.pop((id(state), step.event.spec.id), None)
        own = isinstance(state.spec, DynamicSpec) and state.spec.child_max_restarts is not None
        for effect in step.effects:
            if isinstance(effect, Report) and effect.kind is EventKind.RESTARTING:
                key = (id(state), effect.child_id if own else "")
                self.restarts.setdefault(key, []).append(self.lab.now())
            if isinstance(effect, StopTask) and state.phase is Phase.STOPPING:
                self.stop_orders.setdefault(id(state), []).append(effect.child_id)

    def trace(self) -> list[tuple[object, ...]]:
        decided = [
            (at, step.path, type(step.event).__name__, [type(one).__name__ for one in step.effects])
            for at, step in self.steps
        ]
        told = [(event.id, event.kind, event.path, event.reason) for event in self.lab.events]
        return [*decided, *told, *self.lab.log]


async def tolerating(act: Callable[[], Awaitable[object]]) -> None:
    try:
        await act()
    except SupervisionError:
        return


@over_seeds
async def test_no_child_is_lost(seed: int) -> None:
    """`check` ran after every step of this life; here is that it had something to look at."""
    life = await Life(seed).live()
    assert len(life.steps) > TURNS


@over_seeds
async def test_when_the_trouble_is_over_whoever_should_run_does_within_a_bound(seed: int) -> None:
    life = Life(seed)
    resting: list[tuple[str, str]] = []

    def look(tree: Tree) -> None:
        resting[:] = [
            (node.path, node.state)
            for node in tree.snapshot().nodes
            if node.state != "running" and node.restart == "permanent"
        ]

    async def come_to_rest() -> None:
        await Life.come_to_rest(life)
        look(life.tree)
        assert [path for path, _ in resting if path not in life.held] == []
        assert {state for _, state in resting} <= {"done"}
        life.tree.stop("enough")

    life.come_to_rest = come_to_rest  # type: ignore[method-assign]
    await life.live()
    assert life.lab.told(EventKind.CRASHED)


@over_seeds
async def test_messages_are_conserved(seed: int) -> None:
    sent: dict[str, int] = {}

    def look(tree: Tree) -> None:
        for node in tree.snapshot().nodes:
            if node.mailbox is not None:  # `statistics` asserts that the counts add up
                sent[node.path] = statistics(tree, node.path).sent

    await Life(seed).live(look)
    assert sum(sent.values()) > 0


@over_seeds
async def test_no_task_is_left_after_the_stop(seed: int) -> None:
    life = await Life(seed).live(calm=False)
    assert life.tasks_after == life.tasks_before
    assert all(state.phase is Phase.DONE for state in life.states.values())
    assert sorted(life.lab.order("down")) == sorted(life.lab.order("start"))


@over_seeds
async def test_restarts_stay_within_the_budget_in_every_window(seed: int) -> None:
    life = await Life(seed).live()
    assert life.restarts
    for (state_id, child_id), times in life.restarts.items():
        spec: Any = life.states[state_id].spec
        allowed = spec.child_max_restarts if child_id else spec.max_restarts
        window = spec.child_max_seconds if child_id else spec.max_seconds
        for first in times:
            assert sum(0 <= at - first < window for at in times) <= allowed


@over_seeds
async def test_stop_order_is_start_order_reversed(seed: int) -> None:
    life = await Life(seed).live()
    checked = 0
    for state_id, stopped in life.stop_orders.items():
        state = life.states[state_id]
        if isinstance(state.spec, SupervisorSpec):
            start_order = [child.id for child in state.spec.children]
            assert stopped == [name for name in reversed(start_order) if name in stopped]
            checked += 1
    assert checked > 0


@pytest.mark.parametrize("seed", [1, 2])
def test_same_seed_gives_the_same_life(seed: int, scheduler: random.Random) -> None:
    lives = []
    for _ in range(2):
        scheduler.seed(seed)
        lives.append(run_on_virtual_clock(Life(seed).live).trace())
    assert lives[0] == lives[1]
