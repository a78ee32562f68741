"""One attempt at a job: what its handler does, and what becomes of the job by how that ends.

| the handler | the job |
|---|---|
| returns | completed |
| raises Unavailable or Unknown | tried again after its backoff (or `retry_after`, if later) |
| raises Refused, or its arguments cannot be read | discarded, with the reason |
| raises anything else, or takes too long | tried again: a bug of this job alone |
| is cancelled, because the worker stops | given back: the attempt does not count |

Who failed as often as its kind allows is discarded. A handler runs at least once, so it does twice
what is the same as once.
"""

import traceback
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import msgspec
import trio
from msgspec import Struct

from fluxiq.domain.job import PRIORITY_USUAL, Backoff, Job, JobEvent, with_error
from fluxiq.errors import Refused, Unavailable, Unknown
from fluxiq.ports.jobs import Ending, NewJob, Wanted
from fluxiq.services.tenant import Tenant
from fluxiq.telemetry.redaction import redact_text

Handler: TypeAlias = Callable[[Tenant, Any, Job], Awaitable[None]]

STALLED_MAX = 100  # taken from the dead in one round


class NoArgs(Struct, frozen=True, forbid_unknown_fields=True):
    """Of a job whose kind says it all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of work. `args` has the arguments of every version that may still be on paper; the
    newest is enqueued, and a process claims no job newer than it can read.

    `concurrency` counts all processes of the institution. `seconds_max` is for one attempt.
    """

    name: str
    run: Handler
    args: Mapping[int, type[Struct]] = field(default_factory=lambda: {1: NoArgs})
    concurrency: int = 4
    priority: int = PRIORITY_USUAL
    attempts_max: int = 20
    seconds_max: float = 60.0
    backoff: Backoff = field(default_factory=Backoff)
    keep_completed: timedelta = timedelta(days=1)

    @property
    def version(self) -> int:
        return max(self.args)

    def read(self, job: Job) -> Struct:
        """The arguments of a job. Raises Refused `job_args_invalid`."""
        try:
            return msgspec.convert(job.args, self.args[job.version])
        except (KeyError, msgspec.ValidationError) as error:
            raise Refused(
                "job_args_invalid", f"{self.name} version {job.version}: {error}"
            ) from error


@dataclass(frozen=True, slots=True)
class Attempted:
    """How an attempt ended, and the exception that ended it."""

    ending: Ending
    error: Exception | None = None


def by_name(kinds: Iterable[Kind]) -> Mapping[str, Kind]:
    """The kinds as a table."""
    listed = list(kinds)
    found = {one.name: one for one in listed}
    assert len(found) == len(listed), "two kinds share a name"
    return found


def wanted(kinds: Iterable[Kind]) -> list[Wanted]:
    """What a process that can do `kinds` claims."""
    return [Wanted(one.name, one.version, one.concurrency) for one in kinds]


def new_job(
    tenant: Tenant,
    kind: Kind,
    args: Struct | None = None,
    *,
    run_at: datetime | None = None,
    unique_key: str | None = None,
    unique_for: timedelta | None = None,
) -> NewJob:
    """A job to be enqueued, due at once unless `run_at` is given. See NewJob for `unique_key`;
    with `unique_for` it is held for that long, and not until the job has ended.
    """
    args = NoArgs() if args is None else args
    assert type(args) is kind.args[kind.version], f"{kind.name} takes other arguments"
    now = tenant.clock.now()
    return NewJob(
        id=tenant.ids.new("job"),
        kind=kind.name,
        version=kind.version,
        args=msgspec.to_builtins(args),
        created_at=now,
        run_at=now if run_at is None else run_at,
        priority=kind.priority,
        attempts_max=kind.attempts_max,
        unique_key=unique_key,
        unique_until=None if unique_for is None else now + unique_for,
    )


async def attempt(tenant: Tenant, kind: Kind, job: Job) -> Attempted:
    """Run the handler once. Raises nothing but cancellation, which is the caller's to tell."""
    try:
        args = kind.read(job)
        with trio.fail_after(kind.seconds_max):
            await kind.run(tenant, args, job)
    except Exception as error:  # noqa: BLE001  a job's bug is that job's alone
        return _failed(tenant, kind, job, _alone(error))
    return Attempted(_ending(job, JobEvent.SUCCEEDED, tenant.clock.now()))


def give_back(job: Job, now: datetime) -> Ending:
    """The attempt never was: its worker stops."""
    return _ending(job, JobEvent.GIVEN_BACK, now)


async def rescue_stalled(tenant: Tenant, kinds: Mapping[str, Kind]) -> list[Job]:
    """Take jobs from workers whose leases are over. The attempt counts: perhaps the job is what
    killed its worker. Returns the jobs that were taken.
    """
    now = tenant.clock.now()
    taken = []
    for job in await tenant.jobs.stalled(now, STALLED_MAX):
        backoff = kinds[job.kind].backoff if job.kind in kinds else Backoff()
        ending = _retry(job, backoff, now, "its worker fell silent: the lease is over")
        if await tenant.jobs.end(msgspec.structs.replace(ending, stalled_at=now)):
            taken.append(job)
    return taken


def _failed(tenant: Tenant, kind: Kind, job: Job, error: Exception) -> Attempted:
    now = tenant.clock.now()
    match error:
        case Refused():
            text = f"{error.code}: {error.message}"
            ending = _ending(job, JobEvent.REFUSED, now, text)
        case Unavailable():
            ending = _retry(job, kind.backoff, now, str(error), retry_after=error.retry_after)
        case Unknown():
            ending = _retry(job, kind.backoff, now, str(error))
        case trio.TooSlowError():
            text = f"took longer than {kind.seconds_max} s"
            ending = _retry(job, kind.backoff, now, text)
        case _:
            text = "".join(traceback.format_exception(error))
            ending = _retry(job, kind.backoff, now, text)
    return Attempted(ending, error)


def _retry(
    job: Job, backoff: Backoff, now: datetime, text: str, *, retry_after: float = 0.0
) -> Ending:
    if job.is_last_attempt:
        return _ending(job, JobEvent.EXHAUSTED, now, text)

    delay = max(backoff.delay(job.failures, job.id), timedelta(seconds=retry_after))
    return _ending(job, JobEvent.FAILED, now, text, run_at=now + delay)


def _ending(
    job: Job, event: JobEvent, now: datetime, text: str = "", *, run_at: datetime | None = None
) -> Ending:
    return Ending(
        job_id=job.id,
        attempt=job.attempt,
        event=event,
        at=now,
        run_at=run_at,
        errors=with_error(job, now, redact_text(text)) if text else None,
    )


def _alone(error: Exception) -> Exception:
    """What a nursery wrapped, if it was one thing."""
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
