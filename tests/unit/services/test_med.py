"""Fraud reports: what is blocked, given back and released, whatever happens in between."""

from typing import Any

import msgspec
import pytest
import trio

from fluxiq.domain.med import MedReason, MedReport, MedStage
from fluxiq.domain.records import Notice, PayoutStage, Refund, RefundReason
from fluxiq.domain.transfer_postings import blocked_ledger_id
from fluxiq.errors import Refused, Unavailable, Unknown
from fluxiq.ports import Idempotency
from fluxiq.services.med_reports import (
    acknowledge_report,
    cancel_report,
    close_report,
    open_report,
    show_report,
)
from fluxiq.services.messages.envelope import digest_of
from fluxiq.services.messages.med import CloseMedReport, OpenMedReport
from fluxiq.services.messages.refunds import OpenRefund
from fluxiq.services.open_refund import open_refund
from fluxiq.services.sweep import UNHELD_SECONDS, resume_unheld
from fluxiq.services.sweep_med import UNFINISHED_SECONDS, expire_reports, resume_reports
from tests.support.memory_world import ISPB, Crash, Fault, MemoryWorld

OPERATOR, OPERATORS_KEY = "mch_operator", "key_operator"
DAYS = 86_400


class Scene:
    """A merchant who was paid R$ 60.00 by somebody who says it was fraud; it has R$ 160.00."""

    def __init__(self, world: MemoryWorld, paid: Notice) -> None:
        self.world, self.paid = world, paid
        self.tenant = world.tenant

    async def open(self, under: str | None = None) -> MedReport:
        request = OpenMedReport(
            end_to_end_id=self.paid.end_to_end_id, reason=MedReason.SCAM, details="he called me"
        )
        key = None if under is None else Idempotency(key=under, digest=digest_of(request))
        answer = await open_report(self.tenant, OPERATOR, OPERATORS_KEY, request, key)
        return self.world.med.by_id[msgspec.json.decode(answer.body)["data"]["id"]]

    async def acknowledged(self) -> MedReport:
        report = await self.open()
        await acknowledge_report(self.tenant, OPERATORS_KEY, report.id)
        return self.now_of(report)

    async def close(self, report: MedReport, result: Any, amount: int | None = None) -> MedReport:
        request = CloseMedReport(result=result, amount=amount)
        await close_report(self.tenant, OPERATORS_KEY, report.id, request)
        return self.now_of(report)

    async def rejected(self, amount: int | None = None) -> MedReport:
        """The provider does not return what was agreed."""
        report = await self.close(await self.acknowledged(), "agreed", amount)
        await self.reject(report)
        return self.now_of(report)

    async def reject(self, report: MedReport) -> None:
        await self.world.run_rooms()
        await self.world.receive(self.world.provider.reject(self.refund_of(report).return_id))
        await self.world.run_rooms()

    async def refund(
        self,
        amount: int | None = None,
        under: str = "back",
        reason: RefundReason = RefundReason.CUSTOMER,
    ) -> None:
        request = OpenRefund(end_to_end_id=self.paid.end_to_end_id, amount=amount, reason=reason)
        await open_refund(
            self.tenant,
            self.world.merchant_id,
            request,
            Idempotency(key=under, digest=digest_of(request)),
            self.world.clock.now(),
        )

    def now_of(self, report: MedReport) -> MedReport:
        return self.world.med.by_id[report.id]

    async def money(self) -> tuple[int, int, int]:
        """Available, held, and blocked."""
        blocked_id = blocked_ledger_id(ISPB, self.world.merchant.account.id)
        blocked = (await self.world.ledger.balances([blocked_id])).get(blocked_id)
        balance = await self.world.balance()
        return balance.available, balance.debits_pending, blocked.available if blocked else 0

    def told(self) -> list[str]:
        events = [one.type for one in self.world.store.events]
        return [one for one in events if one.startswith(("pix.med.", "pix.refund."))]

    def refund_of(self, report: MedReport) -> Refund:
        assert report.refund_id is not None
        return self.world.refunds.by_id[report.refund_id]

    async def sweep(self) -> None:
        self.world.clock.pass_seconds(max(UNFINISHED_SECONDS, UNHELD_SECONDS) + 1)
        await resume_reports(self.tenant)
        await resume_unheld(self.tenant)


