"""Reconciliation in memory: what is healed, what is an alarm, and runs that crash half way."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from fluxiq.domain.difference import DifferenceState
from fluxiq.domain.job import Job, JobState
from fluxiq.domain.reconciliation import DifferenceKind, Flow, StatementLine, Window
from fluxiq.domain.records import Payout, PayoutStage
from fluxiq.errors import Refused, Unavailable
from fluxiq.ports.reconciliation import DifferenceRow, Run, RunState
from fluxiq.services import reconcile as module
from fluxiq.services.reconcile import SLICE, complete_flows, reconcile
from fluxiq.services.reconcile_jobs import (
    DAY,
    RECENT,
    DayArgs,
    day_window,
    recent_window,
)
from fluxiq.services.remedies import look_again
from fluxiq.services.run_jobs import NoArgs
from tests.support.memory_world import LINK, OPENED, Crash, Fault, MemoryWorld

OURS = OPENED  # when our clock stands still
AN_HOUR = 3600.0


class Scene:
    """A world an hour later, whose provider has a statement of what happened."""

    def __init__(self, world: MemoryWorld) -> None:
        self.world = world
        self.lines = world.provider.lines
        self.said: dict[str, StatementLine] = {}

    def line(self, flow: Flow, name: str, amount: int, **said: Any) -> StatementLine:
        made = StatementLine(flow=flow, id=name, amount=amount, settled_at=OURS, **said)
        self.lines.append(made)
        return made

    async def received(self, amount: int = 10_00) -> StatementLine:
        """Money that came, was told and is in the statement."""
        notice = self.world.received(amount)
        await self.world.receive(notice)
        await self.world.run_rooms()
        return self.line(Flow.RECEIVED, notice.end_to_end_id, amount)

    async def sent(self, amount: int = 10_00) -> Payout:
        """A payout that settled, was told and is in the statement."""
        payout = await self.world.held(amount)
        await self.world.run_rooms()
        await self.world.receive(self.world.provider.settle(payout.end_to_end_id))
        await self.world.run_rooms()
        self.line(Flow.SENT, payout.end_to_end_id, amount)
        return payout

    async def in_doubt(self, amount: int = 10_00) -> Payout:
        payout = await self.world.held(amount)
        self.world.faults.at["provider.send"] = Fault.ANSWER_LOST
        await self.world.run_rooms()
        assert self.world.now_of(payout).stage is PayoutStage.IN_DOUBT
        return self.world.now_of(payout)

    async def run(self, run_id: str = "rec_1") -> Run:
        """As the job does, an hour after everything happened."""
        clock = self.world.clock
        clock.at = max(clock.at, OURS + timedelta(seconds=AN_HOUR))
        window = Window(OURS - timedelta(minutes=30), OURS + timedelta(minutes=50))
        return await reconcile(self.world.tenant, run_id, window)

    @property
    def differences(self) -> list[DifferenceRow]:
        return sorted(self.world.reconciliation.rows.values(), key=lambda one: one.id)

    def states(self) -> list[tuple[DifferenceKind, DifferenceState]]:
        return [(one.kind, one.state) for one in self.differences]


@pytest.fixture
async def scene(world: MemoryWorld) -> Scene:
    """The R$ 100.00 that the world began with are in the statement too."""
    made = Scene(world)
    [first] = world.store.receipts.values()
    made.line(Flow.RECEIVED, first.end_to_end_id, first.amount)
    return made


# What agrees.


async def test_what_both_sides_say_is_counted_and_summed_and_no_difference(scene: Scene) -> None:
    await scene.received(5_00)
    await scene.sent(7_00)

    run = await scene.run()

    assert (run.state, scene.differences) == (RunState.DONE, [])
    assert (run.lines, run.lines_amount) == (3, 112_00)
    assert (run.records, run.records_amount) == (3, 112_00)
    assert (run.matched, run.matched_amount) == (3, 112_00)
    assert (run.differences, run.healed) == (0, 0)


async def test_a_run_that_is_done_is_not_done_again(scene: Scene) -> None:
    first = await scene.run()
    pages = len(scene.world.reconciliation.pages)

    assert await scene.run() == first
    assert len(scene.world.reconciliation.pages) == pages


# What heals.


async def test_a_notice_that_never_came_is_filed_and_the_money_arrives_once(scene: Scene) -> None:
    world = scene.world
    lost = world.received(25_00)
    scene.line(Flow.RECEIVED, lost.end_to_end_id, 25_00, pix_key=lost.pix_key)

    await scene.run()
    assert scene.states() == [(DifferenceKind.MISSING_HERE, DifferenceState.HEALING)]
    await world.run_rooms()
    assert (await world.balance()).available == 125_00

    await look_again(world.tenant)
    assert scene.states() == [(DifferenceKind.MISSING_HERE, DifferenceState.HEALED)]
    again = await scene.run("rec_2")
    await world.run_rooms()
    assert (again.differences, (await world.balance()).available) == (0, 125_00)


async def test_a_call_that_comes_after_all_changes_nothing(scene: Scene) -> None:
    """The BCB's own event id is the end-to-end id; another provider's is another one."""
    world = scene.world
    late = world.received(25_00)
    scene.line(Flow.RECEIVED, late.end_to_end_id, 25_00, pix_key=late.pix_key)
    await scene.run()
    await world.run_rooms()

    await world.receive(late)
    await world.receive(replace(late, event_id=late.end_to_end_id))
    await world.run_rooms()
    assert (await world.balance()).available == 125_00
    assert len(world.store.receipts) == 2


async def test_a_notice_still_on_its_way_is_waited_for(scene: Scene) -> None:
    world = scene.world
    scene.line(Flow.RECEIVED, world.received(1).end_to_end_id, 25_00)
    just_now = OURS + timedelta(seconds=AN_HOUR - 60)
    scene.lines[-1] = replace(scene.lines[-1], settled_at=just_now)

    run = await scene.run()
    assert (run.differences, world.store.inbox.keys() & {(LINK, scene.lines[-1].id)}) == (0, set())


async def test_a_payment_in_doubt_is_asked_about_and_settled_at_once(scene: Scene) -> None:
    world = scene.world
    payout = await scene.in_doubt(30_00)
    world.provider.settle(payout.end_to_end_id)
    scene.line(Flow.SENT, payout.end_to_end_id, 30_00)

    run = await scene.run()

    assert world.now_of(payout).stage is PayoutStage.CONFIRMED
    assert (run.healed, run.differences, scene.differences) == (1, 0, [])
    assert run.matched == 2


async def test_what_the_statement_and_the_answer_contradict_is_left_alone(scene: Scene) -> None:
    world = scene.world
    payout = await scene.in_doubt(30_00)
    world.provider.reject(payout.end_to_end_id)
    scene.line(Flow.SENT, payout.end_to_end_id, 30_00)

    await scene.run()

    assert world.now_of(payout).stage is PayoutStage.IN_DOUBT
    assert scene.states() == [(DifferenceKind.STATE_DIFFERS, DifferenceState.OPEN)]


async def test_a_payment_in_doubt_is_never_sent_again_by_reconciliation(scene: Scene) -> None:
    world = scene.world
    payout = await scene.in_doubt(30_00)
    del world.provider.orders[payout.end_to_end_id]
    scene.line(Flow.SENT, payout.end_to_end_id, 30_00)
    sent = len(world.provider.sent)

    await scene.run()

    assert len(world.provider.sent) == sent
    assert scene.states() == [(DifferenceKind.STATE_DIFFERS, DifferenceState.OPEN)]


async def test_a_return_that_was_never_told_is_filed_and_credited(scene: Scene) -> None:
    world = scene.world
    payout = await scene.sent(40_00)
    return_id = "D" + payout.end_to_end_id[1:]
    scene.line(
        Flow.RETURNED, return_id, 15_00, end_to_end_id=payout.end_to_end_id, reason_code="MD06"
    )

    await scene.run()
    await world.run_rooms()
    await look_again(world.tenant)

    assert world.now_of(payout).returned_amount == 15_00
    assert scene.states() == [(DifferenceKind.MISSING_HERE, DifferenceState.HEALED)]


async def test_what_does_not_heal_in_time_is_an_alarm(scene: Scene) -> None:
    """A return of a payout that nobody knows is studied, and credits nobody."""
    world = scene.world
    unknown = "E" + "9" * 8 + "202611221200" + "a" * 11
    scene.line(Flow.RETURNED, "D" + unknown[1:], 15_00, end_to_end_id=unknown, reason_code="MD06")
    await scene.run()
    await world.run_rooms()

    await look_again(world.tenant)
    assert scene.states() == [(DifferenceKind.MISSING_HERE, DifferenceState.HEALING)]
    world.clock.pass_seconds(world.tenant.settings.reconciliation.heal_seconds + 1)
    [told] = await look_again(world.tenant)
    assert (told.kind, told.state) == (DifferenceKind.MISSING_HERE, DifferenceState.OPEN)


# What is an alarm.


async def test_what_settled_here_and_is_not_in_the_statement_is_an_alarm(scene: Scene) -> None:
    await scene.received(5_00)
    payout = await scene.sent(7_00)
    del scene.lines[-2:]

    await scene.run()

    assert [(one.kind, one.flow, one.ours, one.theirs) for one in scene.differences] == [
        (DifferenceKind.MISSING_THERE, Flow.RECEIVED, 5_00, None),
        (DifferenceKind.MISSING_THERE, Flow.SENT, 7_00, None),
    ]
    assert scene.differences[1].record_id == payout.end_to_end_id


async def test_another_amount_moves_no_money_and_is_an_alarm(scene: Scene) -> None:
    await scene.received(5_00)
    scene.lines[-1] = replace(scene.lines[-1], amount=6_00)

    await scene.run()

    [found] = scene.differences
    assert (found.kind, found.ours, found.theirs) == (DifferenceKind.AMOUNT_DIFFERS, 5_00, 6_00)
    assert (await scene.world.balance()).available == 105_00


async def test_money_that_left_without_a_record_of_ours_is_an_alarm(scene: Scene) -> None:
    scene.line(Flow.SENT, "E" + "1" * 31, 5_00)

    await scene.run()

    assert scene.states() == [(DifferenceKind.MISSING_HERE, DifferenceState.OPEN)]


async def test_a_doubled_line_is_one_alarm_also_across_pages(scene: Scene) -> None:
    """Three lines make a page."""
    twice = await scene.received(5_00)
    await scene.received(6_00)
    await scene.received(7_00)
    scene.lines.append(twice)

    run = await scene.run()
    assert scene.states() == [(DifferenceKind.DOUBLED_THERE, DifferenceState.OPEN)]
    assert run.matched == 4

    scene.lines.pop()
    await scene.run("rec_2")
    assert scene.states() == [(DifferenceKind.DOUBLED_THERE, DifferenceState.HEALED)]


async def test_one_that_is_seen_again_stays_one_and_one_that_comes_back_is_news(
    scene: Scene,
) -> None:
    await scene.received(5_00)
    true = scene.lines[-1]
    scene.lines[-1] = replace(true, amount=6_00)
    for number in range(3):
        await scene.run(f"rec_{number}")
    [first] = scene.differences
    assert first.run_id == "rec_2"

    scene.lines[-1] = true
    await scene.run("rec_3")
    await look_again(scene.world.tenant)
    assert scene.states() == [(DifferenceKind.AMOUNT_DIFFERS, DifferenceState.HEALED)]

    scene.lines[-1] = replace(true, amount=6_00)
    await scene.run("rec_4")
    [back] = scene.differences
    assert (back.id, back.state, back.found_at) == (first.id, DifferenceState.OPEN, first.found_at)


async def test_what_an_operator_resolved_is_no_alarm_again(scene: Scene) -> None:
    scene.line(Flow.SENT, "E" + "1" * 31, 5_00)
    await scene.run()
    [found] = scene.differences
    at = scene.world.tenant.reconciliation
    await at.resolve(found.id, scene.world.clock.now(), "a test of the provider's")

    await scene.run("rec_2")

    assert scene.states() == [(DifferenceKind.MISSING_HERE, DifferenceState.RESOLVED)]
    assert await at.open_counts() == {}
    with pytest.raises(Refused, match="is resolved"):
        await at.resolve(found.id, scene.world.clock.now(), "again")


async def test_a_line_that_is_taken_back_leaves_our_record_alone_and_is_an_alarm(
    scene: Scene,
) -> None:
    await scene.received(5_00)
    await scene.run()
    scene.lines.pop()

    await scene.run("rec_2")

    assert scene.states() == [(DifferenceKind.MISSING_THERE, DifferenceState.OPEN)]


async def test_a_notice_that_came_days_late_is_compared_with_the_line_of_its_day(
    scene: Scene,
) -> None:
    """Its line is outside the window in which we heard of it."""
    await scene.run()
    world = scene.world
    world.clock.pass_seconds(2 * 86_400)
    late = world.received(5_00)
    scene.line(Flow.RECEIVED, late.end_to_end_id, 5_00, pix_key=late.pix_key)
    await reconcile(world.tenant, "rec_then", Window(OURS, OURS + timedelta(minutes=50)))
    await world.run_rooms()

    today = Window(world.clock.at - timedelta(minutes=30), world.clock.at + timedelta(minutes=1))
    run = await reconcile(world.tenant, "rec_now", today)

    assert (run.records, run.lines) == (1, 0)
    assert DifferenceKind.MISSING_THERE not in {one.kind for one in scene.differences}


async def test_a_provider_that_tells_only_what_came_is_not_asked_for_more(scene: Scene) -> None:
    await scene.sent(7_00)
    scene.lines.pop()
    scene.world.provider.statement_flows = frozenset({Flow.RECEIVED})

    assert complete_flows(scene.world.tenant) == {Flow.RECEIVED}
    await scene.run()
    assert scene.differences == []


# Runs.


async def test_a_long_statement_is_read_page_by_page_and_ours_slice_by_slice(scene: Scene) -> None:
    for amount in (1, 2, 3):
        await scene.received(amount)

    await scene.run()

    pages = scene.world.reconciliation.pages
    slices = -(-timedelta(minutes=80) // SLICE)
    assert pages[:2] == [f"read {LINK} 3", "forget"]
    assert len(pages) == 2 + slices * (1 + len(Flow))


@pytest.mark.parametrize("fault", [Fault.CRASH_BEFORE, Fault.CRASH_AFTER])
async def test_a_run_that_dies_at_any_step_goes_on_and_ends_as_if_it_had_not(
    scene: Scene, fault: Fault
) -> None:
    world = scene.world
    for amount in (1, 2, 3):
        await scene.received(amount)
    lost = world.received(25_00)
    scene.line(Flow.RECEIVED, lost.end_to_end_id, 25_00, pix_key=lost.pix_key)
    scene.line(Flow.SENT, "E" + "1" * 31, 5_00)
    payout = await scene.in_doubt(30_00)
    world.provider.settle(payout.end_to_end_id)
    scene.line(Flow.SENT, payout.end_to_end_id, 30_00)

    crashes, run = 0, None
    while run is None:
        world.faults.plan = [None] * (crashes * 3 + 1) + [fault]
        try:
            run = await scene.run()
        except Crash:
            crashes += 1
        world.faults.plan = []
    await world.run_rooms()
    await look_again(world.tenant)

    assert crashes > 5
    assert (run.state, run.lines) == (RunState.DONE, 7)
    assert sorted(scene.states()) == [
        (DifferenceKind.MISSING_HERE, DifferenceState.HEALED),
        (DifferenceKind.MISSING_HERE, DifferenceState.OPEN),
    ]
    assert (await world.balance()).available == 100_00 + 6 + 25_00 - 30_00
    assert (await world.balance()).debits_pending == 0


async def test_two_runs_at_once_take_turns_and_a_dead_one_is_abandoned(scene: Scene) -> None:
    scene.world.faults.at["provider.statement"] = Fault.REFUSED
    with pytest.raises(Unavailable):
        await scene.run("rec_1")

    with pytest.raises(Unavailable, match="another run is under way"):
        await scene.run("rec_2")
    scene.world.clock.pass_seconds(module.STALE.total_seconds() + 1)
    assert (await scene.run("rec_2")).state is RunState.DONE
    assert (await scene.run("rec_1")).state is RunState.ABANDONED


async def test_a_run_whose_links_have_changed_is_abandoned(scene: Scene) -> None:
    """Its lines would be read twice under one name, and look doubled."""
    world = scene.world
    world.faults.at["provider.statement"] = Fault.REFUSED
    with pytest.raises(Unavailable):
        await scene.run()
    begun = world.reconciliation.runs_by_id["rec_1"]
    world.reconciliation.runs_by_id["rec_1"] = replace(begun, step="read another")

    assert (await scene.run()).state is RunState.ABANDONED
    assert (await scene.run("rec_2")).state is RunState.DONE


async def test_a_job_whose_run_was_abandoned_begins_another_one(scene: Scene) -> None:
    world = scene.world
    world.clock.pass_seconds(AN_HOUR)
    made = job(world.clock.at)
    world.faults.at["provider.statement"] = Fault.REFUSED
    with pytest.raises(Unavailable):
        await RECENT.run(world.tenant, NoArgs(), made)
    world.clock.pass_seconds(module.STALE.total_seconds() + 1)
    assert (await scene.run("rec_between")).state is RunState.DONE

    await RECENT.run(world.tenant, NoArgs(), made)

    last, between, first = await world.reconciliation.runs(9)
    assert (first.state, between.id) == (RunState.ABANDONED, "rec_between")
    assert (last.state, last.window) == (RunState.DONE, first.window)


async def test_a_statement_without_an_end_is_given_up(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAGES_MAX", 1)
    for amount in (1, 2, 3):
        await scene.received(amount)

    with pytest.raises(Unavailable, match="more than 1 pages"):
        await scene.run()


# When they run.


def job(made_at: datetime, name: str = "job_1", **args: Any) -> Job:
    return Job(
        id=name,
        kind="reconciliation",
        version=1,
        args=args,
        state=JobState.EXECUTING,
        priority=8,
        attempt=1,
        given_back=0,
        attempts_max=30,
        run_at=made_at,
        created_at=made_at,
    )


async def test_the_hourly_run_overlaps_and_stops_where_notices_may_be_on_their_way(
    scene: Scene,
) -> None:
    world = scene.world
    world.clock.pass_seconds(AN_HOUR)
    made_at = world.clock.at
    await RECENT.run(world.tenant, NoArgs(), job(made_at))

    [run] = await world.reconciliation.runs(9)
    assert run.window == recent_window(world.tenant, made_at)
    assert run.window == Window(made_at - timedelta(hours=3), made_at - timedelta(minutes=5))


async def test_a_day_is_one_in_sao_paulo_and_must_be_over(scene: Scene) -> None:
    world = scene.world
    world.clock.at = datetime(2026, 11, 23, 3, 4, tzinfo=UTC)
    with pytest.raises(Refused, match="not over"):
        day_window(world.tenant, date(2026, 11, 22))

    world.clock.pass_seconds(60)
    window = day_window(world.tenant, date(2026, 11, 22))
    assert window.since == datetime(2026, 11, 22, 3, tzinfo=UTC)
    assert window.until == datetime(2026, 11, 23, 3, tzinfo=UTC)


async def test_days_that_were_missed_are_done_once_the_oldest_first(scene: Scene) -> None:
    world = scene.world
    world.clock.at = datetime(2026, 11, 25, 4, 20, tzinfo=UTC)
    await DAY.run(world.tenant, DayArgs(), job(world.clock.at))
    days = [one.since.date().day for one in await world.reconciliation.runs(9)]
    assert days == [24, 23, 22]

    world.clock.pass_seconds(86_400)
    await DAY.run(world.tenant, DayArgs(), job(world.clock.at, "job_2"))
    await DAY.run(world.tenant, DayArgs(day=date(2026, 11, 20)), job(world.clock.at, "job_3"))
    assert [one.since.date().day for one in await world.reconciliation.runs(2)] == [20, 25]
