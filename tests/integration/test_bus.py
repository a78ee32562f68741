"""The bus against a real NATS server with JetStream: queues, subscriptions, outages."""

import itertools
from collections.abc import AsyncIterator

import pytest
import trio

from fluxiq.asyncio_host import AsyncioHost
from fluxiq.bus import Ack, Bus, Delivery, JetStreamRefused, Message, open_bus
from fluxiq.bus.jetstream import _Pull
from fluxiq.errors import Refused, Unavailable
from tests.support.servers import NatsServer, free_port, run_nats

_streams = itertools.count(1)


@pytest.fixture
async def bus(asyncio_host: AsyncioHost, nats_server: NatsServer) -> AsyncIterator[Bus]:
    async with open_bus(asyncio_host, nats_server.url) as bus:
        yield bus


@pytest.fixture
async def stream(bus: Bus) -> str:
    """A stream of the test's own, of the subjects `<name>.>`, with a consumer `worker`."""
    name = f"S{next(_streams)}"
    await bus.ensure_stream(name, [f"{name}.>"], max_age=3600)
    await bus.ensure_consumer(
        name, "worker", f"{name}.work", ack_wait=30, max_deliver=5, max_ack_pending=1000
    )
    return name


async def publish_numbers(bus: Bus, stream: str, count: int) -> None:
    messages = [Message(f"{stream}.work", b"%d" % number, f"{number}") for number in range(count)]
    assert await bus.publish_many(messages) == [Ack(n + 1, duplicate=False) for n in range(count)]


def bodies(deliveries: list[Delivery]) -> list[bytes]:
    return [delivery.body for delivery in deliveries]


class TestPublish:
    async def test_a_message_is_stored_with_a_sequence(self, bus: Bus, stream: str) -> None:
        assert await bus.publish(f"{stream}.work", b"one", "1") == Ack(1, duplicate=False)
        assert await bus.publish(f"{stream}.work", b"two", "2") == Ack(2, duplicate=False)
        assert bus.statistics().published == 2

    async def test_the_same_message_id_is_stored_once(self, bus: Bus, stream: str) -> None:
        await bus.publish(f"{stream}.work", b"one", "1")
        assert await bus.publish(f"{stream}.work", b"one", "1") == Ack(1, duplicate=True)
        assert bodies(await bus.fetch("worker", stream, 10, 0)) == [b"one"]
        assert bus.statistics().duplicates == 1

    async def test_a_subject_of_no_stream_is_unavailable(self, bus: Bus) -> None:
        with pytest.raises(Unavailable, match=r"nats: nobody answers at nowhere\.work"):
            await bus.publish("nowhere.work", b"", "1")

    async def test_of_many_each_has_its_own_result(self, bus: Bus, stream: str) -> None:
        first, nowhere, huge, last = await bus.publish_many(
            [
                Message(f"{stream}.work", b"first", "1"),
                Message("nowhere.work", b"", "2"),
                Message(f"{stream}.work", b"x" * 2_000_000, "3"),
                Message(f"{stream}.work", b"last", "4"),
            ]
        )
        assert first == Ack(1, duplicate=False)
        assert isinstance(nowhere, Unavailable)
        assert isinstance(huge, Refused)
        assert huge.code == "message_too_large"
        assert last == Ack(2, duplicate=False)

    async def test_nothing_to_publish_is_nothing(self, bus: Bus) -> None:
        assert await bus.publish_many([]) == []

    async def test_a_thousand_go_out_in_one_hop_in_their_order(self, bus: Bus, stream: str) -> None:
        await publish_numbers(bus, stream, 1000)
        assert bodies(await bus.fetch("worker", stream, 1000, 0)) == [
            b"%d" % number for number in range(1000)
        ]