@pytest.fixture
async def scene(world: MemoryWorld) -> Scene:
    paid = world.received(60_00)
    await world.receive(paid)
    await world.run_rooms()
    world.faults.calls.clear()
    return Scene(world, paid)


async def test_opened_it_blocks_the_payment(scene: Scene) -> None:
    report = await scene.open()
    assert (report.stage, report.blocked_amount) == (MedStage.OPEN, 60_00)
    assert await scene.money() == (100_00, 0, 60_00)
    assert scene.told() == ["pix.med.opened"]


async def test_it_blocks_no_more_than_the_balance(scene: Scene) -> None:
    await scene.world.pay(130_00)
    report = await scene.open()
    assert report.blocked_amount == 30_00
    assert await scene.money() == (0, 130_00, 30_00)


async def test_with_nothing_left_nothing_is_blocked_and_the_report_is_open(scene: Scene) -> None:
    await scene.world.pay(160_00)
    report = await scene.open()
    assert (report.stage, report.blocked_amount) == (MedStage.OPEN, 0)
    await acknowledge_report(scene.tenant, OPERATORS_KEY, report.id)
    closed = await scene.close(report, "agreed")
    assert (closed.returned_amount, closed.refund_id) == (0, None)
    assert closed.settled_at is not None


async def test_it_blocks_no_more_than_what_was_not_refunded(scene: Scene) -> None:
    await scene.refund(45_00)
    report = await scene.open()
    assert report.blocked_amount == 15_00
    assert await scene.money() == (100_00, 45_00, 15_00)


async def test_what_is_blocked_cannot_be_refunded_by_the_merchant_too(scene: Scene) -> None:
    await scene.open()
    with pytest.raises(Refused) as caught:
        await scene.refund(1)
    assert caught.value.code == "refund_above_original"


async def test_agreed_it_goes_back_to_the_payer_as_a_refund_for_fraud(scene: Scene) -> None:
    report = await scene.close(await scene.acknowledged(), "agreed")
    assert (report.stage, report.returned_amount) == (MedStage.AGREED, 60_00)
    assert await scene.money() == (100_00, 60_00, 0)

    refund = scene.refund_of(report)
    assert (refund.reason, refund.amount, refund.stage) == (
        RefundReason.FRAUD,
        60_00,
        PayoutStage.HELD,
    )
    await scene.world.run_rooms()
    await scene.world.receive(scene.world.provider.settle(refund.return_id))
    await scene.world.run_rooms()
    assert scene.refund_of(report).stage is PayoutStage.CONFIRMED
    assert await scene.money() == (100_00, 0, 0)
    assert scene.told() == [
        "pix.med.opened",
        "pix.med.acknowledged",
        "pix.refund.requested",
        "pix.med.closed",
        "pix.refund.completed",
    ]


async def test_agreed_in_part_the_rest_is_the_merchants_again(scene: Scene) -> None:
    report = await scene.close(await scene.acknowledged(), "agreed", 20_00)
    assert report.returned_amount == 20_00
    assert await scene.money() == (140_00, 20_00, 0)
    await scene.refund(40_00)
    with pytest.raises(Refused):
        await scene.refund(1, under="more")


async def test_more_than_is_blocked_is_not_returned(scene: Scene) -> None:
    report = await scene.acknowledged()
    with pytest.raises(Refused) as caught:
        await scene.close(report, "agreed", 60_01)
    assert caught.value.code == "med_amount_above_blocked"
    assert scene.now_of(report).stage is MedStage.ACKNOWLEDGED


async def test_disagreed_it_is_released_and_may_be_refunded_again(scene: Scene) -> None:
    await scene.close(await scene.acknowledged(), "disagreed")
    assert await scene.money() == (160_00, 0, 0)
    await scene.refund(60_00)


