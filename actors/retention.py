"""Retention: what was deleted is counted; operators look at what would be, and have it done."""

from typing import TYPE_CHECKING

from actors.admin.arguments import Arguments
from actors.admin.verbs import Hooks, Verb
from actors.tenants import tenant_of
from fluxiq.ports.upkeep import RecordClass, Removals
from fluxiq.services.job_kinds import PRUNE_AGED
from fluxiq.services.prune import COUNTED_MAX, ages, count_aged
from fluxiq.services.run_jobs import new_job
from fluxiq.services.tenant import Tenants
from fluxiq.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from actors.admin.desk import Desk


class CountedRemovals(Removals):
    """Of one institution."""

    def __init__(self, metrics: Metrics, ispb: str) -> None:
        self._metrics = metrics
        self._ispb = ispb

    def removed(self, what: RecordClass, count: int) -> None:
        self._metrics.removed.labels(self._ispb, what.value).inc(count)


def retention_verbs(tenants: Tenants) -> Hooks:
    """The verbs, for the institutions that are open when one is asked."""

    async def retention(_desk: "Desk", arguments: Arguments) -> object:
        tenant = tenant_of(tenants, arguments)
        arguments.done()
        kept = ages(tenant.settings.retention)
        return [
            {
                "records": what.value,
                "days": kept[what].days,
                "count": count,
                "has_more": count == COUNTED_MAX,
            }
            for what, count in (await count_aged(tenant)).items()
        ]

    async def retention_run(_desk: "Desk", arguments: Arguments) -> object:
        tenant, reason = tenant_of(tenants, arguments), arguments.reason()
        arguments.done()
        job = new_job(tenant, PRUNE_AGED)
        await tenant.audit.note("operator", "retention.asked_for", f"{job.id}: {reason}", job)
        await tenant.jobs.enqueue([job])
        tenant.workers.ring()
        return {"job": job.id}

    return Hooks(
        looks={"retention": Verb(retention, ("institution",))},
        deeds={"retention_run": Verb(retention_run, ("institution", "reason"))},
    )
