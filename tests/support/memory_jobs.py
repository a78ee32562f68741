"""`ports.jobs.Jobs` and `ports.upkeep.Upkeep` in memory: the promises of Postgres, kept with
dictionaries. Each method waits once, at its beginning, and then does all or nothing.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import trio
from msgspec.structs import replace

from fluxiq.domain.job import ENDED, OPEN, Job, JobEvent, JobState, advance, states_before
from fluxiq.errors import Refused
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
from fluxiq.ports.upkeep import RecordClass, Removals, Upkeep
from tests.support.memory import MemoryStore


@dataclass
class MemoryJobs:
    """`rows` are the jobs by id, `keys` who holds a unique key and until when."""

    rows: dict[str, Job] = field(default_factory=dict)
    keys: dict[tuple[str, str], tuple[str, datetime | None]] = field(default_factory=dict)
    plans: dict[str, ScheduleRow] = field(default_factory=dict)
    paused: dict[tuple[Subject, str], str] = field(default_factory=dict)
    audit: list[str] = field(default_factory=list)

    async def enqueue(self, jobs: Sequence[NewJob]) -> list[bool]:
        await trio.lowlevel.checkpoint()
        return [self._enqueue(job) for job in jobs]

    # work

    async def claim(
        self, wanted: Sequence[Wanted], now: datetime, lease_until: datetime, limit: int
    ) -> list[Job]:
        await trio.lowlevel.checkpoint()
        executing = Counter(one.kind for one in self._in(JobState.EXECUTING))
        by_kind = {one.kind: one for one in wanted}
        claimed: list[Job] = []
        for job in sorted(
            self._in(JobState.AVAILABLE), key=lambda one: (one.priority, one.run_at, one.id)
        ):
            can = by_kind.get(job.kind)
            if can is None or job.version > can.version or len(claimed) == limit:
                continue
            if (Subject.KIND, job.kind) in self.paused or executing[job.kind] >= can.concurrency:
                continue
            executing[job.kind] += 1
            taken = self._move(job, JobEvent.CLAIMED)
            taken = replace(
                taken, attempt=job.attempt + 1, attempted_at=now, lease_until=lease_until
            )
            claimed.append(taken)
            self.rows[job.id] = taken
        return claimed

    async def renew(
        self, attempts: Sequence[tuple[str, int]], lease_until: datetime
    ) -> list[tuple[str, int]]:
        await trio.lowlevel.checkpoint()
        kept = [one for one in attempts if self._executing(*one) is not None]
        for job_id, _ in kept:
            self.rows[job_id] = replace(self.rows[job_id], lease_until=lease_until)
        return kept

    async def end(self, ending: Ending) -> bool:
        await trio.lowlevel.checkpoint()
        job = self._executing(ending.job_id, ending.attempt)
        if job is None:
            return False
        assert job.lease_until is not None
        if ending.stalled_at is not None and job.lease_until > ending.stalled_at:
            return False

        moved = self._move(job, ending.event)
        moved = replace(
            moved,
            run_at=ending.run_at or job.run_at,
            lease_until=None,
            ended_at=ending.at if moved.state in ENDED else None,
            given_back=job.given_back + (ending.event is JobEvent.GIVEN_BACK),
            errors=job.errors if ending.errors is None else ending.errors,
        )
        self.rows[job.id] = moved
        if moved.state in ENDED:
            self._release(job.id)
        if moved.state is JobState.DISCARDED:
            self.audit.append(f"job.discarded {job.id}")
        return True

    async def stalled(self, now: datetime, limit: int) -> list[Job]:
        await trio.lowlevel.checkpoint()
        silent = [
            (one.lease_until, one)
            for one in self._in(JobState.EXECUTING)
            if one.lease_until is not None and one.lease_until <= now
        ]
        return [one for _, one in sorted(silent, key=lambda pair: pair[0])][:limit]

    async def make_due(self, now: datetime, limit: int) -> int:
        await trio.lowlevel.checkpoint()
        waiting = self._in(JobState.SCHEDULED, JobState.RETRYABLE)
        due = sorted((one for one in waiting if one.run_at <= now), key=lambda one: one.run_at)
        for job in due[:limit]:
            self.rows[job.id] = self._move(job, JobEvent.DUE)
        return len(due[:limit])

    # schedules

    async def declare(self, rows: Sequence[ScheduleRow]) -> None:
        await trio.lowlevel.checkpoint()
        for row in rows:
            old = self.plans.get(row.name)
            if old is None:
                self.plans[row.name] = row
            elif old.timing != row.timing:
                self.plans[row.name] = replace(old, timing=row.timing, next_run=row.next_run)

    async def due_schedules(self, names: Sequence[str], now: datetime) -> list[ScheduleRow]:
        await trio.lowlevel.checkpoint()
        return [
            row
            for name, row in sorted(self.plans.items())
            if name in names and row.next_run <= now and (Subject.SCHEDULE, name) not in self.paused
        ]

    async def plan(self, batch: Sequence[Planned]) -> list[str]:
        await trio.lowlevel.checkpoint()
        moved = []
        for one in batch:
            row = self.plans.get(one.schedule)
            if row is None or row.next_run != one.before:
                continue
            last = one.jobs[-1].run_at if one.jobs else row.last_run
            self.plans[one.schedule] = replace(row, next_run=one.next_run, last_run=last)
            moved.append(one.schedule)
            for job in one.jobs:
                self._enqueue(job)
        return moved

    # looking and ordering

    async def find(self, job_id: str) -> Job | None:
        await trio.lowlevel.checkpoint()
        return self.rows.get(job_id)

    async def jobs(self, *, state: JobState | None, kind: str | None, limit: int) -> list[Job]:
        await trio.lowlevel.checkpoint()
        found = [
            one
            for one in self.rows.values()
            if state in (None, one.state) and kind in (None, one.kind)
        ]
        found.sort(key=lambda one: (one.created_at, one.id), reverse=True)
        return found[:limit]

    async def counts(self) -> dict[tuple[str, JobState], int]:
        await trio.lowlevel.checkpoint()
        return dict(Counter((one.kind, one.state) for one in self.rows.values()))

    async def backlog(self) -> list[Backlog]:
        await trio.lowlevel.checkpoint()
        waits: dict[str, list[datetime]] = {}
        for job in self._in(JobState.AVAILABLE):
            waits.setdefault(job.kind, []).append(job.run_at)
        return [
            Backlog(kind=kind, waiting=len(times), oldest=min(times))
            for kind, times in sorted(waits.items())
        ]

    async def schedules(self) -> list[ScheduleRow]:
        await trio.lowlevel.checkpoint()
        return [
            replace(row, is_paused=(Subject.SCHEDULE, name) in self.paused)
            for name, row in sorted(self.plans.items())
        ]

    async def pauses(self) -> dict[tuple[Subject, str], str]:
        await trio.lowlevel.checkpoint()
        return dict(self.paused)

    async def revive(self, job_id: str, now: datetime, reason: str) -> Job:
        await trio.lowlevel.checkpoint()
        job = self._known(job_id)
        if job.state not in states_before(JobEvent.REVIVED):
            raise Refused("job_not_waiting", f"{job_id} is {job.state}")
        if job.unique_key is not None and not self._hold((job.kind, job.unique_key), job_id, now):
            raise Refused("job_not_unique", f"another {job.kind} holds {job.unique_key!r}")
        moved = self._move(job, JobEvent.REVIVED)
        self.rows[job_id] = replace(moved, run_at=now, ended_at=None, given_back=job.attempt)
        self.audit.append(f"job.revived {job_id}: {reason}")
        return self.rows[job_id]

    async def call_off(self, job_id: str, now: datetime, reason: str) -> Job:
        await trio.lowlevel.checkpoint()
        job = self._known(job_id)
        if job.state not in states_before(JobEvent.CALLED_OFF):
            raise Refused("job_ended", f"{job_id} is {job.state}")
        self._release(job_id)
        moved = self._move(job, JobEvent.CALLED_OFF)
        self.rows[job_id] = replace(moved, ended_at=now, lease_until=None)
        self.audit.append(f"job.cancelled {job_id}: {reason}")
        return self.rows[job_id]

    async def pause(self, subject: Subject, name: str, now: datetime, reason: str) -> None:
        await trio.lowlevel.checkpoint()
        if (subject, name) not in self.paused:
            self.paused[subject, name] = reason
            self.audit.append(f"job_{subject}.paused {name}: {reason}")

    async def resume(self, subject: Subject, name: str, reason: str) -> None:
        await trio.lowlevel.checkpoint()
        if self.paused.pop((subject, name), None) is not None:
            self.audit.append(f"job_{subject}.resumed {name}: {reason}")

    async def prune(self, rules: Sequence[Pruning], now: datetime, limit: int) -> int:
        await trio.lowlevel.checkpoint()
        before: dict[JobState, tuple[datetime, Mapping[str, datetime]]] = {
            one.state: (one.before, one.of_kinds) for one in rules
        }
        old = []
        for job in self._in(*before):
            usual, own = before[job.state]
            if job.ended_at is not None and job.ended_at < own.get(job.kind, usual):
                old.append(job.id)
        for job_id in old[:limit]:
            del self.rows[job_id]
        for name, (job_id, until) in list(self.keys.items()):
            held = job_id in self.rows and self.rows[job_id].state in OPEN
            if until <= now if until is not None else not held:
                del self.keys[name]
        return len(old[:limit])

    # one row

    def _enqueue(self, job: NewJob) -> bool:
        if job.id in self.rows:
            return False
        if job.unique_key is not None:
            name = (job.kind, job.unique_key)
            if not self._hold(name, job.id, job.created_at, job.unique_until):
                return False
        is_due = job.run_at <= job.created_at
        self.rows[job.id] = Job(
            id=job.id,
            kind=job.kind,
            version=job.version,
            args=job.args,
            state=JobState.AVAILABLE if is_due else JobState.SCHEDULED,
            priority=job.priority,
            attempt=0,
            given_back=0,
            attempts_max=job.attempts_max,
            run_at=job.run_at,
            created_at=job.created_at,
            unique_key=job.unique_key,
            schedule=job.schedule,
        )
        return True

    def _hold(
        self, name: tuple[str, str], job_id: str, now: datetime, until: datetime | None = None
    ) -> bool:
        holder, expiry = self.keys.get(name, (job_id, None))
        if holder != job_id and (expiry is None or expiry > now):
            return False
        self.keys[name] = (job_id, until)
        return True

    def _release(self, job_id: str) -> None:
        for name, held in list(self.keys.items()):
            if held == (job_id, None):
                del self.keys[name]

    def _move(self, job: Job, event: JobEvent) -> Job:
        state = advance(job.state, event)
        assert state is not None, f"{event} of a job that is {job.state}"
        return replace(job, state=state)

    def _in(self, *states: JobState) -> list[Job]:
        return [one for one in self.rows.values() if one.state in states]

    def _executing(self, job_id: str, attempt: int) -> Job | None:
        job = self.rows.get(job_id)
        if job is None or job.state is not JobState.EXECUTING or job.attempt != attempt:
            return None
        return job

    def _known(self, job_id: str) -> Job:
        if job_id not in self.rows:
            raise Refused("job_not_found", f"no job {job_id}")
        return self.rows[job_id]


@dataclass
class MemoryUpkeep:
    """What is old in a MemoryStore."""

    store: MemoryStore
    rows: dict[RecordClass, list[datetime]] = field(default_factory=dict)  # the times of others

    async def prune(self, what: RecordClass, before: datetime, limit: int) -> int:
        await trio.lowlevel.checkpoint()
        if what is not RecordClass.IDEMPOTENCY_KEYS:
            kept = sorted(self.rows.get(what, []))
            going = sum(one < before for one in kept[:limit])
            self.rows[what] = kept[going:]
            return going
        keys = self.store.answers
        old = sorted((one.at, name) for name, one in keys.items() if one.at < before)
        for _, name in old[:limit]:
            del keys[name]
        return len(old[:limit])

    async def count(self, what: RecordClass, before: datetime, limit: int) -> int:
        await trio.lowlevel.checkpoint()
        times = self.rows.get(what, [])
        if what is RecordClass.IDEMPOTENCY_KEYS:
            times = [one.at for one in self.store.answers.values()]
        return min(limit, sum(one < before for one in times))


@dataclass
class MemoryRemovals:
    """What was deleted, by class."""

    counts: Counter[RecordClass] = field(default_factory=Counter)

    def removed(self, what: RecordClass, count: int) -> None:
        self.counts[what] += count


def keeps_its_promises(
    jobs: MemoryJobs, upkeep: MemoryUpkeep, removals: MemoryRemovals
) -> tuple[Jobs, Upkeep, Removals]:
    """The twins are ports: said here so that the type checker looks."""
    return jobs, upkeep, removals
