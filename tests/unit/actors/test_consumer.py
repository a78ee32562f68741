"""Reading a work queue: acknowledged when done, asked for again in bad weather, bugs alone and
only so often.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import cast

import pytest
import trio

from actors.consumer import BATCH, RETRY_SECONDS, Duty, consume
from fluxiq.bus import Bus, Delivery
from fluxiq.errors import Unavailable, Unknown
from supervisors import ChildSpec, Context, Strategy, SupervisorSpec, Tree, open_tree


class QueueBus:
    """The consumer's side of a bus; `wire` is what happened, in order."""

    def __init__(self) -> None:
        self.batches: list[list[Delivery]] = []
        self.wire: list[str] = []
        self.failures: list[Exception] = []
        self._news = trio.Event()

    def put(self, *bodies: bytes) -> None:
        made = [
            Delivery(subject="s", body=body, sequence=1, num_delivered=1, token=body.decode())
            for body in bodies
        ]
        self.batches.append(made)
        self._news.set()

    async def fetch(self, consumer: str, stream: str, count: int, seconds: float) -> list[Delivery]:
        assert (consumer, stream, count) == ("12345678_pix_in_0", "FLUXIQ", BATCH)
        if self.failures:
            raise self.failures.pop(0)
        with trio.move_on_after(seconds):
            while not self.batches:
                self._news = trio.Event()
                await self._news.wait()
        await trio.lowlevel.checkpoint()
        return self.batches.pop(0) if self.batches else []

    async def nak(self, delivery: Delivery, seconds: float) -> None:
        after = "" if seconds == RETRY_SECONDS else f" after {seconds:g}"
        self.wire.append(f"nak {delivery.token}{after}")

    async def term(self, delivery: Delivery) -> None:
        self.wire.append(f"term {delivery.token}")

    async def ack_many(self, deliveries: Sequence[Delivery]) -> None:
        self.wire.append(f"ack {' '.join(one.token for one in deliveries)}")


class Worker:
    """Does what it gets, except what it was told to stumble over."""

    def __init__(self) -> None:
        self.failures: dict[bytes, list[Exception]] = {}
        self.done: list[bytes] = []
        self.fates: list[float | Exception | None] = []  # of the next failures; then 8 seconds
        self.failed_at: list[tuple[bytes, str]] = []

    async def handle(self, deliveries: Sequence[Delivery]) -> None:
        await trio.lowlevel.checkpoint()
        for one in deliveries:
            if self.failures.get(one.body):
                raise self.failures[one.body].pop(0)
        self.done += [one.body for one in deliveries]

    async def failed(self, delivery: Delivery, error: Exception) -> float | None:
        await trio.lowlevel.checkpoint()
        self.failed_at.append((delivery.body, repr(error)))
        fate = self.fates.pop(0) if self.fates else 8.0
        if isinstance(fate, Exception):
            raise fate
        return fate


@asynccontextmanager
async def reading(bus: QueueBus, worker: Worker) -> AsyncIterator[Tree]:
    async def start(context: Context) -> None:
        duty = Duty(handle=worker.handle, failed=worker.failed)
        await consume(context, cast("Bus", bus), "12345678_pix_in_0", duty)

    spec = SupervisorSpec(
        id="root",
        strategy=Strategy.ONE_FOR_ONE,
        children=[ChildSpec(id="worker", start=start)],
    )
    async with open_tree(spec) as tree:
        yield tree


def incarnation(tree: Tree) -> int:
    node = tree.snapshot().find("root/worker")
    assert node is not None
    return node.incarnation


async def test_what_is_done_is_acknowledged_together() -> None:
    bus, worker = QueueBus(), Worker()
    async with reading(bus, worker):
        bus.put(b"a", b"b")
        bus.put(b"c")
        await trio.sleep(1)

    assert worker.done == [b"a", b"b", b"c"]
    assert bus.wire == ["ack a b", "ack c"]


async def test_an_idle_queue_is_waited_at_again_and_again() -> None:
    bus, worker = QueueBus(), Worker()
    async with reading(bus, worker):
        await trio.sleep(60)
        bus.put(b"a")
        await trio.sleep(1)

    assert bus.wire == ["ack a"]


