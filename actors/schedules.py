"""What happens by the clock: jobs come due, schedules plan theirs, the silent lose theirs.

Nothing is done here but put on paper; the workers do it (actors/jobs.py). Any number of processes
may run this: each time of a schedule is planned once.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

import structlog
import trio

from actors.branch import Branch
from actors.stopping import INTAKE
from actors.weather import Weather
from fluxiq.domain.reconciliation import DifferenceKind
from fluxiq.domain.schedule import Schedule
from fluxiq.errors import Unavailable, Unknown
from fluxiq.ports.backlogs import Backlog
from fluxiq.services.job_kinds import KINDS, SCHEDULES
from fluxiq.services.plan_jobs import declare_schedules, plan_due
from fluxiq.services.run_jobs import Kind, by_name, rescue_stalled
from fluxiq.services.tenant import Tenant
from supervisors import ChildSpec, Context

ROUND_SECONDS = 0.5
RESCUE_SECONDS = 5.0
BACKLOG_SECONDS = 15.0
KEY_USES_SECONDS = 10.0
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
        self._rescue_at = self._backlog_at = self._key_uses_at = 0.0

    async def go(self, tenant: Tenant) -> None:
        if not self._is_declared:
            await declare_schedules(tenant, self._declared)
            self._is_declared = True

        await plan_due(tenant, self._schedules, self._kinds)
        now = trio.current_time()
        if now >= self._rescue_at:
            await self._rescue(tenant)
            self._rescue_at = now + RESCUE_SECONDS

        if now >= self._key_uses_at:
            await tenant.key_uses.write(tenant.api_keys)
            self._key_uses_at = now + KEY_USES_SECONDS

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
        self._show_what_waits_to_be_told(await tenant.backlogs.look(now), now)

    async def _show_what_waits_for_people(self, tenant: Tenant) -> None:
        metrics, ispb = self._branch.metrics, self._branch.ispb
        metrics.dead_letters_waiting.labels(ispb).set(await tenant.dead_letters.waiting())
        findings = await tenant.holds.findings(FINDINGS_MAX)
        metrics.holds_outlived.labels(ispb).set(len(findings))
        await self._show_differences(tenant)

    async def _show_differences(self, tenant: Tenant) -> None:
        metrics, ispb = self._branch.metrics, self._branch.ispb
        counts = await tenant.reconciliation.open_counts()
        for kind in DifferenceKind:
            metrics.differences.labels(ispb, kind.value).set(counts.get(kind, 0))
        reached = await tenant.reconciliation.reached()
        if reached is not None:
            behind = (tenant.clock.now() - reached).total_seconds()
            metrics.reconciled_behind.labels(ispb).set(behind)

    def _show_what_waits_to_be_told(self, backlog: Backlog, now: datetime) -> None:
        metrics, ispb = self._branch.metrics, self._branch.ispb
        for state, waiting in backlog.deliveries.items():
            metrics.webhooks_waiting.labels(ispb, state).set(waiting)
        oldest = backlog.oldest_due_at
        seconds = 0.0 if oldest is None else max(0.0, (now - oldest).total_seconds())
        metrics.webhooks_oldest.labels(ispb).set(seconds)
        for status, count in backlog.endpoints.items():
            metrics.webhook_endpoints.labels(ispb, status).set(count)
        metrics.outbox_due.labels(ispb).set(backlog.outbox_due)
