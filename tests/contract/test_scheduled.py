"""Scheduled PIX over HTTP: asked for, listed, cancelled, and not mixed up with payouts of today."""

from typing import Any

import pytest

from tests.support.api_world import ApiWorld, Said
from tests.support.memory_world import KEY

PAYOUTS = "/api/v1/pix/payouts"


class Scene:
    def __init__(self, api: ApiWorld) -> None:
        self.api = api
        self.key = api.key("pix:*")

    async def ask(self, under: str = "rent", **said: Any) -> Said:
        body = {
            "amount": 40_00,
            "recipient": {"pix_key": KEY},
            "idempotency_key": under,
            "scheduled_for": "2026-11-24",
        }
        return await self.api.post(PAYOUTS, body | said, self.key)

    async def cancel(self, payout_id: str, key: str | None = None) -> Said:
        return await self.api.post(f"{PAYOUTS}/{payout_id}/cancel", None, key or self.key)


@pytest.fixture
async def scene() -> Scene:
    api = await ApiWorld.open()
    await api.world.fund(100_00)
    return Scene(api)


async def test_it_is_accepted_shown_and_listed_as_scheduled(scene: Scene) -> None:
    said = await scene.ask()
    assert said.status == 202
    assert (said.data["status"], said.data["scheduled_for"]) == ("scheduled", "2026-11-24")
    shown = await scene.api.get(f"{PAYOUTS}/{said.data['id']}", scene.key)
    assert shown.data == said.data
    listed = await scene.api.get(f"{PAYOUTS}?status=scheduled", scene.key)
    assert [one["id"] for one in listed.data] == [said.data["id"]]


async def test_asked_again_it_is_the_same_and_under_another_day_it_is_another(
    scene: Scene,
) -> None:
    first, again = await scene.ask(), await scene.ask()
    assert again.raw == first.raw
    assert again.headers["Idempotency-Replayed"] == "true"
    for other in ({"scheduled_for": "2026-11-25"}, {"scheduled_for": None}):
        assert (await scene.ask(**other)).code == "idempotency_key_reused"


async def test_cancelled_twice_is_cancelled_once(scene: Scene) -> None:
    payout_id = (await scene.ask()).data["id"]
    for _ in range(2):
        said = await scene.cancel(payout_id)
        assert (said.status, said.data["status"]) == (200, "cancelled")
    types = [one.type for one in scene.api.world.store.events]
    assert types.count("pix.payout.cancelled") == 1


async def test_a_payout_of_today_cannot_be_cancelled(scene: Scene) -> None:
    payout_id = (await scene.ask(scheduled_for=None)).data["id"]
    said = await scene.cancel(payout_id)
    assert (said.status, said.code) == (409, "payout_not_scheduled")
    assert said.details == {"status": "processing"}


async def test_others_can_neither_see_nor_cancel_it(scene: Scene) -> None:
    payout_id = (await scene.ask()).data["id"]
    other = await scene.api.world.enroll(name="Outra", document="00038166000105")
    theirs = scene.api.key("pix:*", merchant_id=other.merchant.id)
    assert (await scene.cancel(payout_id, theirs)).code == "payout_not_found"
    assert (await scene.cancel(payout_id, scene.api.key("pix:read"))).code == "forbidden"


@pytest.mark.parametrize(
    ("day", "code"),
    [
        ("2026-11-22", "invalid_schedule"),
        ("2027-11-23", "invalid_schedule"),
        ("2026-02-30", "validation_failed"),
        ("tomorrow", "validation_failed"),
        (1, "validation_failed"),
    ],
)
async def test_what_is_no_day_to_come_is_refused_by_name(
    scene: Scene, day: object, code: str
) -> None:
    said = await scene.ask(scheduled_for=day)
    assert (said.status, said.code, said.details["field"]) == (422, code, "scheduled_for")


async def test_batches_are_for_today(scene: Scene) -> None:
    line = {
        "amount": 1,
        "recipient": {"pix_key": KEY},
        "idempotency_key": "a",
        "scheduled_for": "2026-11-24",
    }
    said = await scene.api.post(f"{PAYOUTS}/batch", {"payouts": [line]}, scene.key)
    assert (said.status, said.code) == (422, "validation_failed")
