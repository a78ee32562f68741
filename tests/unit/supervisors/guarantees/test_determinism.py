"""Guarantees about determinism: the same seed gives the same life, event for event."""

from collections.abc import Callable
from functools import partial

import pytest
import trio

from supervisors import Backoff, DynamicSpec, Mailbox, Overflow, Step, Strategy, SupervisionError
from tests.unit.supervisors.actor_kit import Worker
from tests.unit.supervisors.conftest import run_on_virtual_clock
from tests.unit.supervisors.supervision_kit import Lab

Trace = list[tuple[object, ...]]
JITTERY = Backoff(initial=0.2, jitter=0.5, cap=2.0)


class Narrow(Worker):
    mailbox = Mailbox(capacity=2, overflow=Overflow.REJECT, redeliver_max=1)


async def live(seed: int) -> Trace:
    """Live through some crashes and calls, and return what was decided, told and answered."""
    lab = Lab()
    trace: Trace = []

    def note_step(step: Step) -> None:
        decided = [type(effect).__name__ for effect in step.effects]
        trace.append((lab.now(), step.path, type(step.event).__name__, *decided))

    async def call(name: str, message: object) -> None:
        try:
            answer = await tree.ref(name).call(message, timeout=3)
        except SupervisionError as error:
            answer = str(error)
        trace.append((lab.now(), name, answer))

    pool = DynamicSpec(
        id="pool",
        template=lambda key: Narrow.spec(id=key, backoff=JITTERY),
        keys=tuple("xyz"),
        child_max_restarts=2,
    )
    group = lab.supervisor(
        *(lab.worker(name, crash_after=5, backoff=JITTERY) for name in "abc"),
        id="group",
        strategy=Strategy.ONE_FOR_ALL,
    )
    async with (
        lab.open(lab.supervisor(pool, group), seed=seed, on_step=note_step) as tree,
        trio.open_nursery() as nursery,
    ):
        for turn in range(10):
            for key in "xyz":
                for message in (("sleep", 0.4), "crash", "hello", f"{turn}"):
                    nursery.start_soon(call, f"pool/{key}", message)
            await trio.sleep(1)
    trace.extend((event.id, *event[:4], event.at - lab.began) for event in lab.events)
    return trace


@pytest.fixture
def seed_scheduler(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Let trio's scheduler follow from a seed, as its own and Hypothesis' tests do."""
    run = trio._core._run
    monkeypatch.setattr(run, "_ALLOW_DETERMINISTIC_SCHEDULING", True)
    return run._r.seed


@pytest.mark.parametrize("seed", range(3))
def test_same_seed_gives_the_same_trace_event_for_event(
    seed_scheduler: Callable[[int], None], seed: int
) -> None:
    traces = []
    for _ in range(2):
        seed_scheduler(seed)
        traces.append(run_on_virtual_clock(partial(live, seed)))
    assert len(traces[0]) > 200
    assert traces[0] == traces[1]


def test_other_seed_gives_another_trace(seed_scheduler: Callable[[int], None]) -> None:
    traces = []
    for seed in range(2):
        seed_scheduler(seed)
        traces.append(run_on_virtual_clock(partial(live, seed)))
    assert traces[0] != traces[1]


async def test_events_are_numbered_without_a_gap_and_name_an_earlier_cause(lab: Lab) -> None:
    workers = [lab.worker(name, crash_after=1) for name in "abc"]
    spec = lab.supervisor(*workers, strategy=Strategy.REST_FOR_ONE)
    async with lab.open(spec):
        await trio.sleep(20)
    assert [event.id for event in lab.events] == list(range(1, len(lab.events) + 1))
    assert all(event.cause < event.id for event in lab.events)
    assert any(event.cause for event in lab.events)
