"""The cache against a real Valkey: values, rate limits, bounded callers, outages."""

import itertools
import os
import signal
from collections.abc import AsyncIterator

import pytest
import trio
from redis.exceptions import NoPermissionError, ResponseError

from fluxiq.asyncio_host import AsyncioHost
from fluxiq.cache import Cache, open_cache
from fluxiq.errors import Unavailable
from tests.support.patience import PATIENCE_SECONDS
from tests.support.servers import ValkeyServer, free_port, run_valkey

_prefixes = itertools.count(1)


class Clock:
    """Milliseconds, turned by hand."""

    def __init__(self) -> None:
        self.now_ms = 1_700_000_040_000  # a whole minute

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def cache(
    asyncio_host: AsyncioHost, valkey_server: ValkeyServer, clock: Clock
) -> AsyncIterator[Cache]:
    prefix = f"test{next(_prefixes)}:"
    async with open_cache(asyncio_host, valkey_server.url, prefix=prefix, now_ms=clock) as cache:
        yield cache


class TestValues:
    async def test_what_was_put_is_there(self, cache: Cache) -> None:
        await cache.put("key", b"\x00\xff", ttl_seconds=60)
        assert await cache.get("key") == b"\x00\xff"

    async def test_what_was_not_put_is_none(self, cache: Cache) -> None:
        assert await cache.get("key") is None

    async def test_a_second_value_replaces_the_first(self, cache: Cache) -> None:
        await cache.put("key", b"1", ttl_seconds=60)
        await cache.put("key", b"2", ttl_seconds=60)
        assert await cache.get("key") == b"2"

    async def test_what_was_deleted_is_gone(self, cache: Cache) -> None:
        await cache.put("key", b"1", ttl_seconds=60)
        await cache.delete("key")
        await cache.delete("key")
        assert await cache.get("key") is None

    async def test_a_value_is_kept_for_its_time(self, cache: Cache) -> None:
        await cache.put("key", b"1", ttl_seconds=60)
        left_ms = await cache.administer("PTTL", f"{cache._prefix}key")
        assert 0 < left_ms <= 60_000
        await cache.put("short", b"1", ttl_seconds=0.02)

        with trio.fail_after(PATIENCE_SECONDS):
            while await cache.get("short") is not None:  # noqa: ASYNC110 - it happens in the server
                await trio.sleep(0.005)

    async def test_every_key_is_under_the_prefix(self, cache: Cache) -> None:
        await cache.put("key", b"1", ttl_seconds=60)
        await cache.allow("bucket", 1, 60)
        keys = await cache.administer("KEYS", f"{cache._prefix}*")
        assert sorted(keys) == [
            f"{cache._prefix}key".encode(),
            f"{cache._prefix}rate:bucket".encode(),
        ]

    async def test_another_prefix_sees_nothing(
        self, asyncio_host: AsyncioHost, valkey_server: ValkeyServer, cache: Cache
    ) -> None:
        await cache.put("key", b"1", ttl_seconds=60)

        async with open_cache(asyncio_host, valkey_server.url, prefix="other:") as other:
            assert await other.get("key") is None


