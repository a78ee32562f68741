"""What operators ask and order of the jobs: see them, try one again, call one off, pause, resume.

Each of an institution: where there is only one, it need not be named.
"""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from msgspec import to_builtins

from actors.admin.arguments import Arguments, BadArguments
from actors.admin.verbs import Hooks, Run, Verb
from actors.tenants import tenant_of
from fluxiq.domain.job import Job, JobState
from fluxiq.errors import Refused
from fluxiq.ports.jobs import Subject
from fluxiq.services.job_kinds import KINDS, SCHEDULES
from fluxiq.services.tenant import Tenant, Tenants

if TYPE_CHECKING:
    from actors.admin.desk import Desk

LISTED = 50
LISTED_MAX = 1000

_NAMES = {
    Subject.KIND: frozenset(one.name for one in KINDS),
    Subject.SCHEDULE: frozenset(one.name for one in SCHEDULES),
}


def job_verbs(tenants: Tenants) -> Hooks:
    """The verbs, for the institutions that are open when one is asked."""

    async def jobs(_desk: "Desk", arguments: Arguments) -> object:
        tenant = tenant_of(tenants, arguments)
        state, kind = _state(arguments), arguments.text("kind", "") or None
        limit = min(arguments.number("limit", LISTED), LISTED_MAX)
        arguments.done()
        found = await tenant.jobs.jobs(state=state, kind=kind, limit=limit)
        return [_brief(one) for one in found]

    async def job(_desk: "Desk", arguments: Arguments) -> object:
        tenant, job_id = tenant_of(tenants, arguments), arguments.text("id")
        arguments.done()
        found = await tenant.jobs.find(job_id)
        if found is None:
            raise Refused("job_not_found", f"no job {job_id}")
        return to_builtins(found)

    async def job_board(_desk: "Desk", arguments: Arguments) -> object:
        tenant = tenant_of(tenants, arguments)
        arguments.done()
        return await _board(tenant)

    async def job_retry(_desk: "Desk", arguments: Arguments) -> object:
        tenant, job_id, reason = _order(tenants, arguments)
        revived = await tenant.jobs.revive(job_id, tenant.clock.now(), reason)
        tenant.workers.ring()
        return to_builtins(revived)

    async def job_cancel(_desk: "Desk", arguments: Arguments) -> object:
        tenant, job_id, reason = _order(tenants, arguments)
        return to_builtins(await tenant.jobs.call_off(job_id, tenant.clock.now(), reason))

    async def pause(tenant: Tenant, subject: Subject, name: str, reason: str) -> None:
        await tenant.jobs.pause(subject, name, tenant.clock.now(), reason)

    async def resume(tenant: Tenant, subject: Subject, name: str, reason: str) -> None:
        await tenant.jobs.resume(subject, name, reason)
        tenant.workers.ring()

    return Hooks(
        looks={
            "jobs": Verb(jobs, ("institution", "state", "kind", "limit")),
            "job": Verb(job, ("institution", "id")),
            "job_board": Verb(job_board, ("institution",)),
        },
        deeds={
            "job_retry": Verb(job_retry, ("institution", "id", "reason")),
            "job_cancel": Verb(job_cancel, ("institution", "id", "reason")),
            "jobs_pause": Verb(_gate(tenants, pause), ("institution", *Subject, "reason")),
            "jobs_resume": Verb(_gate(tenants, resume), ("institution", *Subject, "reason")),
        },
    )


def _gate(tenants: Tenants, turn: Callable[[Tenant, Subject, str, str], Awaitable[None]]) -> Run:
    async def run(_desk: "Desk", arguments: Arguments) -> object:
        tenant, (subject, name) = tenant_of(tenants, arguments), _subject(arguments)
        reason = arguments.reason()
        arguments.done()
        await turn(tenant, subject, name, reason)
        return await _board(tenant)

    return run


async def _board(tenant: Tenant) -> dict[str, object]:
    """How many jobs there are of each kind, by state; the schedules; what is paused."""
    counts: dict[str, dict[str, int]] = {one.name: {} for one in KINDS}
    for (kind, state), number in sorted((await tenant.jobs.counts()).items()):
        counts.setdefault(kind, {})[state] = number
    pauses = await tenant.jobs.pauses()
    return {
        "institution": tenant.ispb,
        "kinds": [
            {"name": name, "states": states, "paused": pauses.get((Subject.KIND, name))}
            for name, states in sorted(counts.items())
        ],
        "schedules": [
            {**to_builtins(one), "paused": pauses.get((Subject.SCHEDULE, one.name))}
            for one in await tenant.jobs.schedules()
        ],
    }


def _order(tenants: Tenants, arguments: Arguments) -> tuple[Tenant, str, str]:
    tenant, job_id, reason = (
        tenant_of(tenants, arguments),
        arguments.text("id"),
        arguments.reason(),
    )
    arguments.done()
    return tenant, job_id, reason


def _state(arguments: Arguments) -> JobState | None:
    said = arguments.text("state", "")
    if not said:
        return None
    if said not in list(JobState):
        raise BadArguments(f"state: must be one of {', '.join(JobState)}")
    return JobState(said)


def _subject(arguments: Arguments) -> tuple[Subject, str]:
    """The kind or the schedule that is named: one of them, and one that there is."""
    said = {one: arguments.text(one, "") for one in Subject}
    named = [(subject, name) for subject, name in said.items() if name]
    if len(named) != 1:
        raise BadArguments("kind: name either a kind or a schedule")
    subject, name = named[0]
    if name not in _NAMES[subject]:
        raise BadArguments(f"{subject}: must be one of {', '.join(sorted(_NAMES[subject]))}")
    return subject, name


def _brief(job: Job) -> dict[str, object]:
    return {
        "id": job.id,
        "kind": job.kind,
        "state": job.state,
        "priority": job.priority,
        "attempt": job.attempt,
        "attempts_max": job.attempts_max,
        "run_at": job.run_at,
        "error": job.errors[-1].text.strip().rpartition("\n")[2] if job.errors else "",
    }
