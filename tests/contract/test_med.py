"""Fraud reports over HTTP: decided by the institution, seen by the merchant they are about."""

from typing import Any

import pytest

from tests.support.api_world import ACCOUNTS, ApiWorld, Said

REPORTS = "/api/v1/pix/med/reports"


class Scene:
    def __init__(self, api: ApiWorld, end_to_end_id: str) -> None:
        self.api, self.end_to_end_id = api, end_to_end_id
        self.operator = api.key("*", "med:write")
        self.merchant = api.key("*")

    async def open(self, under: str = "case-1", **said: Any) -> Said:
        body = {"end_to_end_id": self.end_to_end_id, "reason": "scam", "details": "by telephone"}
        return await self.api.post(
            REPORTS, body | said, self.operator, **{"Idempotency-Key": under}
        )

    async def act(self, report_id: str, verb: str, body: Any = None, key: str = "") -> Said:
        return await self.api.post(f"{REPORTS}/{report_id}/{verb}", body, key or self.operator)

    async def balance(self) -> tuple[int, int, int]:
        path = f"{ACCOUNTS}/{self.api.account.id}/balance"
        said = (await self.api.get(path, self.merchant)).data
        return said["available"], said["pending"], said["blocked"]


@pytest.fixture
async def scene() -> Scene:
    api = await ApiWorld.open()
    paid = api.world.received(60_00)
    await api.world.receive(paid)
    await api.world.run_rooms()
    return Scene(api, paid.end_to_end_id)


async def test_a_report_blocks_and_says_what_and_until_when(scene: Scene) -> None:
    said = await scene.open()
    assert said.status == 201
    shown = said.data
    assert shown == {
        "id": shown["id"],
        "status": "open",
        "result": None,
        "reason": "scam",
        "details": "by telephone",
        "end_to_end_id": scene.end_to_end_id,
        "account_id": scene.api.account.id,
        "amount": 60_00,
        "blocked_amount": 60_00,
        "returned_amount": 0,
        "refund_id": None,
        "failed_refund_id": None,
        "currency": "BRL",
        "blocked_until": "2026-11-25T12:00:00Z",
        "created_at": "2026-11-22T12:00:00Z",
        "updated_at": "2026-11-22T12:00:00Z",
        "closed_at": None,
        "infraction": None,
    }
    assert await scene.balance() == (0, 0, 60_00)


async def test_it_is_acknowledged_and_closed_with_a_refund_that_can_be_seen(scene: Scene) -> None:
    report_id = (await scene.open()).data["id"]
    assert (await scene.act(report_id, "acknowledge")).data["status"] == "acknowledged"
    closed = await scene.act(report_id, "close", {"result": "agreed", "amount": 50_00})
    assert (closed.status, closed.data["status"], closed.data["result"]) == (
        200,
        "closed",
        "agreed",
    )
    assert await scene.balance() == (10_00, 50_00, 0)

    path = f"/api/v1/pix/refunds/{closed.data['refund_id']}"
    refund = (await scene.api.get(path, scene.merchant)).data
    assert (refund["reason"], refund["amount"], refund["status"]) == ("fraud", 50_00, "processing")


async def test_disagreed_and_cancelled_release(scene: Scene) -> None:
    report_id = (await scene.open()).data["id"]
    assert (await scene.act(report_id, "cancel")).data["status"] == "cancelled"
    assert await scene.balance() == (60_00, 0, 0)
    second = (await scene.open(under="case-2")).data["id"]
    await scene.act(second, "acknowledge")
    closed = await scene.act(second, "close", {"result": "disagreed"})
    assert closed.data["result"] == "disagreed"
    assert await scene.balance() == (60_00, 0, 0)


async def test_the_same_request_again_is_the_same_report(scene: Scene) -> None:
    first, again = await scene.open(), await scene.open()
    assert again.raw == first.raw
    assert again.headers["Idempotency-Replayed"] == "true"
    other = await scene.open(under="case-2")
    assert (other.status, other.code) == (409, "med_report_exists")
    assert other.details["report_id"] == first.data["id"]


