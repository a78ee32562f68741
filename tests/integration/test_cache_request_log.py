"""The request log on a real Valkey: capped, newest first, one merchant's and all, and outages."""

import itertools
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from fluxiq.asyncio_host import AsyncioHost
from fluxiq.cache import Cache, open_cache
from fluxiq.cache.request_log import KEPT, OF_MERCHANT_BYTES_MAX, OF_MERCHANT_MAX, RedisRequestLog
from fluxiq.domain.request_log import RequestLine
from fluxiq.errors import Unavailable
from tests.support.servers import ValkeyServer, free_port

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
_prefixes = itertools.count(1)


class Clock:
    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> datetime:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def cache(asyncio_host: AsyncioHost, valkey_server: ValkeyServer) -> AsyncIterator[Cache]:
    prefix = f"requests{next(_prefixes)}:"
    async with open_cache(asyncio_host, valkey_server.url, prefix=prefix) as cache:
        yield cache


@pytest.fixture
def log(cache: Cache, clock: Clock) -> RedisRequestLog:
    return RedisRequestLog(cache, clock)


def line(number: int, **said: Any) -> RequestLine:
    made = RequestLine(
        id=f"req_{number:026d}",
        at=NOW + timedelta(milliseconds=number),
        method="POST",
        path="/api/v1/pix/payouts",
        status=422,
        error_code="insufficient_funds",
        microseconds=1234,
        actor="key_1",
        merchant_id="mch_1",
        address="203.0.113.0/24",
        idempotency_key="order-7",
    )
    return msgspec.structs.replace(made, **said)


async def test_lines_come_back_as_they_went_in_the_newest_first(log: RedisRequestLog) -> None:
    await log.append([line(1), line(2, merchant_id="mch_2")])
    await log.append([line(3), line(4, merchant_id=None, error_code=None, idempotency_key=None)])

    assert await log.of_merchant("mch_1") == [line(3), line(1)]
    assert [one.id for one in await log.of_merchant("mch_2")] == [line(2).id]
    assert await log.of_merchant("mch_3") == []
    everybody = await log.of_institution()
    assert [one.id for one in everybody] == [line(number).id for number in (4, 3, 2, 1)]
    assert everybody[0].merchant_id is None


async def test_nothing_to_append_is_nothing(log: RedisRequestLog) -> None:
    await log.append([])
    assert await log.of_institution() == []


async def test_a_merchant_keeps_about_its_last_thousand(log: RedisRequestLog, cache: Cache) -> None:
    count = 3 * OF_MERCHANT_MAX
    for first in range(0, count, 500):
        await log.append([line(number) for number in range(first, first + 500)])

    kept = await log.of_merchant("mch_1")
    assert [one.id for one in kept] == [
        line(number).id for number in reversed(range(count - OF_MERCHANT_MAX, count))
    ]
    length = await cache.administer("XLEN", f"{cache._prefix}requests:mch_1")
    assert OF_MERCHANT_MAX <= length < OF_MERCHANT_MAX * 1.2


async def test_long_paths_do_not_fill_redis(log: RedisRequestLog, cache: Cache) -> None:
    long, taken = "/" + 1023 * "\N{LATIN SMALL LETTER A WITH ACUTE}", 0
    for first in range(0, 2 * OF_MERCHANT_MAX, 500):
        await log.append([line(number, path=long) for number in range(first, first + 500)])
        await log.append([line(first)])  # a short one after them makes no room
        taken = await cache.administer("MEMORY", "USAGE", f"{cache._prefix}requests:mch_1")
        assert taken < 1.2 * OF_MERCHANT_BYTES_MAX

    assert taken > 0.8 * OF_MERCHANT_BYTES_MAX
    kept = await log.of_merchant("mch_1")
    assert kept[0] == line(1500)
    assert [one.id for one in kept[1:200]] == [
        line(number).id for number in reversed(range(2000 - 199, 2000))
    ]


async def test_lines_are_gone_after_a_week(
    log: RedisRequestLog, cache: Cache, clock: Clock
) -> None:
    await log.append([line(1)])
    clock.at = NOW + KEPT + timedelta(seconds=1)
    await log.append([line(2, at=clock.at)])

    assert [one.id for one in await log.of_merchant("mch_1")] == [line(2).id]
    left = await cache.administer("TTL", f"{cache._prefix}requests:mch_1")
    assert 0 < left <= KEPT.total_seconds()


async def test_a_line_of_another_version_hides_no_other(log: RedisRequestLog, cache: Cache) -> None:
    await log.append([line(1)])
    await cache.append(
        {"requests:mch_1": [b'["?"]']}, length_max=10, bytes_max=1000, ttl_seconds=60
    )
    assert await log.of_merchant("mch_1") == [line(1)]


async def test_without_redis_it_is_unavailable(asyncio_host: AsyncioHost, clock: Clock) -> None:
    url = f"redis://127.0.0.1:{free_port()}"
    async with open_cache(asyncio_host, url, command_seconds_max=0.3) as cache:
        log = RedisRequestLog(cache, clock)
        with pytest.raises(Unavailable):
            await log.append([line(1)])
        with pytest.raises(Unavailable):
            await log.of_merchant("mch_1")
