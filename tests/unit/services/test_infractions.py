"""Fraud that a provider reports: blocked once, decided here, told back, whatever breaks between."""

from contextlib import suppress
from typing import Any

import pytest

from fluxiq.domain.infraction import Infraction, InfractionStage, InfractionStatus
from fluxiq.domain.med import MedReason, MedReport, MedStage
from fluxiq.domain.records import Notice
from fluxiq.domain.transfer_postings import blocked_ledger_id
from fluxiq.errors import Unavailable, Unknown
from fluxiq.ports.med import MedExists
from fluxiq.services.answer_infractions import answer_infractions
from fluxiq.services.med_reports import (
    acknowledge_report,
    cancel_report,
    close_report,
    open_report,
)
from fluxiq.services.messages.med import CloseMedReport, OpenMedReport
from fluxiq.services.pursue_infraction import AGAIN_SECONDS, AWAITED_SECONDS_MAX
from fluxiq.services.sweep_med import UNFINISHED_SECONDS, expire_reports, resume_reports
from tests.support.memory_world import ISPB, LINK, Crash, Fault, MemoryWorld

PERSON = "key_operator"
T, S = InfractionStatus, InfractionStage
FRAUD_DESK = ("provider.acknowledge_infraction", "provider.close_infraction")


class Scene:
    """A merchant who was paid R$ 60.00, which somebody elsewhere calls fraud; it has R$ 160.00."""

    def __init__(self, world: MemoryWorld, paid: Notice) -> None:
        self.world, self.paid, self.tenant = world, paid, world.tenant
        self.desk = world.provider

    async def hear(self, *notices: Notice) -> None:
        await self.world.receive(*notices)
        await self.world.run_rooms()

    async def reported(self) -> MedReport:
        await self.hear(self.desk.reported(self.paid.end_to_end_id))
        return self.report

    @property
    def report(self) -> MedReport:
        [report] = self.world.med.by_id.values()
        return report

    @property
    def infraction(self) -> Infraction:
        [infraction] = self.world.infractions.by_id.values()
        return infraction

    async def acknowledge(self) -> None:
        await acknowledge_report(self.tenant, PERSON, self.report.id)

    async def close(self, result: Any) -> None:
        await close_report(self.tenant, PERSON, self.report.id, CloseMedReport(result=result))

    async def sweep(self, seconds: float = max(AGAIN_SECONDS, UNFINISHED_SECONDS) + 1) -> None:
        """A round of each, later."""
        self.world.clock.pass_seconds(seconds)
        await resume_reports(self.tenant)
        await answer_infractions(self.tenant)

    async def money(self) -> tuple[int, int]:
        """Available, and blocked."""
        blocked_id = blocked_ledger_id(ISPB, self.world.merchant.account.id)
        blocked = (await self.world.ledger.balances([blocked_id])).get(blocked_id)
        available = (await self.world.balance()).available
        return available, blocked.available if blocked else 0

    @property
    def standing(self) -> InfractionStatus:
        """With the provider."""
        return self.desk.standing["report-1"]


@pytest.fixture
async def scene(world: MemoryWorld) -> Scene:
    paid = world.received(60_00)
    await world.receive(paid)
    await world.run_rooms()
    world.faults.calls.clear()
    return Scene(world, paid)


async def test_a_reported_payment_is_blocked_and_waits_for_a_person(scene: Scene) -> None:
    report = await scene.reported()
    assert (report.stage, report.blocked_amount) == (MedStage.OPEN, 60_00)
    assert (report.opened_by, report.reason, report.details) == (LINK, MedReason.SCAM, "they say")
    assert await scene.money() == (100_00, 60_00)
    await scene.sweep()
    assert scene.desk.told == [], "nobody here has looked at it yet"


