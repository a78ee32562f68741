"""Workers that crash, return, hang and dawdle on command, and a table notation for `decide`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import trio

from supervisors import (
    Backoff,
    ChildSpec,
    Context,
    DynamicSpec,
    Event,
    EventKind,
    Strategy,
    SupervisorSpec,
    Tree,
    open_tree,
)
from supervisors.decide import decide, initial
from supervisors.state import (
    AddChild,
    ArmRestart,
    BecameReady,
    Boot,
    Child,
    Effect,
    Exit,
    Exited,
    ExitKind,
    Finish,
    Input,
    KillTask,
    RestartChild,
    RestartDue,
    SayReady,
    StartTask,
    StartTimedOut,
    State,
    Stop,
    StopChild,
    StopTask,
    StopTimedOut,
)

# Restarts after 1, 2, 4, 8, 8 … seconds exactly.
EXACT = Backoff(initial=1.0, factor=2.0, cap=8.0, jitter=0.0, stable_after=10.0)


class CrashOnCommand(Exception):
    pass


class Lab:
    """Makes workers and remembers, with times since the tree was opened, what became of them."""

    def __init__(self) -> None:
        self.log: list[tuple[str, str, float]] = []
        self.events: list[Event] = []
        self.began = 0.0
        self._commands: dict[str, tuple[trio.Event, list[bool]]] = {}

    def worker(
        self,
        id: str,  # noqa: A002 -- as in the spec
        *,
        failing_starts: int = 0,
        init_seconds: float = 0.0,
        init_shielded: bool = False,
        stop_seconds: float = 0.0,
        crash_in_stop: bool = False,
        crash_after: float | None = None,
        **fields: Any,
    ) -> ChildSpec:
        starts = 0

        async def start(context: Context) -> None:
            nonlocal starts
            starts += 1
            self.note("start", id)
            try:
                with trio.CancelScope(shield=init_shielded):
                    await trio.sleep(init_seconds)
                if starts <= failing_starts:
                    raise CrashOnCommand(f"start {starts} of {id}")
                context.ready(f"{id}#{context.incarnation}")
                self.note("up", id)
                await self._live(id, crash_after)
            finally:
                with trio.CancelScope(shield=True):
                    if stop_seconds:
                        await trio.sleep(stop_seconds)
                self.note("down", id)
                if crash_in_stop:
                    raise CrashOnCommand(f"{id} in its stop")

        return ChildSpec(id=id, start=start, **{"backoff": EXACT, **fields})

    def supervisor(self, *children: Any, **fields: Any) -> SupervisorSpec:
        defaults = {
            "id": "root",
            "strategy": Strategy.ONE_FOR_ONE,
            "max_restarts": 100,
            "backoff": EXACT,
        }
        return SupervisorSpec(children=children, **{**defaults, **fields})

    @asynccontextmanager
    async def open(self, spec: SupervisorSpec | DynamicSpec, **options: Any) -> AsyncIterator[Tree]:
        """Open a tree; `options` are those of open_tree."""
        self.began = trio.current_time()
        async with open_tree(
            spec, **{"seed": 1, "on_event": self.events.append, **options}
        ) as tree:
            yield tree

    async def run_to_end(self, spec: SupervisorSpec, *, crash: str = "") -> None:
        """Open a tree, crash a worker if one is named, and wait for the root's end."""
        async with self.open(spec) as tree:
            if crash:
                self.crash(crash)
            with trio.fail_after(1000):
                await tree.wait()

    def crash(self, worker_id: str) -> None:
        self._command(worker_id, crash=True)

    def finish(self, worker_id: str) -> None:
        self._command(worker_id, crash=False)

    def note(self, what: str, worker_id: str) -> None:
        self.log.append((what, worker_id, self.now()))

    def now(self) -> float:
        return round(trio.current_time() - self.began, 6)

    def order(self, what: str) -> list[str]:
        return [name for kind, name, _ in self.log if kind == what]

    def times(self, what: str, worker_id: str) -> list[float]:
        return [at for kind, name, at in self.log if (kind, name) == (what, worker_id)]

    def told(self, kind: EventKind) -> list[Event]:
        return [event for event in self.events if event.kind is kind]

    def _command(self, worker_id: str, *, crash: bool) -> None:
        event, how = self._commands[worker_id]
        how.append(crash)
        event.set()

    async def _live(self, worker_id: str, crash_after: float | None) -> None:
        event, how = self._commands[worker_id] = (trio.Event(), [])
        if crash_after is not None:
            await trio.sleep(crash_after)
            raise CrashOnCommand(f"{worker_id} after {crash_after:g} s")
        await event.wait()
        if how[0]:
            raise CrashOnCommand(f"{worker_id} as told")


