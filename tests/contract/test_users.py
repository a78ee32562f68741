"""The people of a merchant and of the institution, over HTTP: who may make, see and change whom."""

from typing import Any

import pytest

from fluxiq.domain.roles import Role
from fluxiq.domain.user import UserStatus
from tests.support.api_client import Merchant, data_of, error_of, page_of
from tests.support.api_people import AUTH, CPF, OTHER_CPF, Person
from tests.support.api_twin import ISPB, World, bearer

USERS = "/api/v1/users"
THIRD_CPF = "111.444.777-35"
FORBIDDEN = (403, "forbidden")


async def logged_in(world: World, **said: Any) -> Person:
    made = await Person.of(world, **said)
    await made.log_in()
    return made


async def made_by(owner: Person, **said: Any) -> dict[str, Any]:
    body = {"document": OTHER_CPF, "name": "João", "role": "operator", **said}
    made: dict[str, Any] = await data_of(await owner.post(USERS, body))
    return made


# describe open_user


async def test_an_owner_makes_a_user_whose_password_is_shown_once() -> None:
    owner = await logged_in(World())
    made = await made_by(owner, role="manager")
    assert len(made["password"]) == 20
    assert (made["role"], made["status"], made["must_change_password"]) == (
        "manager", "active", True,
    )  # fmt: skip
    assert made["merchant_id"] == owner.world.merchant_id
    assert made["document"] == "***.***.447-**"

    shown = await data_of(await owner.get(f"{USERS}/{made['id']}"))
    assert shown == {name: value for name, value in made.items() if name != "password"}
    people, meta = await page_of(await owner.get(USERS))
    assert (shown in people, meta["total"]) == (True, 2)


async def test_a_replay_makes_no_second_user_and_does_not_show_the_password() -> None:
    owner = await logged_in(World())
    body = {"document": OTHER_CPF, "name": "João", "role": "operator"}
    key = {"Idempotency-Key": "k"}
    first, again = await owner.post(USERS, body, **key), await owner.post(USERS, body, **key)
    made, replayed = await data_of(first), await data_of(again)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert made.pop("password")
    assert replayed == made
    other = await owner.post(USERS, body | {"name": "Ana"}, **key)
    assert await error_of(other) == (422, "idempotency_key_reused")


async def test_a_document_is_one_user_until_that_one_is_removed() -> None:
    owner = await logged_in(World())
    made = await made_by(owner)
    body = {"document": OTHER_CPF, "name": "João", "role": "operator"}
    assert await error_of(await owner.post(USERS, body)) == (409, "user_exists")
    assert (await owner.delete(f"{USERS}/{made['id']}")).status_code == 204
    assert (await made_by(owner))["id"] != made["id"]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"document": "52998224726"}, (422, "invalid_document")),
        ({"role": "king"}, (422, "validation_failed")),
        ({"name": ""}, (422, "validation_failed")),
        ({"password": "chosen for you"}, (422, "validation_failed")),
        ({"merchant_id": "mch_of_others"}, (404, "merchant_not_found")),
    ],
)
async def test_a_user_that_cannot_be_is_refused(
    said: dict[str, Any], expected: tuple[int, str]
) -> None:
    owner = await logged_in(World())
    body = {"document": OTHER_CPF, "name": "João", "role": "operator", **said}
    assert await error_of(await owner.post(USERS, body)) == expected


@pytest.mark.parametrize("role", [Role.MANAGER, Role.OPERATOR])
async def test_only_owners_make_users(role: Role) -> None:
    someone = await logged_in(World(), role=role)
    body = {"document": OTHER_CPF, "name": "João", "role": "operator"}
    assert await error_of(await someone.post(USERS, body)) == FORBIDDEN
    assert await error_of(await someone.get(USERS)) == FORBIDDEN


async def test_nobody_gives_more_than_they_have() -> None:
    merchant = Merchant(World(), permissions=("users:*", "accounts:read", "pix:*", "transfers:*",
                                              "merchants:read", "live_data:read"))  # fmt: skip
    body = {"document": OTHER_CPF, "name": "João", "role": "operator"}
    assert (await merchant.post(USERS, body)).status_code == 201
    for role in ("manager", "owner"):
        other = {**body, "document": THIRD_CPF, "role": role}
        assert await error_of(await merchant.post(USERS, other)) == FORBIDDEN


