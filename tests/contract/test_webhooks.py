"""Merchant webhooks over HTTP: endpoints, secrets, the delivery log, and sending again."""

import re
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from fluxiq.domain.records import Delivery, DisabledReason, Event
from fluxiq.domain.webhook import Disabled
from fluxiq.ports.webhooks import Asked, DeliveryAttempt
from tests.support.api_client import Merchant, data_of, error_of, field_of, page_of
from tests.support.api_twin import World, bearer

WEBHOOKS = "/api/v1/webhooks"
URL = "https://merchant.example/hooks"
ULID = r"[0-7][0-9A-HJKMNP-TV-Z]{25}"


async def opened(merchant: Merchant, **said: Any) -> dict[str, Any]:
    response = await merchant.post(WEBHOOKS, {"url": URL, **said})
    assert response.status_code == 201
    made: dict[str, Any] = await data_of(response)
    return made


async def patch(merchant: Merchant, hook: str, body: Any) -> Any:
    return await merchant.client.patch(
        f"{WEBHOOKS}/{hook}", json=body, headers=bearer(merchant.key)
    )


async def owed(
    world: World, kind: str = "pix.charge.paid", *, seconds: float = 0
) -> list[Delivery]:
    """Something happens to the merchant, and its endpoints are owed it."""
    event = Event(
        id=world.ids.new("evt"),
        merchant_id=world.merchant_id,
        type=kind,
        created_at=world.clock.now() + timedelta(seconds=seconds),
        data={},
    )
    world.webhooks.owe(event, b"{}", None)
    return [
        one.delivery
        for one in world.webhooks.deliveries.values()
        if one.delivery.event_id == event.id
    ]


async def attempted(world: World, hook: str, **said: Any) -> None:
    """All that is due is tried once, and ends so."""
    now = world.clock.now() + timedelta(seconds=60)
    claimed = await world.webhooks.claim_deliveries(hook, now, 30, 100)
    attempts = [
        msgspec.structs.replace(
            DeliveryAttempt(delivery=one, at=now, delivered=False, status=500), **said
        )
        for one in claimed.deliveries
    ]
    await world.webhooks.finish_deliveries(attempts, [])


# Endpoints


async def test_an_endpoint_is_shown_as_it_was_made_without_its_secret() -> None:
    world = World()
    merchant = Merchant(world)

    made = await opened(
        merchant, events=["pix.charge.paid", "transfer.*"], ordered=True, description="shop"
    )

    assert re.fullmatch(f"whk_{ULID}", made["id"])
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", made.pop("secret"))
    assert made == {
        "id": made["id"],
        "url": URL,
        "description": "shop",
        "events": ["pix.charge.paid", "transfer.*"],
        "ordered": True,
        "status": "enabled",
        "created_at": "2026-11-22T12:00:00Z",
        "disabled_at": None,
        "disabled_reason": None,
        "failing_since": None,
        "previous_secret_until": None,
    }
    assert await data_of(await merchant.get(f"{WEBHOOKS}/{made['id']}")) == made
    assert await page_of(await merchant.get(WEBHOOKS)) == (
        [made],
        {"page": 1, "per_page": 20, "total": 1, "total_pages": 1},
    )
    assert world.couriers.rung == [made["id"]]


async def test_the_same_key_makes_one_endpoint_and_another_body_under_it_is_refused() -> None:
    world = World()
    merchant = Merchant(world)
    keyed = {"Idempotency-Key": "k"}

    first = await merchant.post(WEBHOOKS, {"url": URL}, **keyed)
    again = await merchant.post(WEBHOOKS, {"url": URL}, **keyed)
    other = await merchant.post(WEBHOOKS, {"url": URL, "ordered": True}, **keyed)

    made, replayed = await data_of(first), await data_of(again)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert {key: value for key, value in made.items() if key != "secret"} == replayed
    assert await error_of(other) == (422, "idempotency_key_reused")
    assert len(world.webhooks.endpoints) == 1


