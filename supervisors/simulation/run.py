"""One simulated life: a safety phase full of faults, then a phase that demands recovery.

The clock is virtual and the scheduler seeded, so that a seed gives one trace, event for event.
"""

import hashlib
from collections import Counter
from dataclasses import dataclass, field

import trio
import trio.testing
from trio._core import _run as trio_internals

from supervisors.admission import RestartAdmission
from supervisors.errors import RootFailed, StartFailed, SupervisionError, collapse
from supervisors.events import Event
from supervisors.simulation.invariants import (
    Invariants,
    Violation,
    everything_permanent_runs,
    mail_is_conserved,
)
from supervisors.simulation.world import World
from supervisors.supervisor import Step
from supervisors.tree import Tree, open_tree

SAFETY_SECONDS = 30.0
LIVENESS_SECONDS = 60.0
CLIENTS = 4
VERBS = ("restart", "stop", "start", "suspend", "resume", "release", "change", "look")
VERB_SECONDS_MAX = 1000.0  # a verb that takes longer hangs
EPSILON_SECONDS = 1e-6

# Errors that end a tree, as drawn: a root whose budget is spent, a start that fails.
_ENDS = (RootFailed, StartFailed)


@dataclass
class SeedResult:
    """What one seed did; `grid` has a row per transition: time, path, incarnation, what, why."""

    seed: int
    trace: str = ""
    steps: int = 0
    seconds: float = 0.0
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
    return f"python run.py simulate runtime --from {seed} --seeds 1"


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
    before = trio_internals._ALLOW_DETERMINISTIC_SCHEDULING  # noqa: SLF001 -- the switch trio made for this
    trio_internals._ALLOW_DETERMINISTIC_SCHEDULING = True  # type: ignore[misc]  # noqa: SLF001 -- the same
    trio_internals._r.seed(seed)  # noqa: SLF001 -- the same
    try:
        trio.run(_Life(result).live, clock=trio.testing.MockClock(autojump_threshold=0))
    except BaseException as error:
        broken = _first_violation(collapse(error))
        if isinstance(broken, KeyboardInterrupt):
            raise
        result.violation = str(broken) or repr(broken)
        result.invariant = getattr(broken, "invariant", type(broken).__name__)
    finally:
        trio_internals._ALLOW_DETERMINISTIC_SCHEDULING = before  # type: ignore[misc]  # noqa: SLF001 -- the same
    return result


def _first_violation(error: BaseException) -> BaseException:
    if isinstance(error, BaseExceptionGroup):
        members = [_first_violation(member) for member in error.exceptions]
        return next((one for one in members if isinstance(one, Violation)), members[0])
    return error