async def test_nobody_changes_somebody_who_has_more() -> None:
    world = World()
    owner = await logged_in(world)
    merchant = Merchant(world, permissions=("users:*", "accounts:*", "pix:*"))
    path = f"{USERS}/{owner.user_id}"
    headers = bearer(merchant.key)
    answers = [
        await merchant.client.patch(path, json={"status": "locked"}, headers=headers),
        await merchant.delete(path),
        await merchant.post(f"{path}/reset-password", {}),
    ]
    assert [await error_of(one) for one in answers] == [FORBIDDEN] * 3


# describe whose users


async def test_nobody_sees_or_changes_the_users_of_another_merchant() -> None:
    world = World()
    other = world.enroll("Outra", "outra@example.com")
    owner = await logged_in(world)
    theirs = await logged_in(world, document=OTHER_CPF, merchant_id=other)
    path = f"{USERS}/{theirs.user_id}"
    answers = [
        await owner.get(path),
        await owner.patch(path, {"role": "operator"}),
        await owner.delete(path),
        await owner.post(f"{path}/reset-password", {}),
    ]
    assert [await error_of(one) for one in answers] == [(404, "user_not_found")] * 4
    assert await error_of(await owner.get(f"{USERS}?merchant_id={other}")) == (
        404, "merchant_not_found",
    )  # fmt: skip
    people, _ = await page_of(await owner.get(USERS))
    assert [one["id"] for one in people] == [owner.user_id]


async def test_an_owner_of_the_institution_opens_the_doors_of_its_merchants() -> None:
    world = World()
    chief = await logged_in(world, merchant_id=None)
    colleague = await made_by(chief, role="manager")
    assert colleague["merchant_id"] is None
    body = {"document": THIRD_CPF, "name": "Ana", "role": "owner"}
    first = await data_of(await chief.post(USERS, body | {"merchant_id": world.merchant_id}))
    assert first["merchant_id"] == world.merchant_id

    own, _ = await page_of(await chief.get(USERS))
    theirs, _ = await page_of(await chief.get(f"{USERS}?merchant_id={world.merchant_id}"))
    assert {one["id"] for one in own} == {chief.user_id, colleague["id"]}
    assert [one["id"] for one in theirs] == [first["id"]]
    unknown = await chief.post(USERS, body | {"document": CPF, "merchant_id": "mch_none"})
    assert await error_of(unknown) in {(404, "merchant_not_found"), (409, "user_exists")}


async def test_people_of_the_institution_reach_nothing_that_is_a_merchants() -> None:
    chief = await logged_in(World(), merchant_id=None)
    for path in ("accounts", "pix/charges", "transfers", "webhooks", "merchants", "pix/payouts"):
        answer = await chief.get(f"/api/v1/{path}")
        assert await error_of(answer) == FORBIDDEN, path
    assert (await chief.get("/api/v1/flags")).status_code == 200
    put = await chief.client.put(
        "/api/v1/flags/new_till", json={"percentage": 10}, headers=chief.headers
    )
    assert put.status_code == 200
    assert chief.world.audit.lines[-1][0] == chief.user_id


async def test_an_owner_of_a_merchant_sets_nothing_for_all_merchants() -> None:
    owner = await logged_in(World())
    put = await owner.client.put(
        "/api/v1/flags/new_till", json={"percentage": 10}, headers=owner.headers
    )
    assert await error_of(put) == FORBIDDEN


# describe edit_user, remove_user, reset_password


@pytest.mark.parametrize("change", [{"role": "manager"}, {"status": "locked"}])
async def test_a_new_role_and_a_lock_end_the_sessions_of_whom_they_are_about(
    change: dict[str, Any],
) -> None:
    world = World()
    owner = await logged_in(world)
    other = await logged_in(world, role=Role.OPERATOR, document=OTHER_CPF)
    changed = await data_of(await owner.patch(f"{USERS}/{other.user_id}", change))
    assert change.items() <= changed.items()
    for answer in (await other.get("/api/v1/accounts"), await other.try_refresh()):
        assert await error_of(answer) == (401, "unauthorized")
    assert (await other.try_login()).status_code == (200 if "role" in change else 401)
    assert (await owner.get(USERS)).status_code == 200


