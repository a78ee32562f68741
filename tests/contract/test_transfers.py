"""Book transfers over HTTP: at once, held for approval, refused, and asked for again."""

import re
from typing import Any

import msgspec
import pytest

from fluxiq.services.sweep_transfers import UNFINISHED_SECONDS, expire_approvals, resume_transfers
from tests.support.api_world import ACCOUNTS, TRANSFERS, ApiWorld, Said
from tests.support.memory_world import Fault

FUNDS = 100_00
LIMIT = 50_00
DAY = 86_400


class Scene:
    """Two accounts of one merchant; the first has FUNDS, and transfers above LIMIT need two."""

    def __init__(self, api: ApiWorld, other: str) -> None:
        self.api = api
        self.source, self.other = api.account.id, other
        self.maker = api.key("transfers:write", "transfers:read")
        self.checker = api.key("transfers:approve", "transfers:read")
        self.reader = api.key("accounts:read")

    async def ask(self, amount: int = 10_00, under: str = "order 1", **said: Any) -> Said:
        body = {
            "source_account_id": self.source,
            "destination_account_id": self.other,
            "amount": amount,
            "description": "rent",
            "idempotency_key": under,
            "metadata": {"house": 7},
        }
        return await self.api.post(TRANSFERS, body | said, self.maker)

    async def decide(self, verb: str, transfer_id: str, key: str | None = None) -> Said:
        path = f"{TRANSFERS}/{transfer_id}/{verb}"
        return await self.api.post(path, None, key or self.checker)

    async def balance(self, account_id: str | None = None) -> tuple[int, int]:
        said = await self.api.get(f"{ACCOUNTS}/{account_id or self.source}/balance", self.reader)
        return said.data["available"], said.data["pending"]

    def told(self) -> list[str]:
        events = [one.type for one in self.api.world.store.events]
        return [one for one in events if one.startswith("transfer.")]


@pytest.fixture
async def scene() -> Scene:
    api = await ApiWorld.open(approval_above=LIMIT)
    await api.world.fund(FUNDS)
    opened = await api.post(ACCOUNTS, {"name": "Savings"}, api.key())
    return Scene(api, opened.data["id"])


async def test_a_transfer_is_made_at_once(scene: Scene) -> None:
    said = await scene.ask()

    made = said.data
    assert said.status == 201
    assert re.fullmatch(r"xfer_[0-9A-Z]{26}", made.pop("id"))
    assert re.fullmatch(r"tb_[0-9A-Z]{26}", made.pop("ledger_entry_id"))
    assert made.pop("created_at").endswith("Z")
    assert made.pop("completed_at").endswith("Z")
    assert made.pop("created_by").startswith("key_")
    assert made == {
        "status": "completed",
        "source_account_id": scene.source,
        "destination_account_id": scene.other,
        "amount": 10_00,
        "currency": "BRL",
        "description": "rent",
        "failure": None,
        "decided_by": None,
        "expires_at": None,
        "metadata": {"house": 7},
    }
    assert await scene.balance() == (90_00, 0)
    assert await scene.balance(scene.other) == (10_00, 0)
    assert scene.told() == ["transfer.completed"]


async def test_the_same_key_and_body_again_is_the_same_transfer(scene: Scene) -> None:
    first, again = await scene.ask(), await scene.ask()

    assert (again.status, again.data) == (201, first.data)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    assert await scene.balance() == (90_00, 0)


async def test_a_used_key_with_another_body_is_refused(scene: Scene) -> None:
    await scene.ask()
    said = await scene.ask(amount=11_00)

    assert (said.status, said.code) == (422, "idempotency_key_reused")


async def test_a_transfer_without_a_key_is_refused_by_name(scene: Scene) -> None:
    said = await scene.ask(idempotency_key=None)

    assert (said.status, said.code) == (422, "idempotency_key_required")
    assert said.details == {"field": "idempotency_key"}


async def test_what_the_balance_does_not_cover_is_recorded_and_refused_alike_each_time(
    scene: Scene,
) -> None:
    for under in ("a", "b"):
        assert (await scene.ask(LIMIT, under)).status == 201
    refused = await scene.ask(LIMIT, "c")
    assert (refused.status, refused.code) == (422, "insufficient_funds")

    again = await scene.ask(LIMIT, "c")
    assert again.body["error"] == refused.body["error"]
    path = f"{TRANSFERS}/{refused.details['transfer_id']}"
    record = (await scene.api.get(path, scene.maker)).data
    assert (record["status"], record["failure"]["code"]) == ("failed", "insufficient_funds")
    assert record["ledger_entry_id"] is None
    assert scene.told() == ["transfer.completed", "transfer.completed", "transfer.failed"]


