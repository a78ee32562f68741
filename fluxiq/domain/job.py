"""The life of a job: work that is on paper, done in the background, at least once.

`scheduled -> available -> executing -> completed`; an attempt that failed makes the job
`retryable`, which is due again after its backoff; `discarded` is given up, `cancelled` was called
off. The states are those of Oban (https://hexdocs.pm/oban/job_lifecycle.html).

`attempt` counts how often the job was claimed and only grows: it is the fence, whoever ends attempt
3 does nothing once attempt 4 has begun. Attempts that were given back (a process that stops) do not
count against `attempts_max`.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import blake2b
from types import MappingProxyType
from typing import Any, Final

from msgspec import Struct

from fluxiq.domain.identifiers import IdPrefix, derived_id
from fluxiq.domain.ulid import encode_128

PRIORITY_FIRST: Final = 0
PRIORITY_USUAL: Final = 5
PRIORITY_LAST: Final = 9
ATTEMPTS_USUAL: Final = 20

ERRORS_KEPT: Final = 5
ERROR_CHARACTERS_MAX: Final = 4000


class JobState(StrEnum):
    """Where a job stands. The first four are open: somebody or something will move it on."""

    SCHEDULED = "scheduled"
    AVAILABLE = "available"
    EXECUTING = "executing"
    RETRYABLE = "retryable"
    COMPLETED = "completed"
    DISCARDED = "discarded"
    CANCELLED = "cancelled"


class JobEvent(StrEnum):
    """What can happen to a job. REFUSED: it cannot be done, whoever tries; EXHAUSTED: it failed
    once too often; GIVEN_BACK: its worker stops; CALLED_OFF and REVIVED are an operator's words.
    """

    DUE = "due"
    CLAIMED = "claimed"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    EXHAUSTED = "exhausted"
    REFUSED = "refused"
    GIVEN_BACK = "given_back"
    CALLED_OFF = "called_off"
    REVIVED = "revived"


_S, _E = JobState, JobEvent

TRANSITIONS: Mapping[tuple[JobState, JobEvent], JobState] = MappingProxyType(
    {
        (_S.SCHEDULED, _E.DUE): _S.AVAILABLE,
        (_S.SCHEDULED, _E.CALLED_OFF): _S.CANCELLED,
        (_S.SCHEDULED, _E.REVIVED): _S.AVAILABLE,
        (_S.AVAILABLE, _E.CLAIMED): _S.EXECUTING,
        (_S.AVAILABLE, _E.CALLED_OFF): _S.CANCELLED,
        (_S.EXECUTING, _E.SUCCEEDED): _S.COMPLETED,
        (_S.EXECUTING, _E.FAILED): _S.RETRYABLE,
        (_S.EXECUTING, _E.EXHAUSTED): _S.DISCARDED,
        (_S.EXECUTING, _E.REFUSED): _S.DISCARDED,
        (_S.EXECUTING, _E.GIVEN_BACK): _S.AVAILABLE,
        (_S.EXECUTING, _E.CALLED_OFF): _S.CANCELLED,
        (_S.RETRYABLE, _E.DUE): _S.AVAILABLE,
        (_S.RETRYABLE, _E.CALLED_OFF): _S.CANCELLED,
        (_S.RETRYABLE, _E.REVIVED): _S.AVAILABLE,
        # What was given up or called off may be wanted after all; what was done stays done.
        (_S.DISCARDED, _E.REVIVED): _S.AVAILABLE,
        (_S.CANCELLED, _E.REVIVED): _S.AVAILABLE,
    }
)

OPEN: Final = frozenset({_S.SCHEDULED, _S.AVAILABLE, _S.EXECUTING, _S.RETRYABLE})
ENDED: Final = frozenset({_S.COMPLETED, _S.DISCARDED, _S.CANCELLED})


def advance(state: JobState, event: JobEvent) -> JobState | None:
    """The state after `event`; None when the event does not concern a job in `state`."""
    return TRANSITIONS.get((state, event))


def states_before(event: JobEvent) -> tuple[JobState, ...]:
    """The states in which `event` changes a job, as stores guard their statements by."""
    return tuple(state for (state, one) in TRANSITIONS if one is event)


class JobError(Struct, frozen=True, kw_only=True):
    """How an attempt failed; `text` has no documents, keys or secrets that we know the shape of."""

    attempt: int
    at: datetime
    text: str


class Job(Struct, frozen=True, kw_only=True):
    """One piece of work. `args` are what its kind's `version` says; `run_at` is when it is due."""

    id: str
    kind: str
    version: int
    args: Mapping[str, Any]
    state: JobState
    priority: int
    attempt: int
    given_back: int
    attempts_max: int
    run_at: datetime
    created_at: datetime
    attempted_at: datetime | None = None
    lease_until: datetime | None = None  # of an executing job: then its worker is taken for dead
    ended_at: datetime | None = None
    unique_key: str | None = None
    schedule: str | None = None  # which one planned it
    errors: tuple[JobError, ...] = ()

    @property
    def failures(self) -> int:
        """Attempts that count: begun, and not given back. An executing one counts already."""
        return self.attempt - self.given_back

    @property
    def is_last_attempt(self) -> bool:
        return self.failures >= self.attempts_max


class Backoff(Struct, frozen=True, kw_only=True):
    """Seconds until the next attempt: doubling from `seconds` up to `seconds_max`."""

    seconds: float = 2.0
    seconds_max: float = 3600.0

    def delay(self, failures: int, seed: str) -> timedelta:
        """After the `failures`-th failure in a row, from 1. The jitter (0.75 to 1.25) comes from
        `seed`, so that it is the same wherever it is computed.
        """
        assert failures >= 1, "nothing has failed yet"
        exponent = min(failures - 1, 30)  # beyond it, every seconds_max is reached
        whole = min(self.seconds * 2**exponent, self.seconds_max)
        return timedelta(seconds=whole * (0.75 + 0.5 * _fraction(f"{seed}:{failures}")))


def with_error(job: Job, at: datetime, text: str) -> tuple[JobError, ...]:
    """The last errors of a job, this one included; of a long text the end is kept, where the
    exception is.
    """
    error = JobError(attempt=job.attempt, at=at, text=text[-ERROR_CHARACTERS_MAX:])
    return (*job.errors, error)[-ERRORS_KEPT:]


def planned_id(ispb: str, schedule: str, at: datetime) -> str:
    """The id of the job that `schedule` plans for `at`: whoever plans it, it is the same job."""
    number = derived_id(ispb, f"{schedule}@{at.timestamp():.0f}", IdPrefix.JOB)
    return f"{IdPrefix.JOB}_{encode_128(number)}"


def _fraction(seed: str) -> float:
    """At least 0, below 1."""
    return int.from_bytes(blake2b(seed.encode(), digest_size=6).digest()) / 2**48
