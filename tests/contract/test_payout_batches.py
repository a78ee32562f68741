"""Batches over HTTP: written by one person, released or rejected by another, line by line."""

import re
from typing import Any

import pytest

from fluxiq.errors import Unavailable
from fluxiq.services.decide_payout_batch import expire_batches
from fluxiq.services.open_batch_lines import OPEN_LINES, open_batch_lines
from tests.support.api_world import ApiWorld, Said
from tests.support.memory_world import KEY, Fault

BATCHES = "/api/v1/pix/payout-batches"
FUNDS = 100_00
HOUR = 3600.0


def line(amount: Any = 10_00, key: str = KEY, **said: Any) -> dict[str, Any]:
    return {"amount": amount, "recipient": {"pix_key": key}, **said}


class Scene:
    """A merchant with FUNDS, a maker and a checker."""

    def __init__(self, api: ApiWorld) -> None:
        self.api = api
        self.maker = api.key("pix:write", "pix:read")
        self.checker = api.key("payout_batches:release", "pix:write", "pix:read")

    async def write(self, *lines: dict[str, Any], **said: Any) -> Said:
        body = {"name": "suppliers", "lines": lines or (line(), line(20_00)), **said}
        return await self.api.post(BATCHES, body, self.maker)

    async def decide(self, batch: str, verb: str, key: str = "", body: Any = None) -> Said:
        return await self.api.post(f"{BATCHES}/{batch}/{verb}", body, key or self.checker)

    async def reject(self, batch: str, key: str = "") -> Said:
        return await self.decide(batch, "reject", key, {"reason": "wrong month"})

    async def show(self, batch: str) -> Any:
        return (await self.api.get(f"{BATCHES}/{batch}", self.maker)).data

    async def open_lines(self, batch: str) -> None:
        """What the job does."""
        await open_batch_lines(self.api.world.tenant, batch)

    def jobs(self) -> list[dict[str, Any]]:
        rows = self.api.world.jobs.rows.values()
        return [dict(one.args) for one in rows if one.kind == OPEN_LINES.name]


@pytest.fixture
async def scene() -> Scene:
    api = await ApiWorld.open()
    await api.world.fund(FUNDS)
    return Scene(api)


async def test_a_batch_is_written_and_nothing_is_held(scene: Scene) -> None:
    said = await scene.write(line(), line(20_00, description="rent", reference="inv-7"))

    made = said.data
    assert said.status == 201
    assert re.fullmatch(r"bat_[0-9A-Z]{26}", made["id"])
    assert (made["status"], made["line_count"], made["amount"]) == ("awaiting_release", 2, 30_00)
    assert made["account_id"] == scene.api.account.id
    assert made["skipped"] == []
    assert (await scene.api.world.balance()).available == FUNDS
    assert scene.api.world.provider.asked == [], "nobody is looked up for nothing"

    shown = await scene.show(made["id"])
    assert shown["totals"] == [{"status": "waiting", "line_count": 2, "amount": 30_00}]
    assert shown["lines"][1] == {
        "number": 2,
        "status": "waiting",
        "amount": 20_00,
        "pix_key": KEY,
        "pix_key_type": "EMAIL",
        "description": "rent",
        "reference": "inv-7",
        "payout_id": None,
        "error_code": None,
    }


async def test_what_is_wrong_with_each_line_is_told_and_nothing_is_written(scene: Scene) -> None:
    said = await scene.write(
        line(),
        line(0),
        line(10**13),
        line(key="no key at all"),
        {"amount": 1, "recipient": {"pix_key": KEY, "pix_key_type": "IBAN"}},
        line(description="x" * 141),
        line(reference="inv-7"),
        line(reference="inv-7"),
    )
    assert (said.status, said.code) == (422, "batch_invalid")
    faults = [(one["number"], one["code"], one["field"]) for one in said.details["lines"]]
    assert faults == [
        (2, "invalid_amount", "amount"),
        (3, "amount_above_limit", "amount"),
        (4, "invalid_pix_key", "recipient.pix_key"),
        (5, "invalid_pix_key_type", "recipient.pix_key_type"),
        (6, "validation_failed", "description"),
        (8, "reference_repeated", "reference"),
    ]
    assert scene.api.world.payout_batches.rows == {}