@pytest.mark.parametrize(
    ("said", "status", "code", "field"),
    [
        ({"amount": 0}, 422, "validation_failed", "amount"),
        ({"amount": 1.5}, 422, "validation_failed", "amount"),
        ({"amount": "10"}, 422, "validation_failed", "amount"),
        ({"fee": 1}, 422, "validation_failed", "fee"),
        ({"destination_account_id": "acc_x"}, 404, "account_not_found", "destination_account_id"),
        ({"source_account_id": "acc_x"}, 404, "account_not_found", "source_account_id"),
    ],
)
async def test_a_transfer_that_cannot_be_is_refused_by_name(
    scene: Scene, said: dict[str, Any], status: int, code: str, field: str
) -> None:
    answer = await scene.ask(**said)

    assert (answer.status, answer.code) == (status, code)
    assert answer.details["field"] == field
    assert scene.told() == []


async def test_an_account_does_not_pay_itself(scene: Scene) -> None:
    said = await scene.ask(destination_account_id=scene.source)

    assert (said.status, said.code) == (422, "same_account")


async def test_money_leaves_only_the_callers_own_accounts_but_goes_to_any(scene: Scene) -> None:
    other = await scene.api.world.enroll(name="Outra", document="00038166000105")
    taken = await scene.ask(
        source_account_id=other.account.id, destination_account_id=scene.source, under="a"
    )
    given = await scene.ask(destination_account_id=other.account.id, under="b")

    assert (taken.status, taken.code) == (404, "account_not_found")
    assert given.status == 201
    theirs = scene.api.key(merchant_id=other.merchant.id)
    assert (await scene.api.get(f"{TRANSFERS}/{given.data['id']}", theirs)).status == 404
    assert (await scene.api.get(TRANSFERS, theirs)).data == []


async def test_a_blocked_account_sends_nothing_and_still_receives(scene: Scene) -> None:
    owner = scene.api.key()
    for account_id in (scene.other, scene.source):
        await scene.api.post(f"{ACCOUNTS}/{account_id}/block", {"reason": "alarm"}, owner)
        scene.api.world.clock.pass_seconds(2)
        said = await scene.ask(under=account_id)
        assert said.status == (201 if account_id == scene.other else 422)

    assert said.code == "account_not_active"
    assert said.details["field"] == "source_account_id"


# Approval.


async def test_a_large_transfer_is_held_until_somebody_else_approves(scene: Scene) -> None:
    asked = await scene.ask(LIMIT + 1)
    assert (asked.status, asked.data["status"]) == (202, "pending")
    assert asked.data["ledger_entry_id"] is None
    assert await scene.balance() == (FUNDS - LIMIT - 1, LIMIT + 1)
    assert await scene.balance(scene.other) == (0, 0)
    assert scene.told() == []

    approved = await scene.decide("approve", asked.data["id"])
    assert (approved.status, approved.data["status"]) == (200, "completed")
    assert approved.data["decided_by"] not in {None, asked.data["created_by"]}
    assert approved.data["ledger_entry_id"].startswith("tb_")
    assert await scene.balance() == (FUNDS - LIMIT - 1, 0)
    assert await scene.balance(scene.other) == (LIMIT + 1, 0)
    assert scene.told() == ["transfer.completed"]

    replayed = await scene.ask(LIMIT + 1)
    assert (replayed.status, replayed.data) == (202, asked.data)


async def test_a_rejected_transfer_gives_its_money_back(scene: Scene) -> None:
    asked = await scene.ask(LIMIT + 1)
    said = await scene.decide("reject", asked.data["id"])

    assert (said.status, said.data["status"]) == (200, "failed")
    assert said.data["failure"]["code"] == "approval_rejected"
    assert await scene.balance() == (FUNDS, 0)
    assert scene.told() == ["transfer.failed"]


@pytest.mark.parametrize("verb", ["approve", "reject"])
async def test_who_made_a_transfer_does_not_decide_about_it(scene: Scene, verb: str) -> None:
    scene.maker = scene.api.key("*")
    asked = await scene.ask(LIMIT + 1)
    said = await scene.decide(verb, asked.data["id"], scene.maker)

    assert (said.status, said.code) == (403, "maker_is_checker")
    assert await scene.balance() == (FUNDS - LIMIT - 1, LIMIT + 1)


