"""Who takes how much of the event loop, while somebody measures. On the real clock."""

import time
from typing import Any

import trio

from supervisors import Actor, ChildSpec, Context, Hogs, Strategy, SupervisorSpec, open_tree
from supervisors.diagnostics import hogs as room

STEP = 0.02


class Busy(Actor):
    async def handle_cast(self, message: Any) -> None:
        spin(STEP)


async def worker(context: Context) -> None:
    context.ready()
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(a_task_of_its_own)


async def a_task_of_its_own() -> None:
    await trio.sleep(STEP)
    spin(STEP / 2)


def spin(seconds: float) -> None:
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        pass


SPEC = SupervisorSpec(
    id="root",
    strategy=Strategy.ONE_FOR_ONE,
    children=[Busy.spec(id="busy"), Busy.spec(id="idle")],
)


def test_time_of_the_loop_is_charged_to_the_node_whose_step_it_was() -> None:
    hogs = Hogs()

    async def main() -> None:
        hogs.switch_on()
        async with open_tree(SPEC) as tree:
            for _ in range(3):
                await tree.ref("busy").cast("work")
                await trio.sleep(STEP)

    trio.run(main)
    first = hogs.top(1)[0]
    assert first.path == "root/busy"
    assert first.seconds >= 3 * STEP
    assert STEP <= first.longest <= first.seconds
    assert first.steps >= 1
    assert "root/idle" not in {hog.path for hog in hogs.top(100)}
    assert hogs.statistics().seconds >= first.seconds
    assert hogs.statistics().seconds_on >= first.seconds


def test_tasks_that_a_worker_starts_are_charged_to_the_worker() -> None:
    hogs = Hogs()
    child = ChildSpec(id="worker", start=worker)
    spec = SupervisorSpec(id="root", strategy=Strategy.ONE_FOR_ONE, children=[child])

    async def main() -> None:
        async with open_tree(spec):
            hogs.switch_on()
            await trio.sleep(8 * STEP)
            hogs.switch_off()

    trio.run(main)
    assert hogs.top(1)[0].path == "root/worker"
    assert hogs.top(1)[0].seconds >= 1.5 * STEP


def test_nothing_is_measured_before_and_after_and_each_measurement_begins_at_zero() -> None:
    hogs = Hogs()

    async def main() -> None:
        spin(10 * STEP)
        await trio.lowlevel.checkpoint()
        for _ in range(2):
            hogs.switch_on()
            hogs.switch_on()
            await trio.lowlevel.checkpoint()
            spin(STEP)
            await trio.lowlevel.checkpoint()
            hogs.switch_off()
            hogs.switch_off()
            spin(10 * STEP)
            await trio.lowlevel.checkpoint()

    trio.run(main)
    statistics = hogs.statistics()
    assert not statistics.is_on
    assert STEP <= statistics.seconds < 10 * STEP
    assert STEP <= statistics.seconds_on < 10 * STEP


def test_switching_on_and_off_in_the_middle_of_a_step_is_harmless() -> None:
    hogs = Hogs()

    async def main() -> None:
        hogs.switch_on()
        await trio.lowlevel.checkpoint()
        hogs.switch_off()
        hogs.switch_on()  # what is left of this step has no beginning, and is not counted
        await trio.lowlevel.checkpoint()
        hogs.switch_off()

    trio.run(main)
    assert not hogs.is_on
    assert hogs.statistics().steps == 0


def test_endlessly_many_names_are_counted_together(monkeypatch: Any) -> None:
    monkeypatch.setattr(room, "PATHS_MAX", 5)
    hogs = Hogs()

    async def main() -> None:
        hogs.switch_on()
        async with trio.open_nursery() as nursery:
            for number in range(20):
                nursery.start_soon(trio.lowlevel.checkpoint, name=f"task {number}")

    trio.run(main)
    paths = [hog.path for hog in hogs.top(100)]
    assert len(paths) == 6
    assert room.OTHERS in paths
