"""Merchant webhooks on paper. Each promise is asked of the Postgres adapter and of its twin."""

from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
import trio
from msgspec.structs import replace

from fluxiq.asyncio_host import AsyncioHost
from fluxiq.domain.records import Delivery, DisabledReason, Event, Room, WebhookEndpoint
from fluxiq.domain.webhook import (
    DISABLED_EVENT,
    TEST_EVENT,
    Deleted,
    Disabled,
    Edited,
    Rotated,
    delivery_id,
)
from fluxiq.errors import Refused
from fluxiq.ports import Differs, Fresh, Idempotency, Page, Replay
from fluxiq.ports.origin import Origin, comes_from, comes_from_before
from fluxiq.ports.webhooks import (
    Asked,
    DeliveriesWanted,
    DeliveryAttempt,
    DeliveryStatus,
    Redelivered,
    Webhooks,
)
from fluxiq.stores.pool import Postgres
from fluxiq.stores.webhooks import PostgresWebhooks
from tests.support.memory_webhooks import MemoryWebhooks
from tests.support.seals import keyring
from tests.support.store_records import (
    ISPB,
    MERCHANT,
    NOW,
    add_endpoint,
    at,
    charge_opening,
    endpoint,
    event,
    fetch,
    open_store,
    step,
    webhooks_of,
)

Respond = Callable[[Redelivered], bytes]


@pytest.fixture
async def postgres_webhooks(
    asyncio_host: AsyncioHost, institution_database: str
) -> AsyncIterator[tuple[PostgresWebhooks, Postgres]]:
    async with open_store(asyncio_host, institution_database) as (_, postgres):
        yield PostgresWebhooks(postgres, ISPB, keyring(ISPB)), postgres


@pytest.fixture(params=["postgres", "memory"])
async def webhooks(request: pytest.FixtureRequest, asyncio_host: AsyncioHost) -> Any:
    """Both adapters, one after the other."""
    if request.param == "memory":
        yield MemoryWebhooks()
        return
    url = request.getfixturevalue("institution_database")
    async with open_store(asyncio_host, url) as (_, postgres):
        yield PostgresWebhooks(postgres, ISPB, keyring(ISPB))


def asked(seconds: float = 0, key: str = "", body: bytes = b"", response: bytes = b"") -> Asked:
    idempotency = Idempotency(key=key, digest=b"digest" + body) if key else None
    return Asked(merchant_id=MERCHANT, at=at(seconds), idempotency=idempotency, response=response)


async def added(webhooks: Webhooks, *events: str, **said: Any) -> WebhookEndpoint:
    made = endpoint(*events, **said)
    assert await webhooks.add_endpoint(made, asked(), 1000) == Fresh()
    return made


async def owed(webhooks: Webhooks, hook: WebhookEndpoint, *seconds: float) -> list[Event]:
    """One test event for each moment."""
    events = [event(TEST_EVENT, {"n": moment}, created_at=at(moment)) for moment in seconds]
    for one in events:
        assert await webhooks.send_to_one(hook.id, one, asked()) == Fresh()
    return events


async def claim(
    webhooks: Webhooks, hook: WebhookEndpoint, seconds: float = 0, limit: int = 10
) -> list[Delivery]:
    return list((await webhooks.claim_deliveries(hook.id, at(seconds), 30, limit)).deliveries)


def attempt(delivery: Delivery, seconds: float, **said: Any) -> DeliveryAttempt:
    made = DeliveryAttempt(delivery=delivery, at=at(seconds), delivered=False, status=500)
    return msgspec.structs.replace(made, **said)


def respond(done: Redelivered) -> bytes:
    return msgspec.json.encode(done)


# Endpoints


async def test_an_endpoint_is_found_as_it_was_made(webhooks: Webhooks) -> None:
    made = await added(webhooks, "pix.*", ordered=True, description="shop")

    assert await webhooks.find_endpoint(made.id) == made
    assert await webhooks.find_endpoint("whk_other") is None


