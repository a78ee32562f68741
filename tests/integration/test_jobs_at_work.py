"""Workers and schedules over a real Postgres: two processes, one that is killed, any order."""

import dataclasses
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
import trio

from actors.branch import Branch
from actors.jobs import job_workers
from actors.platform import Platform
from actors.schedules import schedules
from fluxiq.asyncio_host import AsyncioHost
from fluxiq.domain.job import ENDED, Job, JobEvent
from fluxiq.domain.schedule import Every, Schedule
from fluxiq.errors import Refused, Unavailable
from fluxiq.ports.jobs import Ending, Jobs, NewJob, Wanted
from fluxiq.services.run_jobs import Kind, new_job
from fluxiq.services.tenant import Tenant
from fluxiq.stores.jobs import PostgresJobs
from fluxiq.stores.pool import Postgres
from fluxiq.telemetry.metrics import Metrics
from supervisors import Strategy, SupervisorSpec, open_tree
from tests.support.memory_jobs import MemoryJobs
from tests.support.memory_world import MemoryWorld
from tests.support.store_records import at, fetch, open_institution

LEASE_SECONDS = 1.0
DONE_SECONDS_MAX = 30.0


@pytest.fixture
async def postgres(asyncio_host: AsyncioHost, institution_database: str) -> AsyncIterator[Postgres]:
    async with open_institution(asyncio_host, institution_database) as opened:
        yield opened


class WallClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


class Handler:
    """Counts its runs by job; fails each job's first attempt when it is told to."""

    def __init__(self, *, fails_first: bool = False) -> None:
        self.runs: Counter[str] = Counter()
        self._fails_first = fails_first

    async def __call__(self, _tenant: Tenant, _args: Any, job: Job) -> None:
        await trio.lowlevel.checkpoint()
        self.runs[job.id] += 1
        if self._fails_first and self.runs[job.id] == 1:
            raise Unavailable("somebody", "away")


def tenant_of(jobs: Jobs) -> Tenant:
    tenant = MemoryWorld().tenant
    lease = msgspec.structs.replace(tenant.settings.jobs, lease_seconds=LEASE_SECONDS)
    return dataclasses.replace(
        tenant,
        jobs=jobs,
        clock=WallClock(),
        settings=msgspec.structs.replace(tenant.settings, jobs=lease),
    )


@asynccontextmanager
async def process(
    postgres: Postgres, kinds: Sequence[Kind], declared: Sequence[Schedule] = ()
) -> AsyncIterator[Tenant]:
    """Workers and schedules, as one process of the institution has them."""
    tenant = tenant_of(PostgresJobs(postgres))
    platform = SimpleNamespace(clock=tenant.clock, metrics=Metrics(process=False))
    branch = Branch(platform=cast("Platform", platform), institution=tenant.institution)
    tenant = dataclasses.replace(tenant, workers=branch.workers)
    children = [job_workers(branch, kinds), schedules(branch, declared, kinds)]
    spec = SupervisorSpec(id="root", strategy=Strategy.ONE_FOR_ONE, children=children)
    with ExitStack() as stack:
        stack.enter_context(branch.tenant.filled(tenant))
        async with open_tree(spec):
            yield tenant


async def all_ended(postgres: Postgres) -> list[dict[str, Any]]:
    """The jobs, once every one has ended."""
    with trio.fail_after(DONE_SECONDS_MAX):
        while True:
            rows = await fetch(postgres, "SELECT id, state, attempt FROM jobs")
            if rows and {row["state"] for row in rows} <= ENDED:
                return rows
            await trio.sleep(0.05)


async def test_two_processes_do_each_job_once_between_them(postgres: Postgres) -> None:
    handler = Handler()
    kind = Kind(name="work", run=handler, concurrency=64)
    async with process(postgres, [kind]) as tenant, process(postgres, [kind]):
        made = [new_job(tenant, kind) for _ in range(400)]
        await tenant.jobs.enqueue(made)
        tenant.workers.ring()
        rows = await all_ended(postgres)

    assert {(row["state"], row["attempt"]) for row in rows} == {("completed", 1)}
    assert handler.runs == {one.id: 1 for one in made}


async def test_two_processes_plan_each_second_once(postgres: Postgres) -> None:
    handler = Handler()
    kind = Kind(name="work", run=handler, concurrency=1)
    beat = Schedule(name="beat", kind="work", timing=Every(1))
    async with process(postgres, [kind], [beat]), process(postgres, [kind], [beat]):
        await trio.sleep(3.5)

    rows = await fetch(postgres, "SELECT run_at FROM jobs ORDER BY run_at")
    times = [row["run_at"] for row in rows]
    assert 2 <= len(times) <= 4
    assert len(set(times)) == len(times)
    assert max(handler.runs.values()) == 1


async def test_the_job_of_a_killed_process_is_done_by_another(postgres: Postgres) -> None:
    handler = Handler()
    kind = Kind(name="work", run=handler)
    killed = tenant_of(PostgresJobs(postgres))
    made = new_job(killed, kind)
    await killed.jobs.enqueue([made])
    now = killed.clock.now()
    until = now + timedelta(seconds=LEASE_SECONDS)
    [taken] = await killed.jobs.claim([Wanted("work", 1, 4)], now, until, 1)  # and is no more

    async with process(postgres, [kind]):
        [row] = await all_ended(postgres)

    assert (row["state"], row["attempt"]) == ("completed", 2)
    assert handler.runs[made.id] == 1
    late = Ending(job_id=taken.id, attempt=1, event=JobEvent.REFUSED, at=killed.clock.now())
    assert not await killed.jobs.end(late)


