"""The outbox relay of one institution, on its records in memory."""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager
from types import SimpleNamespace
from typing import cast

import pytest
import trio

from actors.branch import Branch, Links
from actors.outbox_relay import LOOK_SECONDS, outbox_relay
from actors.platform import Platform
from actors.told_events import told
from fluxiq.bus import Ack, Message
from fluxiq.domain.records import OutboxEntry
from fluxiq.errors import Unavailable
from fluxiq.telemetry.metrics import Metrics
from supervisors import ChildSpec, Strategy, SupervisorSpec, Tree, open_tree
from tests.support.memory_live import MemoryEventLog
from tests.support.memory_world import Fault, MemoryWorld


class TellingBus:
    """The publisher's side of a bus. `refuses` says which messages it does not take."""

    def __init__(self) -> None:
        self.told: list[Message] = []
        self.away = False
        self.refuses: Callable[[Message], bool] = lambda _: False

    async def publish_many(self, messages: Sequence[Message]) -> list[Ack | Exception]:
        await trio.lowlevel.checkpoint()
        if self.away:
            raise Unavailable("nats", "is restarting")
        answers: list[Ack | Exception] = []
        for message in messages:
            if self.refuses(message):
                answers.append(Unavailable("nats", "no answer"))
            else:
                self.told.append(message)
                answers.append(Ack(sequence=len(self.told), duplicate=False))
        return answers


class Running:
    """One actor of a branch, in a tree."""

    def __init__(self, tree: Tree, branch: Branch, world: MemoryWorld, bus: TellingBus) -> None:
        self.tree, self.branch, self.world, self.bus = tree, branch, world, bus
        self.log = cast("MemoryEventLog", branch.links.get().events)

    def incarnation(self, name: str) -> int:
        node = self.tree.snapshot().find(f"root/{name}")
        assert node is not None
        return node.incarnation


@asynccontextmanager
async def running(actor: Callable[[Branch], ChildSpec]) -> AsyncIterator[Running]:
    world, bus = await MemoryWorld().open(), TellingBus()
    await world.fund(100_00)
    world.store.outbox.clear()
    platform = SimpleNamespace(clock=world.clock, metrics=Metrics(process=False))
    branch = Branch(platform=cast("Platform", platform), institution=world.tenant.institution)
    links = SimpleNamespace(store=world.tenant.store, events=MemoryEventLog(), bus=bus)
    spec = SupervisorSpec(id="root", strategy=Strategy.ONE_FOR_ONE, children=[actor(branch)])
    with ExitStack() as stack:
        stack.enter_context(branch.links.filled(cast("Links", links)))
        stack.enter_context(branch.tenant.filled(world.tenant))
        async with open_tree(spec) as tree:
            yield Running(tree, branch, world, bus)


def owed(world: MemoryWorld) -> list[OutboxEntry]:
    return [one.entry for one in world.store.outbox.values()]


# The relay.


async def test_what_is_owed_is_published_under_an_id_of_its_own_for_each_try() -> None:
    async with running(outbox_relay) as run:
        payout = await run.world.held()
        await trio.sleep(2)
        orders = [one for one in run.bus.told if ".pix.out." in one.subject]
        assert [one.message_id for one in orders] == [f"{payout.end_to_end_id}:0"]

        run.world.clock.pass_seconds(11)  # nobody did the work
        await trio.sleep(2)
        orders = [one for one in run.bus.told if ".pix.out." in one.subject]
        assert [one.message_id for one in orders] == [
            f"{payout.end_to_end_id}:0",
            f"{payout.end_to_end_id}:1",
        ]
        assert orders[0].body == orders[1].body


async def test_the_time_from_commit_to_bus_is_counted_once_for_each_message() -> None:
    async with running(outbox_relay) as run:
        run.bus.away = True
        await run.world.held()
        run.world.clock.pass_seconds(3)
        run.bus.away = False
        await trio.sleep(5)
        run.world.clock.pass_seconds(11)  # nobody did the work: it is announced again
        await trio.sleep(2)

        def value(which: str, kind: str) -> float | None:
            labels = {"institution": run.world.tenant.ispb, "kind": kind}
            name = f"fluxiq_event_delivery_lag_seconds_{which}"
            return run.branch.metrics.registry.get_sample_value(name, labels)

        assert (value("count", "pix"), value("count", "events")) == (1, 1)
        assert (value("sum", "pix") or 0) >= 3