@pytest.mark.parametrize(("result", "said"), [("agreed", T.AGREED), ("disagreed", T.DISAGREED)])
async def test_what_a_person_decides_is_told_once(
    scene: Scene, result: str, said: InfractionStatus
) -> None:
    await scene.reported()
    await scene.acknowledge()
    await scene.sweep()
    assert scene.desk.told == [T.ACKNOWLEDGED]
    await scene.close(result)
    for _ in range(3):
        await scene.sweep()
    assert scene.desk.told == [T.ACKNOWLEDGED, said]
    assert (scene.standing, scene.infraction.told) == (said, said)


async def test_a_decision_that_was_never_told_in_between_is_told_in_order(scene: Scene) -> None:
    await scene.reported()
    await scene.acknowledge()
    await scene.close("agreed")
    await scene.sweep()
    assert scene.desk.told == [T.ACKNOWLEDGED, T.AGREED]


async def test_a_block_that_ends_after_72_hours_is_told_as_a_disagreement(scene: Scene) -> None:
    await scene.reported()
    scene.world.clock.pass_seconds(scene.tenant.settings.pix.med_block_seconds)
    assert await expire_reports(scene.tenant) == 1
    await scene.sweep()
    assert scene.standing is T.DISAGREED
    assert await scene.money() == (160_00, 0)


async def test_a_report_that_a_person_takes_back_is_told_as_a_disagreement(scene: Scene) -> None:
    report = await scene.reported()
    await cancel_report(scene.tenant, PERSON, report.id)
    await scene.sweep()
    assert scene.standing is T.DISAGREED


async def test_said_twice_it_is_blocked_once(scene: Scene) -> None:
    first = scene.desk.reported(scene.paid.end_to_end_id)
    news = scene.desk.reported(scene.paid.end_to_end_id)  # the same report, another event
    assert first.event_id != news.event_id
    await scene.hear(first, first, news)
    await scene.hear(news)
    assert scene.report.attempt == 1
    assert await scene.money() == (100_00, 60_00)
    assert not scene.world.store.outbox


async def test_a_report_that_a_person_opened_before_answers_it(scene: Scene) -> None:
    request = OpenMedReport(end_to_end_id=scene.paid.end_to_end_id, reason=MedReason.OTHER)
    await open_report(scene.tenant, "mch_operator", PERSON, request, None)
    report = await scene.reported()
    assert (report.opened_by, report.infraction_id) == (PERSON, scene.infraction.id)
    await scene.acknowledge()
    await scene.sweep()
    assert scene.standing is T.ACKNOWLEDGED


async def test_a_report_that_a_person_opened_stays_theirs_when_it_is_withdrawn_elsewhere(
    scene: Scene,
) -> None:
    request = OpenMedReport(end_to_end_id=scene.paid.end_to_end_id, reason=MedReason.OTHER)
    await open_report(scene.tenant, "mch_operator", PERSON, request, None)
    await scene.reported()
    await scene.hear(scene.desk.withdrawn(scene.paid.end_to_end_id))
    await scene.sweep()
    assert scene.report.stage is MedStage.OPEN
    assert await scene.money() == (100_00, 60_00)
    assert await scene.tenant.infractions.due(scene.world.clock.now(), 10) == []


async def test_another_report_of_the_same_payment_is_disagreed_to_and_noted(scene: Scene) -> None:
    await scene.reported()
    await scene.hear(scene.desk.reported(scene.paid.end_to_end_id, "report-2"))
    await scene.sweep()
    assert scene.desk.standing["report-2"] is T.DISAGREED
    assert scene.standing is T.OPEN
    assert scene.world.infractions.notes == ["contradiction: med_report_exists"]
    assert await scene.money() == (100_00, 60_00)


async def test_withdrawn_its_money_is_released_and_nothing_is_told(scene: Scene) -> None:
    await scene.reported()
    await scene.acknowledge()
    await scene.hear(scene.desk.withdrawn(scene.paid.end_to_end_id))
    await scene.sweep()
    assert scene.report.stage is MedStage.CANCELLED
    assert await scene.money() == (160_00, 0)
    assert scene.desk.told == []


