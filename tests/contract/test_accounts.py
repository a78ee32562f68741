"""Accounts over HTTP: opened, listed, changed, blocked; products; and what is set aside."""

import re
from typing import Any

import pytest

from fluxiq.errors import Refused
from fluxiq.services.blocked_funds import block_funds, release_funds
from tests.support.api_world import ACCOUNTS, ApiWorld, Said
from tests.support.memory_world import Fault

PRODUCTS = "/api/v1/products"
PAYOUTS = "/api/v1/pix/payouts"


@pytest.fixture
async def api() -> ApiWorld:
    made = await ApiWorld.open()
    await made.world.fund(100_00)
    return made


def told(api: ApiWorld) -> list[str]:
    return [one.type for one in api.world.store.events if one.type.startswith("account.")][1:]


async def balance(api: ApiWorld) -> dict[str, Any]:
    said = await api.get(f"{ACCOUNTS}/{api.account.id}/balance", api.key())
    data: dict[str, Any] = said.data
    return data


async def block(api: ApiWorld, reason: str = "alarm") -> Said:
    return await api.post(f"{ACCOUNTS}/{api.account.id}/block", {"reason": reason}, api.key())


async def unblock(api: ApiWorld) -> Said:
    return await api.post(f"{ACCOUNTS}/{api.account.id}/unblock", None, api.key())


async def test_an_account_is_opened_with_a_random_key(api: ApiWorld) -> None:
    body = {"name": "Savings", "product_id": "prod_pix_merchant", "metadata": {"shop": 2}}
    said = await api.post(ACCOUNTS, body, api.key("accounts:write"))

    made = dict(said.data)
    assert said.status == 201
    assert re.fullmatch(r"acc_[0-9A-Z]{26}", made.pop("id"))
    [key] = made.pop("pix_keys")
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", key)
    assert made.pop("created_at").endswith("Z")
    assert made == {
        "merchant_id": api.world.merchant_id,
        "product_id": "prod_pix_merchant",
        "name": "Savings",
        "status": "active",
        "block_reason": None,
        "metadata": {"shop": 2},
    }
    shown = await api.get(f"{ACCOUNTS}/{said.data['id']}", api.key())
    assert shown.data == said.data
    assert told(api) == ["account.created"]


async def test_a_new_account_holds_nothing_and_can_be_used_at_once(api: ApiWorld) -> None:
    await api.get(ACCOUNTS, api.key())
    charged = {"amount": 1}
    await api.post("/api/v1/pix/charges", charged, api.key())  # the merchant's accounts are known
    made = (await api.post(ACCOUNTS, {"name": "Savings"}, api.key())).data

    empty = await api.get(f"{ACCOUNTS}/{made['id']}/balance", api.key())
    assert (empty.data["available"], empty.data["total"]) == (0, 0)
    said = await api.post("/api/v1/pix/charges", charged | {"account_id": made["id"]}, api.key())
    assert (said.status, said.data["pix_key"]) == (201, made["pix_keys"][0])


async def test_a_settlement_account_has_no_key(api: ApiWorld) -> None:
    body = {"name": "Settlement", "product_id": "prod_pix_settlement"}
    assert (await api.post(ACCOUNTS, body, api.key())).data["pix_keys"] == []


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({}, 422, "name"),
        ({"name": ""}, 422, "name"),
        ({"name": 1}, 422, "name"),
        ({"name": "a", "status": "active"}, 422, "status"),
        ({"name": "a", "product_id": "prod_gold"}, 404, "product_id"),
    ],
)
async def test_an_account_that_cannot_be_is_refused_by_name(
    api: ApiWorld, body: dict[str, Any], status: int, field: str
) -> None:
    said = await api.post(ACCOUNTS, body, api.key())
    assert (said.status, said.details) == (status, {"field": field})


async def test_the_same_key_opens_one_account(api: ApiWorld) -> None:
    key, under = api.key(), {"Idempotency-Key": "order-1"}
    first = await api.post(ACCOUNTS, {"name": "Savings"}, key, **under)
    again = await api.post(ACCOUNTS, {"name": "Savings"}, key, **under)
    other = await api.post(ACCOUNTS, {"name": "Other"}, key, **under)

    assert again.data == first.data
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (other.status, other.code) == (422, "idempotency_key_reused")
    assert len((await api.get(ACCOUNTS, key)).data) == 2


async def test_a_ledger_that_does_not_answer_leaves_no_account_behind(api: ApiWorld) -> None:
    api.world.faults.at["ledger.create_accounts"] = Fault.REFUSED
    said = await api.post(ACCOUNTS, {"name": "Savings"}, api.key())

    assert (said.status, said.code) == (503, "ledger_unavailable")
    assert (await api.get(ACCOUNTS, api.key())).body["meta"]["total"] == 1