@pytest.mark.parametrize(
    "weather",
    [Unavailable("postgres", "is restarting"), Unknown("ledger", "a batch", "lost")],
    ids=["unavailable", "unknown"],
)
async def test_what_the_weather_stopped_is_asked_for_again_and_the_worker_lives_on(
    weather: Exception,
) -> None:
    bus, worker = QueueBus(), Worker()
    worker.failures[b"b"] = [weather]
    async with reading(bus, worker) as tree:
        bus.put(b"a", b"b")
        await trio.sleep(1)
        bus.put(b"a", b"b")
        await trio.sleep(1)
        assert incarnation(tree) == 1

    assert bus.wire == ["nak a", "nak b", "ack a b"]


async def test_a_bus_that_is_away_is_ridden_out() -> None:
    bus, worker = QueueBus(), Worker()
    bus.failures = [Unavailable("nats", "is restarting") for _ in range(5)]
    async with reading(bus, worker) as tree:
        bus.put(b"a")
        await trio.sleep(30)
        assert incarnation(tree) == 1

    assert bus.wire == ["ack a"]


@pytest.mark.parametrize("batch", [b"x a b", b"a x b", b"a b x"])
async def test_what_shares_a_batch_with_a_poisonous_message_that_stood_first_was_never_done(
    batch: bytes,
) -> None:
    """And the worker lives on: it holds nothing that a restart would put right."""
    bus, worker = QueueBus(), Worker()
    worker.failures[b"x"] = [KeyError("x")] * 2  # in the batch, and alone
    async with reading(bus, worker) as tree:
        bus.put(*batch.split())
        await trio.sleep(1)
        assert incarnation(tree) == 1

    assert worker.done == [b"a", b"b"]
    assert worker.failed_at == [(b"x", "KeyError('x')")]
    assert sorted(bus.wire) == ["ack a", "ack b", "nak x after 8"]


async def test_a_message_that_is_dead_is_not_delivered_again() -> None:
    bus, worker = QueueBus(), Worker()
    worker.failures[b"x"] = [KeyError("x")]
    worker.fates = [None]
    async with reading(bus, worker):
        bus.put(b"x")
        await trio.sleep(1)

    assert bus.wire == ["term x"]


async def test_a_failure_that_cannot_be_written_down_is_weather() -> None:
    bus, worker = QueueBus(), Worker()
    worker.failures[b"x"] = [KeyError("x")]
    worker.fates = [Unavailable("postgres", "is restarting")]
    async with reading(bus, worker) as tree:
        bus.put(b"x")
        await trio.sleep(1)
        bus.put(b"x")
        await trio.sleep(5)
        assert incarnation(tree) == 1

    assert bus.wire == ["nak x", "ack x"]


async def test_a_message_that_failed_only_in_company_is_done_alone() -> None:
    bus, worker = QueueBus(), Worker()
    worker.failures[b"x"] = [KeyError("x")]
    async with reading(bus, worker) as tree:
        bus.put(b"a", b"x")
        await trio.sleep(1)
        assert incarnation(tree) == 1

    assert bus.wire == ["ack a", "ack x"]


async def test_bad_weather_while_a_poisonous_message_is_looked_for_is_not_called_a_bug() -> None:
    bus, worker = QueueBus(), Worker()
    worker.failures[b"x"] = [KeyError("x")]
    worker.failures[b"a"] = []
    async with reading(bus, worker) as tree:
        worker.failures[b"b"] = [Unavailable("postgres", "is restarting")]
        bus.put(b"x", b"b")
        await trio.sleep(1)
        assert incarnation(tree) == 1

    assert bus.wire == ["ack x", "nak b"]


async def test_a_worker_that_is_stopped_leaves_its_batch_to_the_next_one() -> None:
    bus, worker = QueueBus(), Worker()
    stuck = trio.Event()

    async def handle(deliveries: Sequence[Delivery]) -> None:
        stuck.set()
        await trio.sleep_forever()

    worker.handle = handle  # type: ignore[method-assign]
    async with reading(bus, worker):
        bus.put(b"a")
        await stuck.wait()

    assert bus.wire == []
