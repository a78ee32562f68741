"""The request log over HTTP: what a merchant's owner and the institution's people find in it."""

from typing import Any

import pytest

from fluxiq.domain.roles import Role
from tests.support.api_client import Merchant, data_of, error_of
from tests.support.api_people import OTHER_CPF, Person
from tests.support.api_twin import World

REQUESTS = "/api/v1/requests"
ALL = "/api/v1/institution/requests"
CHARGES = "/api/v1/pix/charges"


async def write_down(world: World) -> None:
    """What the actor of the branch does."""
    await world.tenant.request_book.write(world.request_log)


async def listed(merchant: Merchant | Person, path: str) -> list[dict[str, Any]]:
    response = await merchant.get(path)
    body = await response.get_json()
    assert response.status_code == 200, body
    rows: list[dict[str, Any]] = body["data"]
    return rows


@pytest.fixture
async def world() -> World:
    """With a request that was granted, and one that was refused."""
    world = World()
    merchant = Merchant(world)
    await merchant.post(CHARGES, {"amount": 10_00}, **{"Idempotency-Key": "order-7"})
    await merchant.get(f"{CHARGES}/chg_nowhere")
    await write_down(world)
    return world


async def test_a_request_is_remembered_without_what_it_said(world: World) -> None:
    refused, granted = await listed(Merchant(world), REQUESTS)

    assert granted.pop("id").startswith("req_")
    assert granted.pop("at").endswith("Z")
    assert granted.pop("milliseconds") > 0
    assert granted.pop("actor").startswith("key_")
    assert granted == {
        "method": "POST",
        "path": CHARGES,
        "status": 201,
        "error_code": None,
        "merchant_id": world.merchant_id,
        "address": "",
        "idempotency_key": "order-7",
    }
    assert (refused["status"], refused["error_code"]) == (404, "charge_not_found")


async def test_a_request_is_found_by_the_id_that_its_answer_had(world: World) -> None:
    merchant = Merchant(world)
    said = await merchant.get(f"{CHARGES}/chg_elsewhere")
    await write_down(world)

    request_id = said.headers["X-Request-Id"]
    found = await data_of(await merchant.get(f"{REQUESTS}/{request_id}"))
    assert (found["id"], found["path"]) == (request_id, f"{CHARGES}/chg_elsewhere")
    missing = await merchant.get(f"{REQUESTS}/req_{'0' * 26}")
    assert await error_of(missing) == (404, "request_not_found")


@pytest.mark.parametrize(
    ("query", "statuses"),
    [
        ("", [404, 201]),
        ("?status=404", [404]),
        ("?status=2xx", [201]),
        ("?status=5xx", []),
        ("?method=GET", [404]),
        (f"?path={CHARGES}/", [404]),
        ("?path=/api/v1/accounts", []),
        ("?actor=key_nobody", []),
        ("?per_page=1&page=2", [201]),
    ],
)
async def test_requests_are_filtered(world: World, query: str, statuses: list[int]) -> None:
    rows = await listed(Merchant(world), f"{REQUESTS}{query}")
    assert [one["status"] for one in rows] == statuses


async def test_a_filter_that_makes_no_sense_is_refused(world: World) -> None:
    for query in ("status=6xx", "status=20", "method=BREW", "colour=red", "per_page=101"):
        said = await error_of(await Merchant(world).get(f"{REQUESTS}?{query}"))
        assert said == (422, "validation_failed"), query


async def test_who_reads_the_log_is_not_in_it(world: World) -> None:
    for _ in range(3):
        await listed(Merchant(world), REQUESTS)
        await write_down(world)
    assert len(await listed(Merchant(world), REQUESTS)) == 2


async def test_a_request_that_was_not_let_in_is_remembered_where_the_caller_is_known(
    world: World,
) -> None:
    key = world.key("accounts:read")
    client = world.app().test_client()
    await client.get(CHARGES, headers={"Authorization": f"Bearer {key}"})
    await client.get(CHARGES, headers={"Authorization": "Bearer sk_live_nobody"})
    await write_down(world)

    rows = await listed(Merchant(world), f"{REQUESTS}?status=4xx")
    assert [one["error_code"] for one in rows] == ["forbidden", "charge_not_found"]


async def test_a_merchant_sees_its_own_requests_only(world: World) -> None:
    other = world.enroll("Outra", "outra@example.com")
    key = world.key("*", merchant_id=other)
    headers = {"Authorization": f"Bearer {key}"}
    client = world.app().test_client()
    assert (await (await client.get(REQUESTS, headers=headers)).get_json())["data"] == []

    [newest, _] = await listed(Merchant(world), REQUESTS)
    said = await client.get(f"{REQUESTS}/{newest['id']}", headers=headers)
    assert said.status_code == 404
    assert (await client.get(ALL, headers=headers)).status_code == 403


async def test_people_of_the_institution_see_everybodys(world: World) -> None:
    person = await Person.of(world, role=Role.OPERATOR, document=OTHER_CPF, merchant_id=None)
    await person.log_in()
    assert (await person.get(REQUESTS)).status_code == 403
    assert (await person.get("/api/v1/flags")).status_code == 200
    await write_down(world)

    rows = await listed(person, ALL)
    assert {one["merchant_id"] for one in rows} == {world.merchant_id, None}
    assert rows[0]["actor"] == person.user_id
    only = await listed(person, f"{ALL}?merchant_id={world.merchant_id}")
    assert [one["status"] for one in only] == [404, 201]
    found = await data_of(await person.get(f"{ALL}/{only[0]['id']}"))
    assert found == only[0]


async def test_without_redis_the_log_is_unavailable_and_requests_are_not(world: World) -> None:
    world.request_log.away = True
    merchant = Merchant(world)
    assert (await merchant.get(CHARGES)).status_code == 200
    assert await error_of(await merchant.get(REQUESTS)) == (503, "unavailable")
