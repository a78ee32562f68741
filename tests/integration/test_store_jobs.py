"""The promises of `ports.jobs.Jobs`, kept by Postgres and by its twin in memory."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
import trio

from fluxiq.asyncio_host import AsyncioHost
from fluxiq.domain.job import Job, JobError, JobEvent, JobState
from fluxiq.errors import Refused
from fluxiq.ports.jobs import Ending, Jobs, NewJob, Planned, Pruning, ScheduleRow, Subject, Wanted
from fluxiq.stores import job_queue
from fluxiq.stores.jobs import PostgresJobs
from fluxiq.stores.pool import Connection, Postgres
from fluxiq.stores.statement import HAPPENED, Part, compose
from tests.support.memory_jobs import MemoryJobs
from tests.support.store_records import at, fetch, new_id, open_institution

WANTED = Wanted("k", 1, 10)


@pytest.fixture
async def postgres(asyncio_host: AsyncioHost, institution_database: str) -> AsyncIterator[Postgres]:
    async with open_institution(asyncio_host, institution_database) as opened:
        yield opened


@pytest.fixture
def on_postgres(postgres: Postgres) -> PostgresJobs:
    return PostgresJobs(postgres)


@pytest.fixture(params=["postgres", "memory"])
def jobs(request: pytest.FixtureRequest) -> Jobs:
    if request.param == "memory":
        return MemoryJobs()
    chosen: Jobs = request.getfixturevalue("on_postgres")
    return chosen


def new(**said: Any) -> NewJob:
    made = NewJob(
        id=new_id("job"), kind="k", version=1, args={"n": 1}, created_at=at(0), run_at=at(0)
    )
    return msgspec.structs.replace(made, **said)


def ending(job: Job, event: JobEvent, seconds: float = 5, **said: Any) -> Ending:
    made = Ending(job_id=job.id, attempt=job.attempt, event=event, at=at(seconds))
    return msgspec.structs.replace(made, **said)


async def claim(jobs: Jobs, seconds: float = 1, limit: int = 10, *wanted: Wanted) -> list[Job]:
    """What is claimed at that time, leased for 30 s."""
    return await jobs.claim(wanted or [WANTED], at(seconds), at(seconds + 30), limit)


async def state_of(jobs: Jobs, job_id: str) -> JobState:
    found = await jobs.find(job_id)
    assert found is not None
    return found.state


# Enqueued.


async def test_a_job_comes_back_from_paper_as_it_was_put_there(jobs: Jobs) -> None:
    made = new(args={"text": "é", "list": [1, None]}, priority=3, schedule="s")

    assert await jobs.enqueue([made]) == [True]

    found = await jobs.find(made.id)
    assert found is not None
    assert found.state is JobState.AVAILABLE
    for name in ("id", "kind", "version", "args", "priority", "run_at", "created_at", "schedule"):
        assert getattr(found, name) == getattr(made, name)
    assert (found.attempt, found.given_back, found.errors) == (0, 0, ())


async def test_the_same_job_twice_is_one_job(jobs: Jobs) -> None:
    made = new(unique_key="u")

    assert await jobs.enqueue([made, made]) in ([True, False], [False, True])
    assert await jobs.enqueue([made]) == [False]
    assert len(await jobs.jobs(state=None, kind=None, limit=10)) == 1


async def test_of_jobs_with_one_unique_key_one_is_there_until_it_has_ended(jobs: Jobs) -> None:
    first, second, third = (new(unique_key="u") for _ in range(3))

    assert await jobs.enqueue([first, second]) == [True, False]
    assert await jobs.enqueue([new(kind="other", unique_key="u")]) == [True]
    [claimed] = await claim(jobs)
    assert await jobs.enqueue([third]) == [False]

    assert await jobs.end(ending(claimed, JobEvent.SUCCEEDED))
    assert await jobs.enqueue([third]) == [True]


async def test_a_job_that_failed_and_will_be_tried_again_keeps_its_unique_key(jobs: Jobs) -> None:
    await jobs.enqueue([new(unique_key="u")])
    [claimed] = await claim(jobs)
    await jobs.end(ending(claimed, JobEvent.FAILED, run_at=at(60)))

    assert await jobs.enqueue([new(unique_key="u")]) == [False]


async def test_a_key_for_a_period_outlasts_its_job_and_not_the_period(jobs: Jobs) -> None:
    await jobs.enqueue([new(unique_key="u", unique_until=at(100))])
    [claimed] = await claim(jobs)
    await jobs.end(ending(claimed, JobEvent.SUCCEEDED))

    assert await jobs.enqueue([new(unique_key="u", created_at=at(99))]) == [False]
    assert await jobs.enqueue([new(unique_key="u", created_at=at(100))]) == [True]


async def test_of_equal_jobs_that_are_enqueued_at_once_one_is_made(
    on_postgres: PostgresJobs,
) -> None:
    answers: list[bool] = []

    async def enqueue() -> None:
        answers.extend(await on_postgres.enqueue([new(unique_key="u")]))

    async with trio.open_nursery() as nursery:
        for _ in range(8):
            nursery.start_soon(enqueue)

    assert sorted(answers) == [False] * 7 + [True]


async def test_a_job_of_a_transaction_that_is_rolled_back_never_was(
    postgres: Postgres, on_postgres: PostgresJobs
) -> None:
    made = new(unique_key="u")

    async def fail(connection: Connection) -> None:
        assert await job_queue.enqueue(connection, [made]) == [True]
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await postgres.transaction(fail)

    assert await on_postgres.find(made.id) is None
    assert await on_postgres.enqueue([made]) == [True]


async def test_a_job_in_another_rooms_statement_is_there_if_what_it_is_given_happened(
    postgres: Postgres, on_postgres: PostgresJobs
) -> None:
    statement = compose(
        [Part("happened (what)", "SELECT unnest($1::text[])"), *job_queue.ENQUEUED], HAPPENED
    )
    yes, no, always = new(unique_key="u"), new(unique_key="v"), new()

    async def unit(connection: Connection) -> None:
        given = job_queue.enqueued([(yes, "paid"), (no, "refused"), (always, None)])
        await connection.fetch(statement, ["paid"], *given)

    await postgres.run(unit)

    assert await on_postgres.find(yes.id) is not None
    assert await on_postgres.find(no.id) is None
    assert await on_postgres.find(always.id) is not None
    assert await on_postgres.enqueue([new(unique_key="v")]) == [True]


# Claimed.


async def test_what_is_due_is_claimed_by_priority_and_then_by_time(jobs: Jobs) -> None:
    late, early = new(priority=5, run_at=at(-1)), new(priority=5, run_at=at(-2))
    first, last = new(priority=0), new(priority=9, run_at=at(-9))
    await jobs.enqueue([last, late, early, first])

    claimed = await claim(jobs, 1, 3)

    assert [one.id for one in claimed] == [first.id, early.id, late.id]
    assert {one.state for one in claimed} == {JobState.EXECUTING}
    assert {(one.attempt, one.lease_until) for one in claimed} == {(1, at(31))}
    assert [one.id for one in await claim(jobs)] == [last.id]
    assert await claim(jobs) == []


async def test_a_job_for_later_is_claimed_when_its_time_has_come(jobs: Jobs) -> None:
    made = new(run_at=at(60))
    await jobs.enqueue([made])
    assert await state_of(jobs, made.id) is JobState.SCHEDULED

    assert await jobs.make_due(at(59), 10) == 0
    assert await claim(jobs, 59) == []
    assert await jobs.make_due(at(60), 10) == 1
    assert [one.id for one in await claim(jobs, 60)] == [made.id]


async def test_no_more_of_a_kind_are_claimed_than_may_run_at_once(jobs: Jobs) -> None:
    await jobs.enqueue([new() for _ in range(5)] + [new(kind="other", priority=9)])
    narrow, other = Wanted("k", 1, 2), Wanted("other", 1, 2)

    first = await claim(jobs, 1, 10, narrow, other)
    assert sorted(one.kind for one in first) == ["k", "k", "other"]
    assert await claim(jobs, 2, 10, narrow) == []

    await jobs.end(ending(first[0], JobEvent.SUCCEEDED))
    assert len(await claim(jobs, 3, 10, narrow)) == 1


async def test_two_processes_that_claim_at_once_keep_the_limit_of_a_kind(
    on_postgres: PostgresJobs, postgres: Postgres
) -> None:
    await on_postgres.enqueue([new() for _ in range(20)])
    rivals = [on_postgres, PostgresJobs(postgres), PostgresJobs(postgres)]
    claimed: list[Job] = []

    async def take(rival: PostgresJobs) -> None:
        claimed.extend(await claim(rival, 1, 10, Wanted("k", 1, 7)))

    async with trio.open_nursery() as nursery:
        for rival in rivals:
            nursery.start_soon(take, rival)

    assert len(claimed) == len({one.id for one in claimed}) == 7


async def test_what_a_process_does_not_know_or_cannot_read_is_left_to_others(jobs: Jobs) -> None:
    await jobs.enqueue([new(kind="unknown"), new(version=2)])

    assert await claim(jobs) == []
    assert len(await claim(jobs, 1, 10, Wanted("k", 2, 1))) == 1


async def test_a_paused_kind_is_not_claimed_until_it_is_resumed(jobs: Jobs) -> None:
    await jobs.enqueue([new()])
    await jobs.pause(Subject.KIND, "k", at(0), "first")
    await jobs.pause(Subject.KIND, "k", at(0), "second")

    assert await claim(jobs) == []
    assert await jobs.pauses() == {(Subject.KIND, "k"): "first"}

    await jobs.resume(Subject.KIND, "k", "enough")
    assert len(await claim(jobs)) == 1


# Ended.


async def test_an_attempt_is_ended_once(jobs: Jobs) -> None:
    await jobs.enqueue([new()])
    [claimed] = await claim(jobs)

    assert await jobs.end(ending(claimed, JobEvent.SUCCEEDED))
    assert not await jobs.end(ending(claimed, JobEvent.FAILED, run_at=at(9)))

    found = await jobs.find(claimed.id)
    assert found is not None
    assert (found.state, found.ended_at, found.lease_until) == (JobState.COMPLETED, at(5), None)


async def test_whoever_ends_an_earlier_attempt_changes_nothing(jobs: Jobs) -> None:
    await jobs.enqueue([new()])
    [first] = await claim(jobs)
    await jobs.end(ending(first, JobEvent.GIVEN_BACK))
    [second] = await claim(jobs, 6)
    assert (second.attempt, second.given_back, second.failures) == (2, 1, 1)

    assert not await jobs.end(ending(first, JobEvent.SUCCEEDED))
    assert await state_of(jobs, first.id) is JobState.EXECUTING
    assert await jobs.end(ending(second, JobEvent.SUCCEEDED))


async def test_of_many_who_end_one_attempt_at_once_one_does(on_postgres: PostgresJobs) -> None:
    await on_postgres.enqueue([new()])
    [claimed] = await claim(on_postgres)
    answers: list[bool] = []

    async def end(event: JobEvent) -> None:
        answers.append(await on_postgres.end(ending(claimed, event)))

    async with trio.open_nursery() as nursery:
        for event in (JobEvent.SUCCEEDED, JobEvent.REFUSED, JobEvent.GIVEN_BACK) * 3:
            nursery.start_soon(end, event)

    assert sum(answers) == 1


async def test_a_failed_attempt_is_due_again_at_its_time_with_its_error_kept(jobs: Jobs) -> None:
    await jobs.enqueue([new()])
    [claimed] = await claim(jobs)
    error = JobError(attempt=1, at=at(5), text="no answer")

    await jobs.end(ending(claimed, JobEvent.FAILED, run_at=at(50), errors=(error,)))

    assert await state_of(jobs, claimed.id) is JobState.RETRYABLE
    assert await jobs.make_due(at(50), 10) == 1
    [again] = await claim(jobs, 50)
    assert (again.attempt, again.errors) == (2, (error,))


async def test_a_job_that_is_given_up_leaves_an_audit_line(
    on_postgres: PostgresJobs, postgres: Postgres
) -> None:
    await on_postgres.enqueue([new()])
    [claimed] = await claim(on_postgres)
    error = JobError(attempt=1, at=at(5), text="account_not_found: no account")

    await on_postgres.end(ending(claimed, JobEvent.REFUSED, errors=(error,)))

    query = "SELECT actor, subject, note FROM audit_trail WHERE action = 'job.discarded'"
    assert await fetch(postgres, query) == [
        {"actor": "platform", "subject": claimed.id, "note": error.text}
    ]


# Leases.


async def test_a_lease_that_is_renewed_is_not_stalled_and_one_that_is_not_is(jobs: Jobs) -> None:
    await jobs.enqueue([new(), new()])
    kept, silent = await claim(jobs)
    await jobs.renew([(kept.id, 1)], at(90))

    assert await jobs.stalled(at(30), 10) == []
    assert [one.id for one in await jobs.stalled(at(31), 10)] == [silent.id]


async def test_renewing_tells_which_attempts_are_still_the_callers(jobs: Jobs) -> None:
    await jobs.enqueue([new(), new(), new()])
    mine, ended, called_off = await claim(jobs)
    await jobs.end(ending(ended, JobEvent.SUCCEEDED))
    await jobs.call_off(called_off.id, at(3), "not wanted")

    asked = [(one.id, one.attempt) for one in (mine, ended, called_off)]
    assert await jobs.renew([*asked, (mine.id, 7)], at(90)) == [(mine.id, 1)]


async def test_a_silent_workers_attempt_is_ended_unless_it_spoke_meanwhile(jobs: Jobs) -> None:
    await jobs.enqueue([new()])
    [claimed] = await claim(jobs)
    rescue = ending(claimed, JobEvent.FAILED, run_at=at(60), stalled_at=at(31))

    await jobs.renew([(claimed.id, 1)], at(40))
    assert not await jobs.end(rescue)
    assert await jobs.end(msgspec.structs.replace(rescue, stalled_at=at(40)))
    assert not await jobs.end(ending(claimed, JobEvent.SUCCEEDED))


# Schedules.


def row(name: str = "s", timing: str = "every 60 s", seconds: float = 60) -> ScheduleRow:
    return ScheduleRow(name=name, timing=timing, next_run=at(seconds))


def planned(before: float, next_run: float, *made: NewJob, schedule: str = "s") -> Planned:
    return Planned(schedule=schedule, before=at(before), next_run=at(next_run), jobs=made)


async def due(jobs: Jobs, seconds: float) -> list[str]:
    return [one.name for one in await jobs.due_schedules(["s", "t"], at(seconds))]


async def test_a_schedule_is_due_at_its_time_and_moves_on_with_its_jobs(jobs: Jobs) -> None:
    await jobs.declare([row(), row("t", seconds=90)])
    assert await due(jobs, 59) == []
    assert await due(jobs, 60) == ["s"]

    made = new(run_at=at(60), created_at=at(61))
    assert await jobs.plan([planned(60, 120, made)]) == ["s"]

    assert await due(jobs, 119) == ["t"]
    assert await state_of(jobs, made.id) is JobState.AVAILABLE
    [after, _] = await jobs.schedules()
    assert (after.last_run, after.next_run) == (at(60), at(120))


async def test_of_two_processes_that_plan_a_time_one_does(jobs: Jobs) -> None:
    await jobs.declare([row(), row("t", seconds=60)])
    mine, rivals = new(), new()
    assert await jobs.plan([planned(60, 120, mine)]) == ["s"]

    late = [planned(60, 120, rivals), planned(60, 120, schedule="t")]
    assert await jobs.plan(late) == ["t"]
    assert await jobs.find(rivals.id) is None


async def test_a_paused_schedule_is_not_due(jobs: Jobs) -> None:
    await jobs.declare([row()])
    await jobs.pause(Subject.SCHEDULE, "s", at(0), "month end")

    assert await due(jobs, 100) == []
    assert [one.is_paused for one in await jobs.schedules()] == [True]

    await jobs.resume(Subject.SCHEDULE, "s", "over")
    assert await due(jobs, 100) == ["s"]


async def test_a_schedule_starts_afresh_only_when_its_timing_changes(jobs: Jobs) -> None:
    await jobs.declare([row()])
    await jobs.declare([row(seconds=999)])
    assert await due(jobs, 60) == ["s"]

    await jobs.declare([row(timing="every 5 s", seconds=999)])
    assert await due(jobs, 998) == []


# An operator's word.


async def test_a_job_that_was_given_up_has_all_its_attempts_again_when_it_is_revived(
    jobs: Jobs,
) -> None:
    await jobs.enqueue([new(attempts_max=1, unique_key="u")])
    [claimed] = await claim(jobs)
    await jobs.end(ending(claimed, JobEvent.EXHAUSTED))

    revived = await jobs.revive(claimed.id, at(9), "mended")

    assert (revived.state, revived.failures, revived.ended_at) == (JobState.AVAILABLE, 0, None)
    [again] = await claim(jobs, 9)
    assert (again.attempt, again.failures, again.is_last_attempt) == (2, 1, True)
    assert await jobs.enqueue([new(unique_key="u")]) == [False]


async def test_a_job_is_not_revived_beside_another_with_its_unique_key(jobs: Jobs) -> None:
    await jobs.enqueue([new(unique_key="u")])
    [claimed] = await claim(jobs)
    await jobs.call_off(claimed.id, at(2), "wrong")
    await jobs.enqueue([new(unique_key="u")])

    with pytest.raises(Refused, match="holds 'u'") as refused:
        await jobs.revive(claimed.id, at(3), "after all")
    assert refused.value.code == "job_not_unique"
    assert await state_of(jobs, claimed.id) is JobState.CANCELLED


async def test_what_is_done_or_under_way_is_not_revived_and_what_ended_is_not_called_off(
    jobs: Jobs,
) -> None:
    await jobs.enqueue([new()])
    [claimed] = await claim(jobs)
    with pytest.raises(Refused) as refused:
        await jobs.revive(claimed.id, at(2), "now")
    assert refused.value.code == "job_not_waiting"

    await jobs.end(ending(claimed, JobEvent.SUCCEEDED))
    with pytest.raises(Refused) as refused:
        await jobs.call_off(claimed.id, at(6), "no")
    assert refused.value.code == "job_ended"

    with pytest.raises(Refused) as refused:
        await jobs.call_off("job_nobody", at(6), "no")
    assert refused.value.code == "job_not_found"


async def test_a_job_that_is_called_off_while_it_runs_ends_so(jobs: Jobs) -> None:
    await jobs.enqueue([new(unique_key="u")])
    [claimed] = await claim(jobs)

    await jobs.call_off(claimed.id, at(2), "wrong amount")

    assert not await jobs.end(ending(claimed, JobEvent.SUCCEEDED))
    assert await state_of(jobs, claimed.id) is JobState.CANCELLED
    assert await jobs.enqueue([new(unique_key="u")]) == [True]


async def test_an_operators_words_are_in_the_audit_trail(
    on_postgres: PostgresJobs, postgres: Postgres
) -> None:
    made = new()
    await on_postgres.enqueue([made])
    await on_postgres.call_off(made.id, at(1), "one")
    await on_postgres.revive(made.id, at(2), "two")
    await on_postgres.pause(Subject.KIND, "k", at(3), "three")
    await on_postgres.resume(Subject.KIND, "k", "four")
    await on_postgres.resume(Subject.KIND, "k", "five")

    lines = await fetch(
        postgres, "SELECT action, note FROM audit_trail WHERE actor = 'operator' ORDER BY id"
    )
    assert [(one["action"], one["note"]) for one in lines] == [
        ("job.cancelled", "one"),
        ("job.revived", "two"),
        ("job_kind.paused", "three"),
        ("job_kind.resumed", "four"),
    ]


async def test_jobs_are_listed_and_counted_by_state_and_kind(jobs: Jobs) -> None:
    old, young = new(created_at=at(-5), run_at=at(-5)), new()
    other = new(kind="other", run_at=at(60))
    await jobs.enqueue([old, young, other])

    listed = await jobs.jobs(state=JobState.AVAILABLE, kind=None, limit=10)
    assert [one.id for one in listed] == [young.id, old.id]
    listed = await jobs.jobs(state=None, kind="other", limit=10)
    assert [one.id for one in listed] == [other.id]
    assert len(await jobs.jobs(state=None, kind=None, limit=2)) == 2
    assert await jobs.counts() == {
        ("k", JobState.AVAILABLE): 2,
        ("other", JobState.SCHEDULED): 1,
    }
    [waits] = await jobs.backlog()
    assert (waits.kind, waits.waiting, waits.oldest) == ("k", 2, at(-5))


# Pruning.


def rules(before: datetime, **of_kinds: datetime) -> list[Pruning]:
    return [Pruning(state=JobState.COMPLETED, before=before, of_kinds=of_kinds)]


async def test_what_ended_long_ago_goes_by_kind_and_state_in_bites(jobs: Jobs) -> None:
    await jobs.enqueue([new(), new(), new(kind="brief"), new(kind="failed"), new(run_at=at(999))])
    kinds = [Wanted(kind, 1, 9) for kind in ("k", "brief", "failed")]
    for one in await claim(jobs, 1, 10, *kinds):
        event = JobEvent.REFUSED if one.kind == "failed" else JobEvent.SUCCEEDED
        await jobs.end(ending(one, event, seconds=5))

    assert await jobs.prune(rules(at(5), brief=at(6)), at(9), 10) == 1
    assert await jobs.prune(rules(at(6)), at(9), 1) == 1
    assert await jobs.prune(rules(at(6)), at(9), 10) == 1
    left = await jobs.jobs(state=None, kind=None, limit=10)
    assert sorted(one.state for one in left) == [JobState.DISCARDED, JobState.SCHEDULED]


async def test_keys_go_when_their_time_is_up_and_not_while_their_job_is_open(jobs: Jobs) -> None:
    held, for_a_while = new(unique_key="u"), new(unique_key="v", unique_until=at(100))
    await jobs.enqueue([held, for_a_while])

    await jobs.prune(rules(at(0)), at(99), 10)
    assert await jobs.enqueue([new(unique_key="u"), new(unique_key="v")]) == [False, False]
    await jobs.prune(rules(at(0)), at(100), 10)
    assert await jobs.enqueue([new(unique_key="u"), new(unique_key="v")]) == [False, True]


# A claim that read the whole table would stall payments.


READ_OFTEN = {
    "jobs_available": """
        SELECT id FROM jobs WHERE kind = 'k' AND state = 'available' AND version <= 1
        ORDER BY priority, run_at, id LIMIT 10
    """,
    "jobs_waiting": """
        SELECT id FROM jobs WHERE state IN ('scheduled', 'retryable') AND run_at <= now()
        ORDER BY run_at LIMIT 10
    """,
    "jobs_ended": """
        SELECT id FROM jobs WHERE kind = 'k' AND state = 'completed' AND ended_at < now()
        ORDER BY ended_at LIMIT 10
    """,
}


@pytest.mark.parametrize("index", READ_OFTEN)
async def test_what_happens_every_second_reads_an_index(
    postgres: Postgres, on_postgres: PostgresJobs, index: str
) -> None:
    await on_postgres.enqueue([new() for _ in range(500)])
    await on_postgres.enqueue([new(run_at=timedelta(days=1) + at(0)) for _ in range(500)])

    plan = await fetch(postgres, f"EXPLAIN {READ_OFTEN[index]}")

    text = "\n".join(str(line["QUERY PLAN"]) for line in plan)
    assert index in text
    assert "Seq Scan" not in text
