"""From schedules to jobs: each time is planned once, whoever looks."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from fluxiq.domain.job import planned_id
from fluxiq.domain.schedule import Schedule, plan
from fluxiq.ports.jobs import NewJob, Planned, ScheduleRow
from fluxiq.services.run_jobs import Kind, NoArgs
from fluxiq.services.tenant import Tenant

DUE_MAX = 1000  # jobs whose time has come, in one round


async def declare_schedules(tenant: Tenant, schedules: Sequence[Schedule]) -> None:
    """Put new schedules on paper; their first time is the next one."""
    now = tenant.clock.now()
    rows = [
        ScheduleRow(name=one.name, timing=str(one.timing), next_run=one.timing.after(now))
        for one in schedules
    ]
    await tenant.jobs.declare(rows)


async def plan_due(
    tenant: Tenant, schedules: Mapping[str, Schedule], kinds: Mapping[str, Kind]
) -> bool:
    """Make due what is due, and plan what is to come; says whether workers have something to do."""
    now = tenant.clock.now()
    made_due = await tenant.jobs.make_due(now, DUE_MAX)
    rows = await tenant.jobs.due_schedules(list(schedules), now)
    batch = [_planned(tenant, schedules[row.name], kinds, row, now) for row in rows]
    moved = await tenant.jobs.plan(batch) if batch else []
    if not made_due and not moved:
        return False

    tenant.workers.ring()
    return True


def _planned(
    tenant: Tenant,
    schedule: Schedule,
    kinds: Mapping[str, Kind],
    row: ScheduleRow,
    now: datetime,
) -> Planned:
    decided = plan(schedule, row.next_run, now)
    jobs = (_job(tenant, schedule, kinds[schedule.kind], at, now) for at in decided.times)
    return Planned(
        schedule=schedule.name,
        before=row.next_run,
        next_run=decided.next_run,
        jobs=tuple(jobs),
    )


def _job(tenant: Tenant, schedule: Schedule, kind: Kind, at: datetime, now: datetime) -> NewJob:
    return NewJob(
        id=planned_id(tenant.ispb, schedule.name, at),
        kind=kind.name,
        version=kind.version,
        args=msgspec.to_builtins(NoArgs()),
        created_at=now,
        run_at=at,
        priority=kind.priority,
        attempts_max=kind.attempts_max,
        unique_key=schedule.unique_key,
        schedule=schedule.name,
    )
