"""`ports.jobs.Jobs` over an institution's own schema. Ends of attempts are committed together."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any

from fluxiq.domain.job import Job, JobState
from fluxiq.natural_batching import NaturalBatcher
from fluxiq.ports.jobs import (
    Backlog,
    Ending,
    Jobs,
    NewJob,
    Planned,
    Pruning,
    ScheduleRow,
    Subject,
    Wanted,
)
from fluxiq.stores import job_attempts, job_desk, job_queue, job_schedules
from fluxiq.stores.pool import Postgres


class PostgresJobs(Jobs):
    """The jobs of one institution; `postgres` logs in as its role, which sees one schema."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres
        run: Any = postgres.run
        self._end: NaturalBatcher[Ending, bool] = NaturalBatcher(
            partial(run, job_attempts.end), system="postgres"
        )

    async def enqueue(self, jobs: Sequence[NewJob]) -> list[bool]:
        return await self._postgres.run(job_queue.enqueue, jobs)

    # work

    async def claim(
        self, wanted: Sequence[Wanted], now: datetime, lease_until: datetime, limit: int
    ) -> list[Job]:
        return await self._postgres.transaction(job_queue.claim, wanted, now, lease_until, limit)

    async def renew(
        self, attempts: Sequence[tuple[str, int]], lease_until: datetime
    ) -> list[tuple[str, int]]:
        return await self._postgres.run(job_attempts.renew, attempts, lease_until)

    async def end(self, ending: Ending) -> bool:
        return await self._end(ending)

    async def stalled(self, now: datetime, limit: int) -> list[Job]:
        return await self._postgres.run(job_attempts.stalled, now, limit)

    async def make_due(self, now: datetime, limit: int) -> int:
        return await self._postgres.run(job_queue.make_due, now, limit)

    # schedules

    async def declare(self, rows: Sequence[ScheduleRow]) -> None:
        await self._postgres.run(job_schedules.declare, rows)

    async def due_schedules(self, names: Sequence[str], now: datetime) -> list[ScheduleRow]:
        return await self._postgres.run(job_schedules.due_schedules, names, now)

    async def plan(self, batch: Sequence[Planned]) -> list[str]:
        return await self._postgres.run(job_schedules.plan, batch)

    # looking and ordering

    async def find(self, job_id: str) -> Job | None:
        return await self._postgres.run(job_desk.find, job_id)

    async def jobs(self, *, state: JobState | None, kind: str | None, limit: int) -> list[Job]:
        return await self._postgres.run(job_desk.jobs, state, kind, limit)

    async def counts(self) -> dict[tuple[str, JobState], int]:
        return await self._postgres.run(job_desk.counts)

    async def backlog(self) -> list[Backlog]:
        return await self._postgres.run(job_desk.backlog)

    async def schedules(self) -> list[ScheduleRow]:
        return await self._postgres.run(job_schedules.schedules)

    async def pauses(self) -> dict[tuple[Subject, str], str]:
        return await self._postgres.run(job_desk.pauses)

    async def revive(self, job_id: str, now: datetime, reason: str) -> Job:
        return await self._postgres.transaction(job_desk.revive, job_id, now, reason)

    async def call_off(self, job_id: str, now: datetime, reason: str) -> Job:
        return await self._postgres.transaction(job_desk.call_off, job_id, now, reason)

    async def pause(self, subject: Subject, name: str, now: datetime, reason: str) -> None:
        await self._postgres.transaction(job_desk.pause, subject, name, now, reason)

    async def resume(self, subject: Subject, name: str, reason: str) -> None:
        await self._postgres.transaction(job_desk.resume, subject, name, reason)

    async def prune(self, rules: Sequence[Pruning], now: datetime, limit: int) -> int:
        return await self._postgres.transaction(job_desk.prune, rules, now, limit)
