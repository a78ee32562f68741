"""How the endpoints of an institution fare, on real tables and by the twin: the same words."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from fluxiq.asyncio_host import AsyncioHost
from fluxiq.domain.records import DisabledReason
from fluxiq.domain.webhook import TEST_EVENT, Deleted, Disabled
from fluxiq.ports.endpoint_standings import ATTEMPTS_COUNTED_MAX, EndpointStandings
from fluxiq.ports.webhooks import Asked, DeliveryAttempt, Webhooks
from fluxiq.stores import endpoint_standings as module
from fluxiq.stores.endpoint_standings import PostgresEndpointStandings
from tests.support.memory_endpoint_standings import MemoryEndpointStandings
from tests.support.memory_webhooks import MemoryWebhooks
from tests.support.store_records import (
    MERCHANT,
    at,
    endpoint,
    event,
    open_store,
    webhooks_of,
)

HOUR, DAY = 3600, 86_400
ASKED = Asked(merchant_id=MERCHANT, at=at(0))
Pair = tuple[Webhooks, EndpointStandings]


@pytest.fixture(params=["postgres", "memory"])
async def pair(request: pytest.FixtureRequest, asyncio_host: AsyncioHost) -> AsyncIterator[Pair]:
    """Both adapters, one after the other."""
    if request.param == "memory":
        webhooks = MemoryWebhooks()
        yield webhooks, MemoryEndpointStandings(webhooks)
        return
    url = request.getfixturevalue("institution_database")
    async with open_store(asyncio_host, url) as (store, postgres):
        yield webhooks_of(store), PostgresEndpointStandings(postgres)


async def owing(webhooks: Webhooks, *seconds: float, **said: Any) -> str:
    """An endpoint that is owed an event of each of these moments."""
    hook = endpoint(**said)
    await webhooks.add_endpoint(hook, ASKED, 1000)
    for moment in seconds:
        told = event(TEST_EVENT, {"n": moment}, created_at=at(moment))
        await webhooks.send_to_one(hook.id, told, ASKED)
    return hook.id


async def attempt(
    webhooks: Webhooks, hook: str, moment: float, *, delivered: bool, milliseconds: int = 10
) -> None:
    """The delivery that is due first is tried, at this moment."""
    claimed = await webhooks.claim_deliveries(hook, at(moment), 30, 1)
    [delivery] = claimed.deliveries
    made = DeliveryAttempt(
        delivery=delivery,
        at=at(moment),
        delivered=delivered,
        status=204 if delivered else 500,
        retry_at=None if delivered else at(moment + 1),
        milliseconds=milliseconds,
    )
    await webhooks.finish_deliveries([made], [])


async def test_nobody_is_listed_where_nobody_is(pair: Pair) -> None:
    _, standings = pair
    seen = await standings.look(at(0), 10)
    assert (list(seen.endpoints), seen.total, seen.counted_since) == ([], 0, None)


async def test_attempts_are_counted_over_the_hour_and_the_day(pair: Pair) -> None:
    webhooks, standings = pair
    hook = await owing(webhooks, 0, 1, 2)
    await attempt(webhooks, hook, 10, delivered=False, milliseconds=100)  # the day before
    await attempt(webhooks, hook, DAY, delivered=True, milliseconds=20)
    await attempt(webhooks, hook, DAY + 2 * HOUR, delivered=False, milliseconds=41)

    [seen] = (await standings.look(at(DAY + 2 * HOUR + 5), 10)).endpoints
    assert seen.id == hook
    assert seen.merchant_id == MERCHANT
    assert (seen.attempts_hour, seen.delivered_hour) == (1, 0)
    assert (seen.attempts_day, seen.delivered_day) == (2, 1)
    assert seen.milliseconds_day in {30, 31}  # between two whole ones, each rounds as it does
    assert seen.last_attempt_at == at(DAY + 2 * HOUR)
    assert seen.failing_since == at(DAY + 2 * HOUR)


async def test_what_waits_is_counted_with_the_oldest_and_who_is_behind_comes_first(
    pair: Pair,
) -> None:
    webhooks, standings = pair
    idle = await owing(webhooks)
    behind = await owing(webhooks, 5, 6, 7)
    await webhooks.claim_deliveries(behind, at(8), 30, 1)
    little = await owing(webhooks, 1)

    seen = await standings.look(at(10), 10)
    assert [one.id for one in seen.endpoints] == [behind, little, idle]
    first, second, third = seen.endpoints
    assert (first.waiting, first.under_way, first.oldest_waiting_at) == (3, 1, at(5))
    assert (second.waiting, second.under_way, second.oldest_waiting_at) == (1, 0, at(1))
    assert (third.waiting, third.oldest_waiting_at, third.last_attempt_at) == (0, None, None)
    assert third.milliseconds_day is None


async def test_a_page_has_so_many_and_says_how_many_there_are_and_deleted_ones_are_not(
    pair: Pair,
) -> None:
    webhooks, standings = pair
    disabled = await owing(webhooks, 3)
    await webhooks.change_endpoint(disabled, Disabled(reason=DisabledReason.GONE), ASKED)
    await owing(webhooks)
    deleted = await owing(webhooks, 4, 5)
    await webhooks.change_endpoint(deleted, Deleted(), ASKED)

    seen = await standings.look(at(10), 1)
    assert seen.total == 2
    [one] = seen.endpoints
    assert (one.id, one.disabled_reason, one.waiting) == (disabled, DisabledReason.GONE, 1)


async def test_a_day_of_too_many_attempts_says_since_when_they_are_counted(
    asyncio_host: AsyncioHost, institution_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = module._LOOK.replace(f"LIMIT {ATTEMPTS_COUNTED_MAX}", "LIMIT 2")
    assert few != module._LOOK
    monkeypatch.setattr(module, "_LOOK", few)
    monkeypatch.setattr(module, "ATTEMPTS_COUNTED_MAX", 2)
    async with open_store(asyncio_host, institution_database) as (store, postgres):
        webhooks = webhooks_of(store)
        hook = await owing(webhooks, 0)
        for moment in (10, 20, 30):
            await attempt(webhooks, hook, moment, delivered=False)
        seen = await PostgresEndpointStandings(postgres).look(at(40), 10)
    assert seen.counted_since == at(20)
    assert [one.attempts_day for one in seen.endpoints] == [2]
