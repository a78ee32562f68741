"""One native client: through the wheel's echo client, and through a library of the test's own."""

import ctypes
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing

from fluxiq.errors import Unavailable, Unknown
from fluxiq.ledgers.tigerbeetle import client as room
from fluxiq.ledgers.tigerbeetle.client import Client, ClientStatistics, open_client
from fluxiq.ledgers.tigerbeetle.native import Opener, open_echo
from fluxiq.ledgers.tigerbeetle.packets import Operation, Packet, PacketStatus
from tests.unit.ledgers_tigerbeetle.fake_library import FakeLibrary, FakeNative, held, until

LOOK_UP = Operation.LOOKUP_ACCOUNTS


@asynccontextmanager
async def opened(opener: Opener = open_echo) -> AsyncIterator[Client]:
    client = await open_client(opener)
    try:
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def faked(answer: PacketStatus | None = None) -> AsyncIterator[tuple[Client, FakeNative]]:
    library = FakeLibrary(answer)
    async with opened(library) as client:
        yield client, library.clients[0]


async def ask(client: Client, events: bytes = bytes(16), *, seconds: float = 5.0) -> bytes:
    return await client.request(LOOK_UP, events, seconds=seconds, reference="a look-up")


async def settled(client: Client) -> ClientStatistics:
    """The statistics once the library has given every packet back."""
    await until(lambda: client.statistics().in_flight == 0)
    return client.statistics()