async def test_an_event_is_announced_once_and_work_until_it_is_done() -> None:
    async with running(outbox_relay) as run:
        payout = await run.world.held()
        await trio.sleep(2)

        [left] = owed(run.world)
        assert left.reference == payout.end_to_end_id
        assert any(".events." in one.subject for one in run.bus.told)


async def test_events_are_told_with_their_number_in_front_of_their_own_bytes() -> None:
    async with running(outbox_relay) as run:
        await run.world.held()
        await run.world.held()
        bodies = {one.entry.reference: one.entry.body for one in run.world.store.outbox.values()}
        await trio.sleep(2)

        events = [one for one in run.bus.told if ".events." in one.subject]
        for sequence, message in enumerate(events, start=1):
            event_id = message.message_id.partition(":")[0]
            event = told(message.body, lambda sealed, its: its.encode() + sealed)
            assert event.sequence == sequence
            assert event.body == event_id.encode() + bodies[event_id]


async def test_work_is_not_held_up_by_numbers_that_cannot_be_had() -> None:
    async with running(outbox_relay) as run:
        run.log.away = True
        await run.world.held()
        await trio.sleep(2)
        assert {one.subject.split(".")[2] for one in run.bus.told} == {"pix"}

        run.log.away = False
        await trio.sleep(10)
        assert {one.subject.split(".")[2] for one in run.bus.told} == {"pix", "events"}


async def test_a_ring_wakes_the_relay_before_its_next_look() -> None:
    async with running(outbox_relay) as run:
        await trio.sleep(10)
        await run.world.held()
        run.branch.relay.ring()
        await trio.sleep(LOOK_SECONDS / 10)

        assert run.bus.told


async def test_the_relay_looks_by_itself_when_nobody_rings() -> None:
    async with running(outbox_relay) as run:
        await trio.sleep(10)
        await run.world.held()
        await trio.sleep(1.5 * LOOK_SECONDS)

        assert run.bus.told


async def test_messages_that_the_bus_does_not_take_stay_owed_and_the_others_do_not() -> None:
    async with running(outbox_relay) as run:
        run.bus.refuses = lambda message: ".pix.out." in message.subject
        await run.world.held()
        await trio.sleep(2)
        assert [one.subject.split(".")[3] for one in owed(run.world)] == ["out"]
        assert [one.attempt for one in owed(run.world)] == [0]

        run.bus.refuses = lambda _: False
        await trio.sleep(10)
        assert any(".pix.out." in one.subject for one in run.bus.told)
        assert run.incarnation("outbox_relay") == 1


@pytest.mark.parametrize("away", ["the bus", "the store"])
async def test_an_outage_is_ridden_out_and_nothing_is_forgotten(away: str) -> None:
    async with running(outbox_relay) as run:
        await run.world.held()
        run.bus.away = away == "the bus"
        run.world.faults.away = {"store"} if away == "the store" else set()
        await trio.sleep(60)
        assert run.bus.told == []

        run.bus.away = False
        run.world.faults.away = set()
        await trio.sleep(10)
        assert {one.subject.split(".")[2] for one in run.bus.told} == {"events", "pix"}
        assert run.incarnation("outbox_relay") == 1


async def test_a_relay_that_could_not_write_down_what_it_published_publishes_it_again() -> None:
    """Under the same id: the stream takes the second for what it is."""
    async with running(outbox_relay) as run:
        run.world.faults.at["store.outbox_published"] = Fault.REFUSED
        await run.world.held()
        await trio.sleep(10)

        ids = Counter(one.message_id for one in run.bus.told)
        # Work goes first, and is written down before events are told.
        assert sorted(ids.values()) == [1, 2]