async def test_one_key_makes_one_endpoint(webhooks: Webhooks) -> None:
    first = asked(key="k", response=b"made")

    assert await webhooks.add_endpoint(endpoint(), first, 10) == Fresh()
    assert await webhooks.add_endpoint(endpoint(), first, 10) == Replay(False, b"made")
    assert await webhooks.add_endpoint(endpoint(), asked(key="k", body=b"x"), 10) == Differs()
    assert (await webhooks.list_endpoints(MERCHANT, Page()))[1] == 1


async def test_a_merchant_has_only_so_many_endpoints_deleted_ones_apart(
    webhooks: Webhooks,
) -> None:
    first = await added(webhooks)
    with pytest.raises(Refused) as refused:
        await webhooks.add_endpoint(endpoint(), asked(key="k"), 1)
    assert refused.value.code == "too_many_webhooks"

    await webhooks.change_endpoint(first.id, Deleted(), asked(1))
    assert await webhooks.add_endpoint(endpoint(), asked(key="k"), 1) == Fresh()


async def test_lists_are_pages_of_the_merchants_own(webhooks: Webhooks) -> None:
    made = [await added(webhooks, created_at=at(n)) for n in range(3)]

    assert await webhooks.list_endpoints(MERCHANT, Page(number=2, size=2)) == ([made[2]], 3)
    assert await webhooks.list_endpoints("mch_other", Page()) == ([], 0)


async def test_a_change_is_kept_and_a_deleted_endpoint_takes_none(webhooks: Webhooks) -> None:
    made = await added(webhooks)
    edited = Edited(url="https://other.example/", events=("pix.*",), ordered=True, enabled=False)

    after = await webhooks.change_endpoint(made.id, edited, asked(1))
    assert after == await webhooks.find_endpoint(made.id)
    assert isinstance(after, WebhookEndpoint)
    assert (after.url, after.events, after.ordered) == (edited.url, ("pix.*",), True)
    assert (after.disabled_at, after.disabled_reason) == (at(1), DisabledReason.MERCHANT)
    assert await webhooks.enabled_endpoints() == []

    await webhooks.change_endpoint(made.id, Deleted(), asked(2))
    assert await webhooks.change_endpoint(made.id, Edited(enabled=True), asked(3)) is None
    assert await webhooks.change_endpoint("whk_other", Deleted(), asked(3)) is None


async def test_a_rotation_under_a_key_happens_once(webhooks: Webhooks) -> None:
    made = await added(webhooks)
    first = Rotated(secret="whsec_dHdv", overlap_seconds=60)
    second = Rotated(secret="whsec_dGhyZWU=", overlap_seconds=60)

    await webhooks.change_endpoint(made.id, first, asked(1, "k", response=b"two"))
    again = await webhooks.change_endpoint(made.id, second, asked(2, "k", response=b"three"))

    assert again == Replay(False, b"two")
    now = await webhooks.find_endpoint(made.id)
    assert now is not None
    assert (now.secret, now.previous_secret, now.previous_secret_until) == (
        "whsec_dHdv",
        made.secret,
        at(61),
    )


# Deliveries


async def test_an_event_for_one_endpoint_is_owed_to_no_other(webhooks: Webhooks) -> None:
    hook, other = await added(webhooks, "transfer.*"), await added(webhooks, "*")
    [told] = await owed(webhooks, hook, 0)

    assert await claim(webhooks, other) == []
    [delivery] = await claim(webhooks, hook)
    assert delivery.id == delivery_id(told.id, hook.id)
    assert (delivery.event_type, delivery.attempt, delivery.try_number) == (TEST_EVENT, 1, 1)


