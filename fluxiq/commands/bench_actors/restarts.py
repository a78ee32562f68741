"""From the crash of a handler to the event that says that the child, or its whole group, runs."""

from functools import partial
from statistics import median
from time import perf_counter

import trio

from fluxiq.commands.bench_actors import peers
from fluxiq.commands.bench_actors.rounds import Contender, Effort, at_most, in_turns
from fluxiq.commands.figures import Figure
from supervisors import (
    Actor,
    Backoff,
    Event,
    EventKind,
    RestartAdmission,
    Strategy,
    SupervisorSpec,
    open_tree,
)

CHILD_MS_AIMED = 0.5
GROUP_MS_AIMED = 50.0
GROUP = 100
RESTART_SECONDS_MAX = 10.0

# The limits that would pace the restarts, or end them, are out of the way.
_UNPACED = RestartAdmission(burst=1_000_000, per_second=1e6)
_AT_ONCE = Backoff(initial=0)


class Crash:
    """A message, and when the handler that had it raised."""

    raised_at = 0.0


class Crashing(Actor):
    def handle_cast(self, message: Crash) -> None:
        message.raised_at = perf_counter()
        raise RuntimeError("as asked")


class Watcher:
    """Hears of every child that started; `wait` returns when the last one did."""

    def __init__(self) -> None:
        self._missing = 0
        self._all = trio.Event()
        self._at = 0.0

    def expect(self, children: int) -> None:
        self._missing = children
        self._all = trio.Event()

    def hear(self, event: Event) -> None:
        if event.kind is EventKind.STARTED:
            self._missing -= 1
            if self._missing == 0:
                self._at = perf_counter()
                self._all.set()

    async def wait(self) -> float:
        with trio.fail_after(RESTART_SECONDS_MAX):
            await self._all.wait()
        return self._at


def measure_restarts(effort: Effort) -> list[Figure]:
    """One child, and a group that restarts together; each round gives the median of its crashes."""
    figures = []
    for children, aim, crashes in (
        (1, CHILD_MS_AIMED, effort.count(200, 10)),
        (GROUP, GROUP_MS_AIMED, effort.count(20, 2)),
    ):
        row = "one child" if children == 1 else f"a group of {children} (one_for_all)"
        row = f"crash to running, {row}"
        ours = f"actor: {row}"
        samples = in_turns(
            "ms",
            [
                Contender(name=ours, measure=partial(trio.run, _crashes, children, crashes)),
                peers.otp(row, "restarts", children, crashes),
            ],
            effort.rounds,
        )
        figures += [samples.row(ours, f"at most {aim:g}", at_most(aim)), *samples.others(ours)]
    return figures


async def _crashes(children: int, crashes: int) -> float:
    """Return the median in milliseconds."""
    watcher = Watcher()
    spec = SupervisorSpec(
        id="bench",
        strategy=Strategy.ONE_FOR_ALL,
        children=[Crashing.spec(id=str(number), backoff=_AT_ONCE) for number in range(children)],
        max_restarts=1_000_000,
        max_seconds=1.0,
    )
    took = []
    async with open_tree(spec, admission=_UNPACED, on_event=watcher.hear) as tree:
        first = tree.ref("0")
        for _ in range(crashes):
            watcher.expect(children)
            crash = Crash()
            accepted = first.cast_nowait(crash)
            assert accepted, "it runs"
            took.append((await watcher.wait() - crash.raised_at) * 1000)
    return median(took)