async def test_cancelled_it_is_released(scene: Scene) -> None:
    report = await scene.open()
    for _ in range(2):
        view = await cancel_report(scene.tenant, OPERATORS_KEY, report.id)
        assert view.status == "cancelled"
    assert await scene.money() == (160_00, 0, 0)
    assert scene.told() == ["pix.med.opened", "pix.med.cancelled"]


async def test_after_72_hours_the_block_ends_and_not_before(scene: Scene) -> None:
    report = await scene.acknowledged()
    scene.world.clock.pass_seconds(3 * DAYS - 1)
    assert await expire_reports(scene.tenant) == 0
    scene.world.clock.pass_seconds(1)
    assert await expire_reports(scene.tenant) == 1
    assert await expire_reports(scene.tenant) == 0
    assert scene.now_of(report).stage is MedStage.EXPIRED
    assert await scene.money() == (160_00, 0, 0)
    view = await show_report(scene.tenant, None, report.id)
    assert (view.status, view.result) == ("closed", "expired")


async def test_a_decision_that_is_said_again_is_the_same_and_another_is_refused(
    scene: Scene,
) -> None:
    report = await scene.acknowledged()
    first = await scene.close(report, "agreed", 20_00)
    assert await scene.close(report, "agreed", 20_00) == first
    for result, amount in (("agreed", 30_00), ("disagreed", None)):
        with pytest.raises(Refused) as caught:
            await scene.close(report, result, amount)
        assert caught.value.code == "med_report_not_open"


async def test_nobody_decides_what_nobody_has_acknowledged(scene: Scene) -> None:
    report = await scene.open()
    with pytest.raises(Refused) as caught:
        await scene.close(report, "agreed")
    assert (caught.value.code, caught.value.details) == ("med_report_not_open", {"status": "open"})


async def test_a_payment_has_one_report_at_a_time_and_another_afterwards(scene: Scene) -> None:
    report = await scene.open()
    with pytest.raises(Refused) as caught:
        await scene.open()
    assert (caught.value.code, caught.value.details["report_id"]) == (
        "med_report_exists",
        report.id,
    )
    await cancel_report(scene.tenant, OPERATORS_KEY, report.id)
    assert (await scene.open()).blocked_amount == 60_00


async def test_the_same_request_again_is_the_same_report(scene: Scene) -> None:
    first = await scene.open(under="k")
    assert await scene.open(under="k") == first
    assert await scene.money() == (100_00, 0, 60_00)


async def test_a_payment_that_nobody_received_has_no_report(scene: Scene) -> None:
    request = OpenMedReport(end_to_end_id="E" + "0" * 31, reason=MedReason.OTHER)
    with pytest.raises(Refused) as caught:
        await open_report(scene.tenant, OPERATOR, OPERATORS_KEY, request, None)
    assert caught.value.code == "invalid_end_to_end_id"
    unknown = scene.paid.end_to_end_id[:-1] + "0"
    request = OpenMedReport(end_to_end_id=unknown, reason=MedReason.OTHER)
    with pytest.raises(Refused) as caught:
        await open_report(scene.tenant, OPERATOR, OPERATORS_KEY, request, None)
    assert caught.value.code == "payment_not_found"


async def test_after_90_days_it_is_too_late(scene: Scene) -> None:
    scene.world.clock.pass_seconds(91 * DAYS)
    with pytest.raises(Refused) as caught:
        await scene.open()
    assert caught.value.code == "refund_deadline_passed"


async def test_a_balance_that_moved_while_it_was_looked_at_is_looked_at_again(
    scene: Scene,
) -> None:
    look = scene.world.ledger.balances
    paid = False

    async def balances(ids: Any) -> Any:
        nonlocal paid
        found = await look(ids)
        if len(ids) == 2 and not paid:
            paid = True
            await scene.world.pay(130_00)  # after the look, before the block
        return found

    scene.world.ledger.balances = balances  # type: ignore[method-assign]
    report = await scene.open()
    assert (report.attempt, report.blocked_amount) == (2, 30_00)
    assert await scene.money() == (0, 130_00, 30_00)