async def test_nothing_is_claimed_for_an_endpoint_that_is_disabled(webhooks: Webhooks) -> None:
    hook = await added(webhooks)
    await owed(webhooks, hook, 0)
    disabled = await webhooks.change_endpoint(hook.id, Edited(enabled=False), asked(1))

    claimed = await webhooks.claim_deliveries(hook.id, at(2), 30, 10)
    assert (claimed.endpoint, claimed.deliveries) == (disabled, ())

    await webhooks.change_endpoint(hook.id, Edited(enabled=True), asked(3))
    assert len(await claim(webhooks, hook, 4)) == 1


async def test_an_endpoint_with_no_room_is_looked_at_all_the_same(webhooks: Webhooks) -> None:
    hook = await added(webhooks)
    await owed(webhooks, hook, 0)

    claimed = await webhooks.claim_deliveries(hook.id, NOW, 30, 0)

    assert (claimed.endpoint, claimed.deliveries) == (hook, ())
    assert (await webhooks.claim_deliveries("whk_other", NOW, 30, 9)).endpoint is None


async def test_those_that_have_waited_longest_go_first(webhooks: Webhooks) -> None:
    hook = await added(webhooks)
    events = await owed(webhooks, hook, -30, -20, -10)
    [oldest, *_] = await claim(webhooks, hook, -25)
    await webhooks.finish_deliveries([attempt(oldest, -24, retry_at=at(-15))], [])

    order = [[one.event_id for one in await claim(webhooks, hook, 0, 1)] for _ in range(3)]

    assert order == [[events[1].id], [events[0].id], [events[2].id]]


async def test_an_ordered_endpoint_gets_one_at_a_time_and_waits_for_the_earlier(
    webhooks: Webhooks,
) -> None:
    hook = await added(webhooks, ordered=True)
    events = await owed(webhooks, hook, -30, -20, -10)

    [first] = await claim(webhooks, hook)
    assert await claim(webhooks, hook, 1) == []
    await webhooks.finish_deliveries([attempt(first, 2, retry_at=at(60))], [])
    assert await claim(webhooks, hook, 59) == []

    [again] = await claim(webhooks, hook, 60)
    assert first.event_id == again.event_id == events[0].id
    await webhooks.finish_deliveries([attempt(again, 61, delivered=True, status=200)], [])
    [second] = await claim(webhooks, hook, 62)
    await webhooks.finish_deliveries([attempt(second, 63)], [])  # given up
    [third] = await claim(webhooks, hook, 64)
    assert [second.event_id, third.event_id] == [events[1].id, events[2].id]


async def test_the_log_tells_of_every_attempt(webhooks: Webhooks) -> None:
    hook = await added(webhooks)
    [told] = await owed(webhooks, hook, 0)
    [first] = await claim(webhooks, hook)
    lost = attempt(first, 1, status=None, error="no answer", retry_at=at(5), milliseconds=15_000)
    await webhooks.finish_deliveries([lost], [])
    [second] = await claim(webhooks, hook, 5)
    taken = attempt(second, 6, delivered=True, status=200, response="ok", milliseconds=12)
    await webhooks.finish_deliveries([taken], [step("E1", Room.COURIER, 0, "x")])

    logged = await webhooks.find_delivery(first.id)

    assert logged is not None
    assert (logged.event_id, logged.attempts, logged.status) == (told.id, 2, "delivered")
    assert [msgspec.structs.astuple(one) for one in logged.log] == [
        (1, at(1), 15_000, False, None, "no answer", ""),
        (2, at(6), 12, True, 200, "", "ok"),
    ]
    assert await webhooks.find_delivery("dlv_other") is None