async def test_withdrawn_before_it_was_heard_of_nothing_is_ever_blocked(scene: Scene) -> None:
    reported = scene.desk.reported(scene.paid.end_to_end_id)
    await scene.hear(scene.desk.withdrawn(scene.paid.end_to_end_id), reported)
    await scene.sweep()
    assert scene.world.med.by_id == {}
    assert scene.infraction.stage is S.WITHDRAWN
    assert await scene.money() == (160_00, 0)


async def test_withdrawn_after_the_result_was_told_nothing_changes(scene: Scene) -> None:
    await scene.reported()
    await scene.acknowledge()
    await scene.close("disagreed")
    await scene.sweep()
    await scene.hear(scene.desk.withdrawn(scene.paid.end_to_end_id))
    assert (scene.infraction.stage, scene.infraction.told) == (S.REPORTED, T.DISAGREED)


async def test_a_withdrawal_whose_notice_is_lost_is_found_when_the_provider_is_told(
    scene: Scene,
) -> None:
    await scene.reported()
    scene.desk.standing["report-1"] = T.CANCELLED
    await scene.acknowledge()
    await scene.sweep()
    assert scene.report.stage is MedStage.CANCELLED
    assert await scene.money() == (160_00, 0)


async def test_it_waits_for_a_payment_whose_notice_is_late(scene: Scene) -> None:
    late = scene.world.received(25_00)
    await scene.hear(scene.desk.reported(late.end_to_end_id))
    assert scene.infraction.stage is S.HEARD
    assert scene.desk.told == []
    await scene.hear(late)
    assert scene.world.med.by_id == {}
    await scene.sweep()
    assert (scene.report.stage, scene.report.blocked_amount) == (MedStage.OPEN, 25_00)


async def test_about_a_payment_that_never_comes_it_is_disagreed_to_after_an_hour(
    scene: Scene,
) -> None:
    await scene.hear(scene.desk.reported(scene.paid.end_to_end_id[:-1] + "0"))
    await scene.sweep(AWAITED_SECONDS_MAX - 1)
    assert scene.desk.told == []
    await scene.sweep(AWAITED_SECONDS_MAX)
    assert scene.standing is T.DISAGREED
    assert scene.world.infractions.notes == ["contradiction: payment_not_found"]


async def test_after_90_days_it_is_disagreed_to(scene: Scene) -> None:
    scene.world.clock.pass_seconds(91 * 86_400)
    await scene.hear(scene.desk.reported(scene.paid.end_to_end_id))
    await scene.sweep()
    assert scene.standing is T.DISAGREED
    assert await scene.money() == (160_00, 0)


@pytest.mark.parametrize("call", FRAUD_DESK)
async def test_after_a_lost_answer_the_provider_is_asked_and_not_told_again(
    scene: Scene, call: str
) -> None:
    await scene.reported()
    await scene.acknowledge()
    await scene.close("disagreed")
    scene.world.faults.at[call] = Fault.ANSWER_LOST
    await scene.sweep()
    assert scene.infraction.in_doubt
    await answer_infractions(scene.tenant)
    assert scene.infraction.in_doubt, "not at once"
    await scene.sweep()
    assert scene.desk.told == [T.ACKNOWLEDGED, T.DISAGREED]
    assert (scene.infraction.told, scene.infraction.in_doubt) == (T.DISAGREED, False)


@pytest.mark.parametrize("call", FRAUD_DESK)
async def test_a_provider_that_is_away_is_told_later(scene: Scene, call: str) -> None:
    await scene.reported()
    await scene.acknowledge()
    await scene.close("agreed")
    scene.world.faults.at[call] = Fault.REFUSED
    with pytest.raises(Unavailable):
        await scene.sweep()
    await scene.sweep()
    assert scene.desk.told == [T.ACKNOWLEDGED, T.AGREED]


async def test_one_whose_answer_fails_keeps_no_other_from_its_own(scene: Scene) -> None:
    other = scene.world.received(1_00)
    await scene.hear(other)
    await scene.reported()
    await scene.hear(scene.desk.reported(other.end_to_end_id, "report-2"))
    for report in list(scene.world.med.by_id.values()):
        await acknowledge_report(scene.tenant, PERSON, report.id)
    scene.world.faults.at[FRAUD_DESK[0]] = Fault.REFUSED
    with pytest.raises(Unavailable):
        await scene.sweep()
    assert scene.desk.standing == {"report-1": T.OPEN, "report-2": T.ACKNOWLEDGED}