class TestAllow:
    async def test_counts_down_to_a_refusal(self, cache: Cache, clock: Clock) -> None:
        decisions = [await cache.allow("key", 3, 60) for _ in range(4)]
        assert [decision.allowed for decision in decisions] == [True, True, True, False]
        assert [decision.remaining for decision in decisions] == [2, 1, 0, 0]
        assert {decision.limit for decision in decisions} == {3}
        window_end = clock.now_ms // 1000 + 60
        assert {decision.reset_at for decision in decisions[:3]} == {window_end}

    async def test_buckets_do_not_know_each_other(self, cache: Cache) -> None:
        assert (await cache.allow("one", 1, 60)).allowed
        assert not (await cache.allow("one", 1, 60)).allowed
        assert (await cache.allow("two", 1, 60)).allowed

    async def test_no_burst_of_twice_the_limit_around_the_window_end(
        self, cache: Cache, clock: Clock
    ) -> None:
        clock.now_ms += 59_999
        before = [(await cache.allow("key", 10, 60)).allowed for _ in range(10)]
        clock.now_ms += 1
        after = [(await cache.allow("key", 10, 60)).allowed for _ in range(10)]
        assert (before.count(True), after.count(True)) == (10, 0)

    async def test_uses_slide_out_as_the_window_moves(self, cache: Cache, clock: Clock) -> None:
        for _ in range(10):
            await cache.allow("key", 10, 60)

        clock.now_ms += 60_000 + 30_000
        allowed = [(await cache.allow("key", 10, 60)).allowed for _ in range(10)]
        assert allowed.count(True) == 5
        clock.now_ms += 120_000
        assert (await cache.allow("key", 10, 60)).remaining == 9

    @pytest.mark.parametrize("late_ms", [0, 20_000, 59_000, 75_000])
    async def test_a_refused_use_fits_at_the_reset_and_not_long_before(
        self, cache: Cache, clock: Clock, late_ms: int
    ) -> None:
        for _ in range(10):
            await cache.allow("key", 10, 60)

        clock.now_ms += late_ms
        while (decision := await cache.allow("key", 10, 60)).allowed:
            pass

        # reset_at is in whole seconds, rounded up
        clock.now_ms = (decision.reset_at - 1) * 1000 - 1
        assert not (await cache.allow("key", 10, 60)).allowed
        clock.now_ms = decision.reset_at * 1000
        assert (await cache.allow("key", 10, 60)).allowed

    async def test_a_bucket_nobody_uses_is_forgotten(self, cache: Cache, clock: Clock) -> None:
        clock.now_ms += 15_000
        await cache.allow("key", 10, 60)
        left_ms = await cache.administer("PTTL", f"{cache._prefix}rate:key")
        assert 100_000 < left_ms <= 105_000

    async def test_many_at_once_get_exactly_the_limit(self, cache: Cache) -> None:
        allowed = 0

        async def use() -> None:
            nonlocal allowed
            decision = await cache.allow("key", 50, 60)
            allowed += decision.allowed

        async with trio.open_nursery() as nursery:
            for _ in range(200):
                nursery.start_soon(use)

        assert allowed == 50

    async def test_without_a_clock_the_server_has_one(
        self, asyncio_host: AsyncioHost, valkey_server: ValkeyServer
    ) -> None:
        async with open_cache(asyncio_host, valkey_server.url, prefix="timed:") as cache:
            decision = await cache.allow("key", 1, 3600)
            seconds, _ = await cache.administer("TIME")
            assert decision.allowed
            assert int(seconds) < decision.reset_at <= int(seconds) + 3600
            assert decision.reset_at % 3600 == 0

    async def test_the_script_survives_a_server_that_forgot_it(self, cache: Cache) -> None:
        await cache.allow("key", 2, 60)
        await cache.administer("SCRIPT", "FLUSH")
        assert (await cache.allow("key", 2, 60)).remaining == 0


class TestIsolation:
    async def test_an_institution_is_held_to_its_prefix_by_its_user(
        self, asyncio_host: AsyncioHost
    ) -> None:
        with run_valkey() as server:
            async with open_cache(asyncio_host, server.url) as admin:
                rules = ("on", ">secret", "~fluxiq:12345678:*", "+@all", "-@admin", "-@dangerous")
                await admin.administer("ACL", "SETUSER", "12345678", *rules)

            async with open_cache(
                asyncio_host,
                server.url,
                user="12345678",
                password="secret",
                prefix="fluxiq:12345678:",
            ) as own:
                await own.ping()
                await own.put("key", b"1", ttl_seconds=60)
                assert await own.get("key") == b"1"
                assert (await own.allow("key", 1, 60)).allowed

                with pytest.raises(NoPermissionError):
                    await own.administer("GET", "fluxiq:87654321:key")


