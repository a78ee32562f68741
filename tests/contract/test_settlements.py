"""Settlements over HTTP: a schedule that moves takings once a day, and what it came to."""

from contextlib import suppress
from typing import Any

import pytest

from fluxiq.errors import FluxiqError
from fluxiq.services.run_settlements import run_settlements
from tests.support.api_world import ACCOUNTS, TRANSFERS, ApiWorld, Said
from tests.support.memory_world import Crash, Fault

SETTLEMENTS = "/api/v1/settlements"
SCHEDULE = f"{SETTLEMENTS}/schedule"
FUNDS = 100_00
DAY = 86_400


class Scene:
    """A merchant with FUNDS in the account that is paid, and one that pays out. It is 09:00."""

    def __init__(self, api: ApiWorld, destination: str) -> None:
        self.api = api
        self.source, self.destination = api.account.id, destination
        self.key = api.key("accounts:*", "transfers:*")

    async def put(self, key: str = "", **said: Any) -> Said:
        body = {
            "enabled": True,
            "time": "23:30",
            "source_account_id": self.source,
            "destination_account_id": self.destination,
        }
        return await self.api.put(SCHEDULE, body | said, key or self.key)

    async def show(self) -> Any:
        return (await self.api.get(SCHEDULE, self.key)).data

    async def run_at_its_time(self) -> None:
        """What the job does, once it is 23:30."""
        clock, next_at = self.api.world.clock, self.api.world.settlements.rows
        due = next_at[self.api.world.merchant_id].next_at
        assert due is not None
        clock.at = max(clock.at, due)
        await run_settlements(self.api.world.tenant)

    async def days(self, query: str = "") -> Any:
        return (await self.api.get(f"{SETTLEMENTS}{query}", self.key)).body["data"]

    async def available(self, account: str) -> int:
        said = await self.api.get(f"{ACCOUNTS}/{account}/balance", self.key)
        amount: int = said.data["available"]
        return amount


async def opened(*, approval_above: int | None = None) -> Scene:
    api = await ApiWorld.open(approval_above=approval_above)
    await api.world.fund(FUNDS)
    body = {"name": "Settled", "product_id": "prod_pix_settlement"}
    made = await api.post(ACCOUNTS, body, api.key())
    return Scene(api, made.data["id"])


@pytest.fixture
async def scene() -> Scene:
    return await opened()


async def test_a_schedule_is_shown_as_it_was_put(scene: Scene) -> None:
    said = await scene.put(minimum=10_00, keep=5_00)

    made = said.data
    assert (said.status, made) == (200, await scene.show())
    assert made.pop("set_by").startswith("key_")
    assert made.pop("updated_at").endswith("Z")
    assert made == {
        "enabled": True,
        "time": "23:30",
        "source_account_id": scene.source,
        "destination_account_id": scene.destination,
        "minimum": 10_00,
        "keep": 5_00,
        "currency": "BRL",
        "next_at": "2026-11-23T02:30:00Z",
        "last": None,
    }


async def test_without_a_schedule_there_is_none_to_show(scene: Scene) -> None:
    said = await scene.api.get(SCHEDULE, scene.key)
    assert (said.status, said.code) == (404, "settlement_schedule_not_found")


async def test_what_is_above_the_rest_is_moved_once_a_day(scene: Scene) -> None:
    await scene.put(keep=30_00)
    for _ in range(2):
        await scene.run_at_its_time()
        await run_settlements(scene.api.world.tenant)
        await scene.api.world.fund(10_00)

    assert await scene.available(scene.destination) == 80_00
    assert await scene.available(scene.source) == 40_00
    days = await scene.days()
    assert [(one["date"], one["amount"], one["transfer_count"]) for one in days] == [
        ("2026-11-23", 10_00, 1),
        ("2026-11-22", 70_00, 1),
    ]
    assert await scene.days("?start_date=2026-11-23") == days[:1]
    assert await scene.days("?end_date=2026-11-22") == days[1:]
    assert await scene.days("?per_page=1&page=2") == days[1:]

    shown = await scene.show()
    assert shown["next_at"] == "2026-11-25T02:30:00Z"
    assert shown["last"]["outcome"] == "settled"
    moved = await scene.api.get(f"{TRANSFERS}/{shown['last']['transfer_id']}", scene.key)
    assert (moved.data["amount"], moved.data["description"]) == (10_00, "settlement")
    assert moved.data["created_by"] == shown["set_by"]