async def test_the_log_is_read_in_pages_newest_first_and_filtered(webhooks: Webhooks) -> None:
    hook = await added(webhooks)
    events = await owed(webhooks, hook, *range(5))
    one, two, *_ = await claim(webhooks, hook, 10, 2)
    await webhooks.finish_deliveries(
        [attempt(one, 11, delivered=True, status=200), attempt(two, 11)], []
    )

    async def listed(page: Page | None = None, **said: Any) -> tuple[list[str], int]:
        wanted = DeliveriesWanted(**said)
        found, total = await webhooks.list_deliveries(hook.id, wanted, page or Page())
        return [one.event_id for one in found], total

    ids = [one.id for one in events]
    assert await listed() == (ids[::-1], 5)
    assert await listed(Page(number=2, size=2)) == ([ids[2], ids[1]], 5)
    assert await listed(status=DeliveryStatus.DELIVERED) == ([ids[0]], 1)
    assert await listed(status=DeliveryStatus.FAILED) == ([ids[1]], 1)
    assert (await listed(status=DeliveryStatus.PENDING))[1] == 3
    assert await listed(since=at(1), until=at(3)) == ([ids[2], ids[1]], 2)
    assert await listed(event_type=TEST_EVENT) == (ids[::-1], 5)
    assert await listed(event_type="pix.charge.paid") == ([], 0)


async def test_what_is_sent_again_is_due_now_and_its_schedule_starts_over(
    webhooks: Webhooks,
) -> None:
    hook = await added(webhooks)
    await owed(webhooks, hook, 0)
    [first] = await claim(webhooks, hook)
    await webhooks.finish_deliveries([attempt(first, 1)], [])

    under_key = asked(100, "k", response=b"sent")
    assert await webhooks.redeliver(first.id, under_key) == Fresh()
    [second] = await claim(webhooks, hook, 100)
    assert (second.body, second.attempt, second.try_number) == (first.body, 2, 1)

    # Under way: left to end. And the same key again sends nothing again.
    assert await webhooks.redeliver(first.id, asked(101)) == Fresh()
    assert await claim(webhooks, hook, 101) == []
    await webhooks.finish_deliveries([attempt(second, 102, delivered=True, status=200)], [])
    assert await webhooks.redeliver(first.id, under_key) == Replay(False, b"sent")
    assert await claim(webhooks, hook, 103) == []


async def test_one_that_waits_for_its_next_attempt_can_be_sent_now(webhooks: Webhooks) -> None:
    hook = await added(webhooks)
    await owed(webhooks, hook, 0)
    [first] = await claim(webhooks, hook)
    await webhooks.finish_deliveries([attempt(first, 1, retry_at=at(7200))], [])

    await webhooks.redeliver(first.id, asked(2))

    assert [one.attempt for one in await claim(webhooks, hook, 2)] == [2]


@pytest.mark.parametrize(
    ("status", "again"), [(DeliveryStatus.FAILED, [1]), (None, [0, 1])], ids=["failed", "all"]
)
async def test_a_range_sends_again_what_ended_in_it(
    status: DeliveryStatus | None, again: list[int], webhooks: Webhooks
) -> None:
    hook, other = await added(webhooks), await added(webhooks)
    events = await owed(webhooks, hook, 0, 1, 2, 3)
    [foreign] = await owed(webhooks, other, 1)
    delivered, failed, waiting, outside = await claim(webhooks, hook, 10)
    [foreign_delivery] = await claim(webhooks, other, 10)
    await webhooks.finish_deliveries(
        [
            attempt(delivered, 11, delivered=True, status=200),
            attempt(failed, 11),
            attempt(waiting, 11, retry_at=at(9999)),
            attempt(outside, 11),
            attempt(foreign_delivery, 11),
        ],
        [],
    )

    wanted = DeliveriesWanted(status=status, since=at(0), until=at(3))
    done = await webhooks.redeliver_range(hook.id, wanted, asked(20, "k"), respond)
    replayed = await webhooks.redeliver_range(hook.id, wanted, asked(21, "k"), respond)

    assert done == Redelivered(scheduled=len(again))
    assert replayed == Replay(False, respond(Redelivered(scheduled=len(again))))
    claimed = await claim(webhooks, hook, 22)
    assert [one.event_id for one in claimed] == [events[n].id for n in again]
    assert foreign.id not in {one.event_id for one in claimed}


