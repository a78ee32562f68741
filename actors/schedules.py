"""What happens by the clock: jobs come due, schedules plan theirs, the silent lose theirs.

Nothing is done here but put on paper; the workers do it (actors/jobs.py). Any number of processes
may run this: each time of a schedule is planned once.
"""

from collections.abc import Mapping, Sequence

import structlog
import trio

from actors.branch import Branch
from actors.stopping import INTAKE
from actors.weather import Weather
from fluxiq.domain.schedule import Schedule
from fluxiq.errors import Unavailable, Unknown
from fluxiq.services.job_kinds import KINDS, SCHEDULES
from fluxiq.services.plan_jobs import declare_schedules, plan_due
from fluxiq.services.run_jobs import Kind, by_name, rescue_stalled
from fluxiq.services.tenant import Tenant
from supervisors import ChildSpec, Context

ROUND_SECONDS = 0.5
RESCUE_SECONDS = 5.0
BACKLOG_SECONDS = 15.0
FINDINGS_MAX = 1000

_log = structlog.get_logger("jobs")


def schedules(
    branch: Branch, declared: Sequence[Schedule] = SCHEDULES, kinds: Sequence[Kind] = KINDS
) -> ChildSpec:
    async def start(context: Context) -> None:
        weather = Weather(context.path)
        rounds = _Rounds(branch, declared, by_name(kinds))
        context.ready()
        while True:
            await trio.sleep(ROUND_SECONDS)
            await context.turn()
            try:
                await rounds.go(branch.tenant.get())
                weather.cleared()
            except (Unavailable, Unknown) as error:
                await weather.ride_out(error)

    return ChildSpec(id="schedules", start=start, phase=INTAKE)


class _Rounds:
    """What is done each time, and what every few seconds is enough for."""

    def __init__(
        self, branch: Branch, declared: Sequence[Schedule], kinds: Mapping[str, Kind]
    ) -> None:
        self._branch = branch
        self._declared = declared
        self._schedules = {one.name: one for one in declared}
        self._kinds = kinds
        self._is_declared = False
        self._rescue_at = self._backlog_at = 0.0

    async def go(self, tenant: Tenant) -> None:
        if not self._is_declared:
            await declare_schedules(tenant, self._declared)
            self._is_declared = True

        await plan_due(tenant, self._schedules, self._kinds)
        now = trio.current_time()
        if now >= self._rescue_at:
            await self._rescue(tenant)
            self._rescue_at = now + RESCUE_SECONDS

        if now >= self._backlog_at:
            await self._show_backlog(tenant)
            self._backlog_at = now + BACKLOG_SECONDS

    async def _rescue(self, tenant: Tenant) -> None:
        for job in await rescue_stalled(tenant, self._kinds):
            _log.warning("job_rescued", job=job.id, kind=job.kind, attempt=job.attempt)

    async def _show_backlog(self, tenant: Tenant) -> None:
        now = tenant.clock.now()
        waits = {one.kind: one for one in await tenant.jobs.backlog()}
        for kind in self._kinds.keys() | waits.keys():
            one = waits.get(kind)
            seconds = 0.0 if one is None else max(0.0, (now - one.oldest).total_seconds())
            waiting = 0 if one is None else one.waiting
            self._branch.metrics.show_backlog(self._branch.ispb, kind, waiting, seconds)
        await self._show_what_waits_for_people(tenant)

    async def _show_what_waits_for_people(self, tenant: Tenant) -> None:
        metrics, ispb = self._branch.metrics, self._branch.ispb
        metrics.dead_letters_waiting.labels(ispb).set(await tenant.dead_letters.waiting())
        findings = await tenant.holds.findings(FINDINGS_MAX)
        metrics.holds_outlived.labels(ispb).set(len(findings))
