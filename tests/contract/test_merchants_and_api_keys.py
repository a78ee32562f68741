"""Merchants as they see themselves, and their API keys, over HTTP."""

import re
from datetime import timedelta
from typing import Any

import pytest

from tests.support.api_client import Merchant, data_of, error_of, field_of, page_of
from tests.support.api_twin import ISPB, World, bearer

MERCHANTS = "/api/v1/merchants"
CHARGES = "/api/v1/pix/charges"


def keys_of(merchant: Merchant) -> str:
    return f"{MERCHANTS}/{merchant.merchant_id}/api-keys"


async def make(merchant: Merchant, *permissions: str, **said: Any) -> Any:
    body = {"name": "loja", "permissions": permissions or ("pix:read",), **said}
    return await data_of(await merchant.post(keys_of(merchant), body))


async def test_a_merchant_sees_itself_and_nobody_else() -> None:
    world = World()
    merchant = Merchant(world)
    other_id = world.enroll("Outra", "outra@example.com")

    own, meta = await page_of(await merchant.get(MERCHANTS))
    shown = await data_of(await merchant.get(f"{MERCHANTS}/{merchant.merchant_id}"))
    assert own == [shown]
    assert (meta["total"], shown["name"]) == (1, "Padaria do Bairro")
    assert set(shown) == {"id", "name", "document", "city", "created_at"}
    response = await merchant.get(f"{MERCHANTS}/{other_id}")
    assert await error_of(response) == (404, "merchant_not_found")


async def test_the_page_behind_the_only_merchant_is_empty() -> None:
    own, meta = await page_of(await Merchant(World()).get(f"{MERCHANTS}?page=2"))
    assert (own, meta["total"]) == ([], 1)


async def test_a_new_key_is_shown_once_and_opens_what_it_may() -> None:
    merchant = Merchant(World())
    made = await make(merchant, "pix:read")
    assert re.fullmatch(f"sk_live_{ISPB}[A-Za-z0-9]{{38}}", made["key"])
    assert made["last_characters"] == made["key"][-4:]
    assert (made["name"], made["permissions"], made["expires_at"]) == ("loja", ["pix:read"], None)

    read = await merchant.client.get(CHARGES, headers=bearer(made["key"]))
    write = await merchant.client.post(CHARGES, json={"amount": 1}, headers=bearer(made["key"]))
    assert read.status_code == 200
    assert await error_of(write) == (403, "forbidden")


async def test_listed_keys_have_no_text() -> None:
    merchant = Merchant(World())
    made = await make(merchant)
    response = await merchant.get(keys_of(merchant))
    assert made["key"] not in (await response.get_data()).decode()

    keys, meta = await page_of(response)
    assert meta["total"] == 2
    [listed] = [one for one in keys if one["id"] == made["id"]]
    assert listed == {name: value for name, value in made.items() if name != "key"}


async def test_a_replay_makes_no_second_key_and_does_not_show_the_first() -> None:
    world = World()
    merchant = Merchant(world)
    body = {"name": "loja", "permissions": ["pix:read"]}
    first = await merchant.post(keys_of(merchant), body, **{"Idempotency-Key": "k"})
    again = await merchant.post(keys_of(merchant), body, **{"Idempotency-Key": "k"})

    made, replayed = await data_of(first), await data_of(again)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert made.pop("key")
    assert replayed == made
    assert len(world.store.keys) == 2