async def test_since_when_an_endpoint_fails_is_known_until_it_delivers(webhooks: Webhooks) -> None:
    hook = await added(webhooks)
    await owed(webhooks, hook, 0, 1)

    async def failing_since() -> datetime | None:
        found = await webhooks.find_endpoint(hook.id)
        assert found is not None
        return found.failing_since

    one, two = await claim(webhooks, hook, 2)
    await webhooks.finish_deliveries([attempt(one, 3, retry_at=at(5))], [])
    await webhooks.finish_deliveries([attempt(two, 4, retry_at=at(5))], [])
    assert await failing_since() == at(3)

    one, two = await claim(webhooks, hook, 6)
    await webhooks.finish_deliveries([attempt(one, 7, delivered=True, status=204)], [])
    assert await failing_since() is None


async def test_old_attempts_are_forgotten_a_few_at_a_time(webhooks: Webhooks) -> None:
    hook = await added(webhooks)
    await owed(webhooks, hook, 0, 1, 2)
    claimed = await claim(webhooks, hook, 3)
    for number, one in enumerate(claimed):
        await webhooks.finish_deliveries([attempt(one, 10 + number)], [])

    assert [await webhooks.prune_attempts(at(12), 1) for _ in range(3)] == [1, 1, 0]
    kept, _ = await webhooks.list_deliveries(hook.id, DeliveriesWanted(), Page())
    assert [len(one.log) for one in kept] == [1, 0, 0]


# What only Postgres can show


async def test_a_disabled_endpoint_is_on_the_audit_trail_and_told_to_the_others(
    postgres_webhooks: tuple[PostgresWebhooks, Postgres],
) -> None:
    webhooks, postgres = postgres_webhooks
    gone, other = await added(webhooks), await added(webhooks, "webhook.*")
    told = event(DISABLED_EVENT, {"id": gone.id})

    for _ in range(2):
        change = Disabled(reason=DisabledReason.GONE)
        await webhooks.change_endpoint(gone.id, change, asked(1), told)

    assert await claim(webhooks, gone, 2) == []
    assert [one.event_id for one in await claim(webhooks, other, 2)] == [told.id]
    lines = await fetch(
        postgres, "SELECT actor, action, note FROM audit_trail WHERE subject = $1", gone.id
    )
    assert [tuple(one.values()) for one in lines] == [
        (MERCHANT, "webhook.created", ""),
        ("platform", "webhook.disabled", "gone"),
    ]


async def test_webhook_changes_were_on_the_trail_as_the_merchants_and_not_as_the_persons(
    postgres_webhooks: tuple[PostgresWebhooks, Postgres],
) -> None:
    webhooks, postgres = postgres_webhooks
    token = comes_from(Origin(credential="usr_ana", address="192.0.2.1"))
    try:
        hook = await added(webhooks)
        rotated = Rotated(secret="whsec_new", overlap_seconds=0)
        await webhooks.change_endpoint(hook.id, rotated, asked(1))
        [sent] = await owed(webhooks, hook, 0)
        await webhooks.redeliver(delivery_id(sent.id, hook.id), asked(2))
    finally:
        comes_from_before(token)
    await webhooks.change_endpoint(hook.id, Disabled(reason="gone"), asked(3))

    lines = await fetch(
        postgres,
        "SELECT action, actor FROM audit_trail WHERE action LIKE 'webhook.%' ORDER BY id",
    )
    assert [tuple(one.values()) for one in lines] == [
        ("webhook.created", "usr_ana"),
        ("webhook.rotated", "usr_ana"),
        ("webhook.tested", "usr_ana"),
        ("webhook.redelivered", "usr_ana"),
        ("webhook.disabled", "platform"),
    ]