async def test_reports_and_refunds_at_once_never_take_more_than_was_received(
    scene: Scene,
) -> None:
    refused: set[str] = set()

    async def report() -> None:
        try:
            await scene.open()
        except Refused as error:
            refused.add(error.code)

    async def refund(number: int) -> None:
        try:
            await scene.refund(25_00, under=f"refund {number}")
        except Refused as error:
            refused.add(error.code)

    async with trio.open_nursery() as nursery:
        for number in range(4):
            nursery.start_soon(refund, number)
            nursery.start_soon(report)
    _, held, blocked = await scene.money()
    assert held + blocked <= 60_00
    assert held % 25_00 == 0
    assert refused <= {"med_report_exists", "refund_above_original"}
    assert refused, "not all of it fits"


POINTS = [
    (call, fault)
    for call in ("ledger.create_accounts", "ledger.create_transfers", "med.move")
    for fault in Fault
]


@pytest.mark.parametrize(("call", "fault"), POINTS)
async def test_whatever_breaks_while_it_is_opened_it_ends_blocked_once(
    scene: Scene, call: str, fault: Fault
) -> None:
    scene.world.faults.at[call] = fault
    with pytest.raises((Crash, Unavailable, Unknown)):
        await scene.open()
    await scene.sweep()
    [report] = scene.world.med.by_id.values()
    assert (report.stage, report.blocked_amount) == (MedStage.OPEN, 60_00)
    assert await scene.money() == (100_00, 0, 60_00)
    assert scene.told() == ["pix.med.opened"]


RETURN_POINTS = [
    (call, fault)
    for call in (
        "ledger.create_transfers",
        "med.open_refund",
        "refunds.settle_hold",
        "med.move",
    )
    for fault in Fault
]


@pytest.mark.parametrize(("call", "fault"), RETURN_POINTS)
async def test_whatever_breaks_while_it_is_returned_it_is_returned_once(
    scene: Scene, call: str, fault: Fault
) -> None:
    report = await scene.acknowledged()
    scene.world.faults.at[call] = fault
    with pytest.raises((Crash, Unavailable, Unknown)):
        await scene.close(report, "agreed", 20_00)

    if scene.now_of(report).stage is MedStage.ACKNOWLEDGED:
        await scene.close(report, "agreed", 20_00)  # nothing was decided: it is said again
    await scene.sweep()
    closed = scene.now_of(report)
    assert (closed.stage, closed.settled_at is not None) == (MedStage.AGREED, True)
    assert scene.refund_of(closed).stage is PayoutStage.HELD
    assert await scene.money() == (140_00, 20_00, 0)
    assert scene.told().count("pix.med.closed") == 1
    assert scene.told().count("pix.refund.requested") == 1


@pytest.mark.parametrize("fault", Fault)
async def test_whatever_breaks_while_it_is_released_it_is_released_once(
    scene: Scene, fault: Fault
) -> None:
    report = await scene.acknowledged()
    scene.world.faults.at["ledger.create_transfers"] = fault
    with pytest.raises((Crash, Unavailable, Unknown)):
        await scene.close(report, "disagreed")
    await scene.sweep()
    await scene.sweep()
    assert scene.now_of(report).settled_at is not None
    assert await scene.money() == (160_00, 0, 0)


async def test_details_are_for_the_institution(scene: Scene) -> None:
    report = await scene.open()
    merchants = await show_report(scene.tenant, scene.world.merchant_id, report.id)
    assert (merchants.details, merchants.reason) == (None, MedReason.SCAM)
    assert (await show_report(scene.tenant, None, report.id)).details == "he called me"
    with pytest.raises(Refused):
        await show_report(scene.tenant, OPERATOR, report.id)
    told = [one.data for one in scene.world.store.events if one.type == "pix.med.opened"]
    assert [one.details for one in told] == [None]


