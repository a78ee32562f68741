"""Accounts, balances, lists and a merchant's endpoints over HTTP."""

import re

import pytest

from tests.support.api_twin import World, bearer

ACCOUNTS = "/api/v1/accounts"
WEBHOOKS = "/api/v1/webhooks"


async def test_a_list_says_which_page_it_is() -> None:
    world = World()
    response = await world.app().test_client().get(ACCOUNTS, headers=bearer(world.key("*")))
    body = await response.get_json()
    assert [one["id"] for one in body["data"]] == [world.account_id()]
    assert body["meta"] == {"page": 1, "per_page": 20, "total": 1, "total_pages": 1}


async def test_a_page_beyond_the_last_is_empty() -> None:
    world = World()
    response = (
        await world.app()
        .test_client()
        .get(f"{ACCOUNTS}?page=2&per_page=100", headers=bearer(world.key("*")))
    )
    body = await response.get_json()
    assert body["data"] == []
    assert body["meta"] == {"page": 2, "per_page": 100, "total": 1, "total_pages": 1}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("page=0", "page"),
        ("page=-1", "page"),
        ("page=1e3", "page"),
        ("page=1.0", "page"),
        ("page=", "page"),
        ("page=two", "page"),
        ("page=99999999999999999999", "page"),
        ("per_page=101", "per_page"),
        ("page=1&page=2", "page"),
        ("pgae=1", "pgae"),
    ],
)
async def test_a_query_that_breaks_its_contract_is_refused_by_name(query: str, field: str) -> None:
    world = World()
    response = (
        await world.app().test_client().get(f"{ACCOUNTS}?{query}", headers=bearer(world.key("*")))
    )
    body = await response.get_json()
    assert (response.status_code, body["error"]["code"]) == (422, "validation_failed")
    assert body["error"]["details"] == {"field": field}


async def test_a_balance_adds_up() -> None:
    world = World()
    client, headers = world.app().test_client(), bearer(world.key("*"))
    order = {
        "amount": 30_000,
        "recipient": {"pix_key": "somebody@example.com"},
        "idempotency_key": "k",
    }
    await client.post("/api/v1/pix/payouts", json=order, headers=headers)
    path = f"{ACCOUNTS}/{world.account_id()}/balance"
    response = await client.get(path, headers=headers)
    balance = (await response.get_json())["data"]
    assert balance.pop("updated_at").endswith("Z")
    assert balance == {
        "available": 70_000,
        "pending": 30_000,
        "blocked": 0,
        "total": 100_000,
        "currency": "BRL",
    }


@pytest.mark.parametrize("tail", ["", "/balance"])
async def test_another_merchants_account_does_not_exist(tail: str) -> None:
    world = World()
    other = world.enroll("Outra", "outra@example.com")
    response = (
        await world.app()
        .test_client()
        .get(f"{ACCOUNTS}/{world.account_id(other)}{tail}", headers=bearer(world.key("*")))
    )
    body = await response.get_json()
    assert (response.status_code, body["error"]["code"]) == (404, "account_not_found")


async def test_an_endpoints_secret_is_shown_once() -> None:
    world = World()
    client, headers = world.app().test_client(), bearer(world.key("*"))
    asked = {"url": "https://merchant.example/hooks", "events": ["pix.charge.paid"]}
    response = await client.post(WEBHOOKS, json=asked, headers=headers)
    made = (await response.get_json())["data"]
    assert response.status_code == 201
    assert re.fullmatch(r"whk_[0-9A-Z]{26}", made["id"])
    assert made.pop("secret").startswith("whsec_")

    listed = await client.get(WEBHOOKS, headers=headers)
    assert (await listed.get_json())["data"] == [made]


async def test_an_endpoint_that_is_no_url_is_refused_by_name() -> None:
    world = World()
    response = (
        await world.app()
        .test_client()
        .post(WEBHOOKS, json={"url": "ftp://x"}, headers=bearer(world.key("*")))
    )
    body = await response.get_json()
    assert (response.status_code, body["error"]["details"]) == (422, {"field": "url"})