class _Life:
    def __init__(self, result: SeedResult) -> None:
        self.result = result
        self.world = World(result.seed)
        self.invariants = Invariants()
        self.broken: Violation | AssertionError | None = None
        self.hash = hashlib.sha256()
        self.monitored = 0

    async def live(self) -> None:
        living = trio.lowlevel.current_statistics().tasks_living
        tree: Tree | None = None
        try:
            async with open_tree(
                self.world.spec,
                seed=self.result.seed,
                on_event=self.on_event,
                on_step=self.on_step,
                admission=RestartAdmission(burst=3, per_second=20.0),
                phases=self.world.phases,
            ) as tree:
                self.invariants.closed_phases = tree.runtime.closed_phases
                await self.go_through(tree)
        except BaseExceptionGroup as group:
            if not isinstance(collapse(group), _ENDS):
                raise
        except _ENDS:
            pass
        if self.broken is not None:
            raise self.broken
        if tree is not None:
            mail_is_conserved(tree, at_the_end=True)
        left = trio.lowlevel.current_statistics().tasks_living - living
        if left:
            raise Violation("no orphan task", f"{left} tasks outlived the tree")
        self.result.seconds = trio.current_time()
        self.result.faults = self.world.faults
        self.result.trace = self.hash.hexdigest()[:16]

    async def go_through(self, tree: Tree) -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(CLIENTS):
                nursery.start_soon(self.client, tree)
            nursery.start_soon(self.operator, tree)
            nursery.start_soon(self.mourner, tree)
            with trio.move_on_after(SAFETY_SECONDS):
                await tree.runtime.finished.wait()
            self.world.faulty = False
            self.look(tree)
            self.resume_everybody(tree)
            with trio.move_on_after(LIVENESS_SECONDS):
                await tree.runtime.finished.wait()
            if not tree.runtime.finished.is_set():
                everything_permanent_runs(tree)
            self.look(tree)
            nursery.cancel_scope.cancel()

    # The traffic

    async def client(self, tree: Tree) -> None:
        draw = self.world.random
        while self.world.names:
            await trio.sleep(draw.uniform(0.0, 0.3))
            ref = tree.ref(draw.choice(self.world.names))
            limit, began = draw.uniform(0.05, 2.0), trio.current_time()
            own_limit = limit / 2 if self.world.strikes("cancelled caller", 0.05) else float("inf")
            said = "cancelled"
            with trio.move_on_after(own_limit):
                if draw.random() < 0.5:  # noqa: PLR2004 -- half of it
                    said = f"cast {await ref.cast(draw.randint(0, 3), timeout=limit)}"
                else:
                    said = await self.call(tree, ref.name, limit)
            took = trio.current_time() - began
            if took > limit + EPSILON_SECONDS:
                self.break_off(Violation("a call ends by its deadline", f"{ref.name}: {took} s"))
            self.note(ref.name, said)

    async def call(self, tree: Tree, name: str, limit: float) -> str:
        try:
            return f"answer {await tree.ref(name).call(1, timeout=limit)}"
        except SupervisionError as error:
            return type(error).__name__

    async def operator(self, tree: Tree) -> None:
        draw = self.world.random
        while self.world.faulty:
            await trio.sleep(draw.uniform(0.2, 3.0))
            nodes = tree.snapshot().nodes[1:]
            if not nodes:
                continue
            node = draw.choice(nodes)
            verb = draw.choice(VERBS)
            try:
                with trio.fail_after(VERB_SECONDS_MAX):
                    await self.operate(tree, verb, node.path)
                said = "done"
            except (SupervisionError, ValueError) as error:
                said = type(error).__name__
            except trio.TooSlowError:
                self.break_off(Violation("a verb ends", f"{verb} {node.path} hangs"))
                return
            self.world.faults[f"operator: {verb}"] += 1
            self.note(node.path, f"{verb}: {said}")

    async def operate(self, tree: Tree, verb: str, path: str) -> None:
        match verb:
            case "restart":
                await tree.restart_child(path)
            case "stop":
                await tree.stop_child(path)
            case "start":
                if self.world.dynamic_paths:
                    where = self.world.random.choice(self.world.dynamic_paths)
                    await tree.start_child(where, f"n{self.world.random.randint(0, 9)}")
            case "change":
                await tree.apply(tree.plan(path, self.world.draw_change()))
            case "suspend":
                tree.suspend(path)
            case "resume":
                tree.resume(path)
            case "release":
                await tree.release(path)
            case _:
                tree.explain(path)
                tree.why(path)
                await tree.get_state(path, timeout=0.1)

    def resume_everybody(self, tree: Tree) -> None:
        for node in tree.snapshot().nodes:
            if node.suspended:
                tree.resume(node.path)

    async def mourner(self, tree: Tree) -> None:
        """Wait for one end after the other; a monitor that spoke twice would assert."""
        while self.world.names:
            name = self.world.random.choice(self.world.names)
            down = await tree.monitor(name).wait()
            self.note(name, f"down {down.incarnation}")
            await trio.sleep(0.5)

    # The record

    def on_event(self, event: Event) -> None:
        self.result.events[event.kind.value] += 1
        at = f"{event.at:.6f}"
        row = (
            at,
            event.path,
            f"#{event.incarnation}",
            event.kind.value,
            event.reason.split("\n")[0],
        )
        self.result.grid.append(row)
        self.hash.update("|".join(row).encode())

    def on_step(self, step: Step) -> None:
        self.result.steps += 1
        kind, child = type(step.event).__name__, getattr(step.event, "child_id", "")
        self.hash.update(f"{step.path}|{child}|{kind}|{step.event.now:.6f}".encode())
        if self.broken is None:
            try:
                self.invariants.after(step)
            except Violation as violation:
                self.break_off(violation)

    def look(self, tree: Tree) -> None:
        try:
            mail_is_conserved(tree, at_the_end=False)
        except Violation as violation:
            self.break_off(violation)

    def note(self, path: str, what: str) -> None:
        self.hash.update(f"{path}|{what}|{trio.current_time():.6f}".encode())

    def break_off(self, violation: Violation) -> None:
        """Remember the first violation; it is raised when the tree is down."""
        if self.broken is None:
            self.broken = violation
            row = (f"{trio.current_time():.6f}", "", "", "VIOLATION", str(violation))
            self.result.grid.append(row)