async def test_a_report_that_its_provider_does_not_know_is_told_no_more(scene: Scene) -> None:
    await scene.reported()
    del scene.desk.standing["report-1"]
    await scene.acknowledge()
    for _ in range(2):
        await scene.sweep()
    assert scene.desk.told == [T.ACKNOWLEDGED]
    assert scene.world.infractions.notes == ["contradiction: the provider does not know it"]
    assert await scene.money() == (100_00, 60_00), "a person decides all the same"


async def test_where_the_report_in_the_way_ends_in_this_moment_another_look_is_taken(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def taken(opening: object) -> MedExists:
        del opening
        return MedExists("")

    await scene.world.receive(scene.desk.reported(scene.paid.end_to_end_id))
    await scene.world.publish()
    with monkeypatch.context() as patched:
        patched.setattr(scene.world.med, "open", taken)
        with pytest.raises(Unavailable):
            await scene.world.work(scene.world.take())
    await scene.sweep()
    assert scene.report.stage is MedStage.OPEN


HEARING = [
    (call, fault)
    for call in (
        "infractions.hear",
        "refunds.find_receipt",
        "med.open",
        "infractions.move",
        "ledger.create_accounts",
        "ledger.create_transfers",
        "med.move",
    )
    for fault in Fault
]


@pytest.mark.parametrize(("call", "fault"), HEARING)
async def test_whatever_breaks_while_it_is_heard_it_is_blocked_once(
    scene: Scene, call: str, fault: Fault
) -> None:
    await scene.world.receive(scene.desk.reported(scene.paid.end_to_end_id))
    await scene.world.publish()
    messages = scene.world.take()
    scene.world.faults.at[call] = fault
    with pytest.raises((Crash, Unavailable, Unknown)):
        await scene.world.work(messages)

    await scene.world.work(messages, redelivered=True)
    await scene.sweep()
    assert (scene.report.stage, scene.report.blocked_amount) == (MedStage.OPEN, 60_00)
    assert scene.infraction.stage is S.REPORTED
    assert await scene.money() == (100_00, 60_00)


@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("call", ["infractions.hear", "med.move", "ledger.create_transfers"])
async def test_whatever_breaks_while_it_is_withdrawn_it_is_released(
    scene: Scene, call: str, fault: Fault
) -> None:
    await scene.reported()
    await scene.world.receive(scene.desk.withdrawn(scene.paid.end_to_end_id))
    await scene.world.publish()
    messages = scene.world.take()
    scene.world.faults.at[call] = fault
    with pytest.raises((Crash, Unavailable, Unknown)):
        await scene.world.work(messages)

    await scene.world.work(messages, redelivered=True)
    await scene.sweep()
    await scene.sweep()
    assert scene.report.stage is MedStage.CANCELLED
    assert scene.report.settled_at is not None
    assert await scene.money() == (160_00, 0)


@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("call", ["infractions.move", *FRAUD_DESK])
async def test_whatever_breaks_while_it_is_answered_the_provider_hears_the_result(
    scene: Scene, call: str, fault: Fault
) -> None:
    await scene.reported()
    await scene.acknowledge()
    await scene.close("agreed")
    scene.world.faults.at[call] = fault
    with suppress(Crash, Unavailable):  # an answer that is lost is no failure of the round
        await scene.sweep()
    await scene.sweep()
    assert (scene.standing, scene.infraction.told) == (T.AGREED, T.AGREED)


async def test_a_link_that_is_not_declared_any_more_keeps_nobody_waiting(scene: Scene) -> None:
    await scene.reported()
    await scene.acknowledge()
    scene.tenant.providers.clear()  # type: ignore[attr-defined]
    await scene.sweep()
    assert scene.infraction.told is T.OPEN
    assert scene.infraction.due_at > scene.world.clock.now()
