"""What the jobs' use cases need of the records: enqueue, claim, end, plan, look and order."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from msgspec import Struct

from fluxiq.domain.job import ATTEMPTS_USUAL, PRIORITY_USUAL, Job, JobError, JobEvent, JobState


class NewJob(Struct, frozen=True, kw_only=True):
    """A job to be put on paper. With `unique_key`, nothing is made while another job of the kind
    holds that key: until it has ended, or, with `unique_until`, until that time.
    """

    id: str
    kind: str
    version: int
    args: Mapping[str, Any]
    created_at: datetime
    run_at: datetime
    priority: int = PRIORITY_USUAL
    attempts_max: int = ATTEMPTS_USUAL
    unique_key: str | None = None
    unique_until: datetime | None = None
    schedule: str | None = None


class Wanted(Struct, frozen=True):
    """A kind that the caller can do: up to this version, so many at once in the institution."""

    kind: str
    version: int
    concurrency: int


class Ending(Struct, frozen=True, kw_only=True):
    """How an attempt ended: `event` is SUCCEEDED, FAILED, EXHAUSTED, REFUSED or GIVEN_BACK.

    `stalled_at`: the attempt is ended by somebody else, if its lease was over by then.
    """

    job_id: str
    attempt: int
    event: JobEvent
    at: datetime
    run_at: datetime | None = None  # of a FAILED attempt: when the next one is due
    errors: tuple[JobError, ...] | None = None  # None: as they were
    stalled_at: datetime | None = None


class ScheduleRow(Struct, frozen=True, kw_only=True):
    """How a schedule stands: the first time not planned yet, and the last one that was."""

    name: str
    timing: str
    next_run: datetime
    last_run: datetime | None = None
    is_paused: bool = False


class Planned(Struct, frozen=True, kw_only=True):
    """A schedule moves from `before` to `next_run`, with the jobs of the times in between."""

    schedule: str
    before: datetime
    next_run: datetime
    jobs: tuple[NewJob, ...]


class Subject(StrEnum):
    """What can be paused."""

    KIND = "kind"
    SCHEDULE = "schedule"


class Backlog(Struct, frozen=True, kw_only=True):
    """Of one kind: how many jobs are due and wait for a worker, and since when the first does."""

    kind: str
    waiting: int
    oldest: datetime


class Pruning(Struct, frozen=True, kw_only=True):
    """Ended jobs of `state` go when they ended before `before`; of some kinds by another time."""

    state: JobState
    before: datetime
    of_kinds: Mapping[str, datetime]


class Jobs(Protocol):
    """The jobs of one institution. Every method is one transaction, and raises Unavailable."""

    async def enqueue(self, jobs: Sequence[NewJob]) -> list[bool]:
        """Put on paper; False where the id is there already or the unique key is taken."""

    # work

    async def claim(
        self, wanted: Sequence[Wanted], now: datetime, lease_until: datetime, limit: int
    ) -> list[Job]:
        """Take due jobs: by priority, then by time. Each is one attempt more, leased to the caller.
        No kind has more than its `concurrency` executing, counting all processes.
        """

    async def renew(
        self, attempts: Sequence[tuple[str, int]], lease_until: datetime
    ) -> list[tuple[str, int]]:
        """Prolong the leases of these jobs' attempts; returns those that are still the caller's."""

    async def end(self, ending: Ending) -> bool:
        """End an attempt; False when it had ended already, or another one has begun."""

    async def stalled(self, now: datetime, limit: int) -> list[Job]:
        """Executing jobs whose lease is over: their workers are taken for dead."""

    async def make_due(self, now: datetime, limit: int) -> int:
        """Turn scheduled and retryable jobs whose time has come to available; says how many."""

    # schedules

    async def declare(self, rows: Sequence[ScheduleRow]) -> None:
        """Make the schedules that are new, and set those anew whose timing changed."""

    async def due_schedules(self, names: Sequence[str], now: datetime) -> list[ScheduleRow]:
        """Those of `names` whose next run has come, and which are not paused."""

    async def plan(self, batch: Sequence[Planned]) -> list[str]:
        """Move schedules on and enqueue their jobs, all or nothing for each; returns the schedules
        that moved: one that is elsewhere than `before` was planned by another process.
        """

    # looking and ordering

    async def find(self, job_id: str) -> Job | None: ...

    async def jobs(self, *, state: JobState | None, kind: str | None, limit: int) -> list[Job]:
        """The last made first."""

    async def counts(self) -> dict[tuple[str, JobState], int]:
        """How many jobs there are, by kind and state."""

    async def backlog(self) -> list[Backlog]:
        """The kinds that have jobs waiting for a worker."""

    async def schedules(self) -> list[ScheduleRow]: ...

    async def pauses(self) -> dict[tuple[Subject, str], str]:
        """What is paused, and why."""

    async def revive(self, job_id: str, now: datetime, reason: str) -> Job:
        """Make it due now, with all its attempts before it. An audit line says why. Raises Refused
        `job_not_found`, `job_not_waiting` (it is due, executing or completed) and `job_not_unique`
        (another job holds its unique key).
        """

    async def call_off(self, job_id: str, now: datetime, reason: str) -> Job:
        """Cancel it; an attempt under way is told at its next heartbeat. An audit line says why.
        Raises Refused `job_not_found`, `job_ended`.
        """

    async def pause(self, subject: Subject, name: str, now: datetime, reason: str) -> None:
        """Claim nothing of a kind, plan nothing of a schedule. Twice is once."""

    async def resume(self, subject: Subject, name: str, reason: str) -> None:
        """Take a pause back. Twice is once."""

    async def prune(self, rules: Sequence[Pruning], now: datetime, limit: int) -> int:
        """Delete ended jobs, and unique keys that nobody holds; says how many jobs went."""
