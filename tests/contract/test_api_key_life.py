"""API keys from their making to their end: networks, test keys, last use, rotation, revocation."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from quart.wrappers import Response

from fluxiq.services.recent import Recent
from fluxiq.services.tenant import RECENT_SECONDS
from tests.support.api_client import Merchant, data_of, error_of, field_of, page_of
from tests.support.api_people import Person
from tests.support.api_twin import TwinTenants, World, bearer

CHARGES = "/api/v1/pix/charges"
OFFICE, ELSEWHERE = "203.0.113.7", "198.51.100.1"


def keys_of(merchant: Merchant) -> str:
    return f"/api/v1/merchants/{merchant.merchant_id}/api-keys"


async def make(merchant: Merchant, *permissions: str, **said: Any) -> Any:
    body = {"name": "loja", "permissions": permissions or ("pix:read",), **said}
    return await data_of(await merchant.post(keys_of(merchant), body))


async def rotate(merchant: Merchant, key_id: str, **said: Any) -> Response:
    headers = {"Idempotency-Key": said.pop("under")} if "under" in said else {}
    return await merchant.post(f"{keys_of(merchant)}/{key_id}/rotate", said, **headers)


async def status_of(merchant: Merchant, key: str, address: str = OFFICE) -> int:
    answer = await merchant.client.get(
        CHARGES, headers=bearer(key), scope_base={"client": (address, 50_000)}
    )
    return answer.status_code


async def listed(merchant: Merchant, key_id: str) -> Any:
    keys, _ = await page_of(await merchant.get(keys_of(merchant)))
    [found] = [one for one in keys if one["id"] == key_id]
    return found


def with_real_links(world: World) -> None:
    """From now on the institution's money is real."""
    links = world.tenant.institution.providers
    real = tuple(msgspec.structs.replace(one, kind="bacen_psp") for one in links)
    institution = msgspec.structs.replace(world.tenant.institution, providers=real)
    world.tenant = replace(world.tenant, institution=institution)
    world.tenants.known[world.tenant.ispb] = world.tenant


# The text.


async def test_a_key_that_cannot_be_one_is_refused_without_asking_the_store() -> None:
    world = World()
    merchant = Merchant(world)
    good = world.key("*")
    assert await status_of(merchant, good) == 200
    world.store.breaks = AssertionError("the store was asked")

    for wrong in (good[:-1] + ("0" if good[-1] != "0" else "1"), good[:-6], good + "x"):
        refused = await merchant.client.get(CHARGES, headers=bearer(wrong))
        assert await error_of(refused) == (401, "unauthorized")


async def test_a_test_key_works_where_no_money_is_real_and_nowhere_else() -> None:
    world = World()
    merchant = Merchant(world)
    made = await make(merchant, environment="test")
    assert made["key"].startswith("sk_test_")
    assert made["environment"] == "test"
    assert await status_of(merchant, made["key"]) == 200

    with_real_links(world)
    merchant.client = world.app().test_client()
    assert await status_of(merchant, made["key"]) == 401
    assert await status_of(merchant, merchant.key) == 200


async def test_no_test_key_is_made_where_money_is_real() -> None:
    world = World()
    with_real_links(world)
    merchant = Merchant(world)
    body = {"name": "loja", "permissions": ["pix:read"], "environment": "test"}
    refused = await merchant.post(keys_of(merchant), body)
    assert refused.status_code == 422
    assert await field_of(refused) == "environment"


# Where from.


async def test_a_key_works_from_its_networks_only() -> None:
    merchant = Merchant(World())
    made = await make(merchant, allowed_networks=["203.0.113.0/24", OFFICE])
    assert made["allowed_networks"] == ["203.0.113.0/24", "203.0.113.7/32"]

    assert await status_of(merchant, made["key"]) == 200
    assert await status_of(merchant, merchant.key, ELSEWHERE) == 200
    refused = await merchant.client.get(
        CHARGES, headers=bearer(made["key"]), scope_base={"client": (ELSEWHERE, 50_000)}
    )
    assert await error_of(refused) == (403, "address_not_allowed")


async def test_what_is_no_network_is_named() -> None:
    merchant = Merchant(World())
    networks = ["203.0.113.0/24", "203.0.113.7/24"]
    body = {"name": "x", "permissions": ["pix:read"], "allowed_networks": networks}
    refused = await merchant.post(keys_of(merchant), body)
    assert refused.status_code == 422
    assert await field_of(refused) == "allowed_networks.1"


async def test_the_address_is_the_one_that_our_proxy_names() -> None:
    world = World(http={"trusted_proxies": ("192.0.2.1/32",)})
    merchant = Merchant(world)
    made = await make(merchant, allowed_networks=[OFFICE])

    async def through(proxy: str) -> int:
        answer = await merchant.client.get(
            CHARGES,
            headers=bearer(made["key"], **{"X-Forwarded-For": OFFICE}),
            scope_base={"client": (proxy, 50_000)},
        )
        return answer.status_code

    assert await through("192.0.2.1") == 200
    assert await through(ELSEWHERE) == 403  # who says so is no proxy of ours


# Last use.


async def test_a_key_shows_the_minute_of_its_last_use() -> None:
    world = World()
    merchant = Merchant(world)
    made = await make(merchant)
    assert (await listed(merchant, made["id"]))["last_used_at"] is None

    world.clock.at += timedelta(seconds=83)
    await status_of(merchant, made["key"])
    await world.tenant.key_uses.write(world.tenant.api_keys)
    assert (await listed(merchant, made["id"]))["last_used_at"] == "2026-11-22T12:01:00Z"