class TestLooking:
    async def test_a_stream_says_what_it_keeps_and_under_which_subjects(
        self, bus: Bus, stream: str
    ) -> None:
        empty = await bus.stream_state(stream)
        assert empty is not None
        assert (empty.messages, empty.last_sequence, empty.last_at) == (0, 0, None)
        assert (empty.consumers, empty.bytes_max, empty.by_subject) == (1, None, {})

        await publish_numbers(bus, stream, 3)
        await bus.publish(f"{stream}.other", b"another's", "a")
        state = await bus.stream_state(stream, f"{stream}.work")
        assert state is not None
        assert (state.messages, state.first_sequence, state.last_sequence) == (4, 1, 4)
        assert state.bytes > 0
        assert state.last_at is not None
        assert state.by_subject == {f"{stream}.work": 3}

    async def test_a_consumer_says_how_far_it_is(self, bus: Bus, stream: str) -> None:
        await publish_numbers(bus, stream, 5)
        first, *_ = await bus.fetch("worker", stream, 3, 0)
        await bus.ack_many([first])
        state = await bus.consumer_state(stream, "worker")
        assert state is not None
        assert (state.name, state.subject) == ("worker", f"{stream}.work")
        assert (state.pending, state.unsettled, state.redelivered) == (2, 2, 0)
        assert (state.delivered_sequence, state.settled_sequence) == (3, 1)
        assert state.last_delivered_at is not None

    async def test_what_is_not_there_is_none(self, bus: Bus, stream: str) -> None:
        assert await bus.stream_state("NOWHERE") is None
        assert await bus.consumer_state(stream, "nobody") is None
        assert await bus.consumer_state("NOWHERE", "nobody") is None


class TestFetch:
    async def test_brings_what_is_there_up_to_the_batch(self, bus: Bus, stream: str) -> None:
        await publish_numbers(bus, stream, 5)
        first = await bus.fetch("worker", stream, 3, 60)
        assert bodies(first) == [b"0", b"1", b"2"]
        assert [delivery.sequence for delivery in first] == [1, 2, 3]
        assert {delivery.subject for delivery in first} == {f"{stream}.work"}
        assert {delivery.num_delivered for delivery in first} == {1}
        assert bodies(await bus.fetch("worker", stream, 3, 60)) == [b"3", b"4"]

    async def test_is_empty_when_nothing_came_in_time(self, bus: Bus, stream: str) -> None:
        assert await bus.fetch("worker", stream, 3, 0) == []
        assert await bus.fetch("worker", stream, 3, 0.05) == []

    async def test_waits_for_the_first_message_and_not_for_a_full_batch(
        self, bus: Bus, stream: str
    ) -> None:
        fetched: list[bytes] = []

        async def fetch() -> None:
            fetched.extend(bodies(await bus.fetch("worker", stream, 100, 3600)))

        with trio.fail_after(10):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(fetch)
                await trio.sleep(0.05)
                await bus.publish(f"{stream}.work", b"at last", "1")

        assert fetched == [b"at last"]

    async def test_two_readers_share_the_work(self, bus: Bus, stream: str) -> None:
        await publish_numbers(bus, stream, 200)
        seen: list[bytes] = []

        async def work() -> None:
            while deliveries := await bus.fetch("worker", stream, 7, 0):
                seen.extend(bodies(deliveries))
                await bus.ack_many(deliveries)

        async with trio.open_nursery() as nursery:
            for _ in range(4):
                nursery.start_soon(work)

        assert sorted(seen) == sorted(b"%d" % number for number in range(200))
        assert (await bus.backlog("worker", stream)).pending == 0

    async def test_a_consumer_nobody_made_is_unavailable(self, bus: Bus, stream: str) -> None:
        with pytest.raises(Unavailable, match="nobody answers"):
            await bus.fetch("nobody", stream, 1, 0)

    async def test_cancelled_while_waiting_it_takes_nothing_along(
        self, bus: Bus, stream: str
    ) -> None:
        with trio.move_on_after(0.05) as scope:
            await bus.fetch("worker", stream, 10, 3600)

        assert scope.cancelled_caught
        await publish_numbers(bus, stream, 3)
        (first, *_) = deliveries = await bus.fetch("worker", stream, 10, 5)
        assert bodies(deliveries) == [b"0", b"1", b"2"]
        assert first.num_delivered == 1

    async def test_what_arrived_and_nobody_took_comes_again_at_once(
        self, asyncio_host: AsyncioHost, bus: Bus, stream: str
    ) -> None:
        await publish_numbers(bus, stream, 3)

        async def interrupted() -> None:
            pull = _Pull(bus._link, f"$JS.API.CONSUMER.MSG.NEXT.{stream}.worker")
            await pull.open()
            await pull.ask({"batch": 3, "expires": 4_000_000_000}, 5.0)  # nanoseconds
            assert len(pull.messages) == 3
            await pull.aclose()

        await asyncio_host.run(interrupted)
        again = await bus.fetch("worker", stream, 10, 5)
        assert sorted(bodies(again)) == [b"0", b"1", b"2"]
        assert {delivery.num_delivered for delivery in again} == {2}

    async def test_leaves_no_subscription_behind(self, bus: Bus, stream: str) -> None:
        client = bus._link.client()
        before = len(client._subs)

        for wait_seconds in (0, 0.01):
            await bus.fetch("worker", stream, 10, wait_seconds)

        with trio.move_on_after(0.01):
            await bus.fetch("worker", stream, 10, 3600)

        assert len(client._subs) == before


