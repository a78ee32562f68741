"""What waits to be told, counted on real tables and by the twin: the same numbers."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from fluxiq.asyncio_host import AsyncioHost
from fluxiq.domain.records import DisabledReason
from fluxiq.domain.webhook import TEST_EVENT, Deleted, Disabled
from fluxiq.ports.backlogs import Backlogs, Waits
from fluxiq.ports.webhooks import Asked, DeliveryAttempt, Webhooks
from fluxiq.stores.backlogs import PostgresBacklogs
from tests.support.memory_backlogs import MemoryBacklogs
from tests.support.memory_webhooks import MemoryWebhooks
from tests.support.store_records import (
    MERCHANT,
    at,
    charge_opening,
    endpoint,
    event,
    open_store,
    webhooks_of,
)

ASKED = Asked(merchant_id=MERCHANT, at=at(0))
Pair = tuple[Webhooks, Backlogs]


@pytest.fixture(params=["postgres", "memory"])
async def pair(request: pytest.FixtureRequest, asyncio_host: AsyncioHost) -> AsyncIterator[Pair]:
    """Both adapters, one after the other."""
    if request.param == "memory":
        webhooks = MemoryWebhooks()
        yield webhooks, MemoryBacklogs(webhooks, list)
        return
    url = request.getfixturevalue("institution_database")
    async with open_store(asyncio_host, url) as (store, postgres):
        yield webhooks_of(store), PostgresBacklogs(postgres)


async def owing(webhooks: Webhooks, *seconds: float, **said: Any) -> str:
    """An endpoint that is owed an event of each of these moments."""
    hook = endpoint(**said)
    await webhooks.add_endpoint(hook, ASKED, 1000)
    for moment in seconds:
        told = event(TEST_EVENT, {"n": moment}, created_at=at(moment))
        await webhooks.send_to_one(hook.id, told, ASKED)
    return hook.id


async def test_nothing_waits_where_there_is_nothing(pair: Pair) -> None:
    _, backlogs = pair
    seen = await backlogs.look(at(0))
    assert seen.deliveries == dict.fromkeys(Waits, 0)
    assert seen.endpoints == {"enabled": 0, "merchant": 0, "gone": 0, "failing": 0}
    assert seen.oldest_due_at is None


async def test_deliveries_are_counted_by_why_they_have_not_ended(pair: Pair) -> None:
    webhooks, backlogs = pair
    busy = await owing(webhooks, 0, 1)
    [first, second] = (await webhooks.claim_deliveries(busy, at(2), 30, 10)).deliveries
    failed = DeliveryAttempt(
        delivery=first, at=at(3), delivered=False, status=500, retry_at=at(300)
    )
    await webhooks.finish_deliveries([failed], [])
    await owing(webhooks, 4, 5)
    disabled = await owing(webhooks, 6)
    await webhooks.change_endpoint(disabled, Disabled(reason=DisabledReason.GONE), ASKED)

    seen = await backlogs.look(at(10))
    assert seen.deliveries == {
        Waits.DUE: 2,
        Waits.UNDER_WAY: 1,
        Waits.LATER: 1,
        Waits.HELD: 1,
    }
    assert seen.oldest_due_at == at(4)

    taken = DeliveryAttempt(delivery=second, at=at(11), delivered=True, status=204)
    await webhooks.finish_deliveries([taken], [])
    assert (await backlogs.look(at(12))).deliveries[Waits.UNDER_WAY] == 0
    assert (await backlogs.look(at(301))).deliveries[Waits.LATER] == 0


async def test_a_lease_that_ran_out_is_due_again(pair: Pair) -> None:
    webhooks, backlogs = pair
    hook = await owing(webhooks, 0)
    await webhooks.claim_deliveries(hook, at(1), 30, 10)
    assert (await backlogs.look(at(30))).deliveries[Waits.UNDER_WAY] == 1
    assert (await backlogs.look(at(31))).deliveries[Waits.DUE] == 1


async def test_endpoints_are_counted_by_why_they_are_disabled_and_deleted_ones_not(
    pair: Pair,
) -> None:
    webhooks, backlogs = pair
    for change in (None, Disabled(reason=DisabledReason.FAILING), Deleted()):
        hook = await owing(webhooks)
        if change is not None:
            await webhooks.change_endpoint(hook, change, ASKED)
    seen = await backlogs.look(at(0))
    assert seen.endpoints == {"enabled": 1, "merchant": 0, "gone": 0, "failing": 1}


async def test_what_should_be_on_the_bus_is_counted(
    asyncio_host: AsyncioHost, institution_database: str
) -> None:
    async with open_store(asyncio_host, institution_database) as (store, postgres):
        await store.open_charge(charge_opening())
        backlogs = PostgresBacklogs(postgres)
        due = await store.due_outbox(at(0), 10)
        assert len(due) > 1
        assert (await backlogs.look(at(0))).outbox_due == len(due)
        assert (await backlogs.look(at(-60))).outbox_due == 0
        await store.outbox_published(due, at(1))
        assert (await backlogs.look(at(2))).outbox_due == 0
