"""What is owed to merchants and to the bus: events, webhook deliveries, the outbox."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import msgspec
import pytest
import trio

from fluxiq.asyncio_host import AsyncioHost
from fluxiq.domain.records import Delivery, DisabledReason, OutboxEntry, Room
from fluxiq.ports import ChargeOpening, Fresh, Page
from fluxiq.ports.sealing import Place
from fluxiq.ports.webhooks import DeliveryAttempt
from fluxiq.stores.pool import Postgres
from fluxiq.stores.store import PostgresStore
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
    hold_settled,
    merchant,
    notice_recorded,
    open_store,
    payout,
    payout_opening,
    step,
    webhooks_of,
)

Opened = tuple[PostgresStore, Postgres]
OTHER = "mch_00000000000000000000000002"


@pytest.fixture
async def opened(asyncio_host: AsyncioHost, institution_database: str) -> AsyncIterator[Opened]:
    async with open_store(asyncio_host, institution_database) as (store, postgres):
        # The account that comes with the store announced itself.
        await store.outbox_published(await store.due_outbox(NOW, 10), NOW)
        yield store, postgres


@pytest.fixture
def store(opened: Opened) -> PostgresStore:
    return opened[0]


@pytest.fixture
def postgres(opened: Opened) -> Postgres:
    return opened[1]


async def make_event(store: PostgresStore, **said: Any) -> tuple[ChargeOpening, Fresh]:
    """Something happens: a charge is opened, with an event of the kind wanted."""
    opening = charge_opening()
    opening = msgspec.structs.replace(opening, event=event("pix.charge.created", **said))
    fresh = await store.open_charge(opening)
    assert isinstance(fresh, Fresh)
    return opening, fresh


async def claim(
    store: PostgresStore, endpoint_id: str, now: datetime, lease_seconds: float, limit: int
) -> list[Delivery]:
    claimed = await webhooks_of(store).claim_deliveries(endpoint_id, now, lease_seconds, limit)
    return list(claimed.deliveries)


def attempt(delivery: Delivery, seconds: float, **said: Any) -> DeliveryAttempt:
    made = DeliveryAttempt(delivery=delivery, at=at(seconds), delivered=False, status=500)
    return msgspec.structs.replace(made, **said)


# Events


async def test_an_endpoint_is_owed_what_its_list_names(store: PostgresStore) -> None:
    await store.add_merchant(merchant(OTHER))
    wanted = [
        endpoint(),
        endpoint("pix.charge.created"),
        endpoint("pix.*"),
        endpoint("account.created", "pix.charge.*"),
        endpoint("*"),
    ]
    unwanted = [
        endpoint("pix.charge.paid"),
        endpoint("pix.payout.*"),
        endpoint("pix.charge"),
        endpoint("%"),
        endpoint(disabled_at=NOW, disabled_reason=DisabledReason.MERCHANT),
        endpoint(merchant_id=OTHER),
    ]
    for one in [*wanted, *unwanted]:
        await add_endpoint(store, one)

    _, fresh = await make_event(store)

    assert fresh.endpoint_ids == tuple(one.id for one in wanted)
    webhooks = webhooks_of(store)
    assert await webhooks.list_endpoints(OTHER, Page()) == ([unwanted[-1]], 1)
    assert len(await webhooks.enabled_endpoints()) == len(wanted) + len(unwanted) - 1


async def test_a_delivery_carries_the_frozen_body_and_an_id_of_its_own(
    store: PostgresStore,
) -> None:
    hooks = [endpoint(), endpoint()]
    for hook in hooks:
        await add_endpoint(store, hook)
    opening, _ = await make_event(store, data={"amount": 15000, "note": "ção"})

    first, second = [(await claim(store, hook.id, NOW, 30, 10))[0] for hook in hooks]

    assert msgspec.json.decode(first.body) == {
        "id": opening.event.id,
        "type": "pix.charge.created",
        "created_at": "2026-03-04T12:00:00Z",
        "data": {"amount": 15000, "note": "ção"},
    }
    assert first.body == second.body
    assert first.id != second.id
    assert len(first.id) == len("dlv_") + 26
    assert (first.event_id, first.event_type) == (opening.event.id, "pix.charge.created")
    assert (first.attempt, first.reference) == (1, None)


async def test_a_payments_delivery_names_the_walk_it_belongs_to(store: PostgresStore) -> None:
    hook, made = endpoint(), payout()
    await add_endpoint(store, hook)
    await store.open_payout(payout_opening(made))
    await store.settle_hold(hold_settled(made))

    [delivery] = await claim(store, hook.id, at(1), 30, 10)

    assert delivery.reference == made.end_to_end_id


# Deliveries


async def owed(store: PostgresStore, events: int = 1) -> str:
    hook = endpoint()
    await add_endpoint(store, hook)
    for number in range(events):
        await make_event(store, created_at=at(-events + number))
    return hook.id


async def test_a_claimed_delivery_is_leased_and_comes_back_when_the_lease_ends(
    store: PostgresStore,
) -> None:
    hook = await owed(store)
    assert await webhooks_of(store).next_delivery_at(hook) == at(-1)
    assert await claim(store, hook, at(-2), 30, 10) == []

    [first] = await claim(store, hook, NOW, 30, 10)
    assert await claim(store, hook, at(29), 30, 10) == []
    assert await webhooks_of(store).next_delivery_at(hook) == at(30)
    [second] = await claim(store, hook, at(30), 30, 10)

    assert second == msgspec.structs.replace(first, attempt=2)
    assert await claim(store, "whk_other", NOW, 30, 10) == []
    assert await webhooks_of(store).next_delivery_at("whk_other") is None


async def test_senders_at_once_never_get_the_same_delivery(store: PostgresStore) -> None:
    hook = await owed(store, 60)
    claimed: list[Delivery] = []

    async def sender() -> None:
        while found := await claim(store, hook, NOW, 30, 7):
            assert len(found) <= 7
            claimed.extend(found)

    async with trio.open_nursery() as nursery:
        for _ in range(6):
            nursery.start_soon(sender)

    assert len(claimed) == 60
    assert len({delivery.id for delivery in claimed}) == 60


async def test_deliveries_are_claimed_oldest_event_first(store: PostgresStore) -> None:
    hook = await owed(store, 5)

    claimed = [
        delivery.event_id for _ in range(3) for delivery in await claim(store, hook, NOW, 30, 2)
    ]

    assert claimed == sorted(claimed)
    assert len(claimed) == 5


async def state_of(postgres: Postgres, delivery: Delivery) -> dict[str, Any]:
    [row] = await fetch(
        postgres,
        """
        SELECT next_attempt_at, delivered_at, given_up_at, last_status, last_error
        FROM deliveries WHERE id = $1
        """,
        delivery.id,
    )
    return row


def state(
    *,
    next_at: datetime | None = None,
    delivered: datetime | None = None,
    given_up: datetime | None = None,
    status: int | None = 500,
    error: str = "",
) -> dict[str, Any]:
    return {
        "next_attempt_at": next_at,
        "delivered_at": delivered,
        "given_up_at": given_up,
        "last_status": status,
        "last_error": error,
    }


async def test_an_attempt_ends_delivered_to_be_retried_or_given_up(
    store: PostgresStore, postgres: Postgres
) -> None:
    hook = await owed(store, 3)
    one, two, three = await claim(store, hook, NOW, 30, 10)

    await webhooks_of(store).finish_deliveries(
        [
            attempt(one, 1, delivered=True, status=200),
            attempt(two, 1, retry_at=at(60), status=None, error="no answer"),
            attempt(three, 1),
        ],
        [step("E1", Room.COURIER, 0, one.id)],
    )

    assert await state_of(postgres, one) == state(delivered=at(1), status=200)
    assert await state_of(postgres, two) == state(next_at=at(60), status=None, error="no answer")
    assert await state_of(postgres, three) == state(given_up=at(1))
    assert await webhooks_of(store).next_delivery_at(hook) == at(60)
    assert [one.room for one in await store.walk("E1")] == [Room.COURIER]


async def test_a_sender_whose_lease_ran_out_cannot_undo_what_came_after(
    store: PostgresStore, postgres: Postgres
) -> None:
    hook = await owed(store)
    [slow] = await claim(store, hook, NOW, 30, 10)
    [quick] = await claim(store, hook, at(30), 30, 10)
    await webhooks_of(store).finish_deliveries([attempt(quick, 31, retry_at=at(90))], [])

    await webhooks_of(store).finish_deliveries([attempt(slow, 32)], [])
    assert await state_of(postgres, quick) == state(next_at=at(90))

    # That the merchant has it is true, whoever says so; and nothing said later changes it.
    await webhooks_of(store).finish_deliveries([attempt(slow, 33, delivered=True, status=204)], [])
    await webhooks_of(store).finish_deliveries([attempt(quick, 34, retry_at=at(95))], [])
    assert await state_of(postgres, quick) == state(delivered=at(33), status=204)


async def test_finishing_twice_is_finishing_once(store: PostgresStore, postgres: Postgres) -> None:
    hook = await owed(store)
    [delivery] = await claim(store, hook, NOW, 30, 10)

    for seconds in (1, 2):
        await webhooks_of(store).finish_deliveries([attempt(delivery, seconds)], [])

    assert await state_of(postgres, delivery) == state(given_up=at(1))
    await webhooks_of(store).finish_deliveries([], [])


# The outbox


def told(entry: OutboxEntry) -> Any:
    """What an announcement of an event says: it travels as it is kept, sealed to its event."""
    return msgspec.json.decode(
        keyring(ISPB).open(entry.body, Place("events", "body", entry.reference))
    )


async def test_an_announcement_of_an_event_goes_when_it_was_published(
    store: PostgresStore,
) -> None:
    opening, _ = await make_event(store)

    assert await store.due_outbox(at(-1), 10) == []
    [entry] = await store.due_outbox(NOW, 10)
    assert entry.subject == f"FLUXIQ.{ISPB}.events.{MERCHANT}"
    assert entry.reference == opening.event.id
    assert told(entry)["type"] == "pix.charge.created"
    assert entry.attempt == 0

    await store.outbox_published([entry], NOW)
    assert await store.due_outbox(at(86400), 10) == []


async def test_a_message_of_work_returns_ever_later_until_the_work_is_done(
    store: PostgresStore,
) -> None:
    noticed = notice_recorded()
    await store.record_notices([noticed])
    due = 0.0

    for number, pause in enumerate([10, 20, 40, 80, 160, 300, 300]):
        [entry] = await store.due_outbox(at(due), 10)
        assert (entry.subject, entry.reference, entry.attempt) == (
            noticed.message.subject,
            noticed.message.reference,
            number,
        )
        await store.outbox_published([entry], at(due))
        due += pause
        assert await store.due_outbox(at(due - 0.001), 10) == []

    assert len(await store.due_outbox(at(due), 10)) == 1


async def test_publishing_what_is_done_already_changes_nothing(store: PostgresStore) -> None:
    made = payout()
    await store.open_payout(payout_opening(made))
    await store.settle_hold(hold_settled(made))
    entries = await store.due_outbox(at(1), 10)
    assert [entry.body for entry in entries if entry.reference == made.end_to_end_id] == [
        b"an order"
    ]
    sent = msgspec.structs.replace(made, stage="sent", updated_at=at(2))
    sent = msgspec.convert(msgspec.to_builtins(sent), type(made))
    await store.mark_sent([sent], [])

    await store.outbox_published(entries, at(2))

    assert await store.due_outbox(at(86400), 10) == []


async def test_the_outbox_is_read_oldest_first_and_never_more_than_asked(
    store: PostgresStore,
) -> None:
    for number in range(5):
        await make_event(store, created_at=at(number - 10))

    first = await store.due_outbox(NOW, 3)
    times = [told(entry)["created_at"] for entry in first]

    assert len(first) == 3
    assert times == sorted(times)
    await store.outbox_published(first, NOW)
    assert len(await store.due_outbox(NOW, 10)) == 2