async def test_a_secret_is_in_the_first_answer_only_and_never_on_the_paper_of_its_key() -> None:
    """The symptom: whoever found the key of a request in a log was shown the secret again."""
    world = World()
    merchant = Merchant(world)
    made = await data_of(await merchant.post(WEBHOOKS, {"url": URL}, **{"Idempotency-Key": "a"}))
    path, keyed = f"{WEBHOOKS}/{made['id']}/secret/rotate", {"Idempotency-Key": "b"}
    rotated = await data_of(await merchant.post(path, {}, **keyed))

    assert made["secret"] != rotated["secret"]
    again = await merchant.post(WEBHOOKS, {"url": URL}, **{"Idempotency-Key": "a"})
    assert b"whsec_" not in await again.get_data(as_text=False)
    again = await merchant.post(path, {}, **keyed)
    assert b"whsec_" not in await again.get_data(as_text=False)
    assert all(b"whsec_" not in body for _, body in world.webhooks._keys.values())


@pytest.mark.parametrize(
    ("said", "code", "field"),
    [
        ({"url": "ftp://x"}, "validation_failed", "url"),
        ({"url": "http://merchant.example/"}, "webhook_url_invalid", "url"),
        ({"url": "https://user:word@merchant.example/"}, "webhook_url_invalid", "url"),
        ({"url": f"{URL}#part"}, "webhook_url_invalid", "url"),
        ({"url": "https://localhost/"}, "webhook_url_forbidden", "url"),
        ({"url": "https://10.0.0.1/"}, "webhook_url_forbidden", "url"),
        ({"events": ["pix.*", "pix.charge.payed"]}, "webhook_event_unknown", "events.1"),
        ({"events": "pix.*"}, "validation_failed", "events"),
        ({"ordered": 1}, "validation_failed", "ordered"),
        ({"description": "x" * 201}, "validation_failed", "description"),
        ({"secret": "whsec_mine"}, "validation_failed", "secret"),
    ],
)
async def test_an_endpoint_that_breaks_a_rule_is_refused_by_name_when_made_and_when_edited(
    said: dict[str, Any], code: str, field: str
) -> None:
    strict = World()
    strict.settings = msgspec.structs.replace(
        strict.settings,
        webhooks=msgspec.structs.replace(strict.settings.webhooks, allow_http=False),
    )
    strict.tenant = strict._tenant()
    strict.tenants.known[strict.tenant.ispb] = strict.tenant
    merchant = Merchant(strict)
    made = await opened(merchant)

    for response in (
        await merchant.post(WEBHOOKS, {"url": URL, **said}),
        await patch(merchant, made["id"], said),
    ):
        assert await error_of(response) == (422, code)
        assert await field_of(response) == field
    assert len(strict.webhooks.endpoints) == 1


async def test_a_merchant_has_at_most_so_many_endpoints() -> None:
    world = World()
    merchant = Merchant(world)
    for _ in range(world.settings.webhooks.endpoints_max):
        await opened(merchant)

    response = await merchant.post(WEBHOOKS, {"url": URL})

    assert await error_of(response) == (409, "too_many_webhooks")


async def test_an_edit_changes_what_it_names_and_the_courier_hears_of_it() -> None:
    world = World()
    merchant = Merchant(world)
    made = await opened(merchant, events=["pix.*"], description="shop")
    world.couriers.rung.clear()

    edited = await data_of(
        await patch(merchant, made["id"], {"url": f"{URL}/2", "enabled": False, "events": []})
    )

    assert (edited["url"], edited["events"], edited["description"]) == (f"{URL}/2", [], "shop")
    assert (edited["status"], edited["disabled_reason"]) == ("disabled", "merchant")
    enabled = await data_of(await patch(merchant, made["id"], {"enabled": True}))
    assert (enabled["status"], enabled["disabled_reason"]) == ("enabled", None)
    assert world.couriers.rung == [made["id"]] * 2


async def test_a_null_is_not_a_way_to_leave_something_out() -> None:
    merchant = Merchant(World())
    made = await opened(merchant)

    response = await patch(merchant, made["id"], {"ordered": None})

    assert await error_of(response) == (422, "validation_failed")