class TestSettle:
    async def test_acknowledged_work_is_gone(self, bus: Bus, stream: str) -> None:
        await publish_numbers(bus, stream, 3)
        deliveries = await bus.fetch("worker", stream, 10, 0)
        assert (await bus.backlog("worker", stream)).unsettled == 3
        await bus.ack_many(deliveries)
        backlog = await bus.backlog("worker", stream)
        assert (backlog.pending, backlog.unsettled) == (0, 0)
        assert bus.statistics().settled == 3

    async def test_work_of_several_consumers_is_settled_together(
        self, bus: Bus, stream: str
    ) -> None:
        await bus.ensure_consumer(stream, "auditor", f"{stream}.>")
        await publish_numbers(bus, stream, 3)
        worker = await bus.fetch("worker", stream, 10, 0)
        auditor = await bus.fetch("auditor", stream, 10, 0)
        await bus.ack_many([*worker, *auditor])
        await bus.ack_many([])

        for consumer in ("worker", "auditor"):
            assert (await bus.backlog(consumer, stream)).unsettled == 0

    async def test_settling_twice_is_settling_once(self, bus: Bus, stream: str) -> None:
        await publish_numbers(bus, stream, 1)
        deliveries = await bus.fetch("worker", stream, 1, 5)
        await bus.ack_many(deliveries)
        await bus.ack_many(deliveries)
        await bus.nak(deliveries[0], 0)
        assert await bus.fetch("worker", stream, 1, 0.05) == []

    async def test_work_handed_back_comes_again_with_its_count(self, bus: Bus, stream: str) -> None:
        await publish_numbers(bus, stream, 1)

        for delay in (0, 0.01):
            (delivery,) = await bus.fetch("worker", stream, 1, 5)
            await bus.nak(delivery, delay)

        (delivery,) = await bus.fetch("worker", stream, 1, 5)
        assert delivery.num_delivered == 3

    async def test_work_handed_back_for_an_hour_does_not_come_now(
        self, bus: Bus, stream: str
    ) -> None:
        await publish_numbers(bus, stream, 1)
        (delivery,) = await bus.fetch("worker", stream, 1, 5)
        await bus.nak(delivery, 3600)
        assert await bus.fetch("worker", stream, 1, 0.05) == []
        assert (await bus.backlog("worker", stream)).unsettled == 1

    async def test_terminated_work_never_comes_again(self, bus: Bus, stream: str) -> None:
        await publish_numbers(bus, stream, 1)
        (delivery,) = await bus.fetch("worker", stream, 1, 5)
        await bus.term(delivery)
        backlog = await bus.backlog("worker", stream)
        assert (backlog.pending, backlog.unsettled) == (0, 0)

    async def test_work_that_is_never_settled_comes_again(self, bus: Bus, stream: str) -> None:
        await bus.ensure_consumer(stream, "hasty", f"{stream}.work", ack_wait=0.05)
        await publish_numbers(bus, stream, 1)
        assert bodies(await bus.fetch("hasty", stream, 1, 5)) == [b"0"]
        (again,) = await bus.fetch("hasty", stream, 1, 5)
        assert again.num_delivered == 2

    async def test_work_that_is_held_does_not_come_again(self, bus: Bus, stream: str) -> None:
        await bus.ensure_consumer(stream, "patient", f"{stream}.work", ack_wait=0.5)
        await publish_numbers(bus, stream, 2)
        held = await bus.fetch("patient", stream, 2, 5)
        for _ in range(5):
            await trio.sleep(0.2)
            await bus.hold_many(held)
            assert await bus.fetch("patient", stream, 2, 0) == []

        (again, *_) = await bus.fetch("patient", stream, 2, 5)
        assert again.num_delivered == 2, "who lets go of it gives it to somebody else"

    async def test_work_that_was_delivered_as_often_as_it_may_is_let_go(
        self, bus: Bus, stream: str
    ) -> None:
        await bus.ensure_consumer(stream, "strict", f"{stream}.work", max_deliver=2)
        await publish_numbers(bus, stream, 1)
        for _ in range(2):
            (delivery,) = await bus.fetch("strict", stream, 1, 5)
            await bus.nak(delivery, 0)

        assert await bus.fetch("strict", stream, 1, 0.2) == []

    async def test_work_says_under_which_id_it_was_published(self, bus: Bus, stream: str) -> None:
        await bus.publish(f"{stream}.work", b"", "evt_1:3")
        (delivery,) = await bus.fetch("worker", stream, 1, 5)
        assert delivery.message_id == "evt_1:3"