async def test_what_failed_is_done_at_its_next_attempt(postgres: Postgres) -> None:
    handler = Handler(fails_first=True)
    kind = Kind(name="work", run=handler)
    async with process(postgres, [kind]) as tenant:
        made = [new_job(tenant, kind) for _ in range(20)]
        await tenant.jobs.enqueue(made)
        rows = await all_ended(postgres)

    assert {(row["state"], row["attempt"]) for row in rows} == {("completed", 2)}


# Any order of what can happen.


class Deeds:
    """Draws what happens next to a handful of jobs, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._seed = seed
        self._made = 0
        self._taken: list[Job] = []
        self.seconds = 0.0

    async def do(self, stores: Sequence[Jobs]) -> None:
        """The next deed on each store; all must answer the same."""
        self.seconds += self._random.uniform(0, 8)
        deed = self._random.choice(
            [self._enqueue, self._claim, self._claim, self._end, self._end, self._rescue,
             self._make_due, self._call_off, self._revive, self._renew]
        )  # fmt: skip
        arguments = self._draw()
        answers = [await deed(store, **arguments) for store in stores]
        assert all(one == answers[0] for one in answers), (deed.__name__, answers)
        if deed == self._claim:
            self._taken += answers[0]

    def _draw(self) -> dict[str, Any]:
        self._made += 1
        return {
            "new_id": f"job_{self._seed}_{self._made}",
            "some_id": f"job_{self._seed}_{self._random.randint(1, self._made)}",
            "key": self._random.choice([None, "a", "b"]),
            "delay": self._random.choice([0, 0, 5, 30]),
            "held": self._random.choice(self._taken) if self._taken else None,
            "event": self._random.choice(
                [
                    JobEvent.SUCCEEDED,
                    JobEvent.FAILED,
                    JobEvent.EXHAUSTED,
                    JobEvent.REFUSED,
                    JobEvent.GIVEN_BACK,
                ]
            ),
        }

    async def _enqueue(self, store: Jobs, *, new_id: str, key: str | None, **said: Any) -> Any:
        now = at(self.seconds)
        until = None if key != "b" else now + timedelta(seconds=40)
        made = NewJob(
            id=new_id,
            kind="k",
            version=1,
            args={},
            created_at=now,
            run_at=now + timedelta(seconds=said["delay"]),
            unique_key=key,
            unique_until=until,
        )
        return await store.enqueue([made])

    async def _claim(self, store: Jobs, **_said: Any) -> list[Job]:
        now = at(self.seconds)
        return await store.claim([Wanted("k", 1, 3)], now, now + timedelta(seconds=10), 2)

    async def _end(self, store: Jobs, *, held: Job | None, event: JobEvent, **said: Any) -> Any:
        if held is None:
            return None
        now = at(self.seconds)
        run_at = now + timedelta(seconds=said["delay"]) if event is JobEvent.FAILED else None
        return await store.end(
            Ending(job_id=held.id, attempt=held.attempt, event=event, at=now, run_at=run_at)
        )

    async def _rescue(self, store: Jobs, **_said: Any) -> Any:
        now = at(self.seconds)
        silent = await store.stalled(now, 10)
        ended = []
        for job in sorted(silent, key=lambda one: one.id):
            ending = Ending(
                job_id=job.id,
                attempt=job.attempt,
                event=JobEvent.FAILED,
                at=now,
                run_at=now,
                stalled_at=now,
            )
            ended.append((job.id, await store.end(ending)))
        return ended

    async def _make_due(self, store: Jobs, **_said: Any) -> Any:
        return await store.make_due(at(self.seconds), 100)

    async def _call_off(self, store: Jobs, *, some_id: str, **_said: Any) -> Any:
        return await _told(store.call_off, some_id, at(self.seconds))

    async def _revive(self, store: Jobs, *, some_id: str, **_said: Any) -> Any:
        return await _told(store.revive, some_id, at(self.seconds))

    async def _renew(self, store: Jobs, *, held: Job | None, **_said: Any) -> Any:
        asked = [] if held is None else [(held.id, held.attempt)]
        return await store.renew(asked, at(self.seconds + 10))


async def _told(deed: Any, job_id: str, now: datetime) -> Any:
    try:
        return await deed(job_id, now, "drawn")
    except Refused as error:
        return error.code


@pytest.mark.parametrize("seed", range(4))
async def test_any_order_of_deeds_is_the_same_on_paper_and_in_memory_and_can_be_ended(
    postgres: Postgres, seed: int
) -> None:
    on_paper, in_memory = PostgresJobs(postgres), MemoryJobs()
    deeds = Deeds(seed)
    for _ in range(150):
        await deeds.do([on_paper, in_memory])

    rows = await on_paper.jobs(state=None, kind=None, limit=1000)
    assert {row.id: row for row in rows} == in_memory.rows
    assert {row.state for row in rows} & ENDED, "nothing ended: the draw is broken"
    assert all(row.given_back <= row.attempt for row in rows)

    for row in rows:
        if row.state not in ENDED:
            await on_paper.call_off(row.id, at(deeds.seconds), "the end")
    assert {state for _, state in await on_paper.counts()} <= ENDED
    held = await fetch(postgres, "SELECT key FROM job_keys WHERE until IS NULL")
    assert held == [], "an ended job holds a key"
