"""What callers are told while the ledger is slow, or away, or stands in (docs/ledger.md)."""

from typing import Any

import pytest

from fluxiq.errors import LedgerDegraded, Unavailable
from fluxiq.services.sweep import UNHELD_SECONDS, resume_unheld
from fluxiq.services.sweep_transfers import UNFINISHED_SECONDS, resume_transfers
from tests.support.api_world import ACCOUNTS, TRANSFERS, ApiWorld, Said
from tests.support.memory_world import KEY, Fault

PAYOUTS, REFUNDS = "/api/v1/pix/payouts", "/api/v1/pix/refunds"
HOLD = "ledger.create_transfers"
APPROVAL_ABOVE = 50_00


class Scene:
    """A merchant with R$ 100.00 that was paid at once, and a second account."""

    def __init__(self, api: ApiWorld, other: str, end_to_end_id: str) -> None:
        self.api, self.world = api, api.world
        self.key = api.key()
        self.bodies: dict[str, dict[str, Any]] = {
            PAYOUTS: {"recipient": {"pix_key": KEY}},
            REFUNDS: {"end_to_end_id": end_to_end_id},
            TRANSFERS: {"source_account_id": api.account.id, "destination_account_id": other},
        }

    async def ask(self, path: str, amount: int = 40_00) -> Said:
        body = self.bodies[path] | {"amount": amount, "idempotency_key": f"order {path}"}
        return await self.api.post(path, body, self.key)

    async def show(self, path: str, one: str) -> Any:
        return (await self.api.get(f"{path}/{one}", self.key)).data

    async def sweep(self) -> None:
        self.world.clock.pass_seconds(max(UNHELD_SECONDS, UNFINISHED_SECONDS) + 1)
        await resume_unheld(self.world.tenant)
        await resume_transfers(self.world.tenant)

    def on_paper(self) -> int:
        paid = len(self.world.store.payouts_by_id)
        return paid + len(self.world.refunds.by_id) + len(self.world.transfers.rows)


@pytest.fixture
async def scene() -> Scene:
    api = await ApiWorld.open(approval_above=APPROVAL_ABOVE)
    notice = api.world.received(100_00)
    await api.world.receive(notice)
    await api.world.run_rooms()
    opened = await api.post(ACCOUNTS, {"name": "Savings"}, api.key())
    return Scene(api, opened.data["id"], notice.end_to_end_id)


WAITING = {PAYOUTS: "processing", REFUNDS: "processing", TRANSFERS: "pending"}
AFTERWARDS = {PAYOUTS: "processing", REFUNDS: "processing", TRANSFERS: "completed"}


@pytest.mark.parametrize("path", WAITING)
async def test_what_the_ledger_does_not_take_in_time_is_accepted_and_carried_on_by_the_sweep(
    scene: Scene, path: str
) -> None:
    scene.world.faults.at[HOLD] = Fault.REFUSED
    said = await scene.ask(path)
    assert (said.status, said.data["status"]) == (202, WAITING[path])

    again = await scene.ask(path)  # never a second one beside it
    assert (again.status, again.code) == (409, "idempotency_in_progress")
    assert again.details == {"resource_id": said.data["id"]}

    await scene.sweep()
    assert (await scene.show(path, said.data["id"]))["status"] == AFTERWARDS[path]
    replayed = await scene.ask(path)
    assert replayed.headers["Idempotency-Replayed"] == "true"
    assert replayed.data["id"] == said.data["id"]
    assert (await scene.world.balance()).available == 60_00
    assert scene.on_paper() == 1


@pytest.mark.parametrize("path", WAITING)
async def test_what_was_accepted_without_a_hold_and_has_no_funds_fails_and_says_so(
    scene: Scene, path: str
) -> None:
    await scene.ask(TRANSFERS if path != TRANSFERS else PAYOUTS, 40_00)
    scene.bodies[path]["description"] = "more than is left"
    scene.world.faults.at[HOLD] = Fault.REFUSED
    said = await scene.ask(path, 80_00)
    assert (said.status, said.data["status"]) == (202, WAITING[path])

    await scene.sweep()
    shown = await scene.show(path, said.data["id"])
    assert (shown["status"], shown["failure"]["code"]) == ("failed", "insufficient_funds")
    refused = await scene.ask(path, 80_00)
    assert (refused.status, refused.code) == (422, "insufficient_funds")