async def test_invalid_lines_are_left_out_where_that_is_wanted(scene: Scene) -> None:
    made = (await scene.write(line(), line(0), line(5_00), skip_invalid=True)).data

    assert [one["number"] for one in made["skipped"]] == [2]
    shown = await scene.show(made["id"])
    assert [one["number"] for one in shown["lines"]] == [1, 3]
    assert (shown["line_count"], shown["amount"]) == (2, 15_00)


async def test_a_batch_of_which_nothing_is_left_is_refused_all_the_same(scene: Scene) -> None:
    assert (await scene.write(line(0), skip_invalid=True)).code == "batch_invalid"


@pytest.mark.parametrize(
    "said",
    [
        {"lines": []},
        {"lines": [line()] * 1001},
        {"name": ""},
        {"name": "x" * 81},
        {"lines": [line("10")]},
        {"lines": [{"amount": 1}]},
        {"lines": [line(colour="red")]},
        {"total": 3},
    ],
    ids=str,
)
async def test_a_request_that_breaks_the_contract_is_refused(
    scene: Scene, said: dict[str, Any]
) -> None:
    answer = await scene.write(**said)
    assert (answer.status, answer.code) == (422, "validation_failed")


async def test_the_same_key_again_is_the_same_batch(scene: Scene) -> None:
    body = {"name": "suppliers", "lines": [line()]}
    key = {"Idempotency-Key": "november"}
    first, again = [await scene.api.post(BATCHES, body, scene.maker, **key) for _ in range(2)]

    assert first.data == again.data
    assert again.headers["Idempotency-Replayed"] == "true"
    other = await scene.api.post(BATCHES, {**body, "name": "others"}, scene.maker, **key)
    assert other.code == "idempotency_key_reused"
    assert len(scene.api.world.payout_batches.rows) == 1


async def test_whoever_wrote_a_batch_does_not_release_it(scene: Scene) -> None:
    alone = scene.api.key("pix:write", "pix:read", "payout_batches:release")
    scene.maker = alone
    batch = (await scene.write()).data["id"]

    said = await scene.decide(batch, "release", alone)
    assert (said.status, said.code) == (403, "maker_is_checker")
    assert (await scene.show(batch))["status"] == "awaiting_release"
    assert scene.jobs() == []


async def test_a_release_needs_its_permission(scene: Scene) -> None:
    batch = (await scene.write()).data["id"]
    said = await scene.decide(batch, "release", scene.api.key("pix:*"))
    assert (said.status, said.code) == (403, "forbidden")


async def test_a_released_batch_becomes_payouts_once(scene: Scene) -> None:
    batch = (await scene.write(line(reference="inv-7"), line(20_00))).data["id"]
    first, again = [await scene.decide(batch, "release") for _ in range(2)]

    assert (first.status, first.data["status"]) == (202, "releasing")
    assert first.data["decided_by"] != first.data["created_by"]
    assert again.data == first.data
    assert scene.jobs() == [{"batch_id": batch}]

    for _ in range(2):
        await scene.open_lines(batch)
    shown = await scene.show(batch)
    assert shown["status"] == "released"
    assert [one["status"] for one in shown["lines"]] == ["processing"] * 2
    payout = (await scene.api.get(f"/api/v1/pix/payouts/{shown['lines'][0]['payout_id']}",
        scene.maker)).data  # fmt: skip
    assert payout["metadata"] == {"payout_batch_id": batch, "reference": "inv-7"}
    balance = await scene.api.world.balance()
    assert (balance.available, balance.debits_pending) == (FUNDS - 30_00, 30_00)


async def test_a_line_that_is_refused_stops_no_other(scene: Scene) -> None:
    lines = (line(), line(key="nobody@example.com"), line(FUNDS), line(20_00))
    batch = (await scene.write(*lines)).data["id"]
    await scene.decide(batch, "release")
    await scene.open_lines(batch)

    shown = await scene.show(batch)
    assert shown["status"] == "released"
    assert [(one["status"], one["error_code"]) for one in shown["lines"]] == [
        ("processing", None),
        ("refused", "pix_key_not_found"),
        ("failed", "insufficient_funds"),
        ("processing", None),
    ]
    assert shown["lines"][2]["payout_id"], "it was on paper before the ledger refused it"
    assert shown["totals"] == [
        {"status": "refused", "line_count": 1, "amount": 10_00},
        {"status": "processing", "line_count": 2, "amount": 30_00},
        {"status": "failed", "line_count": 1, "amount": FUNDS},
    ]