async def test_who_may_only_make_transfers_may_not_approve(scene: Scene) -> None:
    asked = await scene.ask(LIMIT + 1)
    said = await scene.decide("approve", asked.data["id"], scene.api.key("transfers:write"))

    assert (said.status, said.code) == (403, "forbidden")


@pytest.mark.parametrize(("verb", "other"), [("approve", "reject"), ("reject", "approve")])
async def test_a_decision_is_made_once_and_may_be_repeated_by_who_made_it(
    scene: Scene, verb: str, other: str
) -> None:
    asked = await scene.ask(LIMIT + 1)
    first = await scene.decide(verb, asked.data["id"])
    again = await scene.decide(verb, asked.data["id"])
    against = await scene.decide(other, asked.data["id"])
    late = await scene.decide(verb, asked.data["id"], scene.api.key("transfers:approve"))

    assert (again.status, again.data) == (200, first.data)
    assert (against.status, against.code) == (409, "transfer_not_pending")
    assert (late.status, late.code) == (409, "transfer_not_pending")
    assert late.details["status"] == first.data["status"]
    assert len(scene.told()) == 1


async def test_what_was_made_at_once_awaits_no_decision(scene: Scene) -> None:
    asked = await scene.ask()
    said = await scene.decide("approve", asked.data["id"])

    assert (said.status, said.code) == (409, "transfer_not_pending")


async def test_another_merchants_transfer_does_not_exist(scene: Scene) -> None:
    asked = await scene.ask(LIMIT + 1)
    other = await scene.api.world.enroll(name="Outra", document="00038166000105")
    theirs = scene.api.key("transfers:*", merchant_id=other.merchant.id)

    for verb in ("approve", "reject"):
        said = await scene.decide(verb, asked.data["id"], theirs)
        assert (said.status, said.code) == (404, "transfer_not_found")


async def test_a_source_that_was_blocked_meanwhile_is_not_debited(scene: Scene) -> None:
    asked = await scene.ask(LIMIT + 1)
    await scene.api.post(f"{ACCOUNTS}/{scene.source}/block", {"reason": "x"}, scene.api.key())

    approved = await scene.decide("approve", asked.data["id"])
    assert (approved.status, approved.code) == (422, "account_not_active")
    rejected = await scene.decide("reject", asked.data["id"])
    assert rejected.data["status"] == "failed"


async def test_an_approval_that_does_not_come_in_time_gives_the_money_back(scene: Scene) -> None:
    asked = await scene.ask(LIMIT + 1)
    scene.api.world.clock.pass_seconds(DAY - 1)
    assert await expire_approvals(scene.api.world.tenant) == 0
    scene.api.world.clock.pass_seconds(1)
    late = await scene.decide("approve", asked.data["id"])
    assert (late.status, late.code) == (409, "transfer_not_pending")

    assert await expire_approvals(scene.api.world.tenant) == 1
    assert await expire_approvals(scene.api.world.tenant) == 0
    record = (await scene.api.get(f"{TRANSFERS}/{asked.data['id']}", scene.maker)).data
    assert (record["status"], record["failure"]["code"]) == ("failed", "approval_expired")
    assert record["decided_by"] is None
    assert await scene.balance() == (FUNDS, 0)
    assert scene.told() == ["transfer.failed"]


# What the merchant is told that the money goes to.


async def payee_of(scene: Scene) -> tuple[str, str]:
    """Another merchant, and its account."""
    other = await scene.api.world.enroll(name="Outra", document="00038166000105")
    return other.merchant.id, other.account.id


def told_to(scene: Scene, merchant_id: str) -> list[Any]:
    events = scene.api.world.store.events
    return [
        (one.type, msgspec.to_builtins(one.data))
        for one in events
        if one.merchant_id == merchant_id and one.type.startswith("transfer.")
    ]


async def test_money_from_another_merchant_is_told_without_what_is_its_makers_own(
    scene: Scene,
) -> None:
    payee_id, account_id = await payee_of(scene)
    made = (await scene.ask(destination_account_id=account_id)).data

    [(kind, own)] = told_to(scene, scene.api.world.merchant_id)
    assert kind == "transfer.completed"
    assert (own["metadata"], own["created_by"]) == ({"house": 7}, made["created_by"])
    [(kind, seen)] = told_to(scene, payee_id)
    assert kind == "transfer.completed"
    private = {"metadata": {}, "created_by": None, "decided_by": None, "expires_at": None}
    assert seen == own | private
    assert seen["ledger_entry_id"] == made["ledger_entry_id"]