async def test_accounts_are_filtered(api: ApiWorld) -> None:
    body = {"name": "Settlement", "product_id": "prod_pix_settlement"}
    settlement = (await api.post(ACCOUNTS, body, api.key())).data
    blocked = (await block(api)).data

    async def ids(query: str) -> list[str]:
        said = await api.get(f"{ACCOUNTS}?{query}", api.key())
        return [one["id"] for one in said.data]

    assert await ids("") == [blocked["id"], settlement["id"]]
    assert await ids("status=blocked") == [blocked["id"]]
    assert await ids("status=active&product_id=prod_pix_settlement") == [settlement["id"]]
    assert await ids("status=blocked&product_id=prod_pix_settlement") == []
    said = await api.get(f"{ACCOUNTS}?status=lost", api.key())
    assert (said.status, said.details) == (422, {"field": "status"})


async def test_a_name_and_metadata_can_be_changed_and_the_rest_stays(api: ApiWorld) -> None:
    path = f"{ACCOUNTS}/{api.account.id}"
    before = (await api.get(path, api.key())).data
    named = await api.patch(path, {"name": "New"}, api.key())
    tagged = await api.patch(path, {"metadata": {"a": 1}}, api.key())
    same = await api.patch(path, {"name": "New"}, api.key())

    assert (named.status, named.data) == (200, before | {"name": "New"})
    assert tagged.data == before | {"name": "New", "metadata": {"a": 1}} == same.data
    assert told(api) == ["account.updated", "account.updated"]
    refused = await api.patch(path, {"status": "active"}, api.key())
    assert (refused.status, refused.details) == (422, {"field": "status"})


async def test_a_blocked_account_says_why_and_pays_nobody(api: ApiWorld) -> None:
    said = await block(api, "stolen phone")
    assert (said.data["status"], said.data["block_reason"]) == ("blocked", "stolen phone")
    order = {"amount": 1, "recipient": {"pix_key": "somebody@example.com"}}
    paid = await api.post(PAYOUTS, order | {"idempotency_key": "k"}, api.key())
    assert (paid.status, paid.code) == (422, "account_not_active")

    await api.world.fund(1_00)
    assert (await balance(api))["available"] == 101_00

    back = await unblock(api)
    assert (back.data["status"], back.data["block_reason"]) == ("active", None)
    assert told(api) == ["account.blocked", "account.updated"]


async def test_blocking_twice_is_blocking_once(api: ApiWorld) -> None:
    assert (await block(api)).data == (await block(api)).data
    await unblock(api)
    await unblock(api)
    assert told(api) == ["account.blocked", "account.updated"]


async def test_who_blocked_an_account_and_why_is_in_the_audit_trail(api: ApiWorld) -> None:
    await block(api, "stolen phone")
    [(actor, action, note)] = api.world.accounts.notes
    assert actor.startswith("key_")
    assert (action, note) == ("account.blocked", "stolen phone")


@pytest.mark.parametrize(("tail", "body"), [("block", {"reason": "x"}), ("unblock", None)])
async def test_another_merchants_account_is_not_blocked(
    api: ApiWorld, tail: str, body: dict[str, str] | None
) -> None:
    other = await api.world.enroll(name="Outra", document="00038166000105")
    said = await api.post(f"{ACCOUNTS}/{other.account.id}/{tail}", body, api.key())
    assert (said.status, said.code) == (404, "account_not_found")


async def test_products_are_listed_and_shown(api: ApiWorld) -> None:
    listed = (await api.get(PRODUCTS, api.key())).data
    assert [one["id"] for one in listed] == ["prod_pix_merchant", "prod_pix_settlement"]
    assert (await api.get(f"{PRODUCTS}/prod_pix_merchant", api.key())).data == listed[0]
    said = await api.get(f"{PRODUCTS}/prod_gold", api.key())
    assert (said.status, said.code) == (404, "product_not_found")


# Money set aside.


async def test_money_that_is_set_aside_is_blocked_and_comes_back(api: ApiWorld) -> None:
    tenant, account = api.world.tenant, api.account
    first = await block_funds(tenant, account, "case 1", 30_00)
    assert await block_funds(tenant, account, "case 1", 30_00) == first
    shown = await balance(api)
    assert shown.pop("updated_at").endswith("Z")
    assert shown == {
        "available": 70_00,
        "pending": 0,
        "blocked": 30_00,
        "total": 100_00,
        "currency": "BRL",
    }

    await release_funds(tenant, account, "case 1", 30_00)
    await release_funds(tenant, account, "case 1", 30_00)
    after = await balance(api)
    assert (after["available"], after["blocked"], after["total"]) == (100_00, 0, 100_00)


async def test_more_than_is_there_is_neither_blocked_nor_released(api: ApiWorld) -> None:
    tenant, account = api.world.tenant, api.account
    with pytest.raises(Refused, match="less than that"):
        await block_funds(tenant, account, "case 1", 100_01)
    with pytest.raises(Refused, match="less than that"):
        await release_funds(tenant, account, "case 2", 1)

    assert (await balance(api))["available"] == 100_00