@pytest.mark.parametrize("path", WAITING)
@pytest.mark.parametrize(
    ("error", "code", "seconds"),
    [
        (LedgerDegraded("TigerBeetle is away", retry_after=5.0), "ledger_degraded", "5"),
        (Unavailable("ledger", "this writer has ended"), "ledger_unavailable", "1"),
    ],
)
async def test_what_the_ledger_would_not_take_now_leaves_nothing_behind_and_may_come_again(
    scene: Scene, path: str, error: Unavailable, code: str, seconds: str
) -> None:
    scene.world.admission.says = error
    said = await scene.ask(path)
    assert (said.status, said.code) == (503, code)
    assert said.headers["Retry-After"] == seconds
    assert said.details == {"retry_after": int(seconds)}
    assert scene.on_paper() == 0

    scene.world.admission.says = None
    later = await scene.ask(path)
    assert later.status in {201, 202}
    assert "Idempotency-Replayed" not in later.headers


@pytest.mark.parametrize("path", WAITING)
async def test_what_was_granted_before_is_answered_also_while_the_ledger_does_less(
    scene: Scene, path: str
) -> None:
    first = await scene.ask(path)
    scene.world.cache.values.clear()  # no answer is kept: the truth has to say it
    scene.world.admission.room = 0
    again = await scene.ask(path)
    assert (again.status, again.data) == (first.status, first.data)
    assert again.headers["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize("path", WAITING)
async def test_where_money_may_have_moved_the_outcome_stays_unknown(
    scene: Scene, path: str
) -> None:
    scene.world.faults.at[HOLD] = Fault.ANSWER_LOST
    said = await scene.ask(path)
    assert (said.status, said.code) == (503, "outcome_unknown")
    assert "Retry-After" not in said.headers


@pytest.mark.parametrize(("verb", "end"), [("approve", "completed"), ("reject", "failed")])
async def test_a_decision_stands_while_the_ledger_is_slow_to_carry_it_out(
    scene: Scene, verb: str, end: str
) -> None:
    asked = await scene.ask(TRANSFERS, APPROVAL_ABOVE + 1)
    scene.world.faults.at[HOLD] = Fault.REFUSED
    path, checker = f"{TRANSFERS}/{asked.data['id']}/{verb}", scene.api.key()
    said = await scene.api.post(path, None, checker)
    assert (said.status, said.data["status"]) == (202, "pending")
    assert said.data["decided_by"] is not None

    await scene.sweep()
    again = await scene.api.post(path, None, checker)
    assert (again.status, again.data["status"]) == (200, end)


async def test_a_balance_that_the_ledger_does_not_tell_is_its_own_code(scene: Scene) -> None:
    scene.world.faults.away.add("ledger")
    said = await scene.api.get(f"{ACCOUNTS}/{scene.api.account.id}/balance", scene.key)
    assert (said.status, said.code) == (503, "ledger_unavailable")


async def test_one_payout_above_a_cap_does_not_keep_the_sweep_from_the_next(scene: Scene) -> None:
    scene.world.faults.at[HOLD] = Fault.REFUSED
    above = await scene.ask(PAYOUTS, 50_00)
    scene.world.faults.at[HOLD] = Fault.REFUSED
    scene.world.clock.pass_seconds(0.1)
    within = await scene.ask(REFUNDS, 20_00)

    ledger = scene.world.ledger
    create = ledger.create_transfers

    async def capped(transfers: Any) -> Any:
        if any(one.amount == above.data["amount"] for one in transfers):
            raise LedgerDegraded("the stand-in's cap is reached", retry_after=30.0)
        return await create(transfers)

    ledger.create_transfers = capped  # type: ignore[method-assign]
    await scene.sweep()
    assert len(scene.world.store.outbox) > 0
    assert scene.world.refunds.by_id[within.data["id"]].stage == "held"
    assert scene.world.store.payouts_by_id[above.data["id"]].stage == "created"