@pytest.mark.parametrize(
    ("own", "wanted", "granted"),
    [
        (("*",), "*", True),
        (("*",), "accounts:*", True),
        (("api_keys:*", "pix:*"), "pix:write", True),
        (("api_keys:*", "pix:*"), "pix:*", True),
        (("api_keys:*", "pix:read"), "pix:*", False),
        (("api_keys:*", "pix:read"), "pix:write", False),
        (("api_keys:write", "pix:*"), "*", False),
        (("api_keys:write",), "api_keys:read", False),
    ],
)
async def test_nobody_gives_away_what_it_has_not(
    own: tuple[str, ...], wanted: str, granted: bool
) -> None:
    world = World()
    merchant = Merchant(world, permissions=own)
    response = await merchant.post(keys_of(merchant), {"name": "x", "permissions": [wanted]})
    if granted:
        assert response.status_code == 201
        return
    body = await response.get_json()
    assert (response.status_code, body["error"]["code"]) == (403, "forbidden")
    assert body["error"]["details"] == {"permission": wanted, "field": "permissions.0"}
    assert len(world.store.keys) == 1


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"permissions": []}, "permissions"),
        ({"permissions": ["pix:read", "pix:fly"]}, "permissions.1"),
        ({"permissions": ["public"]}, "permissions.0"),
        ({"permissions": ["public:*"]}, "permissions.0"),
        ({"permissions": ["**"]}, "permissions.0"),
        ({"name": ""}, "name"),
        ({"expires_at": "2026-11-22T11:59:59Z"}, "expires_at"),
        ({"expires_at": "2126-11-22T12:00:00Z"}, "expires_at"),
        ({"expires_at": "2026-12-22T12:00:00"}, "expires_at"),
        ({"colour": "blue"}, "colour"),
    ],
)
async def test_what_cannot_be_a_key_is_named(said: dict[str, Any], field: str) -> None:
    merchant = Merchant(World())
    body = {"name": "loja", "permissions": ["pix:read"], **said}
    response = await merchant.post(keys_of(merchant), body)
    assert response.status_code == 422
    assert await field_of(response) == field


async def test_a_key_opens_nothing_any_more_once_its_time_is_over() -> None:
    world = World()
    merchant = Merchant(world)
    made = await make(merchant, "pix:read", expires_at="2026-11-22T12:00:10Z")

    assert (await merchant.client.get(CHARGES, headers=bearer(made["key"]))).status_code == 200
    world.clock.at += timedelta(seconds=10)
    late = await merchant.client.get(CHARGES, headers=bearer(made["key"]))
    assert await error_of(late) == (401, "unauthorized")


async def test_a_revoked_key_opens_nothing_any_more_and_stays_in_the_list() -> None:
    merchant = Merchant(World())
    made = await make(merchant)

    gone = await merchant.delete(f"{keys_of(merchant)}/{made['id']}")
    assert (gone.status_code, await gone.get_data()) == (204, b"")
    assert (await merchant.delete(f"{keys_of(merchant)}/{made['id']}")).status_code == 204
    refused = await merchant.client.get(CHARGES, headers=bearer(made["key"]))
    assert await error_of(refused) == (401, "unauthorized")
    keys, _ = await page_of(await merchant.get(keys_of(merchant)))
    [revoked] = [one for one in keys if one["id"] == made["id"]]
    assert revoked["revoked_at"] is not None


async def test_a_key_does_not_revoke_itself() -> None:
    merchant = Merchant(World())
    keys, _ = await page_of(await merchant.get(keys_of(merchant)))
    response = await merchant.delete(f"{keys_of(merchant)}/{keys[0]['id']}")
    assert await error_of(response) == (409, "api_key_in_use")
    assert (await merchant.get(CHARGES)).status_code == 200


async def test_keys_of_another_merchant_are_not_there() -> None:
    world = World()
    owner, other = Merchant(world), Merchant(world, world.enroll("Outra", "outra@example.com"))
    made = await make(owner)

    for response in (
        await other.get(keys_of(owner)),
        await other.post(keys_of(owner), {"name": "x", "permissions": ["pix:read"]}),
        await other.delete(f"{keys_of(owner)}/{made['id']}"),
    ):
        assert await error_of(response) == (404, "merchant_not_found")
    mine = await other.delete(f"{keys_of(other)}/{made['id']}")
    assert await error_of(mine) == (404, "api_key_not_found")
    assert (await owner.client.get(CHARGES, headers=bearer(made["key"]))).status_code == 200