async def test_what_is_moved_by_hand_counts_too_and_other_transfers_do_not(scene: Scene) -> None:
    other = (await scene.api.post(ACCOUNTS, {"name": "Savings"}, scene.key)).data["id"]
    for number, account in enumerate((scene.destination, other)):
        body = {
            "source_account_id": scene.source,
            "destination_account_id": account,
            "amount": 10_00,
            "idempotency_key": f"by hand {number}",
        }
        assert (await scene.api.post(TRANSFERS, body, scene.key)).status == 201

    [day] = await scene.days()
    assert (day["amount"], day["transfer_count"], day["currency"]) == (10_00, 1, "BRL")


async def test_less_than_the_minimum_stays(scene: Scene) -> None:
    await scene.put(minimum=FUNDS + 1)
    await scene.run_at_its_time()

    assert (await scene.show())["last"] == {
        "at": "2026-11-23T02:30:00Z",
        "outcome": "nothing_to_settle",
        "transfer_id": None,
    }
    assert await scene.available(scene.source) == FUNDS


async def test_days_that_the_platform_was_down_are_one_settlement(scene: Scene) -> None:
    await scene.put()
    scene.api.world.clock.pass_seconds(5 * DAY)
    await run_settlements(scene.api.world.tenant)

    assert await scene.available(scene.destination) == FUNDS
    assert (await scene.show())["next_at"] == "2026-11-28T02:30:00Z"


async def test_a_schedule_that_is_off_moves_nothing_and_remembers(scene: Scene) -> None:
    await scene.put()
    await scene.run_at_its_time()
    last = (await scene.show())["last"]
    off = (await scene.put(enabled=False)).data
    assert (off["enabled"], off["next_at"], off["last"]) == (False, None, last)

    await scene.api.world.fund(10_00)
    scene.api.world.clock.pass_seconds(3 * DAY)
    assert await run_settlements(scene.api.world.tenant) == 0
    assert await scene.available(scene.source) == 10_00


async def test_a_refused_settlement_says_why_and_comes_again_tomorrow(scene: Scene) -> None:
    await scene.put()
    await scene.api.post(f"{ACCOUNTS}/{scene.source}/block", {"reason": "lost"}, scene.key)
    await scene.run_at_its_time()

    shown = await scene.show()
    assert shown["last"]["outcome"] == "account_not_active"
    assert shown["next_at"] == "2026-11-24T02:30:00Z"


async def test_a_large_settlement_awaits_its_second_person() -> None:
    scene = await opened(approval_above=FUNDS - 1)
    await scene.put()
    await scene.run_at_its_time()

    noted = scene.api.world.settlements.rows[scene.api.world.merchant_id].last_outcome
    last = (await scene.show())["last"]
    asked = f"{TRANSFERS}/{last['transfer_id']}"
    assert (noted, last["outcome"]) == ("awaiting_approval", "awaiting_approval")
    assert (await scene.api.get(asked, scene.key)).data["status"] == "pending"
    assert await scene.days() == [], "nothing is settled yet"
    own = await scene.api.post(f"{asked}/approve", None, scene.key)
    assert own.code == "maker_is_checker"
    other = scene.api.key("transfers:*")
    assert (await scene.api.post(f"{asked}/approve", None, other)).data["status"] == "completed"
    assert await scene.available(scene.destination) == FUNDS
    assert (await scene.show())["last"] == last | {"outcome": "settled"}