async def settle(seconds: float = 0.0) -> None:
    """Let everybody run as far as they can, then some virtual time on top."""
    await trio.testing.wait_all_tasks_blocked()
    if seconds:
        await trio.sleep(seconds)
        await trio.testing.wait_all_tasks_blocked()


def states(tree: Tree) -> dict[str, str]:
    """Return the states of all children, by path without the root."""
    return {node.path.partition("/")[2]: node.state for node in tree.snapshot().nodes[1:]}


async def never(_context: Context) -> None:
    """Be a start that a table test does not run."""


def child_spec(id: str, **fields: Any) -> ChildSpec:  # noqa: A002 -- as in the spec
    return ChildSpec(**{"id": id, "start": never, "backoff": EXACT, **fields})


class Table:
    """One supervisor driven by words: see `do`."""

    def __init__(self, spec: SupervisorSpec | DynamicSpec, *children: ChildSpec) -> None:
        self.state: State = initial(spec, "seed", [Child(child) for child in children], 0.0)
        self.now = 0.0
        self.effects: tuple[Effect, ...] = ()

    def play(self, script: str) -> str:
        """Do the words between semicolons, and return the effects of the last, in words."""
        for words in script.split(";"):
            self.do(*words.split())
        return ", ".join(word for effect in self.effects if (word := in_words(effect)))

    def do(self, verb: str, name: str = "") -> None:
        if verb == "at":
            self.now = float(name)
        elif verb == "up":
            self.send(Boot(self.now))
            for child_id in list(self.state.children):
                self.do("ready", child_id)
        else:
            self.send(self.event(verb, name))

    def send(self, event: Input) -> None:
        self.state, self.effects = decide(self.state, event)

    def event(  # noqa: C901, PLR0911 -- a dictionary of verbs
        self, verb: str, name: str
    ) -> Input:
        now, child = self.now, self.state.children.get(name.removesuffix("'"))
        incarnation = 0 if child is None else child.incarnation - name.endswith("'")
        name = name.removesuffix("'")  # a's earlier incarnation is written a'
        match verb:
            case "boot":
                return Boot(now)
            case "ready":
                return BecameReady(now, name, incarnation)
            case "crash" | "return" | "ignore":
                kind = {"crash": ExitKind.CRASHED, "return": ExitKind.NORMAL}.get(verb)
                return Exited(now, name, incarnation, Exit(kind or ExitKind.IGNORED, verb))
            case "slow_start":
                return StartTimedOut(now, name, incarnation)
            case "slow_stop":
                return StopTimedOut(now, name, incarnation)
            case "due":
                assert child is not None
                assert child.due is not None
                group = self.state.group
                return RestartDue(now, None if group else name, group.due if group else child.due)
            case "add":
                return AddChild(now, child_spec(name))
            case "remove":
                return StopChild(now, name, "operator")
            case "restart":
                return RestartChild(now, name, "operator")
            case "stop":
                return Stop(now, "asked")
            case "stop_at_once":
                return Stop(now, "asked", at_once=True)
        raise AssertionError(verb)


def in_words(effect: Effect) -> str:  # noqa: PLR0911 -- a dictionary of effects
    match effect:
        case StartTask():
            return f"start {effect.child_id}#{effect.incarnation}"
        case StopTask():
            return f"stop {effect.child_id}"
        case KillTask():
            return f"kill {effect.child_id}"
        case ArmRestart():
            return f"arm {effect.child_id or 'group'}@{effect.due:g}"
        case SayReady():
            return "ready"
        case Finish():
            return f"finish {effect.outcome.kind}"
        case _:
            return ""