class TestEcho:
    """The wheel's own library, its thread and its callback; only the server is missing."""

    async def test_the_same_bytes_come_back(self) -> None:
        async with opened() as client:
            for size in (16, 8189 * 16):
                events = os.urandom(size)
                assert await ask(client, events) == events

            assert client.statistics() == ClientStatistics(requests=2, answered=2)

    async def test_many_requests_at_once_each_get_their_own_answer(self) -> None:
        answers = {}

        async def one(number: int) -> None:
            answers[number] = await ask(client, number.to_bytes(16, "little"))

        async with opened() as client:
            async with trio.open_nursery() as nursery:
                for number in range(500):
                    nursery.start_soon(one, number)

            assert client.statistics().answered == 500

        assert answers == {number: number.to_bytes(16, "little") for number in range(500)}

    async def test_cancelled_callers_leave_no_packet_behind(self) -> None:
        async with opened() as client:
            async with trio.open_nursery() as nursery:
                for _ in range(100):
                    nursery.start_soon(ask, client)
                await trio.testing.wait_all_tasks_blocked()
                nursery.cancel_scope.cancel()

            # The client's thread may answer a few before they are cancelled.
            found = await settled(client)
            assert found.cancelled > 0
            assert found == ClientStatistics(
                requests=100,
                answered=100 - found.cancelled,
                cancelled=found.cancelled,
                late=found.cancelled,
            )

    async def test_a_tiny_deadline_is_unknown_and_its_late_answer_is_dropped(self) -> None:
        async with opened() as client:
            with pytest.raises(Unknown, match=r"a look-up is unknown: no answer within 1e-06 s"):
                await ask(client, seconds=1e-6)

            found = await settled(client)
            assert found == ClientStatistics(requests=1, deadlines_missed=1, late=1)
            assert await ask(client, b"x" * 16) == b"x" * 16

    async def test_closing_in_flight_leaves_callers_unknown(self) -> None:
        async with trio.open_nursery() as nursery, opened() as client:

            async def one() -> None:
                with pytest.raises(Unknown, match="the client was closed"):
                    await ask(client)

            for _ in range(10):
                nursery.start_soon(one)
            await trio.testing.wait_all_tasks_blocked()

        assert client.statistics() == ClientStatistics(requests=10, answered=10)

    async def test_more_than_a_request_holds_is_a_value_error(self) -> None:
        async with opened() as client:
            with pytest.raises(ValueError, match="more than the cluster takes"):
                await client.request(
                    Operation.CREATE_TRANSFERS, bytes(128 * 8190), seconds=5, reference="a batch"
                )

            assert client.end is None

    async def test_half_a_record_is_a_bug(self) -> None:
        async with opened() as client:
            with pytest.raises(AssertionError, match="refuses the request: invalid_data_size"):
                await ask(client, bytes(15))

    async def test_an_exception_in_the_callback_is_the_cause_of_an_unknown(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def no_memory(*_: object) -> bytes:
            raise MemoryError("for the reply")

        async with opened() as client:
            with monkeypatch.context() as patched:
                patched.setattr(ctypes, "string_at", no_memory)
                with pytest.raises(Unknown) as caught:
                    await ask(client, seconds=0.5)

            assert isinstance(caught.value.__cause__, MemoryError)
            assert client.statistics().faults == 1
            with pytest.raises(Unavailable, match="a completion could not be read"):
                await ask(client)

        assert client.statistics().in_flight == 0


class TestDoors:
    """A request leaves by its completion, its deadline or its cancellation, and by one of them."""

    async def test_no_time_left_means_not_sent(self) -> None:
        async with faked() as (client, native):
            for seconds in (0, -1):
                with pytest.raises(Unavailable, match="no time was left to send a look-up"):
                    await ask(client, seconds=seconds)

            assert native.packets == []

    async def test_a_cancelled_caller_sends_nothing(self) -> None:
        async with faked() as (client, native):
            with trio.CancelScope() as scope:
                scope.cancel()
                await ask(client)

            assert scope.cancelled_caught
            assert native.packets == []

    async def test_a_packet_outlives_its_caller_until_it_is_completed(self) -> None:
        async with faked() as (client, native):
            with pytest.raises(Unknown):
                await ask(client, b"0123456789abcdef", seconds=0.01)

            [packet] = native.packets
            assert ctypes.string_at(packet.memory.data, packet.memory.data_size) == packet.events
            kept = [flight.packet for flight in client._in_flight.values()]
            assert kept == [packet]

            native.complete()
            assert (await settled(client)).late == 1

    async def test_answers_may_come_in_any_order(self) -> None:
        async with faked() as (client, native), trio.open_nursery() as nursery:

            async def one(events: bytes) -> None:
                assert await ask(client, events) == events

            nursery.start_soon(one, b"a" * 16)
            nursery.start_soon(one, b"b" * 16)
            await native.submitted(2)
            native.packets.reverse()
            native.complete()
            native.complete()

    async def test_a_completion_after_the_run_has_ended_is_counted(self) -> None:
        library = FakeLibrary()

        async def leave_a_packet() -> Client:
            client = await open_client(library)
            with pytest.raises(Unknown):
                await ask(client, seconds=0.001)
            return client

        client = await trio.to_thread.run_sync(trio.run, leave_a_packet)
        library.clients[0].deinit()

        assert client.statistics() == ClientStatistics(requests=1, deadlines_missed=1, late=1)


class TestEnds:
    @pytest.mark.parametrize(
        ("status", "reason"),
        [
            (PacketStatus.CLIENT_EVICTED, "the cluster evicted this client"),
            (PacketStatus.CLIENT_RELEASE_TOO_LOW, "too new for this client's release"),
            (PacketStatus.CLIENT_RELEASE_TOO_HIGH, "too old for this client's release"),
            (PacketStatus.CLIENT_SHUTDOWN, "the client was closed"),
            (99, "answered with status 99"),
        ],
    )
    async def test_what_was_in_flight_is_unknown_and_what_comes_later_is_not_sent(
        self, status: int, reason: str
    ) -> None:
        async with faked() as (client, native):
            async with trio.open_nursery() as nursery:

                async def one() -> None:
                    with pytest.raises(Unknown, match=reason):
                        await ask(client)

                nursery.start_soon(one)
                await native.submitted(1)
                native.complete(status)

            assert client.end is not None
            with pytest.raises(Unavailable, match=f"was not sent: .*{reason}"):
                await ask(client)

            assert client.statistics().requests == 1

    async def test_invalid_requests_are_bugs_and_end_nothing(self) -> None:
        for status in (PacketStatus.INVALID_OPERATION, PacketStatus.INVALID_DATA_SIZE):
            async with faked(status) as (client, _):
                with pytest.raises(AssertionError, match="the library refuses"):
                    await ask(client)

                assert client.end is None

    async def test_a_packet_that_is_not_taken_was_not_sent(self) -> None:
        async with faked() as (client, native):
            native.takes_packets = False
            with pytest.raises(Unavailable, match="the library has closed the client"):
                await ask(client)

            assert client.statistics() == ClientStatistics()

    async def test_a_completion_of_no_packet_is_a_fault_and_no_crash(self) -> None:
        async with faked() as (client, native):
            native.on_thread(lambda: native.receiver.completed(77, 0, b""))
            await until(lambda: client.end is not None)
            assert "packet 77 is not in flight" in str(client.end)
            assert client.statistics().faults == 1

    async def test_a_client_of_another_process_is_refused(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with faked() as (client, native):
            monkeypatch.setattr(os, "getpid", lambda: -1)
            with pytest.raises(AssertionError, match="does not survive a fork"):
                await ask(client)

            assert native.packets == []

    async def test_closing_twice_closes_once(self) -> None:
        async with faked() as (client, native):
            await client.close()
            assert native.is_ended
            await client.close()

    async def test_closing_does_not_block_the_loop(self) -> None:
        async with faked() as (client, native), trio.open_nursery() as nursery:
            with held(native):
                nursery.start_soon(client.close)
                await trio.sleep(0.05)
                assert not native.is_ended

    async def test_a_client_that_does_not_close_is_left_behind(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(room, "CLOSE_SECONDS_MAX", 0.05)
        async with faked() as (client, native):
            with held(native):
                await client.close()
                assert not native.is_ended

    async def test_a_cancelled_close_closes_all_the_same(self) -> None:
        async with faked() as (client, native):
            with trio.CancelScope() as scope:
                scope.cancel()
                await client.close()

            assert native.is_ended


def test_a_packet_numbered_0_would_be_lost() -> None:
    with pytest.raises(AssertionError, match="give 0 back as None"):
        Packet(0, LOOK_UP, b"")