async def test_a_return_for_fraud_that_the_provider_rejects_left_the_money_free_to_spend(
    scene: Scene,
) -> None:
    report = await scene.rejected(20_00)
    assert await scene.money() == (140_00, 0, 20_00), "only what was agreed to is blocked again"
    assert scene.told()[-2:] == ["pix.refund.failed", "pix.med.return_failed"]
    with pytest.raises(Refused):
        await scene.world.pay(140_01)

    assert (report.stage, report.blocked_amount) == (MedStage.RETURN_FAILED, 20_00)
    view = await show_report(scene.tenant, scene.world.merchant_id, report.id)
    assert (view.status, view.result, view.returned_amount) == ("return_failed", None, 0)
    assert (view.refund_id, view.blocked_until, view.closed_at) == (None, None, None)
    assert view.failed_refund_id is not None
    assert scene.world.refunds.by_id[view.failed_refund_id].stage is PayoutStage.FAILED


async def test_what_could_not_be_returned_keeps_its_room_in_the_refund_limit(scene: Scene) -> None:
    await scene.rejected(20_00)
    await scene.refund(40_00)
    with pytest.raises(Refused) as caught:
        await scene.refund(1, under="more")
    assert caught.value.code == "refund_above_original"


async def test_what_could_not_be_returned_stays_blocked_after_72_hours(scene: Scene) -> None:
    await scene.rejected()
    scene.world.clock.pass_seconds(4 * DAYS)
    assert await expire_reports(scene.tenant) == 0
    await scene.sweep()
    assert await scene.money() == (100_00, 0, 60_00)


async def test_closed_anew_it_is_returned_once_more_or_released(scene: Scene) -> None:
    report = await scene.rejected(20_00)
    again = await scene.close(report, "agreed")
    assert (again.stage, again.returned_amount) == (MedStage.AGREED, 20_00)
    assert again.refund_id != report.failed_refund_id
    assert await scene.money() == (140_00, 20_00, 0)

    await scene.reject(again)
    assert await scene.money() == (140_00, 0, 20_00)
    assert (await scene.close(scene.now_of(report), "disagreed")).settled_at is not None
    assert await scene.money() == (160_00, 0, 0)


async def test_what_could_not_be_returned_may_be_reported_once_more_beside_it(scene: Scene) -> None:
    await scene.rejected(20_00)
    other = await scene.open()
    assert other.blocked_amount == 40_00
    assert await scene.money() == (100_00, 0, 60_00)


@pytest.mark.parametrize("call", ["ledger.create_transfers", "refunds.archive_ends", "med.move"])
@pytest.mark.parametrize("fault", Fault)
async def test_whatever_breaks_while_a_return_is_rejected_it_is_blocked_once(
    scene: Scene, call: str, fault: Fault
) -> None:
    report = await scene.close(await scene.acknowledged(), "agreed", 20_00)
    await scene.world.run_rooms()
    await scene.world.receive(scene.world.provider.reject(scene.refund_of(report).return_id))
    await scene.world.publish()
    messages = scene.world.take()
    scene.world.faults.at[call] = fault
    with pytest.raises((Crash, Unavailable, Unknown)):
        await scene.world.work(messages)

    await scene.world.work(messages, redelivered=True)
    await scene.sweep()
    assert scene.now_of(report).stage is MedStage.RETURN_FAILED
    assert await scene.money() == (140_00, 0, 20_00)
    assert scene.told().count("pix.med.return_failed") == 1
    assert scene.told().count("pix.refund.failed") == 1


async def test_a_refund_that_the_merchant_says_is_for_fraud_is_its_own_again(scene: Scene) -> None:
    await scene.refund(20_00, reason=RefundReason.FRAUD)
    await scene.world.run_rooms()
    [refund] = scene.world.refunds.by_id.values()
    await scene.world.receive(scene.world.provider.reject(refund.return_id))
    await scene.world.run_rooms()
    assert await scene.money() == (160_00, 0, 0)