class TestLimits:
    async def test_a_crowd_shares_round_trips_and_one_connection(
        self, asyncio_host: AsyncioHost, valkey_server: ValkeyServer
    ) -> None:
        async with open_cache(asyncio_host, valkey_server.url, prefix="few:") as cache:
            async with trio.open_nursery() as nursery:
                for number in range(100):
                    nursery.start_soon(cache.get, str(number))

            assert len(cache._client.connection_pool._available_connections) == 1
            statistics = cache.statistics()
            assert (statistics.commands, statistics.outages) == (100, 0)
            assert statistics.round_trips < 10
            assert statistics.waiting == 0

    async def test_a_refused_command_fails_alone_in_its_crowd(
        self, asyncio_host: AsyncioHost, valkey_server: ValkeyServer
    ) -> None:
        async with open_cache(asyncio_host, valkey_server.url, prefix="one:") as cache:
            answers: list[object] = []

            async def ask(*command: str) -> None:
                try:
                    answers.append(await cache.administer(*command))
                except ResponseError as error:
                    answers.append(type(error))

            async with trio.open_nursery() as nursery:
                nursery.start_soon(ask, "SET", "one:a", "1")
                nursery.start_soon(ask, "NO-SUCH-COMMAND")
                nursery.start_soon(ask, "SET", "one:b", "2")

            assert answers.count(True) == 2
            assert answers.count(ResponseError) == 1

    async def test_cancelled_commands_leave_no_answers_for_others(self, cache: Cache) -> None:
        for number in range(50):
            await cache.put(str(number), b"%d" % number, ttl_seconds=60)

        async def look(number: int) -> None:
            with trio.CancelScope() as scope:
                if number % 3 == 0:
                    scope.deadline = trio.current_time() + 0.0005

                assert await cache.get(str(number)) == b"%d" % number

        for _ in range(5):
            async with trio.open_nursery() as nursery:
                for number in range(50):
                    nursery.start_soon(look, number)

    async def test_a_server_that_stopped_answering_is_unavailable_within_the_deadline(
        self, asyncio_host: AsyncioHost
    ) -> None:
        with run_valkey() as server:
            assert server.process is not None

            async with open_cache(
                asyncio_host, server.url, waiting_max=1, command_seconds_max=0.2
            ) as cache:
                await cache.ping()
                os.kill(server.process.pid, signal.SIGSTOP)
                errors: list[str] = []

                async def look() -> None:
                    with pytest.raises(Unavailable) as caught:
                        await cache.get("key")

                    errors.append(str(caught.value))

                try:
                    with trio.fail_after(PATIENCE_SECONDS):
                        async with trio.open_nursery() as nursery:
                            for _ in range(3):
                                nursery.start_soon(look)
                                await trio.testing.wait_all_tasks_blocked(0.01)
                finally:
                    os.kill(server.process.pid, signal.SIGCONT)

                assert errors[0] == "redis: too many callers are waiting"
                assert all(error.startswith("redis: ") for error in errors)
                assert cache.statistics().outages >= 1
                await cache.ping()


class TestOutages:
    async def test_a_server_that_is_not_there_is_unavailable(
        self, asyncio_host: AsyncioHost
    ) -> None:
        async with open_cache(asyncio_host, f"redis://127.0.0.1:{free_port()}") as cache:
            with pytest.raises(Unavailable) as caught:
                await cache.ping()

            assert caught.value.system == "redis"
            assert cache.statistics().outages == 1

    async def test_a_restart_of_the_server_is_not_even_noticed(
        self, asyncio_host: AsyncioHost
    ) -> None:
        with run_valkey() as server:
            async with open_cache(asyncio_host, server.url) as cache:
                await cache.put("key", b"1", ttl_seconds=60)
                server.restart()
                assert await cache.get("key") is None
                assert (await cache.allow("key", 2, 60)).allowed

    async def test_a_stopped_server_is_unavailable_until_it_is_back(
        self, asyncio_host: AsyncioHost
    ) -> None:
        with run_valkey() as server:
            async with open_cache(asyncio_host, server.url) as cache:
                await cache.ping()
                server.stop()

                with pytest.raises(Unavailable):
                    await cache.ping()

                server.start()
                await cache.ping()