async def test_a_deleted_endpoint_is_gone_but_its_log_stays() -> None:
    world = World()
    merchant = Merchant(world)
    made = await opened(merchant)
    [delivery] = await owed(world)
    path = f"{WEBHOOKS}/{made['id']}"

    deleted = await merchant.delete(path)

    assert (deleted.status_code, await deleted.get_data()) == (204, b"")
    for response in (
        await merchant.get(path),
        await merchant.delete(path),
        await patch(merchant, made["id"], {"enabled": True}),
        await merchant.post(f"{path}/test", None),
    ):
        assert await error_of(response) == (404, "webhook_not_found")
    assert (await page_of(await merchant.get(WEBHOOKS)))[0] == []
    log, _ = await page_of(await merchant.get(f"{path}/deliveries"))
    assert [one["id"] for one in log] == [delivery.id]
    assert await owed(world) == []


async def test_the_reason_why_an_endpoint_was_disabled_is_shown() -> None:
    world = World()
    merchant = Merchant(world)
    made = await opened(merchant)
    change = Disabled(reason=DisabledReason.GONE)
    asked = Asked(merchant_id=world.merchant_id, at=world.clock.now())
    await world.webhooks.change_endpoint(made["id"], change, asked)

    shown = await data_of(await merchant.get(f"{WEBHOOKS}/{made['id']}"))
    tested = await merchant.post(f"{WEBHOOKS}/{made['id']}/test", None)

    assert (shown["status"], shown["disabled_reason"]) == ("disabled", "gone")
    assert shown["disabled_at"] == "2026-11-22T12:00:00Z"
    assert await error_of(tested) == (409, "webhook_disabled")


# Secrets


async def test_a_rotation_shows_the_new_secret_once_and_says_how_long_the_old_one_signs() -> None:
    merchant = Merchant(World())
    made = await opened(merchant)
    path = f"{WEBHOOKS}/{made['id']}"

    rotated = await data_of(await merchant.post(f"{path}/secret/rotate", {}))

    assert rotated["secret"].startswith("whsec_")
    assert rotated["secret"] != made["secret"]
    assert rotated["previous_secret_until"] == "2026-11-23T12:00:00Z"
    shown = await data_of(await merchant.get(path))
    assert "secret" not in shown
    assert shown["previous_secret_until"] == "2026-11-23T12:00:00Z"


async def test_a_rotation_without_overlap_says_so() -> None:
    world = World()
    merchant = Merchant(world)
    made = await opened(merchant)

    path = f"{WEBHOOKS}/{made['id']}/secret/rotate"
    rotated = await data_of(await merchant.post(path, {"overlap_seconds": 0}))

    assert rotated["previous_secret_until"] is None
    endpoint = world.webhooks.endpoints[made["id"]]
    assert (endpoint.secret, endpoint.previous_secret) == (rotated["secret"], None)


@pytest.mark.parametrize("seconds", [-1, 604_801, 1.5, "60"])
async def test_an_overlap_is_whole_seconds_up_to_a_week(seconds: object) -> None:
    merchant = Merchant(World())
    made = await opened(merchant)

    path = f"{WEBHOOKS}/{made['id']}/secret/rotate"
    response = await merchant.post(path, {"overlap_seconds": seconds})

    assert await error_of(response) == (422, "validation_failed")
    assert await field_of(response) == "overlap_seconds"


async def test_a_key_of_a_rotation_is_of_that_endpoint() -> None:
    world = World()
    merchant = Merchant(world)
    one, two = await opened(merchant), await opened(merchant)
    keyed = {"Idempotency-Key": "k"}

    first = await merchant.post(f"{WEBHOOKS}/{one['id']}/secret/rotate", {}, **keyed)
    again = await merchant.post(f"{WEBHOOKS}/{one['id']}/secret/rotate", {}, **keyed)
    other = await merchant.post(f"{WEBHOOKS}/{two['id']}/secret/rotate", {}, **keyed)

    shown = await data_of(first)
    assert shown.pop("secret").startswith("whsec_")
    assert await data_of(again) == shown
    assert await error_of(other) == (422, "idempotency_key_reused")


# Deliveries