class TestSubscribe:
    async def test_brings_messages_published_while_it_is_open(self, bus: Bus, stream: str) -> None:
        await bus.publish(f"{stream}.work", b"before", "0")

        async with bus.subscribe(f"{stream}.>", 10) as feed:
            await bus.publish(f"{stream}.work", b"one", "1")
            await bus.publish(f"{stream}.other", b"two", "2")
            first, second = await feed.receive(), await anext(feed)

        assert (first.subject, first.body) == (f"{stream}.work", b"one")
        assert (second.subject, second.body) == (f"{stream}.other", b"two")

    async def test_a_slow_reader_loses_the_oldest_and_they_are_counted(
        self, bus: Bus, stream: str
    ) -> None:
        async with bus.subscribe(f"{stream}.work", 3) as feed:
            await publish_numbers(bus, stream, 10)
            await bus.ping()
            received = [(await feed.receive()).body for _ in range(3)]

        assert received == [b"7", b"8", b"9"]
        assert feed.dropped == 7

    async def test_a_cancelled_receive_loses_nothing(self, bus: Bus, stream: str) -> None:
        async with bus.subscribe(f"{stream}.work", 3) as feed:
            with trio.move_on_after(0.01):
                await feed.receive()

            await publish_numbers(bus, stream, 1)

            with trio.CancelScope() as scope:
                scope.cancel()
                await feed.receive()

            assert (await feed.receive()).body == b"0"


class TestAdministration:
    async def test_making_a_stream_or_consumer_twice_is_making_it_once(
        self, bus: Bus, stream: str
    ) -> None:
        await publish_numbers(bus, stream, 2)
        await bus.ensure_stream(stream, [f"{stream}.>"], max_age=3600)
        await bus.ensure_consumer(
            stream, "worker", f"{stream}.work", ack_wait=30, max_deliver=5, max_ack_pending=1000
        )
        assert (await bus.backlog("worker", stream)).pending == 2

    async def test_what_may_change_is_changed(self, bus: Bus, stream: str) -> None:
        await bus.ensure_stream(stream, [f"{stream}.>", f"more.{stream}"], max_age=300)
        assert await bus.publish(f"more.{stream}", b"", "1") == Ack(1, duplicate=False)
        await bus.ensure_consumer(stream, "worker", f"{stream}.work", max_deliver=1, ack_wait=0.01)
        await bus.publish(f"{stream}.work", b"once", "2")
        assert bodies(await bus.fetch("worker", stream, 1, 5)) == [b"once"]
        assert await bus.fetch("worker", stream, 1, 0.1) == []

    async def test_what_jetstream_refuses_is_no_outage(self, bus: Bus, stream: str) -> None:
        with pytest.raises(JetStreamRefused, match="subjects overlap") as caught:
            await bus.ensure_stream("OTHER", [f"{stream}.work"])

        assert caught.value.number == 10065
        assert bus.statistics().outages == 0


PERMISSIONS = """
authorization {{ users = [
  {{ user: admin, password: admin }}
  {{ user: "12345678", password: "{password}", permissions: {{
    publish: ["FLUXIQ.12345678.>", "$JS.API.CONSUMER.MSG.NEXT.FLUXIQ.12345678_in",
              "$JS.API.CONSUMER.INFO.FLUXIQ.12345678_in", "$JS.ACK.FLUXIQ.12345678_in.>"]
    subscribe: ["_INBOX_12345678.>", "FLUXIQ.12345678.>"] }} }} ] }}
"""