async def test_a_line_whose_recipient_cannot_be_asked_about_waits_and_the_others_go(
    scene: Scene,
) -> None:
    batch = (await scene.write(line(key="other@example.com"), line())).data["id"]
    await scene.decide(batch, "release")
    scene.api.world.faults.at["provider.look_up"] = Fault.REFUSED
    with pytest.raises(Unavailable):
        await scene.open_lines(batch)

    shown = await scene.show(batch)
    assert shown["status"] == "releasing"
    assert [one["status"] for one in shown["lines"]] == ["waiting", "processing"]

    await scene.open_lines(batch)
    assert [one["status"] for one in (await scene.show(batch))["lines"]] == [
        "refused",
        "processing",
    ]


async def test_a_batch_is_rejected_by_somebody_else_with_a_reason(scene: Scene) -> None:
    batch = (await scene.write()).data["id"]
    first, again = [await scene.reject(batch) for _ in range(2)]

    assert (first.status, first.data["status"]) == (200, "rejected")
    assert first.data["reason"] == "wrong month"
    assert again.data == first.data
    said = await scene.decide(batch, "release")
    assert (said.status, said.code) == (409, "payout_batch_not_awaiting")
    assert said.details["status"] == "rejected"


async def test_a_maker_withdraws_their_own_batch_and_nobody_elses(scene: Scene) -> None:
    batch, other = [(await scene.write()).data["id"] for _ in range(2)]
    withdrawn = await scene.reject(batch, scene.maker)
    assert withdrawn.data["decided_by"] == withdrawn.data["created_by"]

    said = await scene.reject(other, scene.api.key("pix:write"))
    assert (said.status, said.code) == (403, "forbidden")
    assert said.details == {"permission": "payout_batches:release"}


async def test_what_was_released_is_not_rejected_any_more(scene: Scene) -> None:
    batch = (await scene.write()).data["id"]
    await scene.decide(batch, "release")
    assert (await scene.reject(batch)).code == "payout_batch_not_awaiting"


async def test_a_batch_that_nobody_released_in_time_expires(scene: Scene) -> None:
    batch = (await scene.write()).data["id"]
    scene.api.world.clock.pass_seconds(24 * HOUR)

    late = await scene.decide(batch, "release")
    assert (late.code, late.details["status"]) == (
        "payout_batch_not_awaiting",
        "awaiting_release",
    )
    await expire_batches(scene.api.world.tenant)
    assert (await scene.show(batch))["status"] == "expired"
    assert (await scene.reject(batch)).code == "payout_batch_not_awaiting"


async def test_batches_are_listed_newest_first_and_by_status(scene: Scene) -> None:
    made = []
    for _ in range(3):
        made.append((await scene.write()).data["id"])
        scene.api.world.clock.pass_seconds(1)
    await scene.reject(made[1])

    async def ids(query: str) -> list[str]:
        listed = (await scene.api.get(f"{BATCHES}{query}", scene.maker)).body
        return [one["id"] for one in listed["data"]]

    assert await ids("") == made[::-1]
    assert await ids("?per_page=1&page=2") == [made[1]]
    assert await ids("?status=awaiting_release") == [made[2], made[0]]
    assert await ids("?start_date=2026-11-23") == []


async def test_another_merchant_sees_and_decides_nothing(scene: Scene) -> None:
    batch = (await scene.write()).data["id"]
    other = await scene.api.world.enroll(document="11144477735", name="Outra")
    key = scene.api.key("*", merchant_id=other.merchant.id)

    shown = await scene.api.get(f"{BATCHES}/{batch}", key)
    assert (shown.status, shown.code) == (404, "payout_batch_not_found")
    assert (await scene.decide(batch, "release", key)).status == 404
    assert (await scene.reject(batch, key)).status == 404
    assert (await scene.api.get(BATCHES, key)).body["data"] == []