async def test_what_an_operator_sends_again_is_on_the_trail_as_his_with_his_reason(
    postgres_webhooks: tuple[PostgresWebhooks, Postgres],
) -> None:
    webhooks, postgres = postgres_webhooks
    hook = await added(webhooks)
    await owed(webhooks, hook, 0)
    await webhooks.finish_deliveries(
        [attempt(one, 2) for one in await claim(webhooks, hook, 1)], []
    )

    by_operator = replace(asked(3), actor="operator", reason="their server is back")
    wanted = DeliveriesWanted(status=DeliveryStatus.FAILED, since=at(0), until=at(9))
    assert await webhooks.redeliver_range(hook.id, wanted, by_operator, respond) == Redelivered(
        scheduled=1
    )
    lines = await fetch(
        postgres,
        "SELECT actor, merchant_id, note FROM audit_trail WHERE action = 'webhook.redelivered'",
    )
    assert [tuple(one.values()) for one in lines] == [
        ("operator", MERCHANT, "1 deliveries: their server is back")
    ]


async def test_a_payload_is_what_it_was_when_the_event_happened(
    asyncio_host: AsyncioHost, institution_database: str
) -> None:
    async with open_store(asyncio_host, institution_database) as (store, postgres):
        hook = endpoint("pix.charge.*")
        await add_endpoint(store, hook)
        opening = charge_opening()
        await store.open_charge(opening)
        webhooks = webhooks_of(store)
        [first] = await claim(webhooks, hook)
        await webhooks.finish_deliveries([attempt(first, 1)], [])

        await fetch(postgres, "UPDATE charges SET description = 'changed since'")
        await webhooks.redeliver(first.id, asked(2))
        [again] = await claim(webhooks, hook, 2)

        assert again.body == first.body
        assert b"changed since" not in again.body


async def test_equal_requests_at_once_make_one_endpoint_and_the_limit_holds(
    postgres_webhooks: tuple[PostgresWebhooks, Postgres],
) -> None:
    webhooks, _ = postgres_webhooks
    answers: list[object] = []

    async def ask(key: str) -> None:
        try:
            answers.append(await webhooks.add_endpoint(endpoint(), asked(key=key), 3))
        except Refused as refused:
            answers.append(refused.code)

    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(ask, "the same")
    assert sorted(type(one).__name__ for one in answers) == ["Fresh", *["Replay"] * 19]

    answers.clear()
    async with trio.open_nursery() as nursery:
        for number in range(10):
            nursery.start_soon(ask, f"key {number}")
    assert answers.count(Fresh()) == 2
    assert answers.count("too_many_webhooks") == 8


async def test_an_ordered_endpoint_with_two_senders_has_one_delivery_under_way(
    postgres_webhooks: tuple[PostgresWebhooks, Postgres],
) -> None:
    webhooks, _ = postgres_webhooks
    hook = await added(webhooks, ordered=True)
    await owed(webhooks, hook, -3, -2, -1)
    claimed: list[Delivery] = []

    async def sender() -> None:
        claimed.extend(await claim(webhooks, hook))

    async with trio.open_nursery() as nursery:
        for _ in range(8):
            nursery.start_soon(sender)

    assert [one.attempt for one in claimed] == [1]


async def test_a_range_that_is_full_says_where_to_go_on(
    postgres_webhooks: tuple[PostgresWebhooks, Postgres], monkeypatch: pytest.MonkeyPatch
) -> None:
    webhooks, _ = postgres_webhooks
    monkeypatch.setattr("fluxiq.stores.delivery_log.REDELIVERIES_MAX", 2)
    hook = await added(webhooks)
    await owed(webhooks, hook, 0, 1, 2)
    attempts = [attempt(one, 6) for one in await claim(webhooks, hook, 5)]
    await webhooks.finish_deliveries(attempts, [])
    wanted = DeliveriesWanted(status=DeliveryStatus.FAILED, since=at(0), until=at(9))

    first = await webhooks.redeliver_range(hook.id, wanted, asked(10), respond)
    assert first == Redelivered(scheduled=2, next_start=at(1))
    rest = msgspec.structs.replace(wanted, since=NOW + timedelta(seconds=1))
    assert await webhooks.redeliver_range(hook.id, rest, asked(11), respond) == Redelivered(
        scheduled=1
    )
