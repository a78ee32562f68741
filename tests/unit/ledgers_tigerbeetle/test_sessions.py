"""The pool of sessions: who is served when, what a lost client costs, and how it ends."""

import pytest
import trio
import trio.testing

from fluxiq.errors import Unavailable, Unknown
from fluxiq.ledgers.tigerbeetle.native import Cluster, Receiver, open_echo
from fluxiq.ledgers.tigerbeetle.packets import Operation, PacketStatus
from fluxiq.ledgers.tigerbeetle.sessions import Sessions, open_sessions
from tests.support.servers import free_port
from tests.unit.ledgers_tigerbeetle.fake_library import FakeLibrary, FakeNative, held, until

LOOK_UP = Operation.LOOKUP_ACCOUNTS


def key(number: int) -> bytes:
    return number.to_bytes(16, "little")


async def ask(sessions: Sessions, number: int = 0, *, seconds: float = 5.0) -> int:
    """The number that comes back for `number`."""
    reply = await sessions.request(
        LOOK_UP, key(number), seconds=seconds, reference=f"request {number}"
    )
    return int.from_bytes(reply, "little")


async def expect_unknown(sessions: Sessions, match: str, *, seconds: float = 5.0) -> None:
    with pytest.raises(Unknown, match=match):
        await ask(sessions, seconds=seconds)


async def expect_unavailable(sessions: Sessions, match: str, *, seconds: float = 5.0) -> None:
    with pytest.raises(Unavailable, match=match):
        await ask(sessions, seconds=seconds)


class TestHandingOut:
    async def test_requests_are_served_in_the_order_they_came(self) -> None:
        library = FakeLibrary()
        async with open_sessions(library, count=1) as sessions, trio.open_nursery() as nursery:
            for number in range(5):
                nursery.start_soon(ask, sessions, number)
                await trio.testing.wait_all_tasks_blocked()

            for number in range(5):
                [packet] = await library.clients[0].submitted(1)
                assert packet.events == key(number)
                library.clients[0].complete()

    async def test_each_session_has_one_request_in_flight(self) -> None:
        library = FakeLibrary()
        async with open_sessions(library, count=3) as sessions, trio.open_nursery() as nursery:
            for number in range(10):
                nursery.start_soon(ask, sessions, number)
            await trio.testing.wait_all_tasks_blocked()

            assert [len(client.packets) for client in library.clients] == [1, 1, 1]
            found = sessions.statistics()
            assert (found.busy, found.waiting) == (3, 7)
            for client in library.clients:
                client.answer = PacketStatus.OK
                client.complete()

        assert sessions.statistics().clients.answered == 10

    async def test_a_request_that_waits_beyond_its_deadline_is_not_sent(self) -> None:
        library = FakeLibrary()
        async with open_sessions(library, count=1) as sessions, trio.open_nursery() as nursery:
            nursery.start_soon(ask, sessions)
            await library.clients[0].submitted(1)
            await expect_unavailable(sessions, r"no session was free within 0\.02 s", seconds=0.02)

            assert sessions.statistics().expired == 1
            assert sessions.statistics().waiting == 0
            library.clients[0].complete()

        assert sessions.statistics().clients.requests == 1

    async def test_a_cancelled_caller_takes_its_waiting_request_along(self) -> None:
        library = FakeLibrary()
        async with open_sessions(library, count=1) as sessions, trio.open_nursery() as nursery:
            nursery.start_soon(ask, sessions)
            await library.clients[0].submitted(1)
            with trio.move_on_after(0.01) as scope:
                await ask(sessions)

            assert scope.cancelled_caught
            assert sessions.statistics().waiting == 0
            library.clients[0].complete()

        assert sessions.statistics().clients.requests == 1

    async def test_cancelling_a_caller_leaves_its_request_in_flight(self) -> None:
        library = FakeLibrary()
        async with open_sessions(library, count=1) as sessions:
            with trio.move_on_after(0.01):
                await ask(sessions)

            [native] = library.clients
            assert len(native.packets) == 1
            assert sessions.statistics().busy == 1

            native.answer = PacketStatus.OK
            native.complete()
            assert await ask(sessions, 5) == 5
            assert sessions.statistics().abandoned == 1
            assert sessions.statistics().lost == 0

    async def test_too_many_waiting_are_refused(self) -> None:
        library = FakeLibrary()
        async with (
            open_sessions(library, count=1, waiting_max=2) as sessions,
            trio.open_nursery() as nursery,
        ):
            for number in range(3):
                nursery.start_soon(ask, sessions, number)
                await trio.testing.wait_all_tasks_blocked()

            await expect_unavailable(sessions, "too many requests are waiting")
            library.clients[0].answer = PacketStatus.OK
            library.clients[0].complete()

    @pytest.mark.parametrize("count", [0, 5])
    async def test_there_are_one_to_four_sessions(self, count: int) -> None:
        with pytest.raises(AssertionError, match="1 to 4 sessions"):
            async with open_sessions(FakeLibrary(), count=count):
                pass