async def test_a_test_event_is_owed_to_its_endpoint_only_whatever_that_lists() -> None:
    world = World()
    merchant = Merchant(world)
    made, other = await opened(merchant, events=["transfer.*"]), await opened(merchant)
    world.couriers.rung.clear()

    response = await merchant.post(f"{WEBHOOKS}/{made['id']}/test", None)
    sent = await data_of(response)

    assert response.status_code == 202
    assert re.fullmatch(f"evt_{ULID}", sent["event_id"])
    log, _ = await page_of(await merchant.get(f"{WEBHOOKS}/{made['id']}/deliveries"))
    assert [(one["id"], one["event_type"], one["status"]) for one in log] == [
        (sent["delivery_id"], "webhook.test", "pending")
    ]
    assert await page_of(await merchant.get(f"{WEBHOOKS}/{other['id']}/deliveries")) == (
        [],
        {"page": 1, "per_page": 20, "total": 0, "total_pages": 0},
    )
    assert world.couriers.rung == [made["id"]]


async def test_the_log_shows_each_attempt_with_its_answer() -> None:
    world = World()
    merchant = Merchant(world)
    made = await opened(merchant)
    [delivery] = await owed(world)
    later = world.clock.now() + timedelta(hours=1)
    await attempted(
        world,
        made["id"],
        error="answered 500",
        response="oops",
        milliseconds=12,
        retry_at=later,
    )

    path = f"{WEBHOOKS}/{made['id']}/deliveries"
    log, _ = await page_of(await merchant.get(path))

    assert log == [
        {
            "id": delivery.id,
            "event_id": delivery.event_id,
            "event_type": "pix.charge.paid",
            "status": "pending",
            "created_at": "2026-11-22T12:00:00Z",
            "next_attempt_at": "2026-11-22T13:00:00Z",
            "delivered_at": None,
            "given_up_at": None,
            "attempt_count": 1,
            "attempts": [
                {
                    "attempt": 1,
                    "at": "2026-11-22T12:01:00Z",
                    "milliseconds": 12,
                    "delivered": False,
                    "status": 500,
                    "error": "answered 500",
                    "response": "oops",
                }
            ],
        }
    ]
    assert await data_of(await merchant.get(f"{path}/{delivery.id}")) == log[0]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("status=pending", 1),
        ("status=failed", 1),
        ("status=delivered", 0),
        ("event_type=pix.charge.paid", 1),
        ("event_type=pix.charge.paid&status=failed", 1),
        ("start_date=2026-11-22&end_date=2026-11-22", 2),
        ("end_date=2026-11-21", 0),
        ("per_page=1", 1),
    ],
)
async def test_the_log_is_filtered(query: str, count: int) -> None:
    world = World()
    merchant = Merchant(world)
    made = await opened(merchant)
    await owed(world)
    await attempted(world, made["id"])
    await owed(world, "transfer.completed")

    log, _ = await page_of(await merchant.get(f"{WEBHOOKS}/{made['id']}/deliveries?{query}"))

    assert len(log) == count


@pytest.mark.parametrize(
    ("query", "field"),
    [("status=gone", "status"), ("start_date=yesterday", "start_date"), ("state=x", "state")],
)
async def test_a_filter_that_is_none_is_refused_by_name(query: str, field: str) -> None:
    merchant = Merchant(World())
    made = await opened(merchant)

    response = await merchant.get(f"{WEBHOOKS}/{made['id']}/deliveries?{query}")

    assert await error_of(response) == (422, "validation_failed")
    assert await field_of(response) == field


async def test_one_delivery_is_sent_again() -> None:
    world = World()
    merchant = Merchant(world)
    made = await opened(merchant)
    [delivery] = await owed(world)
    await attempted(world, made["id"])
    path = f"{WEBHOOKS}/{made['id']}/deliveries/{delivery.id}"
    assert (await data_of(await merchant.get(path)))["status"] == "failed"
    world.couriers.rung.clear()

    response = await merchant.post(f"{path}/redeliver", None)

    assert response.status_code == 202
    assert await data_of(response) == {
        "event_id": delivery.event_id,
        "delivery_id": delivery.id,
    }
    assert (await data_of(await merchant.get(path)))["status"] == "pending"
    assert world.couriers.rung == [made["id"]]