async def test_an_unlocked_user_comes_in_again() -> None:
    world = World()
    owner = await logged_in(world)
    other = await logged_in(world, role=Role.OPERATOR, document=OTHER_CPF)
    path = f"{USERS}/{other.user_id}"
    for status in ("locked", "active"):
        assert (await data_of(await owner.patch(path, {"status": status})))["status"] == status
    assert (await other.try_login()).status_code == 200


async def test_the_last_owner_stays() -> None:
    world = World()
    owner = await logged_in(world)
    path = f"{USERS}/{owner.user_id}"
    last = (409, "last_owner")
    assert await error_of(await owner.delete(path)) == last
    assert await error_of(await owner.patch(path, {"role": "manager"})) == last
    assert await error_of(await owner.patch(path, {"status": "locked"})) == last

    all_or_none = {"name": "Another", "role": "manager"}
    assert await error_of(await owner.patch(path, all_or_none)) == last
    assert owner.user.name == "Maria da Silva"

    other = await logged_in(world, document=OTHER_CPF)
    assert (await other.delete(path)).status_code == 204
    assert await error_of(await other.delete(path)) == (404, "user_not_found")
    assert owner.user.status is UserStatus.REMOVED
    assert await error_of(await owner.try_login()) == (401, "login_failed")


async def test_a_reset_gives_a_one_time_password_and_ends_the_sessions() -> None:
    world = World()
    owner = await logged_in(world)
    other = await logged_in(world, role=Role.OPERATOR, document=OTHER_CPF)
    await other.enrol_totp()
    path = f"{USERS}/{other.user_id}/reset-password"
    reset = await data_of(await owner.post(path, {}))
    assert (reset["must_change_password"], reset["totp"]) == (True, True)
    assert await error_of(await other.get("/api/v1/accounts")) == (401, "unauthorized")
    assert await error_of(await other.try_login()) == (401, "login_failed")

    without = await data_of(await owner.post(path, {"totp": True}))
    assert without["totp"] is False
    other.password = without["password"]
    await other.log_in()
    assert await error_of(await other.get("/api/v1/accounts")) == (403, "password_change_required")


async def test_a_persons_id_is_what_stands_in_the_books() -> None:
    """Maker and checker are people: two keys of one person would be one."""
    world = World()
    owner = await logged_in(world)
    await owner.patch(f"{USERS}/{owner.user_id}", {"name": "Maria José"})
    assert world.users.sessions.trail[-1] == (owner.user_id, "user.Renamed", "")


async def test_a_person_makes_an_api_key_that_may_no_more_than_they() -> None:
    owner = await logged_in(World())
    path = f"/api/v1/merchants/{owner.world.merchant_id}/api-keys"
    made = await owner.post(path, {"name": "till", "permissions": ["*"]})
    assert made.status_code == 201
    own = await owner.post(path, {"name": "till", "permissions": ["own:session"]})
    assert await error_of(own) == (422, "validation_failed")


async def test_names_in_other_alphabets_and_with_quotes_are_names() -> None:
    owner = await logged_in(World())
    for number, name in enumerate(["Жуков", "'; DROP TABLE users; --", "{{7*7}}", "=cmd|' /C'!A0"]):
        document = ("390.533.447-05", "111.444.777-35", "935.411.347-80", "168.995.350-09")[number]
        assert (await made_by(owner, name=name, document=document))["name"] == name


async def test_a_login_without_ispb_finds_the_only_institution_of_this_process() -> None:
    someone = await Person.of(World())
    assert (await someone.try_login(ispb=ISPB)).status_code == 200
    assert (await someone.try_login()).status_code == 200
    assert (await someone.client.post(f"{AUTH}/login", data="{}")).status_code == 415
