"""Answers kept in Redis: a fast path that can lose, be slow or be forged, and never lies."""

from collections.abc import Callable
from typing import Any, cast

import pytest
import trio
from structlog.testing import capture_logs

from fluxiq.errors import Refused
from fluxiq.ports import Idempotency
from fluxiq.services import kept_answers
from fluxiq.services.kept_answers import KEEP_SECONDS, KeptAnswers
from fluxiq.services.messages.envelope import Answer
from fluxiq.services.replay import once
from fluxiq.services.tenant import Tenant
from tests.support.memory_world import Faulty, MemoryCache, MemoryWorld

KEY = Idempotency(key="order-1", digest=b"d" * 32)
OTHER_BODY = Idempotency(key="order-1", digest=b"e" * 32)
ANSWER = Answer(body=b'{"data":{"id":"pay_1"}}')


class House:
    """A cache and what is kept in it."""

    def __init__(self) -> None:
        self.cache = MemoryCache()
        self.kept = self.through(b"pepper")

    def through(self, pepper: bytes) -> KeptAnswers:
        return KeptAnswers(cast("Any", self.cache), pepper, trio.current_time)

    def spoil(self, how: Callable[[bytes], bytes]) -> None:
        [(name, (entry, ttl))] = self.cache.values.items()
        self.cache.values[name] = (how(entry), ttl)


async def test_what_was_kept_is_found_as_a_replay_for_a_day() -> None:
    house = House()
    await house.kept.keep("mch_1", KEY, ANSWER)
    assert await house.kept.find("mch_1", KEY) == Answer(body=ANSWER.body, replayed=True)
    assert [ttl for _, ttl in house.cache.values.values()] == [KEEP_SECONDS]


async def test_neither_key_nor_merchant_can_be_read_in_redis() -> None:
    house = House()
    await house.kept.keep("mch_1", KEY, ANSWER)
    [name] = house.cache.values
    assert "order-1" not in name
    assert "mch_1" not in name


async def test_another_merchant_key_or_body_finds_nothing() -> None:
    house = House()
    await house.kept.keep("mch_1", KEY, ANSWER)
    assert await house.kept.find("mch_2", KEY) is None
    assert await house.kept.find("mch_1", Idempotency(key="order-2", digest=KEY.digest)) is None
    assert await house.kept.find("mch_1", OTHER_BODY) is None


@pytest.mark.parametrize(
    "how",
    [
        lambda _: b"",
        lambda entry: entry[:-1],
        lambda entry: entry[:32] + b'{"data":{"id":"pay_2"}}',
        lambda entry: b"\0" * 32 + entry[32:],
        lambda _: b"nonsense that somebody wrote here",
    ],
)
async def test_an_entry_that_is_not_ours_is_as_if_there_were_none(
    how: Callable[[bytes], bytes],
) -> None:
    house = House()
    await house.kept.keep("mch_1", KEY, ANSWER)
    house.spoil(how)
    assert await house.kept.find("mch_1", KEY) is None


async def test_whoever_lacks_the_pepper_cannot_answer_for_us() -> None:
    house = House()
    await house.through(b"another").keep("mch_1", KEY, Answer(body=b"paid, honestly"))
    assert await house.kept.find("mch_1", KEY) is None


async def test_an_answer_that_is_too_long_is_left_to_postgres() -> None:
    house = House()
    await house.kept.keep("mch_1", KEY, Answer(body=b"x" * (kept_answers.BYTES_MAX + 1)))
    assert not house.cache.values


async def test_a_cache_that_hangs_costs_a_moment_once_and_is_then_left_alone(
    autojump_clock: object,
) -> None:
    del autojump_clock

    class Hanging(MemoryCache):
        asked = 0

        async def get(self, key: str) -> bytes | None:
            del key
            self.asked += 1
            await trio.sleep_forever()
            raise AssertionError

    cache = Hanging()
    kept = KeptAnswers(cast("Any", cache), b"pepper", trio.current_time)
    began = trio.current_time()
    with capture_logs() as logs:
        for _ in range(10):
            assert await kept.find("mch_1", KEY) is None
    assert trio.current_time() - began == pytest.approx(kept_answers.PATIENCE_SECONDS)
    assert cache.asked == 1
    assert [one["event"] for one in logs] == ["kept_answers_away"]
    await trio.sleep(kept_answers.AWAY_SECONDS)
    await kept.find("mch_1", KEY)
    assert cache.asked == 2


async def world_with(answers: list[Answer | Refused]) -> tuple[Tenant, Callable[[], Any]]:
    world = await MemoryWorld().open()

    async def work() -> Answer:
        await trio.lowlevel.checkpoint()
        said = answers.pop(0)
        if isinstance(said, Refused):
            raise said
        return said

    return world.tenant, work


async def test_the_second_request_does_no_work() -> None:
    tenant, work = await world_with([ANSWER])
    first = await once(tenant, "mch_1", KEY, work)
    again = await once(tenant, "mch_1", KEY, work)
    assert (first.replayed, again.replayed) == (False, True)
    assert first.body == again.body


async def test_a_request_without_a_key_is_worked_on_each_time() -> None:
    tenant, work = await world_with([ANSWER, ANSWER])
    assert not (await once(tenant, "mch_1", None, work)).replayed
    assert not (await once(tenant, "mch_1", None, work)).replayed


async def test_a_refusal_is_never_kept() -> None:
    tenant, work = await world_with([Refused("insufficient_funds", "no"), ANSWER])
    with pytest.raises(Refused):
        await once(tenant, "mch_1", KEY, work)
    assert not (await once(tenant, "mch_1", KEY, work)).replayed


async def test_what_postgres_replays_is_not_kept_for_longer_than_its_key() -> None:
    """It may be twenty-nine days old."""
    replayed = Answer(body=ANSWER.body, replayed=True)
    tenant, work = await world_with([replayed, replayed])
    await once(tenant, "mch_1", KEY, work)
    cache = cast("Faulty", tenant.cache)
    assert not cast("MemoryCache", cache._port).values


async def test_while_redis_is_away_postgres_answers() -> None:
    world = await MemoryWorld().open()
    await world.fund(100_00)
    world.faults.away = {"cache"}

    async def work() -> Answer:
        return await world.pay(10_00, under="order-1")

    first = await once(world.tenant, world.merchant_id, KEY, work)
    again = await once(world.tenant, world.merchant_id, KEY, work)
    assert (first.replayed, again.replayed, first.body) == (False, True, again.body)
