"""The workers and the schedules of one institution, on its records in memory."""

import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
import trio
from structlog.testing import capture_logs

from actors.branch import Branch
from actors.jobs import LOOK_SECONDS, job_workers
from actors.platform import Platform
from actors.schedules import BACKLOG_SECONDS, RESCUE_SECONDS, ROUND_SECONDS, schedules
from fluxiq.domain.job import Backoff, Job, JobState
from fluxiq.domain.reconciliation import Window
from fluxiq.domain.records import ChargeStatus, PayoutStage, WebhookEndpoint
from fluxiq.domain.schedule import Every, Schedule
from fluxiq.errors import Refused, Unavailable
from fluxiq.ports.jobs import Subject, Wanted
from fluxiq.services.job_kinds import KINDS, SCHEDULES
from fluxiq.services.messages.charges import OpenCharge
from fluxiq.services.open_charge import open_charge
from fluxiq.services.reconcile import reconcile
from fluxiq.services.run_jobs import Kind, new_job
from fluxiq.services.tenant import Tenant
from fluxiq.telemetry.metrics import Metrics
from supervisors import ChildSpec, Strategy, SupervisorSpec, Tree, open_tree
from tests.support.memory_world import OPENED, Crash, Fault, MemoryWorld

RECORDS = {"store", "jobs", "upkeep"}  # all of it is Postgres


class TreeClock:
    """The wall clock goes with trio's, and can be put forward besides."""

    def __init__(self) -> None:
        self._start = trio.current_time()
        self._ahead = 0.0

    def now(self) -> datetime:
        passed = trio.current_time() - self._start
        return OPENED + timedelta(seconds=passed + self._ahead)

    def pass_seconds(self, seconds: float) -> None:
        self._ahead += seconds

    def monotonic(self) -> float:
        return trio.current_time() + self._ahead


class Running:
    """Actors of a branch, in a tree."""

    def __init__(self, tree: Tree, branch: Branch, world: MemoryWorld) -> None:
        self.tree, self.branch, self.world = tree, branch, world
        self.tenant = branch.tenant.get()

    @property
    def jobs(self) -> dict[str, Job]:
        return self.world.jobs.rows

    async def enqueue(self, kind: Kind, **said: Any) -> str:
        made = new_job(self.tenant, kind, **said)
        await self.tenant.jobs.enqueue([made])
        self.tenant.workers.ring()
        return made.id

    def state(self, job_id: str) -> JobState:
        return self.jobs[job_id].state

    def counted(self, kind: str, state: JobState) -> float:
        labels = {"institution": self.tenant.ispb, "kind": kind, "state": state}
        return self.branch.metrics.registry.get_sample_value("jobs_total", labels) or 0.0

    def incarnation(self, name: str) -> int:
        node = self.tree.snapshot().find(f"root/{name}")
        assert node is not None
        return node.incarnation


@asynccontextmanager
async def running(
    *actors: Callable[[Branch], ChildSpec], world: MemoryWorld | None = None
) -> AsyncIterator[Running]:
    if world is None:
        world = await MemoryWorld().open()
        await world.fund(100_00)
    clock = TreeClock()
    platform = SimpleNamespace(clock=clock, metrics=Metrics(process=False))
    branch = Branch(platform=cast("Platform", platform), institution=world.tenant.institution)
    world.clock = clock  # type: ignore[assignment]
    tenant = dataclasses.replace(world.tenant, workers=branch.workers, clock=clock)
    world.tenant = tenant
    children = [actor(branch) for actor in actors]
    spec = SupervisorSpec(id="root", strategy=Strategy.ONE_FOR_ONE, children=children)
    with ExitStack() as stack:
        stack.enter_context(branch.tenant.filled(tenant))
        async with open_tree(spec) as tree:
            yield Running(tree, branch, world)


