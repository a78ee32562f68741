"""Maker and checker as people: who asks for a transfer does not decide about it."""

from typing import Any

from fluxiq.domain.roles import Role
from tests.support.api_people import AUTH, PASSWORD
from tests.support.api_twin import bearer
from tests.support.api_world import TRANSFERS, ApiWorld
from tests.support.memory_users import add_person

CPF, OTHER_CPF = "52998224725", "39053344705"


async def logged_in(world: ApiWorld, role: Role, document: str) -> tuple[str, dict[str, str]]:
    """Somebody's id, and the headers of their session."""
    twin = world.world
    user = await add_person(
        twin.users, twin.tenant.passwords, document, PASSWORD, twin.clock.now(),
        role=role, merchant_id=twin.merchant_id,
    )  # fmt: skip
    body = {"document": document, "password": PASSWORD}
    answer = await world.app.test_client().post(f"{AUTH}/login", json=body)
    return user.id, bearer((await answer.get_json())["data"]["access_token"])


async def send(world: ApiWorld, path: str, headers: dict[str, str], body: Any = None) -> Any:
    client = world.app.test_client()
    if body is None:
        return await client.post(path, headers=headers)
    return await client.post(path, json=body, headers=headers)


async def test_an_operator_makes_and_a_manager_decides() -> None:
    world = await ApiWorld.open(approval_above=0)
    other = await world.world.enroll(name="Outra", document="12ABC34501DE35")
    await world.world.fund(10_00)
    maker, operator = await logged_in(world, Role.OPERATOR, CPF)
    checker, manager = await logged_in(world, Role.MANAGER, OTHER_CPF)
    order = {
        "source_account_id": world.account.id,
        "destination_account_id": other.account.id,
        "amount": 5_00,
        "idempotency_key": "k",
    }
    made = await (await send(world, TRANSFERS, operator, order)).get_json()
    assert (made["data"]["status"], made["data"]["created_by"]) == ("pending", maker)
    path = f"{TRANSFERS}/{made['data']['id']}/approve"
    refused = await send(world, path, operator)
    assert (refused.status_code, (await refused.get_json())["error"]["code"]) == (403, "forbidden")

    decided = (await (await send(world, path, manager)).get_json())["data"]
    assert (decided["status"], decided["decided_by"]) == ("completed", checker)


async def test_a_manager_does_not_decide_about_their_own() -> None:
    world = await ApiWorld.open(approval_above=0)
    other = await world.world.enroll(name="Outra", document="12ABC34501DE35")
    await world.world.fund(10_00)
    _, manager = await logged_in(world, Role.MANAGER, CPF)
    order = {
        "source_account_id": world.account.id,
        "destination_account_id": other.account.id,
        "amount": 5_00,
        "idempotency_key": "k",
    }
    made = await (await send(world, TRANSFERS, manager, order)).get_json()
    refused = await send(world, f"{TRANSFERS}/{made['data']['id']}/approve", manager)
    assert (await refused.get_json())["error"]["code"] == "maker_is_checker"


async def test_a_manager_does_not_decide_by_a_key_of_their_own_either() -> None:
    world = await ApiWorld.open(approval_above=0)
    other = await world.world.enroll(name="Outra", document="12ABC34501DE35")
    await world.world.fund(10_00)
    _, owner = await logged_in(world, Role.OWNER, CPF)
    keys = f"/api/v1/merchants/{world.world.merchant_id}/api-keys"
    program = {"name": "program", "permissions": ["*"]}
    made = (await (await send(world, keys, owner, program)).get_json())["data"]
    again = (await (await send(world, keys, bearer(made["key"]), program)).get_json())["data"]
    order = {
        "source_account_id": world.account.id,
        "destination_account_id": other.account.id,
        "amount": 5_00,
        "idempotency_key": "k",
    }
    transfer = (await (await send(world, TRANSFERS, bearer(made["key"]), order)).get_json())["data"]
    path = f"{TRANSFERS}/{transfer['id']}/approve"
    for headers in (owner, bearer(again["key"])):
        refused = await (await send(world, path, headers)).get_json()
        assert refused["error"]["code"] == "maker_is_checker"

    _, manager = await logged_in(world, Role.MANAGER, OTHER_CPF)
    decided = (await (await send(world, path, manager)).get_json())["data"]
    assert decided["status"] == "completed"
