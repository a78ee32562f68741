"""Contests over HTTP: a merchant's own, of payments that it made."""

from typing import Any

import pytest

from fluxiq.services.tell_contests import tell_contests
from tests.support.api_world import ApiWorld, Said

PAYOUTS, CONTESTS = "/api/v1/pix/payouts", "/api/v1/pix/contests"


class Scene:
    def __init__(self, api: ApiWorld, payout_id: str, end_to_end_id: str) -> None:
        self.api, self.payout_id, self.end_to_end_id = api, payout_id, end_to_end_id
        self.merchant = api.key("*")
        self.path = f"{PAYOUTS}/{payout_id}/contest"

    async def open(self, reason: str = "scam", **headers: Any) -> Said:
        body = {"reason": reason, "details": "by telephone"}
        return await self.api.post(self.path, body, self.merchant, **headers)


@pytest.fixture
async def scene() -> Scene:
    api = await ApiWorld.open()
    await api.world.fund(90_00)
    paid = await api.world.payout_of(await api.world.pay(40_00))
    await api.world.receive(api.world.provider.settle(paid.end_to_end_id))
    await api.world.run_rooms()
    return Scene(api, paid.id, paid.end_to_end_id)


async def test_a_payment_is_contested_and_the_contest_says_how_it_stands(scene: Scene) -> None:
    said = await scene.open(**{"Idempotency-Key": "one"})
    assert said.status == 201
    assert said.data == {
        "id": said.data["id"],
        "payout_id": scene.payout_id,
        "merchant_id": scene.api.world.merchant_id,
        "account_id": scene.api.account.id,
        "end_to_end_id": scene.end_to_end_id,
        "amount": 40_00,
        "returned_amount": 0,
        "currency": "BRL",
        "reason": "scam",
        "details": "by telephone",
        "status": "reporting",
        "status_reason": None,
        "created_at": "2026-11-22T12:00:00Z",
        "reported_at": None,
        "decided_at": None,
        "updated_at": "2026-11-22T12:00:00Z",
    }
    assert said.data["id"].startswith("cts_")
    await tell_contests(scene.api.world.tenant)
    shown = (await scene.api.get(scene.path, scene.merchant)).data
    assert (shown["status"], shown["reported_at"]) == ("reported", "2026-11-22T12:00:00Z")
    again = await scene.open(**{"Idempotency-Key": "one"})
    assert (again.status, again.data) == (201, said.data)


async def test_another_contest_is_refused_and_names_the_first(scene: Scene) -> None:
    first = (await scene.open()).data["id"]
    other = await scene.open("coercion")
    assert (other.status, other.code) == (409, "contest_exists")
    assert other.details["contest_id"] == first


async def test_it_is_taken_back_twice_as_once_and_not_once_it_is_over(scene: Scene) -> None:
    missing = await scene.api.post(f"{scene.path}/cancel", None, scene.merchant)
    assert (missing.status, missing.code) == (404, "contest_not_found")
    await scene.open()
    for _ in range(2):
        back = await scene.api.post(f"{scene.path}/cancel", None, scene.merchant)
        assert (back.status, back.data["status"]) == (200, "cancelled")

    await tell_contests(scene.api.world.tenant)
    scene.api.world.provider.refuses = "contests_not_offered"
    await scene.open()
    await tell_contests(scene.api.world.tenant)
    refused = await scene.api.get(scene.path, scene.merchant)
    assert (refused.data["status"], refused.data["status_reason"]) == (
        "refused",
        "contests_not_offered",
    )
    over = await scene.api.post(f"{scene.path}/cancel", None, scene.merchant)
    assert (over.status, over.code) == (409, "contest_decided")


async def test_a_payment_that_is_not_made_is_not_contested(scene: Scene) -> None:
    held = await scene.api.world.held(1_00)
    said = await scene.api.post(f"{PAYOUTS}/{held.id}/contest", {"reason": "scam"}, scene.merchant)
    assert (said.status, said.code) == (409, "payout_not_contestable")


async def test_after_eighty_days_it_is_too_late(scene: Scene) -> None:
    scene.api.world.clock.pass_seconds(80 * 86_400 + 1)
    said = await scene.open()
    assert (said.status, said.code) == (409, "contest_deadline_passed")


async def test_another_merchant_finds_neither_the_payment_nor_its_contest(scene: Scene) -> None:
    await scene.open()
    other = scene.api.key("*", merchant_id="mch_other")
    body = {"reason": "scam"}
    for answer in (
        await scene.api.get(scene.path, other),
        await scene.api.post(scene.path, body, other),
        await scene.api.post(f"{scene.path}/cancel", None, other),
    ):
        assert (answer.status, answer.code) == (404, "payout_not_found")
    assert (await scene.api.get(CONTESTS, other)).data == []


async def test_a_list_has_the_merchants_own_and_all_for_who_decides_of_fraud(scene: Scene) -> None:
    made = (await scene.open()).data["id"]
    for key in (scene.merchant, scene.api.key("*", "med:write", merchant_id="mch_other")):
        assert [one["id"] for one in (await scene.api.get(CONTESTS, key)).data] == [made]
    none = await scene.api.get(f"{CONTESTS}?status=accepted", scene.merchant)
    assert none.data == []
    found = await scene.api.get(f"{CONTESTS}?end_to_end_id={scene.end_to_end_id}", scene.merchant)
    assert len(found.data) == 1


async def test_who_may_only_read_contests_nothing(scene: Scene) -> None:
    reader = scene.api.key("pix:read")
    said = await scene.api.post(scene.path, {"reason": "scam"}, reader)
    assert (said.status, said.code) == (403, "forbidden")