async def test_what_two_people_decided_is_told_to_the_payee_once_the_money_is_there(
    scene: Scene,
) -> None:
    payee_id, account_id = await payee_of(scene)
    asked = (await scene.ask(LIMIT + 1, destination_account_id=account_id)).data
    assert told_to(scene, payee_id) == []

    approved = (await scene.decide("approve", asked["id"])).data
    [(_, seen)] = told_to(scene, payee_id)
    assert seen["decided_by"] is seen["created_by"] is seen["expires_at"] is None
    assert seen["completed_at"] == approved["completed_at"]


async def test_a_payee_hears_nothing_of_money_that_does_not_come(scene: Scene) -> None:
    payee_id, account_id = await payee_of(scene)
    refused = await scene.ask(FUNDS + 1, destination_account_id=account_id, under="too much")
    asked = (await scene.ask(LIMIT + 1, destination_account_id=account_id)).data
    await scene.decide("reject", asked["id"])

    assert refused.status in {202, 422}
    assert told_to(scene, payee_id) == []
    told = [kind for kind, _ in told_to(scene, scene.api.world.merchant_id)]
    assert set(told) == {"transfer.failed"}


async def test_between_a_merchants_own_accounts_it_is_told_once(scene: Scene) -> None:
    await scene.ask()
    assert len(told_to(scene, scene.api.world.merchant_id)) == 1


# Doubt.


async def test_a_lost_answer_of_the_ledger_is_unknown_and_then_known(scene: Scene) -> None:
    scene.api.world.faults.at["ledger.create_transfers"] = Fault.ANSWER_LOST
    said = await scene.ask()
    assert (said.status, said.code) == (503, "outcome_unknown")
    running = await scene.ask()
    assert (running.status, running.code) == (409, "idempotency_in_progress")
    path = f"{TRANSFERS}/{running.details['resource_id']}"
    assert (await scene.api.get(path, scene.maker)).data["status"] == "pending"

    scene.api.world.clock.pass_seconds(UNFINISHED_SECONDS + 1)
    assert await resume_transfers(scene.api.world.tenant) == 1
    again = await scene.ask()
    assert (again.status, again.data["status"]) == (201, "completed")
    assert await scene.balance() == (90_00, 0)


@pytest.mark.parametrize(("verb", "status"), [("approve", "completed"), ("reject", "failed")])
async def test_a_decision_whose_answer_is_lost_is_finished_by_the_sweep(
    scene: Scene, verb: str, status: str
) -> None:
    asked = await scene.ask(LIMIT + 1)
    scene.api.world.faults.at["ledger.create_transfers"] = Fault.ANSWER_LOST
    said = await scene.decide(verb, asked.data["id"])
    assert (said.status, said.code) == (503, "outcome_unknown")

    scene.api.world.clock.pass_seconds(UNFINISHED_SECONDS + 1)
    await resume_transfers(scene.api.world.tenant)
    again = await scene.decide(verb, asked.data["id"])
    assert (again.status, again.data["status"]) == (200, status)
    assert scene.told() == [f"transfer.{status}"]
    assert (await scene.balance())[1] == 0


# Lists.


async def test_transfers_are_listed_newest_first_and_filtered(scene: Scene) -> None:
    made = []
    for number in range(3):
        made.append((await scene.ask(under=f"order {number}")).data)
        scene.api.world.clock.pass_seconds(DAY)
    pending = (await scene.ask(LIMIT + 1, under="large")).data
    today = pending["created_at"][:10]

    async def ids(query: str) -> list[str]:
        said = await scene.api.get(f"{TRANSFERS}?{query}", scene.maker)
        assert said.status == 200, said.body
        return [one["id"] for one in said.data]

    newest_first = [pending["id"], *(one["id"] for one in reversed(made))]
    assert await ids("") == newest_first
    assert await ids("per_page=2&page=2") == newest_first[2:]
    assert await ids("status=pending") == [pending["id"]]
    assert await ids(f"account_id={scene.other}") == newest_first
    assert await ids("account_id=acc_other") == []
    assert await ids(f"start_date={today}") == [pending["id"]]
    assert await ids(f"end_date={made[0]['created_at'][:10]}") == [made[0]["id"]]
    said = await scene.api.get(f"{TRANSFERS}?status=lost", scene.maker)
    assert (said.status, said.details) == (422, {"field": "status"})
