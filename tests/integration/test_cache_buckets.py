"""Token buckets in a real Valkey say what the domain says, and many values come at once."""

import itertools
from collections.abc import AsyncIterator

import pytest
import trio

from fluxiq.asyncio_host import AsyncioHost
from fluxiq.cache import Cache, open_cache
from fluxiq.domain.token_bucket import Bucket, BucketSize, Spent, spend
from tests.support.servers import ValkeyServer

NATURAL_PERSON = BucketSize(capacity=100, per_minute=2)

# Cost, milliseconds since the use before, and whether it may go into debt.
USES = [
    (1, 0, False),
    (20, 10, False),
    (79, 0, False),
    (1, 1, False),
    (1, 30_000, False),
    (19, 0, True),
    (1, 9 * 60_000, False),
    (1, 7 * 60_000, False),
    (150, 0, True),
    (1, 86_400_000, False),
    (100, 0, False),
    (99, 0, False),
]

_prefixes = itertools.count(1)


class Clock:
    def __init__(self) -> None:
        self.now_ms = 1_700_000_040_123

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def cache(
    asyncio_host: AsyncioHost, valkey_server: ValkeyServer, clock: Clock
) -> AsyncIterator[Cache]:
    prefix = f"buckets{next(_prefixes)}:"
    async with open_cache(asyncio_host, valkey_server.url, prefix=prefix, now_ms=clock) as cache:
        yield cache


@pytest.mark.parametrize("size", [NATURAL_PERSON, BucketSize(capacity=7, per_minute=90)])
async def test_the_script_says_what_the_domain_says(
    cache: Cache, clock: Clock, size: BucketSize
) -> None:
    bucket: Bucket | None = None
    for cost, pause_ms, in_debt in USES:
        clock.now_ms += pause_ms
        bucket, wanted = spend(bucket, size, cost, clock.now_ms, in_debt=in_debt)
        assert await cache.spend("merchant", size, cost, in_debt=in_debt) == wanted


async def test_a_crowd_takes_no_more_than_there_is(cache: Cache) -> None:
    answers: list[Spent] = []

    async def take() -> None:
        answers.append(await cache.spend("crowd", NATURAL_PERSON, 1))

    async with trio.open_nursery() as nursery:
        for _ in range(150):
            nursery.start_soon(take)
    assert sum(one.allowed for one in answers) == 100


async def test_a_bucket_is_forgotten_when_it_would_be_full(cache: Cache) -> None:
    await cache.spend("forgotten", NATURAL_PERSON, 10)
    left_ms = await cache.administer("PTTL", f"{cache._prefix}bucket:forgotten")
    assert 300_000 <= left_ms <= 301_000


async def test_a_server_that_forgot_its_scripts_is_told_both_again(cache: Cache) -> None:
    await cache.spend("merchant", NATURAL_PERSON, 1)
    await cache.administer("SCRIPT", "FLUSH")
    assert (await cache.spend("merchant", NATURAL_PERSON, 1)).left == 98
    assert (await cache.allow("merchant", 10, 60)).remaining == 9


async def test_without_a_clock_of_ours_the_servers_counts(
    asyncio_host: AsyncioHost, valkey_server: ValkeyServer
) -> None:
    async with open_cache(asyncio_host, valkey_server.url, prefix="server:") as cache:
        assert (await cache.spend("merchant", NATURAL_PERSON, 100)).allowed
        refused = await cache.spend("merchant", NATURAL_PERSON, 1)
    assert not refused.allowed
    assert 29_000 <= refused.wait_ms <= 30_000


async def test_many_values_come_in_the_order_of_their_keys(cache: Cache) -> None:
    await cache.put("a", b"1", ttl_seconds=60)
    await cache.put("c", b"3", ttl_seconds=60)
    before = cache.statistics().commands
    assert await cache.get_many(["c", "b", "a"]) == [b"3", None, b"1"]
    assert cache.statistics().commands == before + 1
    assert await cache.get_many([]) == []