async def test_a_refused_call_is_no_use() -> None:
    world = World()
    merchant = Merchant(world)
    made = await make(merchant, allowed_networks=[OFFICE])
    await status_of(merchant, made["key"], ELSEWHERE)
    await world.tenant.key_uses.write(world.tenant.api_keys)
    assert (await listed(merchant, made["id"]))["last_used_at"] is None


# Rotation.


async def test_both_keys_work_during_the_overlap_and_the_new_one_after_it() -> None:
    world = World()
    merchant = Merchant(world)
    old = await make(merchant, "pix:read", allowed_networks=["203.0.113.0/24"])
    answer = await rotate(merchant, old["id"], overlap_seconds=60)
    assert answer.status_code == 201
    new = await data_of(answer)
    same = ("name", "permissions", "allowed_networks", "environment", "expires_at")
    assert {name: new[name] for name in same} == {name: old[name] for name in same}

    assert [await status_of(merchant, one["key"]) for one in (old, new)] == [200, 200]
    ended = await listed(merchant, old["id"])
    assert (ended["replaced_by"], ended["expires_at"]) == (new["id"], "2026-11-22T12:01:00Z")
    world.clock.at += timedelta(seconds=60)
    assert [await status_of(merchant, one["key"]) for one in (old, new)] == [401, 200]


async def test_without_overlap_the_old_key_ends_now() -> None:
    merchant = Merchant(World())
    old = await make(merchant)
    new = await data_of(await rotate(merchant, old["id"], overlap_seconds=0))
    assert [await status_of(merchant, one["key"]) for one in (old, new)] == [401, 200]
    assert (await listed(merchant, old["id"]))["revoked_at"] is not None


async def test_the_overlap_prolongs_no_life() -> None:
    merchant = Merchant(World())
    old = await make(merchant, expires_at="2026-11-22T12:00:30Z")
    new = await data_of(await rotate(merchant, old["id"], overlap_seconds=3600))
    assert (await listed(merchant, old["id"]))["expires_at"] == "2026-11-22T12:00:30Z"
    assert new["expires_at"] == "2026-11-22T12:00:30Z"  # as long as the old one was meant to live


async def test_a_key_is_replaced_once() -> None:
    merchant = Merchant(World())
    old = await make(merchant)
    first = await rotate(merchant, old["id"], overlap_seconds=60, under="once")
    again = await rotate(merchant, old["id"], overlap_seconds=60, under="once")
    assert again.headers["Idempotency-Replayed"] == "true"
    made, replayed = await data_of(first), await data_of(again)
    assert made.pop("key")
    assert replayed == made

    second = await rotate(merchant, old["id"], overlap_seconds=60)
    assert await error_of(second) == (409, "api_key_over")
    nothing = await rotate(merchant, "key_nothing")
    assert await error_of(nothing) == (404, "api_key_not_found")


async def test_a_key_replaces_itself_but_not_at_once() -> None:
    world = World()
    merchant = Merchant(world)
    made = await make(merchant, "api_keys:write", "pix:read")
    merchant.key = made["key"]
    at_once = await rotate(merchant, made["id"], overlap_seconds=0)
    assert await error_of(at_once) == (409, "api_key_in_use")
    assert (await rotate(merchant, made["id"], overlap_seconds=60)).status_code == 201


async def test_nobody_replaces_a_key_that_may_more() -> None:
    merchant = Merchant(World())
    strong = await make(merchant, "*")
    merchant.key = (await make(merchant, "api_keys:write"))["key"]
    assert await error_of(await rotate(merchant, strong["id"])) == (403, "forbidden")


# Whose it is, and its end.


async def test_a_key_belongs_to_the_person_who_made_it_and_so_do_the_keys_it_makes() -> None:
    world = World()
    owner = await Person.of(world)
    await owner.log_in()
    path = f"/api/v1/merchants/{world.merchant_id}/api-keys"
    made = await data_of(await owner.post(path, {"name": "a", "permissions": ["*"]}))
    merchant = Merchant(world)
    merchant.key = made["key"]
    grandchild = await make(merchant, "pix:read")

    owners = {one.id: one.owner_id for one in world.store.keys.values()}
    assert owners[made["id"]] == owners[grandchild["id"]] == owner.user_id


async def test_a_revoked_key_ends_at_once_here_and_within_a_second_in_another_process() -> None:
    world = World()
    now = [0.0]
    made = await make(Merchant(world))

    def process() -> Merchant:
        """The same papers, with a memory of its own."""
        tenant = replace(world.tenant, recent_keys=Recent(RECENT_SECONDS, lambda: now[0]))
        world.tenants = TwinTenants({tenant.ispb: tenant})
        return Merchant(world)

    here, there = process(), process()
    assert [await status_of(one, made["key"]) for one in (here, there)] == [200, 200]
    gone = await here.delete(f"{keys_of(here)}/{made['id']}")
    assert gone.status_code == 204
    assert await status_of(here, made["key"]) == 401
    assert await status_of(there, made["key"]) == 200  # it has not looked again
    now[0] += 1.0
    assert await status_of(there, made["key"]) == 401


@pytest.mark.parametrize("said", [{"overlap_seconds": -1}, {"overlap_seconds": 2_592_001}])
async def test_an_overlap_has_an_end(said: dict[str, Any]) -> None:
    merchant = Merchant(World())
    made = await make(merchant)
    refused = await rotate(merchant, made["id"], **said)
    assert refused.status_code == 422
    assert await field_of(refused) == "overlap_seconds"