class TestPermissions:
    async def test_an_institution_works_with_the_few_permissions_it_has(
        self, asyncio_host: AsyncioHost
    ) -> None:
        with run_nats(PERMISSIONS.format(password="secret")) as server:
            async with open_bus(asyncio_host, server.url, user="admin", password="admin") as admin:
                await admin.ensure_stream("FLUXIQ", ["FLUXIQ.>"])
                await admin.ensure_consumer("FLUXIQ", "12345678_in", "FLUXIQ.12345678.pix.in")

            async with (
                open_bus(
                    asyncio_host,
                    server.url,
                    user="12345678",
                    password="secret",
                    inbox_prefix="_INBOX_12345678",
                    seconds_max=1.0,
                ) as bus,
                bus.subscribe("FLUXIQ.12345678.>", 10) as feed,
            ):
                await bus.ping()
                await bus.publish("FLUXIQ.12345678.pix.in", b"pix", "1")
                assert (await feed.receive()).body == b"pix"
                deliveries = await bus.fetch("12345678_in", "FLUXIQ", 10, 5)
                assert bodies(deliveries) == [b"pix"]
                await bus.nak(deliveries[0], 0)
                deliveries = await bus.fetch("12345678_in", "FLUXIQ", 10, 5)
                await bus.ack_many(deliveries)
                assert (await bus.backlog("12345678_in", "FLUXIQ")).unsettled == 0
                assert bus.statistics().last_error == ""

                with pytest.raises(Unavailable, match=r"[Pp]ermissions [Vv]iolation"):
                    await bus.publish("FLUXIQ.87654321.pix.in", b"not mine", "2")

    async def test_a_wrong_password_is_tried_again_until_it_is_right(
        self, asyncio_host: AsyncioHost
    ) -> None:
        with run_nats(PERMISSIONS.format(password="old")) as server:
            async with open_bus(
                asyncio_host,
                server.url,
                user="12345678",
                password="new",
                inbox_prefix="_INBOX_12345678",
            ) as bus:
                with pytest.raises(Unavailable, match=r"[Aa]uthorization"):
                    await bus.ping()

                server.configure(PERMISSIONS.format(password="new"))
                server.restart()
                await answers_again(bus)


async def answers_again(bus: Bus) -> None:
    with trio.fail_after(20):
        while True:
            try:
                await bus.ping()
            except Unavailable:
                await trio.sleep(0.02)
            else:
                return


class TestOutages:
    async def test_a_server_that_is_not_there_is_unavailable(
        self, asyncio_host: AsyncioHost
    ) -> None:
        async with open_bus(asyncio_host, f"nats://127.0.0.1:{free_port()}") as bus:
            for call in (bus.ping(), bus.publish("a", b"", "1"), bus.fetch("c", "S", 1, 1)):
                with pytest.raises(Unavailable, match="nats: not connected") as caught:
                    await call

                assert caught.value.system == "nats"

            assert not bus.statistics().connected
            assert bus.statistics().outages == 3

    async def test_a_subscription_opened_during_an_outage_begins_with_the_connection(
        self, asyncio_host: AsyncioHost
    ) -> None:
        with run_nats() as server:
            server.stop()

            async with open_bus(asyncio_host, server.url) as bus:
                async with bus.subscribe("S.>", 10) as feed:
                    server.start()
                    await answers_again(bus)
                    await bus.ensure_stream("S", ["S.>"])
                    await bus.publish("S.work", b"at last", "1")
                    assert (await feed.receive()).body == b"at last"

                assert bus._link._followed == {}

    async def test_a_malformed_url_is_no_outage(self, asyncio_host: AsyncioHost) -> None:
        with pytest.raises(ValueError, match=r"[Pp]ort"):
            async with open_bus(asyncio_host, "nats://127.0.0.1:a-port"):
                pytest.fail("opened")

    async def test_a_restart_of_the_server_is_ridden_out(self, asyncio_host: AsyncioHost) -> None:
        with run_nats() as server:
            async with open_bus(asyncio_host, server.url) as bus:
                await bus.ensure_stream("S", ["S.>"])
                await bus.ensure_consumer("S", "worker", "S.work")
                await bus.publish("S.work", b"kept", "1")

                async with bus.subscribe("S.>", 10) as feed:
                    server.stop()

                    with pytest.raises(Unavailable):
                        await bus.publish("S.work", b"lost", "2")

                    server.start()
                    await answers_again(bus)
                    assert bodies(await bus.fetch("worker", "S", 10, 5)) == [b"kept"]
                    await bus.publish("S.work", b"again", "3")
                    assert (await feed.receive()).body == b"again"

                assert bus.statistics().connections == 2

    async def test_a_fetch_that_waits_learns_of_the_loss_at_once(
        self, asyncio_host: AsyncioHost
    ) -> None:
        async def wait_for_work(bus: Bus) -> None:
            with pytest.raises(Unavailable, match="connection was lost"):
                await bus.fetch("worker", "S", 1, 3600)

        with run_nats() as server:
            async with open_bus(asyncio_host, server.url) as bus:
                await bus.ensure_stream("S", ["S.>"])
                await bus.ensure_consumer("S", "worker", "S.work")

                with trio.fail_after(20):
                    async with trio.open_nursery() as nursery:
                        nursery.start_soon(wait_for_work, bus)
                        await trio.sleep(0.05)
                        assert server.process is not None
                        server.process.kill()
