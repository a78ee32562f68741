"""Lanes of a work queue: the slow one holds up nobody, and nothing is lost in one."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import cast

import pytest
import trio

from actors import lanes as lanes_module
from actors.consumer import RETRY_SECONDS, Duty
from actors.lanes import FULL_SECONDS, HOLD_SECONDS, consume_in_lanes
from actors.queues import ACK_SECONDS
from fluxiq.bus import Bus, Delivery
from fluxiq.errors import Unavailable
from supervisors import ChildSpec, Context, Strategy, SupervisorSpec, Tree, open_tree

SLOW_SECONDS = 5.0
SECONDS = {"slow": SLOW_SECONDS, "glacial": 2.4 * HOLD_SECONDS}


class LaneBus:
    """The consumer's side of a bus; `wire` is what happened, in order, with its time."""

    def __init__(self) -> None:
        self.batches: list[list[Delivery]] = []
        self.wire: list[tuple[float, str]] = []
        self._news = trio.Event()

    def put(self, *bodies: str) -> None:
        """Bodies are `lane:number`."""
        self.batches.append(
            [
                Delivery(subject="s", body=one.encode(), sequence=1, num_delivered=1, token=one)
                for one in bodies
            ]
        )
        self._news.set()

    async def fetch(self, consumer: str, stream: str, count: int, seconds: float) -> list[Delivery]:
        del consumer, stream, count
        with trio.move_on_after(seconds):
            while not self.batches:
                self._news = trio.Event()
                await self._news.wait()
        await trio.lowlevel.checkpoint()
        return self.batches.pop(0) if self.batches else []

    async def ack_many(self, deliveries: Sequence[Delivery]) -> None:
        self._said("ack", deliveries)

    async def nak(self, delivery: Delivery, seconds: float) -> None:
        self._said(f"nak {seconds:g}", [delivery])

    async def term(self, delivery: Delivery) -> None:
        self._said("term", [delivery])

    async def hold_many(self, deliveries: Sequence[Delivery]) -> None:
        if deliveries:
            self._said("hold", deliveries)

    def said(self, word: str) -> list[str]:
        return [said for _, said in self.wire if said.startswith(word)]

    def _said(self, word: str, deliveries: Sequence[Delivery]) -> None:
        tokens = " ".join(one.token for one in deliveries)
        self.wire.append((trio.current_time(), f"{word} {tokens}"))


class Slow:
    """Takes its time over the lane `slow`, and none over the others."""

    def __init__(self) -> None:
        self.at_once: dict[str, int] = {}
        self.most_at_once = 0
        self.weather: list[Exception] = []

    async def handle(self, deliveries: Sequence[Delivery]) -> None:
        [lane] = {lane_of(one) for one in deliveries}
        self.at_once[lane] = self.at_once.get(lane, 0) + 1
        self.most_at_once = max(self.most_at_once, self.at_once[lane])
        try:
            await trio.sleep(SECONDS.get(lane, 0))
            if self.weather and lane == "wet":
                raise self.weather.pop(0)
            if lane == "poison":
                raise KeyError(lane)
        finally:
            self.at_once[lane] -= 1

    async def failed(self, delivery: Delivery, error: Exception) -> float | None:
        del delivery, error
        await trio.lowlevel.checkpoint()
        return None


def lane_of(delivery: Delivery) -> str:
    return delivery.body.decode().partition(":")[0]


@asynccontextmanager
async def reading(bus: LaneBus, worker: Slow) -> AsyncIterator[Tree]:
    async def start(context: Context) -> None:
        duty = Duty(handle=worker.handle, failed=worker.failed)
        await consume_in_lanes(context, cast("Bus", bus), "consumer", duty, lane_of)

    spec = SupervisorSpec(
        id="root",
        strategy=Strategy.ONE_FOR_ONE,
        children=[ChildSpec(id="worker", start=start)],
    )
    async with open_tree(spec) as tree:
        yield tree


async def test_what_comes_after_a_slow_lane_is_done_before_it() -> None:
    bus, worker = LaneBus(), Slow()
    async with reading(bus, worker):
        began = trio.current_time()
        bus.put("slow:1", "quick:1")
        await trio.sleep(0.1)
        bus.put("slow:2", "quick:2")
        await trio.sleep(3 * SLOW_SECONDS)

    ends = {said.removeprefix("ack "): at - began for at, said in bus.wire if "ack" in said}
    assert ends["quick:1"] < 0.1
    assert ends["quick:2"] < 0.2
    assert SLOW_SECONDS <= ends["slow:1"] < ends["slow:2"] < 2.5 * SLOW_SECONDS


async def test_a_lane_does_one_batch_at_a_time_and_takes_what_waits_together() -> None:
    bus, worker = LaneBus(), Slow()
    async with reading(bus, worker):
        bus.put("slow:1")
        await trio.sleep(1)
        bus.put("slow:2")
        bus.put("slow:3")
        await trio.sleep(3 * SLOW_SECONDS)

    assert worker.most_at_once == 1
    assert bus.said("ack") == ["ack slow:1", "ack slow:2 slow:3"]


async def test_what_is_in_a_lane_is_held_until_it_is_done() -> None:
    """Or the bus would deliver it to somebody else after its ack wait."""
    assert HOLD_SECONDS < ACK_SECONDS / 2
    bus, worker = LaneBus(), Slow()
    async with reading(bus, worker):
        bus.put("glacial:1")
        await trio.sleep(1)
        bus.put("glacial:2", "quick:1")
        await trio.sleep(10 * HOLD_SECONDS)

    waiting, working = "hold glacial:2 glacial:1", "hold glacial:2"
    assert bus.said("hold") == [waiting, waiting, working, working]
    assert bus.said("ack") == ["ack quick:1", "ack glacial:1", "ack glacial:2"]


async def test_a_full_lane_sends_the_rest_back_and_others_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lanes_module, "LANE_MAX", 2)
    bus, worker = LaneBus(), Slow()
    async with reading(bus, worker):
        bus.put("slow:1")
        await trio.sleep(0.1)
        bus.put("slow:2", "slow:3", "slow:4", "quick:1")
        await trio.sleep(1)

    assert bus.said("nak") == [f"nak {FULL_SECONDS:g} slow:4"]
    assert bus.said("ack") == ["ack quick:1"]


async def test_bad_weather_in_one_lane_is_not_the_others() -> None:
    bus, worker = LaneBus(), Slow()
    worker.weather = [Unavailable("provider", "is away")]
    async with reading(bus, worker) as tree:
        bus.put("wet:1", "quick:1")
        await trio.sleep(1)
        bus.put("wet:1")
        await trio.sleep(1)
        node = tree.snapshot().find("root/worker")
        assert node is not None
        assert node.incarnation == 1

    assert bus.said("nak") == [f"nak {RETRY_SECONDS:g} wet:1"]
    assert sorted(bus.said("ack")) == ["ack quick:1", "ack wet:1"]


async def test_a_dead_message_leaves_its_lane() -> None:
    bus, worker = LaneBus(), Slow()
    async with reading(bus, worker):
        bus.put("poison:1", "quick:1")
        await trio.sleep(1)

    assert bus.said("term") == ["term poison:1"]
    assert bus.said("ack") == ["ack quick:1"]


async def test_a_worker_that_stops_settles_nothing_of_what_is_in_its_lanes() -> None:
    bus, worker = LaneBus(), Slow()
    async with reading(bus, worker):
        bus.put("slow:1", "slow:2")
        await trio.sleep(1)

    assert bus.wire == []
