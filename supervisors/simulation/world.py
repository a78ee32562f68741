"""A tree drawn from a seed, and actors that misbehave as drawn, until told to stop it."""

import random
from collections import Counter
from typing import Any

import trio

from supervisors.actor import DEFERRED, Actor
from supervisors.caller import Caller, Envelope
from supervisors.context import Context
from supervisors.errors import Ignore, SupervisionError
from supervisors.mailbox import Mailbox, Overflow
from supervisors.phases import ShutdownPhases
from supervisors.spec import (
    AutoShutdown,
    Backoff,
    ChildSpec,
    DynamicSpec,
    Restart,
    Spec,
    Strategy,
    SupervisorSpec,
)

DEPTH_MAX = 2
PHASES = ("intake", "work")
SECONDS_MAX = 3.0  # of every drawn time


class SimulatedCrash(Exception):
    """A handler's error, as drawn."""


class SimulatedAbort(BaseException):
    """An error that no `except Exception` catches."""


class World:
    """What one seed draws. `faulty` is on in the safety phase, off in the liveness phase."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 -- not a secret
        self.faulty = True
        self.faults: Counter[str] = Counter()
        self.names: list[str] = []
        self.dynamic_paths: list[str] = []
        self.phases = self._draw_phases()
        self.spec = self._draw_root()

    def strikes(self, fault: str, chance: float) -> bool:
        """Say whether a fault happens now."""
        if not self.faulty or self.random.random() >= chance:
            return False
        self.faults[fault] += 1
        return True

    def seconds(self) -> float:
        return self.random.uniform(0.0, SECONDS_MAX)

    # The tree

    def _draw_phases(self) -> ShutdownPhases:
        limits = [(name, self.random.choice([0.5, 5.0])) for name in PHASES]
        return ShutdownPhases(phases=tuple(limits), total=self.random.choice([3.0, 60.0]))

    def _draw_phase(self) -> str | None:
        return self.random.choice([None, None, None, *PHASES])

    def draw_change(self) -> dict[str, object]:
        """Draw what an operator may want to change in a spec; not every spec takes it."""
        return self.random.choice(
            [
                {"strategy": self.random.choice(list(Strategy)).value},
                {"max_restarts": self.random.randint(0, 9)},
                {"shutdown": self.random.choice([0.0, 1.0, "infinity"])},
                {"backoff.initial": self.random.choice([0.0, 2.0])},
                {"max_children": self.random.randint(1, 9)},
            ]
        )

    def _draw_root(self) -> SupervisorSpec:
        spec = self._draw_supervisor("root", "root", 0)
        return SupervisorSpec(
            id="root",
            strategy=spec.strategy,
            children=spec.children,
            max_restarts=self.random.randint(20, 200),
            max_seconds=10.0,
            auto_shutdown=spec.auto_shutdown,
        )

    def _draw_supervisor(self, own_id: str, path: str, depth: int) -> SupervisorSpec:
        auto = self.random.choice([AutoShutdown.NEVER] * 4 + [AutoShutdown.ANY, AutoShutdown.ALL])
        children = [
            self._draw_child(f"c{number}", f"{path}/c{number}", depth + 1, auto)
            for number in range(self.random.randint(1, 4))
        ]
        return SupervisorSpec(
            id=own_id,
            strategy=self.random.choice(list(Strategy)),
            children=children,
            max_restarts=self.random.randint(0, 6),
            max_seconds=self.random.choice([1.0, 5.0, 30.0]),
            auto_shutdown=auto,
            backoff=self._draw_backoff(),
            shutdown=self.random.choice([float("inf"), 2.0, 10.0]),
            phase=None if depth == 0 else self._draw_phase(),
        )

    def _draw_child(self, own_id: str, path: str, depth: int, auto: AutoShutdown) -> Spec:
        dice = self.random.random()
        if depth < DEPTH_MAX and dice < 0.3:  # noqa: PLR2004 -- three of ten
            return self._draw_supervisor(own_id, path, depth)
        if dice < 0.5:  # noqa: PLR2004 -- two of ten
            return self._draw_dynamic(own_id, path)
        significant = auto is not AutoShutdown.NEVER and self.random.random() < 0.5  # noqa: PLR2004
        return self._draw_actor(own_id, path, significant=significant)

    def _draw_dynamic(self, own_id: str, path: str) -> DynamicSpec:
        keys = [f"k{number}" for number in range(self.random.randint(0, 5))]
        specs: dict[str, ChildSpec] = {}

        def template(key: str) -> ChildSpec:
            if key not in specs:
                specs[key] = self._draw_actor(key, f"{path}/{key}", significant=False)
            return specs[key]

        self.dynamic_paths.append(path)
        own_budget = self.random.choice([None, 0, 2])
        return DynamicSpec(
            id=own_id,
            template=template,
            keys=keys,
            max_children=self.random.randint(max(1, len(keys)), 8),
            child_max_restarts=own_budget,
            child_max_seconds=20.0,
            max_restarts=self.random.randint(1, 8),
            backoff=self._draw_backoff(),
        )

    def _draw_actor(self, own_id: str, path: str, *, significant: bool) -> ChildSpec:
        restarts = [Restart.TRANSIENT, Restart.TEMPORARY]
        if not significant:
            restarts += [Restart.PERMANENT] * 3
        self.names.append(path.partition("/")[2])
        kind = self._draw_kind()
        return kind.spec(
            self,
            id=own_id,
            restart=self.random.choice(restarts),
            significant=significant,
            shutdown=self.random.choice([0.0, 0.5, 2.0]),
            start_timeout=self.random.choice([0.5, 2.0]),
            backoff=self._draw_backoff(),
            phase=self._draw_phase(),
        )

    def _draw_kind(self) -> type["Misbehaving"]:
        base = self.random.choice([Misbehaving, Plain, Batched])
        policy = Mailbox(
            capacity=self.random.choice([1, 2, 8]),
            overflow=self.random.choice(list(Overflow)),
            redeliver_max=self.random.choice([0, 0, 1, 2]),
        )
        return type(base.__name__, (base,), {"mailbox": policy})

    def _draw_backoff(self) -> Backoff:
        return Backoff(
            initial=self.random.choice([0.0, 0.1, 0.5]),
            cap=2.0,
            jitter=self.random.choice([0.0, 0.3]),
            stable_after=self.random.choice([1.0, 10.0]),
        )


class Misbehaving(Actor):
    """An actor that starts late, hangs, crashes, defers and dawdles, as its world draws."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.deferred: list[Caller] = []

    async def init(self, context: Context) -> None:  # noqa: ARG002 -- as in Actor
        world = self.world
        if world.strikes("slow start", 0.1):
            await trio.sleep(world.seconds())
        if world.strikes("hang in start", 0.02):
            await trio.sleep_forever()
        if world.strikes("crash in start", 0.08):
            raise SimulatedCrash("in init")
        if world.strikes("ignore", 0.01):
            raise Ignore("as drawn")

    async def handle_call(self, message: Any, caller: Caller) -> object:
        self.misbehave_at_once()
        await self.dawdle()
        if self.world.strikes("deferred reply", 0.1):
            self.deferred.append(caller)
            self.call_after(self.world.seconds(), "reply")
            return DEFERRED
        if self.world.strikes("call to another", 0.1):
            await self.call_another()
        if self.world.strikes("double reply", 0.02):
            caller.reply("first")
        return message

    async def handle_cast(self, message: Any) -> None:  # noqa: ARG002 -- as in Actor
        self.misbehave_at_once()
        await self.dawdle()

    async def handle_info(self, message: Any) -> None:  # noqa: ARG002 -- as in Actor
        while self.deferred:
            self.deferred.pop().reply("later")

    async def terminate(self) -> None:
        world = self.world
        if world.strikes("slow stop", 0.15):
            await trio.sleep(world.seconds())
        if world.strikes("shielded stop", 0.03):
            with trio.CancelScope(shield=True):
                await trio.sleep(2 * SECONDS_MAX)
        if world.strikes("crash in stop", 0.05):
            raise SimulatedCrash("in terminate")

    def misbehave_at_once(self) -> None:
        if self.world.strikes("crash", 0.06):
            raise SimulatedCrash("in a handler")
        if self.world.strikes("abort", 0.01):
            raise SimulatedAbort("in a handler")

    async def dawdle(self) -> None:
        if self.world.strikes("slow handler", 0.15):
            await trio.sleep(self.world.seconds())
        if self.world.strikes("crash in a sub-task", 0.02):
            self.start_soon(self.crash_later)

    async def crash_later(self) -> None:
        await trio.sleep(self.world.seconds())
        raise SimulatedCrash("in a sub-task")

    async def call_another(self) -> None:
        try:
            await self.context.ref(self.world.random.choice(self.world.names)).call(0, timeout=0.5)
        except SupervisionError:
            return


class Plain(Misbehaving):
    """Its handlers never wait, so calls to it are handled inline."""

    def handle_call(self, message: Any, caller: Caller) -> object:  # type: ignore[override]
        self.misbehave_at_once()
        if self.world.strikes("deferred reply", 0.1):
            self.deferred.append(caller)
            self.call_after(self.world.seconds(), "reply")
            return DEFERRED
        return message


class Batched(Misbehaving):
    """Takes several messages at once."""

    batch_max = 4

    async def handle_batch(self, envelopes: Any) -> None:
        envelope: Envelope
        for envelope in envelopes:
            self.misbehave_at_once()
            if envelope.caller is not None and not self.world.strikes("unanswered", 0.05):
                envelope.caller.reply(envelope.message)
        await self.dawdle()