class TestLoss:
    async def test_a_client_that_missed_a_deadline_is_replaced(self) -> None:
        library = FakeLibrary()
        async with open_sessions(library, count=1) as sessions:
            await expect_unknown(sessions, "no answer within", seconds=0.02)

            library.answer = PacketStatus.OK
            (await library.opened(2)).answer = PacketStatus.OK
            assert await ask(sessions, 3) == 3
            await until(lambda: sessions.statistics().closing == 0)
            assert library.clients[0].is_ended

            found = sessions.statistics()
            assert found.lost == 1
            assert found.clients.requests == 2
            assert found.clients.late == 1
            assert found.clients.in_flight == 0

    async def test_a_client_that_is_slow_to_close_holds_nobody_up(self) -> None:
        library = FakeLibrary()
        async with open_sessions(library, count=1) as sessions:
            with held(library.clients[0]):
                await expect_unknown(sessions, "no answer within", seconds=0.02)

                (await library.opened(2)).answer = PacketStatus.OK
                assert await ask(sessions, 3) == 3
                assert sessions.statistics().closing == 1

            await until(lambda: sessions.statistics().closing == 0)

    @pytest.mark.parametrize(
        "status",
        [
            PacketStatus.CLIENT_EVICTED,
            PacketStatus.CLIENT_RELEASE_TOO_LOW,
            PacketStatus.CLIENT_RELEASE_TOO_HIGH,
            PacketStatus.CLIENT_SHUTDOWN,
        ],
    )
    async def test_a_client_that_was_ended_is_replaced(self, status: PacketStatus) -> None:
        library = FakeLibrary()
        async with open_sessions(library, count=1) as sessions:
            library.clients[0].answer = status
            await expect_unknown(sessions, "the client|this client")

            (await library.opened(2)).answer = PacketStatus.OK
            assert await ask(sessions, 3) == 3
            assert sessions.statistics().lost == 1

    async def test_while_no_client_can_be_made_nothing_is_sent(self) -> None:
        library = FakeLibrary(PacketStatus.OK)
        async with open_sessions(library, count=1) as sessions:
            library.clients[0].answer = PacketStatus.CLIENT_EVICTED
            library.fails = True
            await expect_unknown(sessions, "evicted")
            await expect_unavailable(sessions, "no client could be made")

            library.fails = False
            assert await ask(sessions, 3) == 3

    async def test_an_error_of_the_caller_loses_no_client(self) -> None:
        async with open_sessions(FakeLibrary(PacketStatus.TOO_MUCH_DATA), count=1) as sessions:
            with pytest.raises(ValueError, match="more than the cluster takes"):
                await ask(sessions)

            assert sessions.statistics().lost == 0


class TestProbe:
    async def test_an_answer_is_all_it_wants(self) -> None:
        async with open_sessions(open_echo, count=4) as sessions:
            await sessions.probe(seconds=5)

    async def test_silence_names_the_cluster_and_its_addresses(self) -> None:
        async with open_sessions(FakeLibrary(), count=1) as sessions:
            with pytest.raises(
                Unavailable,
                match=r"cluster 7 at 127\.0\.0\.1:3001 did not answer within 0\.02 s.*nobody is",
            ):
                await sessions.probe(seconds=0.02)

    async def test_an_address_where_nobody_listens_is_named(self) -> None:
        """Through the wheel's library, which says what it met."""
        address = f"127.0.0.1:{free_port()}"
        async with open_sessions(Cluster(7, address), count=1) as sessions:
            with pytest.raises(Unavailable, match=f"cluster 7 at {address} .*ConnectionRefused"):
                await sessions.probe(seconds=1)

    @pytest.mark.parametrize("addresses", ["nonsense", "tigerbeetle.example:3001", ""])
    async def test_what_is_no_address_is_named_at_once(self, addresses: str) -> None:
        with pytest.raises(Unavailable, match=f"{addresses or 'no address'}: address_"):
            async with open_sessions(Cluster(7, addresses)):
                pass


class TestEnd:
    async def test_what_is_in_flight_is_unknown_and_what_waits_was_not_sent(self) -> None:
        library = FakeLibrary()
        answers: list[str] = []

        async def one(sessions: Sessions) -> None:
            try:
                await ask(sessions)
            except (Unknown, Unavailable) as error:
                answers.append(type(error).__name__)

        async with trio.open_nursery() as nursery, open_sessions(library, count=2) as sessions:
            for _ in range(5):
                nursery.start_soon(one, sessions)
            await trio.testing.wait_all_tasks_blocked()

        assert sorted(answers) == ["Unavailable"] * 3 + ["Unknown"] * 2
        assert all(client.is_ended for client in library.clients)
        await expect_unavailable(sessions, "the sessions are closed")

    async def test_a_cancelled_block_closes_every_client(self) -> None:
        library = FakeLibrary()
        with trio.CancelScope() as scope:
            async with open_sessions(library, count=2) as sessions:
                scope.cancel()
                await ask(sessions)

        assert scope.cancelled_caught
        assert [client.is_ended for client in library.clients] == [True, True]

    async def test_a_cancellation_while_they_open_closes_what_was_opened(self) -> None:
        library = FakeLibrary()
        scope = trio.CancelScope()

        def open_one(receiver: Receiver) -> FakeNative:
            trio.from_thread.run_sync(scope.cancel)
            return library(receiver)

        with scope:
            async with open_sessions(open_one, count=3):
                pytest.fail("it was cancelled before it was open")

        assert [client.is_ended for client in library.clients] == [True]

    async def test_an_error_of_the_block_comes_out_as_it_is(self) -> None:
        library = FakeLibrary()
        with pytest.raises(ZeroDivisionError):
            async with open_sessions(library, count=2):
                raise ZeroDivisionError

        assert all(client.is_ended for client in library.clients)

    async def test_a_client_that_cannot_be_made_closes_those_that_were(self) -> None:
        library = FakeLibrary()
        calls = 0

        def open_one(receiver: Receiver) -> FakeNative:
            nonlocal calls
            calls += 1
            library.fails = calls > 1
            return library(receiver)

        with pytest.raises(Unavailable, match="system_resources"):
            async with open_sessions(open_one, count=2):
                pass

        assert [client.is_ended for client in library.clients] == [True]
