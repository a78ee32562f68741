"""Durable jobs as operators read them: docs/jobs.md."""

from datetime import datetime
from typing import Any

from msgspec import Struct

from fluxiq.domain.job import JobState


class JobLine(Struct, frozen=True, kw_only=True):
    """`error` is the last line of what its last failure said; empty: none failed. `run_at` is when
    it is due; `attempt` counts from one, 0 is nobody's yet.
    """

    id: str
    kind: str
    state: JobState
    priority: int
    attempt: int
    attempts_max: int
    run_at: datetime
    error: str


class JobFailure(Struct, frozen=True, kw_only=True):
    """How an attempt failed: the end of its traceback, masked."""

    attempt: int
    at: datetime
    text: str


class JobShown(Struct, frozen=True, kw_only=True):
    """All of one job. `args` are what `version` of its kind says; `given_back` attempts ended with
    their worker and do not count; `schedule` planned it; `errors` are the last five, oldest first.
    """

    id: str
    kind: str
    version: int
    args: dict[str, Any]
    state: JobState
    priority: int
    attempt: int
    given_back: int
    attempts_max: int
    run_at: datetime
    created_at: datetime
    attempted_at: datetime | None
    lease_until: datetime | None
    ended_at: datetime | None
    unique_key: str | None
    schedule: str | None
    errors: list[JobFailure]


class JobKindStanding(Struct, frozen=True, kw_only=True):
    """How many jobs of a kind there are in each state; `paused` says why, where it is."""

    name: str
    states: dict[str, int]
    paused: str | None


class JobScheduleStanding(Struct, frozen=True, kw_only=True):
    """`timing` is a crontab's or an interval; `paused` says why, where it is."""

    name: str
    timing: str
    next_run: datetime
    last_run: datetime | None
    paused: str | None


class JobBoard(Struct, frozen=True, kw_only=True):
    institution: str
    kinds: list[JobKindStanding]
    schedules: list[JobScheduleStanding]


class JobQueued(Struct, frozen=True, kw_only=True):
    """The id of the job that does what was ordered."""

    job: str
