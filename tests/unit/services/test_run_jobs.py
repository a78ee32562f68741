"""One attempt at a job, and what becomes of the job by how its handler ends."""

import dataclasses
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
from msgspec import Struct
from msgspec.structs import replace

from fluxiq.domain.job import Backoff, Job, JobEvent, JobState
from fluxiq.domain.schedule import Every, MissedRuns, Schedule
from fluxiq.errors import Refused, Unavailable, Unknown
from fluxiq.ports.jobs import Ending
from fluxiq.services.job_kinds import KINDS, SCHEDULES
from fluxiq.services.plan_jobs import declare_schedules, plan_due
from fluxiq.services.prune import BITE, prune_jobs
from fluxiq.services.run_jobs import (
    Kind,
    NoArgs,
    attempt,
    by_name,
    new_job,
    rescue_stalled,
    wanted,
)
from fluxiq.services.tenant import Tenant
from tests.support.memory_world import MemoryWorld


class Greet(Struct, frozen=True, forbid_unknown_fields=True):
    name: str


class Greeting:
    """A handler: notes what it is given, then does what the test says."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.given: list[Any] = []

    async def __call__(self, _tenant: Tenant, args: Any, _job: Job) -> None:
        await trio.lowlevel.checkpoint()
        self.given.append(args)
        if self.failures:
            raise self.failures.pop(0)


def kind(handler: Any, **said: Any) -> Kind:
    usual: dict[str, Any] = {"name": "greet", "run": handler, "args": {2: Greet}}
    return Kind(**(usual | said))


async def claimed(world: MemoryWorld, one: Kind, args: Struct | None = None) -> Job:
    if args is None:
        args = Greet("Ana") if Greet in one.args.values() else NoArgs()
    await world.jobs.enqueue([new_job(world.tenant, one, args)])
    return await claim(world, one)


async def claim(world: MemoryWorld, one: Kind) -> Job:
    now = world.clock.now()
    await world.jobs.make_due(now, 10)
    [job] = await world.jobs.claim(wanted([one]), now, now + timedelta(seconds=30), 1)
    return job


async def ending(world: MemoryWorld, one: Kind) -> Ending:
    return (await attempt(world.tenant, one, await claimed(world, one))).ending


# The handler.


async def test_a_handler_is_given_its_arguments_as_its_kind_declares_them() -> None:
    world, handler = MemoryWorld(), Greeting()

    ended = await ending(world, kind(handler))

    assert handler.given == [Greet("Ana")]
    assert (ended.event, ended.errors) == (JobEvent.SUCCEEDED, None)


async def test_arguments_of_an_older_version_are_read_as_what_they_were() -> None:
    class Hello(Struct, frozen=True):
        first: str
        last: str

    world, handler = MemoryWorld(), Greeting()
    both = kind(handler, args={1: Hello, 2: Greet})
    job = replace(await claimed(world, both), version=1, args={"first": "Ana", "last": "Sá"})

    assert (await attempt(world.tenant, both, job)).ending.event is JobEvent.SUCCEEDED
    assert handler.given == [Hello("Ana", "Sá")]


@pytest.mark.parametrize("args", [{}, {"name": 1}, {"name": "Ana", "age": 3}])
async def test_arguments_that_cannot_be_read_end_the_job_with_the_reason(
    args: dict[str, Any],
) -> None:
    world, handler = MemoryWorld(), Greeting()
    job = replace(await claimed(world, kind(handler)), args=args)

    ended = (await attempt(world.tenant, kind(handler), job)).ending

    assert (ended.event, handler.given) == (JobEvent.REFUSED, [])
    assert ended.errors is not None
    assert ended.errors[0].text.startswith("job_args_invalid: greet version 2")


async def test_what_is_refused_is_not_tried_again() -> None:
    ended = await ending(MemoryWorld(), kind(Greeting(Refused("no_such_account", "gone"))))

    assert ended.event is JobEvent.REFUSED
    assert ended.errors is not None
    assert ended.errors[0].text == "no_such_account: gone"


@pytest.mark.parametrize(
    "error",
    [Unavailable("nats", "away"), Unknown("ledger", "x", "no answer"), ZeroDivisionError("1/0")],
)
async def test_weather_and_bugs_are_tried_again_after_the_backoff(error: Exception) -> None:
    world = MemoryWorld()

    ended = await ending(world, kind(Greeting(error), backoff=Backoff(seconds=100)))

    assert ended.event is JobEvent.FAILED
    assert ended.run_at is not None
    assert 75 <= (ended.run_at - world.clock.now()).total_seconds() < 125


async def test_whoever_says_when_to_come_back_is_not_asked_before() -> None:
    world = MemoryWorld()

    ended = await ending(world, kind(Greeting(Unavailable("psp", "busy", retry_after=900))))

    assert ended.run_at == world.clock.now() + timedelta(seconds=900)


async def test_a_bug_is_told_with_the_place_where_it_is() -> None:
    ended = await ending(MemoryWorld(), kind(Greeting(ZeroDivisionError("one by none"))))

    assert ended.errors is not None
    text = ended.errors[0].text
    assert text.startswith("Traceback")
    assert "raise self.failures.pop(0)" in text
    assert text.endswith("ZeroDivisionError: one by none\n")


async def test_documents_and_secrets_stay_out_of_the_errors() -> None:
    ended = await ending(MemoryWorld(), kind(Greeting(ValueError("529.982.247-25 sk_live_abc"))))

    assert ended.errors is not None
    assert "529.982.247-25" not in ended.errors[0].text
    assert "sk_live_abc" not in ended.errors[0].text


async def test_what_a_nursery_wrapped_is_judged_by_what_it_is() -> None:
    wrapped = ExceptionGroup("nursery", [ExceptionGroup("inner", [Refused("a_code", "no")])])

    assert (await ending(MemoryWorld(), kind(Greeting(wrapped)))).event is JobEvent.REFUSED


async def test_a_handler_that_takes_too_long_is_stopped_and_tried_again() -> None:
    async def sleep(_tenant: Tenant, _args: Any, _job: Job) -> None:
        await trio.sleep_forever()

    ended = await ending(MemoryWorld(), kind(sleep, seconds_max=0.01))

    assert ended.event is JobEvent.FAILED
    assert ended.errors is not None
    assert ended.errors[0].text == "took longer than 0.01 s"


async def test_a_job_that_failed_as_often_as_it_may_is_given_up() -> None:
    world = MemoryWorld()
    failing = kind(Greeting(*[Unavailable("nats", "away")] * 3), attempts_max=3)
    job = await claimed(world, failing)

    for number in range(1, 4):
        ended = (await attempt(world.tenant, failing, job)).ending
        assert await world.jobs.end(ended)
        if number < 3:
            world.clock.pass_seconds(3600)
            job = await claim(world, failing)

    assert world.jobs.rows[job.id].state is JobState.DISCARDED
    assert [one.attempt for one in world.jobs.rows[job.id].errors] == [1, 2, 3]


# Silence.


async def test_a_silent_workers_job_is_tried_again_and_its_attempt_counts() -> None:
    world = MemoryWorld()
    one = kind(Greeting())
    job = await claimed(world, one)
    assert await rescue_stalled(world.tenant, by_name([one])) == []

    world.clock.pass_seconds(31)
    assert [taken.id for taken in await rescue_stalled(world.tenant, by_name([one]))] == [job.id]

    row = world.jobs.rows[job.id]
    assert (row.state, row.failures) == (JobState.RETRYABLE, 1)
    assert "fell silent" in row.errors[0].text


async def test_a_job_that_silences_every_worker_is_given_up() -> None:
    world = MemoryWorld()
    deadly = kind(Greeting(), attempts_max=2)
    job = await claimed(world, deadly)
    for _ in range(2):
        world.clock.pass_seconds(31)
        await rescue_stalled(world.tenant, by_name([deadly]))
        world.clock.pass_seconds(60)
        if world.jobs.rows[job.id].state is JobState.RETRYABLE:
            await claim(world, deadly)

    assert world.jobs.rows[job.id].state is JobState.DISCARDED


# Schedules.


async def planned(world: MemoryWorld, one: Schedule, handler: Kind) -> bool:
    return await plan_due(world.tenant, {one.name: one}, by_name([handler]))


async def test_a_schedule_plans_its_jobs_and_wakes_the_workers() -> None:
    world, handler = MemoryWorld(), kind(Greeting(), args={1: NoArgs})
    hourly = Schedule(name="s", kind="greet", timing=Every(3600), missed=MissedRuns.ALL)
    await declare_schedules(world.tenant, [hourly])
    assert not await planned(world, hourly, handler)
    assert world.workers.rings == 0

    world.clock.pass_seconds(3 * 3600)
    assert await planned(world, hourly, handler)
    assert not await planned(world, hourly, handler)

    assert [one.schedule for one in world.jobs.rows.values()] == ["s", "s", "s"]
    assert world.workers.rings == 1


async def test_a_schedule_plans_nothing_while_its_last_job_has_not_ended() -> None:
    world, handler = MemoryWorld(), kind(Greeting(), args={1: NoArgs})
    busy = Schedule(name="s", kind="greet", timing=Every(1))
    await declare_schedules(world.tenant, [busy])
    for _ in range(5):
        world.clock.pass_seconds(1)
        await planned(world, busy, handler)

    [job] = world.jobs.rows.values()
    taken = await claim(world, handler)
    await world.jobs.end((await attempt(world.tenant, handler, taken)).ending)
    world.clock.pass_seconds(1)
    await planned(world, busy, handler)
    assert len(world.jobs.rows) == 2
    assert taken.id == job.id


async def test_two_processes_that_look_at_once_plan_a_time_once() -> None:
    world, handler = MemoryWorld(), kind(Greeting(), args={1: NoArgs})
    daily = Schedule(name="s", kind="greet", timing=Every(60), missed=MissedRuns.ALL)
    await declare_schedules(world.tenant, [daily])
    world.clock.pass_seconds(60)

    async with trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(planned, world, daily, handler)

    assert len(world.jobs.rows) == 1


# Pruning.


async def test_completed_jobs_are_kept_as_long_as_their_kind_says() -> None:
    world = MemoryWorld()
    brief = kind(Greeting(), name="brief", keep_completed=timedelta(minutes=10))
    usual = kind(Greeting(Refused("no", "no")), name="usual")
    for one in (brief, usual):
        await world.jobs.end(await ending(world, one))

    world.clock.pass_seconds(9 * 60)
    assert await prune_jobs(world.tenant, [brief, usual]) == 0
    world.clock.pass_seconds(2 * 60)
    assert await prune_jobs(world.tenant, [brief, usual]) == 1
    world.clock.pass_seconds(31 * 86400)
    assert await prune_jobs(world.tenant, [brief, usual]) == 1


async def test_pruning_goes_on_bite_by_bite_until_nothing_old_is_left() -> None:
    world = MemoryWorld()
    one = kind(Greeting())
    done = replace(await claimed(world, one), state=JobState.COMPLETED, ended_at=world.clock.now())
    world.jobs.rows = {f"job_{n}": replace(done, id=f"job_{n}") for n in range(2 * BITE + 5)}
    world.clock.pass_seconds(2 * 86400)

    assert await prune_jobs(world.tenant, [one]) == 2 * BITE + 5


# What is declared.


def test_every_schedule_names_a_kind_that_can_do_without_arguments() -> None:
    kinds = by_name(KINDS)

    assert len({one.name for one in SCHEDULES}) == len(SCHEDULES)
    for one in SCHEDULES:
        args = kinds[one.kind].args[kinds[one.kind].version]
        assert msgspec.convert(msgspec.to_builtins(NoArgs()), args) == args()


def test_the_page_names_every_schedule() -> None:
    page = (Path(__file__).parents[3] / "docs" / "jobs.md").read_text(encoding="utf-8")

    assert {one.name for one in SCHEDULES if f"`{one.name}`" not in page} == set()


def test_one_kind_cannot_take_all_workers() -> None:
    workers = MemoryWorld().tenant.settings.jobs.workers

    assert all(one.concurrency < workers for one in KINDS)


def test_two_kinds_of_one_name_are_refused() -> None:
    one = kind(Greeting())

    with pytest.raises(AssertionError, match="share a name"):
        by_name([one, dataclasses.replace(one)])