def kind(run: Callable[..., Awaitable[None]], **said: Any) -> Kind:
    return Kind(**({"name": "work", "run": run, "backoff": Backoff(seconds=2)} | said))


def workers(*kinds: Kind) -> Callable[[Branch], ChildSpec]:
    return lambda branch: job_workers(branch, kinds)


def clockwork(declared: Sequence[Schedule], *kinds: Kind) -> Callable[[Branch], ChildSpec]:
    return lambda branch: schedules(branch, declared, kinds)


async def nothing(_tenant: Tenant, _args: Any, _job: Job) -> None:
    await trio.lowlevel.checkpoint()


async def never_ends(_tenant: Tenant, _args: Any, _job: Job) -> None:
    await trio.sleep_forever()


class Failing:
    """Raises these, one each time, then succeeds."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.times: list[float] = []

    async def __call__(self, _tenant: Tenant, _args: Any, _job: Job) -> None:
        await trio.lowlevel.checkpoint()
        self.times.append(trio.current_time())
        if self.errors:
            raise self.errors.pop(0)


# The workers.


async def test_a_job_is_done_as_soon_as_somebody_rings() -> None:
    async with running(workers(easy := kind(nothing))) as run:
        await trio.sleep(10.1)
        job_id = await run.enqueue(easy)
        await trio.sleep(LOOK_SECONDS / 10)

        assert run.state(job_id) is JobState.COMPLETED
        assert run.counted("work", JobState.COMPLETED) == 1


async def test_a_job_nobody_rang_for_is_found_at_the_next_look() -> None:
    async with running(workers(easy := kind(nothing))) as run:
        await trio.sleep(10.1)
        made = new_job(run.tenant, easy)
        await run.tenant.jobs.enqueue([made])
        await trio.sleep(1.5 * LOOK_SECONDS)

        assert run.state(made.id) is JobState.COMPLETED


async def test_a_bug_in_one_job_is_that_jobs_alone_and_said_once() -> None:
    buggy = kind(Failing(*[ZeroDivisionError("1/0")] * 4), name="buggy")
    with capture_logs() as logs:
        async with running(
            workers(buggy, easy := kind(nothing)), clockwork([], buggy, easy)
        ) as run:
            bad, good = await run.enqueue(buggy), await run.enqueue(easy)
            await trio.sleep(120)

            assert (run.state(bad), run.state(good)) == (JobState.COMPLETED, JobState.COMPLETED)
            assert run.counted("buggy", JobState.RETRYABLE) == 4
            assert run.incarnation("jobs") == 1

    said = [one for one in logs if one["event"] == "job_failed"]
    assert [one["attempt"] for one in said] == [1]
    assert isinstance(said[0]["exc_info"], ZeroDivisionError)


async def test_what_is_given_up_is_said_with_its_reason() -> None:
    refused = kind(Failing(Refused("no_such_account", "it is gone")))
    with capture_logs() as logs:
        async with running(workers(refused)) as run:
            job_id = await run.enqueue(refused)
            await trio.sleep(1)
            assert run.state(job_id) is JobState.DISCARDED

    [said] = [one for one in logs if one["event"] == "job_discarded"]
    assert (said["job"], said["error"]) == (job_id, "it is gone")


async def test_a_failed_job_waits_longer_from_time_to_time() -> None:
    handler = Failing(*[Unavailable("nats", "away")] * 4)
    async with running(workers(one := kind(handler)), clockwork([], one)) as run:
        await run.enqueue(one)
        await trio.sleep(120)

    gaps = [after - before for before, after in zip(handler.times, handler.times[1:], strict=False)]
    assert len(gaps) == 4
    assert all(1.4 * 2**n < gap < 2.6 * 2**n + ROUND_SECONDS for n, gap in enumerate(gaps))


async def test_no_more_jobs_run_at_once_than_there_are_places() -> None:
    at_once, most = 0, 0

    async def brief(_tenant: Tenant, _args: Any, _job: Job) -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await trio.sleep(1)
        at_once -= 1

    many = kind(brief, concurrency=1000)
    async with running(workers(many)) as run:
        made = [new_job(run.tenant, many) for _ in range(100)]
        await run.tenant.jobs.enqueue(made)
        run.tenant.workers.ring()
        await trio.sleep(10)

        assert {run.state(one.id) for one in made} == {JobState.COMPLETED}
    assert most == run.tenant.settings.jobs.workers


async def test_an_orderly_stop_gives_the_attempt_back() -> None:
    async with running(workers(long := kind(never_ends))) as run:
        job_id = await run.enqueue(long)
        await trio.sleep(1)
        assert run.state(job_id) is JobState.EXECUTING

    job = run.jobs[job_id]
    assert (job.state, job.attempt, job.failures, job.errors) == (JobState.AVAILABLE, 1, 0, ())


async def test_a_job_that_is_done_when_the_stop_comes_is_written_down_as_done() -> None:
    async with running(workers(easy := kind(nothing))) as run:
        await trio.sleep(0.5)
        job_id = await run.enqueue(easy)
        run.world.faults.at["jobs.end"] = Fault.REFUSED  # the first try
        await trio.sleep(0.1)
        assert run.state(job_id) is JobState.EXECUTING

    assert run.state(job_id) is JobState.COMPLETED


async def test_a_long_job_keeps_its_lease_by_heartbeats() -> None:
    async with running(
        workers(long := kind(never_ends, seconds_max=600)), clockwork([], long)
    ) as run:
        job_id = await run.enqueue(long)
        await trio.sleep(300)

        job = run.jobs[job_id]
        assert (job.state, job.attempt) == (JobState.EXECUTING, 1)
        assert job.lease_until is not None
        assert job.lease_until > run.world.clock.now()


async def test_work_ends_here_before_its_lease_does_when_no_heartbeat_arrives() -> None:
    ended: list[float] = []

    async def note_end(_tenant: Tenant, _args: Any, _job: Job) -> None:
        try:
            await trio.sleep_forever()
        finally:
            ended.append(trio.current_time())

    async with running(workers(long := kind(note_end, seconds_max=600))) as run:
        began = trio.current_time()
        job_id = await run.enqueue(long)
        await trio.sleep(1)
        run.world.faults.away = RECORDS
        await trio.sleep(60)

        assert len(ended) == 1
        assert ended[0] - began < run.tenant.settings.jobs.lease_seconds
        assert run.state(job_id) is JobState.EXECUTING
        assert run.incarnation("jobs") == 1


async def test_a_worker_that_was_killed_loses_its_job_to_another() -> None:
    async with running(workers(easy := kind(nothing)), clockwork([], easy)) as run:
        run.tree.suspend("root/jobs", reason="the other process claims")
        await trio.sleep(1.5 * LOOK_SECONDS)
        job_id = await run.enqueue(easy)
        now = run.world.clock.now()
        wanted = [Wanted("work", 1, 4)]
        await run.world.jobs.claim(wanted, now, now + timedelta(seconds=30), 1)  # and is killed
        run.tree.resume("root/jobs", reason="we are left")
        await trio.sleep(29)
        assert run.state(job_id) is JobState.EXECUTING

        await trio.sleep(RESCUE_SECONDS + 10)
        assert run.state(job_id) is JobState.COMPLETED
        assert run.jobs[job_id].attempt == 2


async def test_an_operators_cancel_stops_the_work_at_the_next_heartbeat() -> None:
    async with running(workers(long := kind(never_ends, seconds_max=600))) as run:
        job_id = await run.enqueue(long)
        await trio.sleep(1)
        await run.tenant.jobs.call_off(job_id, run.world.clock.now(), "wrong")
        await trio.sleep(10)

        assert run.state(job_id) is JobState.CANCELLED
        easy = await run.enqueue(long)
        await trio.sleep(1)
        assert run.state(easy) is JobState.EXECUTING


async def test_an_end_that_postgres_did_not_take_is_written_down_when_it_is_back() -> None:
    async with running(workers(easy := kind(nothing))) as run:
        await trio.sleep(0.5)
        job_id = await run.enqueue(easy)
        run.world.faults.at["jobs.end"] = Fault.ANSWER_LOST
        await trio.sleep(2)

        assert run.state(job_id) is JobState.COMPLETED
        assert run.incarnation("jobs") == 1


async def test_an_outage_is_ridden_out_and_work_goes_on() -> None:
    async with running(workers(easy := kind(nothing))) as run:
        run.world.faults.away = RECORDS
        await trio.sleep(60)
        run.world.faults.away = set()
        job_id = await run.enqueue(easy)
        await trio.sleep(10)

        assert run.state(job_id) is JobState.COMPLETED
        assert run.incarnation("jobs") == 1


# The schedules.


async def test_what_comes_every_second_is_done_every_second() -> None:
    handler = Failing()
    beat = kind(handler, concurrency=1)
    each = Schedule(name="beat", kind="work", timing=Every(1))
    async with running(workers(beat), clockwork([each], beat)):
        await trio.sleep(60)

    assert 57 <= len(handler.times) <= 60


async def test_a_paused_schedule_is_caught_up_when_it_is_resumed() -> None:
    handler = Failing()
    beat = kind(handler)
    each = Schedule(name="beat", kind="work", timing=Every(10))
    async with running(workers(beat), clockwork([each], beat)) as run:
        await trio.sleep(1)
        await run.tenant.jobs.pause(Subject.SCHEDULE, "beat", OPENED, "month end")
        await trio.sleep(60)
        assert handler.times == []

        await run.tenant.jobs.resume(Subject.SCHEDULE, "beat", "over")
        await trio.sleep(2)
        assert len(handler.times) == 1


async def test_the_backlog_is_shown() -> None:
    async with running(clockwork([], easy := kind(nothing))) as run:
        await run.enqueue(easy)
        await trio.sleep(2 * BACKLOG_SECONDS + 2 * ROUND_SECONDS)

        value = run.branch.metrics.registry.get_sample_value
        labels = {"institution": run.tenant.ispb, "kind": "work"}
        assert value("jobs_waiting", labels) == 1
        assert (value("jobs_oldest_seconds", labels) or 0) >= BACKLOG_SECONDS


async def test_what_waits_to_be_told_is_shown() -> None:
    world = await MemoryWorld().open()
    hook = WebhookEndpoint(
        id="whk_1",
        merchant_id=world.merchant_id,
        url="https://shop.example/hooks",
        events=(),
        secret="whsec_AAAA",
        created_at=world.clock.now(),
    )
    world.store.webhooks.endpoints[hook.id] = hook
    async with running(clockwork([]), world=world) as run:
        await world.fund(100_00)
        await world.pay(1_00)
        await trio.sleep(2 * BACKLOG_SECONDS + 2 * ROUND_SECONDS)

        def value(name: str, **labels: str) -> float | None:
            said = {"institution": run.tenant.ispb} | labels
            return run.branch.metrics.registry.get_sample_value(name, said)

        assert value("fluxiq_webhook_deliveries_waiting", state="due") == 2
        assert value("fluxiq_webhook_deliveries_waiting", state="held") == 0
        assert (value("fluxiq_webhook_oldest_due_seconds") or 0) >= BACKLOG_SECONDS
        assert value("fluxiq_webhook_endpoints", status="enabled") == 1
        assert value("fluxiq_webhook_endpoints", status="gone") == 0
        assert (value("fluxiq_outbox_due") or 0) >= 1


async def test_differences_with_providers_are_shown_and_how_far_was_compared() -> None:
    """The R$ 100.00 of the beginning are in no statement."""
    async with running(clockwork([])) as run:
        at = run.tenant.clock.now()
        window = Window(at - timedelta(hours=1), at + timedelta(minutes=1))
        await reconcile(run.tenant, "rec_1", window)
        await trio.sleep(2 * BACKLOG_SECONDS + 2 * ROUND_SECONDS)

        def value(name: str, **labels: str) -> float | None:
            said = {"institution": run.tenant.ispb} | labels
            return run.branch.metrics.registry.get_sample_value(name, said)

        assert value("fluxiq_reconciliation_differences", kind="missing_there") == 1
        assert value("fluxiq_reconciliation_differences", kind="amount_differs") == 0
        behind = value("fluxiq_reconciliation_behind_seconds")
        assert behind is not None
        assert -60 < behind < 0


async def test_schedules_wait_for_an_institution_that_is_not_open_yet() -> None:
    world = await MemoryWorld().open()
    platform = SimpleNamespace(clock=world.clock, metrics=Metrics(process=False))
    branch = Branch(platform=cast("Platform", platform), institution=world.tenant.institution)
    spec = SupervisorSpec(id="root", strategy=Strategy.ONE_FOR_ONE, children=[schedules(branch)])
    async with open_tree(spec) as tree:
        await trio.sleep(30)
        with branch.tenant.filled(world.tenant):
            await trio.sleep(10)

        node = tree.snapshot().find("root/schedules")
        assert node is not None
        assert (node.state, node.incarnation) == ("running", 1)
    assert set(world.jobs.plans) == {one.name for one in SCHEDULES}


# What is declared: the sweeps, from the clock to the record.


@asynccontextmanager
async def institution() -> AsyncIterator[Running]:
    async with running(job_workers, schedules) as run:
        await trio.sleep(2)  # declared
        yield run


async def test_an_intent_that_lost_its_caller_is_held_within_seconds() -> None:
    async with institution() as run:
        run.world.faults.at["ledger.create_transfers"] = Fault.CRASH_BEFORE
        with pytest.raises(Crash):
            await run.world.pay(40_00)
        run.world.clock.pass_seconds(6)
        await trio.sleep(2)

        [payout] = run.world.store.payouts_by_id.values()
        assert payout.stage is PayoutStage.HELD


async def test_an_order_without_an_end_is_asked_about_and_a_charge_past_its_time_expires() -> None:
    async with institution() as run:
        answer = await open_charge(
            run.tenant, run.world.merchant_id, OpenCharge(amount=1, expiration=1), None
        )
        payout = await run.world.held()
        await run.world.run_rooms()
        run.world.provider.settle(payout.end_to_end_id)
        run.world.clock.pass_seconds(60)
        await trio.sleep(2)

        charge_id = msgspec.json.decode(answer.body)["data"]["id"]
        assert run.world.now_of(payout).stage is PayoutStage.CONFIRMED
        assert run.world.store.charges[charge_id].status is ChargeStatus.EXPIRED


async def test_sweeps_ride_out_records_that_are_away() -> None:
    async with institution() as run:
        run.world.faults.away = RECORDS
        await trio.sleep(60)
        run.world.faults.away = set()
        run.world.faults.calls.clear()
        await trio.sleep(10)

        assert "store.overdue_charges" in run.world.faults.calls
        assert (run.incarnation("schedules"), run.incarnation("jobs")) == (1, 1)


async def test_half_an_hour_of_sweeps_leaves_what_ten_minutes_leave() -> None:
    a_second = sum(1 / one.timing.seconds for one in SCHEDULES if isinstance(one.timing, Every))
    async with institution() as run:
        await trio.sleep(1800)

        assert len(run.jobs) < a_second * 13 * 60
        assert {one.state for one in run.jobs.values()} <= {
            JobState.COMPLETED,
            JobState.EXECUTING,
            JobState.AVAILABLE,
        }
    assert {one.name for one in KINDS} >= {one.kind for one in run.jobs.values()}
