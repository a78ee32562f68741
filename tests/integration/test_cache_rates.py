"""Rate limits in a real Valkey say what the domain says, two buckets in one call."""

import itertools
import random
from collections.abc import AsyncIterator

import pytest

from fluxiq.asyncio_host import AsyncioHost
from fluxiq.cache import Cache, open_cache
from fluxiq.domain.sliding_window import Window, count
from tests.support.servers import ValkeyServer

MINUTE = 60_000
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
    prefix = f"rates{next(_prefixes)}:"
    async with open_cache(asyncio_host, valkey_server.url, prefix=prefix, now_ms=clock) as cache:
        yield cache


@pytest.mark.parametrize("seed", range(5))
async def test_the_script_says_what_the_domain_says(cache: Cache, clock: Clock, seed: int) -> None:
    draw = random.Random(seed)
    limits = [draw.randrange(1, 12), draw.randrange(1, 12)]
    windows: list[Window | None] = [None, None]
    for _ in range(200):
        clock.now_ms += draw.choice([0, 1, 500, 7_000, 20_000, 90_000])
        after, wanted = count(windows, limits, MINUTE, clock.now_ms)
        windows = [*after]
        said = await cache.allow_all([("key", limits[0]), ("address", limits[1])], 60)
        assert [(one.allowed, one.remaining, one.reset_at) for one in said] == [
            (one.allowed, one.remaining, -(-one.reset_at_ms // 1000)) for one in wanted
        ]


async def test_two_allowances_are_one_command(cache: Cache) -> None:
    before = cache.statistics().commands
    await cache.allow_all([("key", 2), ("address", 1)], 60)
    [key, address] = await cache.allow_all([("key", 2), ("address", 1)], 60)
    assert cache.statistics().commands == before + 2
    assert (key.allowed, key.remaining) == (True, 1)  # not counted: the address refused
    assert not address.allowed


async def test_a_table_keeps_its_fields_and_one_that_is_not_there_has_none(cache: Cache) -> None:
    assert await cache.table("rates") == {}
    await cache.put_field("rates", "USD-BRL", b"5.43")
    await cache.put_field("rates", "EUR-BRL", b"6.01")
    await cache.put_field("rates", "USD-BRL", b"5.44")
    assert await cache.table("rates") == {"USD-BRL": b"5.44", "EUR-BRL": b"6.01"}