@pytest.mark.parametrize(("status", "count"), [({}, 2), ({"status": "all"}, 3)])
async def test_a_range_is_sent_again_and_says_how_many(status: dict[str, str], count: int) -> None:
    world = World()
    merchant = Merchant(world)
    made = await opened(merchant)
    await owed(world)
    await attempted(world, made["id"], delivered=True, status=200)
    await owed(world, seconds=1)
    await owed(world, seconds=2)
    await attempted(world, made["id"])
    await owed(world, seconds=3)

    between = {"start": "2026-11-22T12:00:00Z", "end": "2026-11-22T09:01:00-03:00"}
    path = f"{WEBHOOKS}/{made['id']}/redeliver"
    response = await merchant.post(path, between | status, **{"Idempotency-Key": "k"})
    again = await merchant.post(path, between | status, **{"Idempotency-Key": "k"})

    assert response.status_code == 202
    assert await data_of(response) == {"scheduled": count, "next_start": None}
    assert again.headers["Idempotency-Replayed"] == "true"
    assert await data_of(again) == {"scheduled": count, "next_start": None}


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"end": "2026-11-22T12:00:00Z"}, "end"),
        ({"start": "2026-11-22T12:00:00"}, "start"),
        ({"start": "2026-11-22"}, "start"),
        ({"status": "pending"}, "status"),
    ],
)
async def test_a_range_that_is_none_is_refused_by_name(said: dict[str, str], field: str) -> None:
    merchant = Merchant(World())
    made = await opened(merchant)
    between = {"start": "2026-11-22T12:00:00Z", "end": "2026-11-22T13:00:00Z"}

    response = await merchant.post(f"{WEBHOOKS}/{made['id']}/redeliver", between | said)

    assert await error_of(response) == (422, "validation_failed")
    assert await field_of(response) == field


# Whose they are

CALLS: list[tuple[str, str, Any]] = [
    ("GET", "", None),
    ("PATCH", "", {"enabled": False}),
    ("DELETE", "", None),
    ("POST", "/test", None),
    ("POST", "/secret/rotate", {}),
    ("GET", "/deliveries", None),
    ("GET", "/deliveries/{delivery}", None),
    ("POST", "/deliveries/{delivery}/redeliver", None),
    ("POST", "/redeliver", {"start": "2026-11-22T12:00:00Z", "end": "2026-11-22T13:00:00Z"}),
]


@pytest.mark.parametrize(("method", "tail", "body"), CALLS)
async def test_another_merchants_endpoint_does_not_exist(method: str, tail: str, body: Any) -> None:
    world = World()
    owner = Merchant(world)
    made = await opened(owner)
    [delivery] = await owed(world)
    before = dict(world.webhooks.endpoints)
    stranger = Merchant(world, world.enroll("Outra", "outra@example.com"))

    path = f"{WEBHOOKS}/{made['id']}{tail.format(delivery=delivery.id)}"
    response = await stranger.client.open(
        path, method=method, json=body, headers=bearer(stranger.key)
    )

    assert await error_of(response) == (404, "webhook_not_found")
    assert world.webhooks.endpoints == before


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_delivery_of_another_endpoint_is_not_found(method: str) -> None:
    world = World()
    merchant = Merchant(world)
    made = await opened(merchant, events=["transfer.*"])
    await opened(merchant, events=["pix.*"])
    [delivery] = await owed(world)

    tail = "" if method == "GET" else "/redeliver"
    path = f"{WEBHOOKS}/{made['id']}/deliveries/{delivery.id}{tail}"
    response = await merchant.client.open(
        path, method=method, json=None, headers=bearer(merchant.key)
    )

    assert await error_of(response) == (404, "delivery_not_found")


@pytest.mark.parametrize(("method", "tail", "body"), CALLS)
async def test_each_call_needs_its_permission(method: str, tail: str, body: Any) -> None:
    world = World()
    made = await opened(Merchant(world))
    allowed = "webhooks:write" if method == "GET" else "webhooks:read"
    other = Merchant(world, permissions=(allowed,))

    path = f"{WEBHOOKS}/{made['id']}{tail.format(delivery='dlv_1')}"
    response = await other.client.open(path, method=method, json=body, headers=bearer(other.key))

    assert await error_of(response) == (403, "forbidden")
