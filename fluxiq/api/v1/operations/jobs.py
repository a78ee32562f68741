"""Jobs: what is done in the background and by the clock (docs/jobs.md)."""

from typing import Annotated

from msgspec import Meta, Struct, convert

from fluxiq.api.contract import Call, PathText, Rate
from fluxiq.api.v1.operations.room import (
    DEED_AT_ONE,
    LOOK_AT_ONE,
    READ,
    WRITE,
    OfInstitution,
    Reason,
    Why,
    room,
)
from fluxiq.domain.job import JobState
from fluxiq.services.messages.envelope import Data
from fluxiq.services.messages.operations.jobs import JobBoard, JobLine, JobShown

routes = room()

Limit = Annotated[int, Meta(ge=1, le=1000)]
Name = Annotated[str, Meta(min_length=1, max_length=64)]


class JobsAsked(OfInstitution, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The last made first."""

    state: JobState | None = None
    kind: Name | None = None
    limit: Limit = 50


class Gate(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Either a kind of job or a schedule."""

    kind: Name | None = None
    schedule: Name | None = None
    reason: Reason


@routes.get(
    "/jobs", permission=READ, rate=Rate.READ, reply=Data[list[JobLine]], refuses=LOOK_AT_ONE
)
async def list_jobs(call: Call, query: JobsAsked) -> Data[list[JobLine]]:
    """Jobs, the last made first."""
    said = {"state": query.state, "kind": query.kind}
    answer = await call.operations.look(
        call.operator,
        "jobs",
        limit=query.limit,
        **{name: one for name, one in said.items() if one is not None},
        **query.asked,
    )
    return Data(convert(answer, list[JobLine]))


@routes.get(
    "/jobs/{job_id}", permission=READ, rate=Rate.READ, reply=Data[JobShown], refuses=LOOK_AT_ONE
)
async def show_job(call: Call, job_id: PathText, query: OfInstitution) -> Data[JobShown]:
    """All of one job, with the errors of its last attempts."""
    answer = await call.operations.look(call.operator, "job", id=job_id, **query.asked)
    return Data(convert(answer, JobShown))


@routes.get(
    "/job-board", permission=READ, rate=Rate.READ, reply=Data[JobBoard], refuses=LOOK_AT_ONE
)
async def show_job_board(call: Call, query: OfInstitution) -> Data[JobBoard]:
    """The kinds of jobs with their numbers, the schedules, and what is paused and why."""
    answer = await call.operations.look(call.operator, "job_board", **query.asked)
    return Data(convert(answer, JobBoard))


@routes.post(
    "/jobs/{job_id}/retry",
    permission=WRITE,
    rate=Rate.WRITE,
    reply=Data[JobShown],
    status=200,
    refuses=(*DEED_AT_ONE, "job_not_waiting", "job_not_unique"),
)
async def retry_job(
    call: Call, job_id: PathText, query: OfInstitution, body: Why
) -> Data[JobShown]:
    """Make it due now, with all its attempts before it."""
    return await _order(call, "job_retry", job_id, query, body)


@routes.post(
    "/jobs/{job_id}/cancel",
    permission=WRITE,
    rate=Rate.WRITE,
    reply=Data[JobShown],
    status=200,
    refuses=(*DEED_AT_ONE, "job_ended"),
)
async def cancel_job(
    call: Call, job_id: PathText, query: OfInstitution, body: Why
) -> Data[JobShown]:
    """Call it off; an attempt under way is told at its next heartbeat."""
    return await _order(call, "job_cancel", job_id, query, body)


@routes.post(
    "/job-board/pause",
    permission=WRITE,
    rate=Rate.WRITE,
    reply=Data[JobBoard],
    status=200,
    refuses=DEED_AT_ONE,
)
async def pause_jobs(call: Call, query: OfInstitution, body: Gate) -> Data[JobBoard]:
    """Begin no job of a kind, or plan none of a schedule, until it is resumed. Twice is once."""
    return await _gate(call, "jobs_pause", query, body)


@routes.post(
    "/job-board/resume",
    permission=WRITE,
    rate=Rate.WRITE,
    reply=Data[JobBoard],
    status=200,
    refuses=DEED_AT_ONE,
)
async def resume_jobs(call: Call, query: OfInstitution, body: Gate) -> Data[JobBoard]:
    """Take a pause back. Twice is once."""
    return await _gate(call, "jobs_resume", query, body)


async def _order(
    call: Call, verb: str, job_id: str, query: OfInstitution, body: Why
) -> Data[JobShown]:
    answer = await call.operations.act(
        call.operator, verb, reason=body.reason, id=job_id, **query.asked
    )
    return Data(convert(answer, JobShown))


async def _gate(call: Call, verb: str, query: OfInstitution, body: Gate) -> Data[JobBoard]:
    said = {"kind": body.kind, "schedule": body.schedule}
    named = {name: one for name, one in said.items() if one is not None}
    answer = await call.operations.act(
        call.operator, verb, reason=body.reason, **named, **query.asked
    )
    return Data(convert(answer, JobBoard))
