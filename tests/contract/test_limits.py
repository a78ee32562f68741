"""Limits of an account over HTTP: chosen, shown with what is left, and kept."""

from typing import Any

import pytest

from tests.support.api_world import ACCOUNTS, ApiWorld, Said
from tests.support.memory_world import KEY

PAYOUTS = "/api/v1/pix/payouts"
NONE: dict[str, Any] = {
    "per_payment": None,
    "per_day": None,
    "per_night": None,
    "night_starts": "20:00",
}


class Scene:
    def __init__(self, api: ApiWorld) -> None:
        self.api = api
        self.path = f"{ACCOUNTS}/{api.account.id}/limits"
        self.key = api.key("accounts:*", "pix:*")
        self.requests = 0

    async def choose(self, **said: Any) -> Said:
        return await self.api.put(self.path, NONE | said, self.key)

    async def shown(self) -> Any:
        return (await self.api.get(self.path, self.key)).data

    async def pay(self, amount: int) -> Said:
        self.requests += 1
        return await self.api.post(PAYOUTS, self.order(amount), self.key)

    def order(self, amount: int) -> dict[str, Any]:
        self.requests += 1
        return {
            "amount": amount,
            "recipient": {"pix_key": KEY},
            "idempotency_key": f"order {self.requests}",
        }


@pytest.fixture
async def scene() -> Scene:
    api = await ApiWorld.open()
    await api.world.fund(5_000_00)
    return Scene(api)


async def test_who_never_chose_has_the_defaults_of_a_natural_person(scene: Scene) -> None:
    assert await scene.shown() == {
        "account_id": scene.api.account.id,
        "currency": "BRL",
        "per_payment": None,
        "per_day": None,
        "per_night": 1_000_00,
        "night_starts": "20:00",
        "raised": None,
        "today": {
            "date": "2026-11-22",
            "limit": None,
            "used": 0,
            "left": None,
            "resets_at": "2026-11-23T03:00:00Z",
        },
        "tonight": None,
    }


async def test_above_a_limit_a_payout_is_refused_with_what_was_used_and_until_when(
    scene: Scene,
) -> None:
    await scene.choose(per_day=300_00, per_night=1_000_00)
    assert (await scene.pay(200_00)).status == 202
    said = await scene.pay(100_01)

    assert (said.status, said.code) == (422, "amount_above_limit")
    assert said.details == {
        "field": "amount",
        "kind": "per_day",
        "limit": 300_00,
        "used": 200_00,
        "resets_at": "2026-11-23T03:00:00Z",
    }
    today = (await scene.shown())["today"]
    assert (today["used"], today["left"]) == (200_00, 100_00)


async def test_each_line_of_a_batch_is_told_its_limit(scene: Scene) -> None:
    await scene.choose(per_payment=50_00, per_night=1_000_00)
    lines = [scene.order(amount) for amount in (50_00, 50_01)]
    said = await scene.api.post(f"{PAYOUTS}/batch", {"payouts": lines}, scene.key)
    first, second = said.data
    assert (first["status"], second["status"]) == ("accepted", "refused")
    assert second["error"]["code"] == "amount_above_limit"
    assert second["error"]["details"]["kind"] == "per_payment"


async def test_more_is_announced_for_a_day_later(scene: Scene) -> None:
    said = await scene.choose(per_night=2_000_00, night_starts="22:00")
    assert said.status == 200
    assert said.data["per_night"] == 1_000_00
    assert said.data["raised"] == {
        "per_payment": None,
        "per_day": None,
        "per_night": 2_000_00,
        "night_starts": "22:00",
        "effective_at": "2026-11-23T12:00:00Z",
    }


async def test_at_night_the_night_is_shown(scene: Scene) -> None:
    scene.api.world.clock.pass_seconds(12 * 3600)
    assert (await scene.pay(400_00)).status == 202
    assert (await scene.shown())["tonight"] == {
        "date": "2026-11-22",
        "limit": 1_000_00,
        "used": 400_00,
        "left": 600_00,
        "resets_at": "2026-11-23T09:00:00Z",
    }


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"per_day": -1}, "per_day"),
        ({"per_day": 1.5}, "per_day"),
        ({"night_starts": "21:00"}, "night_starts"),
        ({"per_week": 1}, "per_week"),
    ],
)
async def test_what_is_no_limit_is_refused_by_name(
    scene: Scene, said: dict[str, Any], field: str
) -> None:
    answer = await scene.choose(**said)
    assert (answer.status, answer.details["field"]) == (422, field)


async def test_all_four_are_chosen_together(scene: Scene) -> None:
    answer = await scene.api.put(scene.path, {"per_day": 1}, scene.key)
    assert (answer.status, answer.code) == (422, "validation_failed")


async def test_the_limits_of_others_are_nobodys_business(scene: Scene) -> None:
    other = await scene.api.world.enroll(name="Outra", document="00038166000105")
    theirs = f"{ACCOUNTS}/{other.account.id}/limits"
    assert (await scene.api.get(theirs, scene.key)).code == "account_not_found"
    assert (await scene.api.put(theirs, NONE, scene.key)).code == "account_not_found"
    assert (await scene.api.get(scene.path, scene.api.key("pix:*"))).code == "forbidden"
    reading = scene.api.key("accounts:read")
    assert (await scene.api.put(scene.path, NONE, reading)).code == "forbidden"