async def test_a_settlement_that_nobody_approved_was_not_settled() -> None:
    scene = await opened(approval_above=FUNDS - 1)
    await scene.put()
    await scene.run_at_its_time()

    asked = f"{TRANSFERS}/{(await scene.show())['last']['transfer_id']}"
    rejected = await scene.api.post(f"{asked}/reject", None, scene.api.key("transfers:*"))
    assert rejected.data["status"] == "failed"
    assert (await scene.show())["last"]["outcome"] == "approval_rejected"
    assert (await scene.put()).data["last"]["outcome"] == "approval_rejected"


async def test_a_settlement_that_the_ledger_has_not_answered_is_under_way(scene: Scene) -> None:
    await scene.put()
    scene.api.world.faults.at["ledger.create_transfers"] = Fault.REFUSED
    await scene.run_at_its_time()

    assert (await scene.show())["last"]["outcome"] == "under_way"


@pytest.mark.parametrize(
    ("said", "code", "field"),
    [
        ({"time": "24:00"}, "validation_failed", "time"),
        ({"time": "9:30"}, "validation_failed", "time"),
        ({"minimum": 0}, "validation_failed", "minimum"),
        ({"keep": -1}, "validation_failed", "keep"),
        ({"source_account_id": "acc_nowhere"}, "account_not_found", "source_account_id"),
        ({"destination_account_id": "acc_nowhere"}, "account_not_found", "destination_account_id"),
    ],
    ids=str,
)
async def test_a_schedule_that_cannot_be_is_refused(
    scene: Scene, said: dict[str, Any], code: str, field: str
) -> None:
    answer = await scene.put(**said)
    assert (answer.code, answer.details["field"]) == (code, field)


async def test_accounts_must_be_of_their_products(scene: Scene) -> None:
    turned = await scene.put(
        source_account_id=scene.destination, destination_account_id=scene.source
    )
    assert (turned.status, turned.code) == (422, "account_not_of_product")


async def test_who_may_not_move_money_puts_no_schedule(scene: Scene) -> None:
    said = await scene.put(scene.api.key("accounts:*"))
    assert (said.status, said.code) == (403, "forbidden")
    assert said.details == {"permission": "transfers:write"}
    assert (await scene.put(scene.api.key("transfers:*"))).status == 403


async def test_another_merchant_has_a_schedule_of_its_own(scene: Scene) -> None:
    await scene.put()
    other = await scene.api.world.enroll(document="11144477735", name="Outra")
    key = scene.api.key("*", merchant_id=other.merchant.id)

    assert (await scene.api.get(SCHEDULE, key)).status == 404
    assert (await scene.put(key)).code == "account_not_found"
    assert (await scene.api.get(SETTLEMENTS, key)).body["data"] == []


CHANGING = ("transfers.open", "ledger.create_transfers", "transfers.move", "settlements.note_run")


@pytest.mark.parametrize("fault", list(Fault), ids=lambda one: one.name.lower())
@pytest.mark.parametrize("call", CHANGING)
async def test_an_interrupted_settlement_is_made_once(
    scene: Scene, call: str, fault: Fault
) -> None:
    """Whatever came in meanwhile: that waits for tomorrow."""
    world = scene.api.world
    await scene.put()
    world.faults.at[call] = fault
    with suppress(FluxiqError, Crash):
        await scene.run_at_its_time()
    assert call not in world.faults.at, "the fault was met"

    made = len(world.transfers.rows)
    if made:
        await world.fund(10_00)
    await run_settlements(world.tenant)
    await run_settlements(world.tenant)
    [transfer] = world.transfers.rows.values()
    assert transfer.amount == FUNDS
    shown = await scene.show()
    assert shown["last"]["transfer_id"] == transfer.id
    assert shown["next_at"] == "2026-11-24T02:30:00Z"