async def test_a_merchant_sees_its_reports_and_decides_none(scene: Scene) -> None:
    report_id = (await scene.open()).data["id"]
    shown = await scene.api.get(f"{REPORTS}/{report_id}", scene.merchant)
    assert (shown.data["status"], shown.data["details"]) == ("open", None)
    listed = await scene.api.get(f"{REPORTS}?status=open", scene.merchant)
    assert [one["id"] for one in listed.data] == [report_id]

    for verb, body in (("acknowledge", None), ("cancel", None), ("close", {"result": "agreed"})):
        said = await scene.act(report_id, verb, body, scene.merchant)
        assert (said.status, said.code) == (403, "forbidden")
    body = {"end_to_end_id": scene.end_to_end_id, "reason": "scam"}
    assert (await scene.api.post(REPORTS, body, scene.merchant)).code == "forbidden"


async def test_others_see_nothing_of_it_and_the_institution_everything(scene: Scene) -> None:
    report_id = (await scene.open()).data["id"]
    other = await scene.api.world.enroll(name="Outra", document="00038166000105")
    theirs = scene.api.key("*", merchant_id=other.merchant.id)
    assert (await scene.api.get(f"{REPORTS}/{report_id}", theirs)).code == "med_report_not_found"
    assert (await scene.api.get(REPORTS, theirs)).data == []
    operator = scene.api.key("pix:read", "med:write", merchant_id=other.merchant.id)
    listed = await scene.api.get(f"{REPORTS}?end_to_end_id={scene.end_to_end_id}", operator)
    assert [one["details"] for one in listed.data] == ["by telephone"]


async def test_what_a_provider_reports_is_shown_to_who_may_decide(scene: Scene) -> None:
    world = scene.api.world
    await world.receive(world.provider.reported(scene.end_to_end_id))
    await world.run_rooms()
    [listed] = (await scene.api.get(REPORTS, scene.operator)).data
    said = {"provider": "simulator", "number": "report-1", "told": "open"}
    assert (listed["status"], listed["details"], listed["infraction"]) == ("open", "they say", said)
    assert (await scene.act(listed["id"], "acknowledge")).data["infraction"] == said
    shown = (await scene.api.get(f"{REPORTS}/{listed['id']}", scene.merchant)).data
    assert (shown["details"], shown["infraction"]) == (None, None)


async def test_nobody_gives_away_the_power_to_decide(scene: Scene) -> None:
    path = f"/api/v1/merchants/{scene.api.world.merchant_id}/api-keys"
    said = await scene.api.post(path, {"name": "mine", "permissions": ["med:*"]}, scene.merchant)
    assert (said.status, said.code) == (403, "forbidden")


@pytest.mark.parametrize(
    ("said", "status", "code"),
    [
        ({"end_to_end_id": "E" * 32}, 422, "invalid_end_to_end_id"),
        ({"end_to_end_id": "E0000000020261122120012345678901"}, 404, "payment_not_found"),
        ({"reason": "envy"}, 422, "validation_failed"),
        ({"amount": 1}, 422, "validation_failed"),
    ],
)
async def test_what_cannot_be_reported_is_refused(
    scene: Scene, said: dict[str, Any], status: int, code: str
) -> None:
    answer = await scene.open(**said)
    assert (answer.status, answer.code) == (status, code)


async def test_decisions_out_of_turn_and_above_what_is_blocked_are_refused(scene: Scene) -> None:
    report_id = (await scene.open()).data["id"]
    early = await scene.act(report_id, "close", {"result": "agreed"})
    assert (early.status, early.code, early.details) == (
        409,
        "med_report_not_open",
        {"status": "open"},
    )
    await scene.act(report_id, "acknowledge")
    above = await scene.act(report_id, "close", {"result": "agreed", "amount": 60_01})
    assert (above.status, above.code) == (422, "med_amount_above_blocked")
    unknown = await scene.act("med_nothing", "cancel")
    assert (unknown.status, unknown.code) == (404, "med_report_not_found")
