"""What operators ask and order of the reconciliation: see differences and runs, run, resolve."""

from datetime import date
from typing import TYPE_CHECKING

from msgspec import to_builtins

from actors.admin.arguments import Arguments, BadArguments
from actors.admin.verbs import Hooks, Verb
from actors.tenants import tenant_of
from fluxiq.domain.difference import DifferenceState
from fluxiq.errors import Refused
from fluxiq.ports.jobs import NewJob
from fluxiq.services.reconcile_jobs import DAY, RECENT, DayArgs, day_window
from fluxiq.services.run_jobs import new_job
from fluxiq.services.tenant import Tenant, Tenants

if TYPE_CHECKING:
    from actors.admin.desk import Desk

LISTED = 50
LISTED_MAX = 1000


def reconciliation_verbs(tenants: Tenants) -> Hooks:
    """The verbs, for the institutions that are open when one is asked."""

    async def reconciliation(_desk: "Desk", arguments: Arguments) -> object:
        tenant, state = tenant_of(tenants, arguments), _state(arguments)
        limit = min(arguments.number("limit", LISTED), LISTED_MAX)
        arguments.done()
        return to_builtins(await tenant.reconciliation.differences(state, limit))

    async def reconciliation_difference(_desk: "Desk", arguments: Arguments) -> object:
        tenant, difference_id = tenant_of(tenants, arguments), arguments.number("id", 0)
        arguments.done()
        found = await tenant.reconciliation.find(difference_id)
        if found is None:
            raise Refused("difference_not_found", f"no difference {difference_id}")
        return to_builtins(found)

    async def reconciliation_runs(_desk: "Desk", arguments: Arguments) -> object:
        tenant = tenant_of(tenants, arguments)
        limit = min(arguments.number("limit", LISTED), LISTED_MAX)
        arguments.done()
        return to_builtins(await tenant.reconciliation.runs(limit))

    async def reconciliation_run(_desk: "Desk", arguments: Arguments) -> object:
        tenant, day = tenant_of(tenants, arguments), _day(arguments)
        reason = arguments.reason()
        arguments.done()
        job = _job(tenant, day)
        await tenant.audit.note("operator", "reconciliation.asked_for", f"{job.id}: {reason}", job)
        await tenant.jobs.enqueue([job])
        tenant.workers.ring()
        return {"job": job.id}

    async def reconciliation_resolve(_desk: "Desk", arguments: Arguments) -> object:
        tenant, difference_id = tenant_of(tenants, arguments), arguments.number("id", 0)
        reason = arguments.reason()
        arguments.done()
        now = tenant.clock.now()
        return to_builtins(await tenant.reconciliation.resolve(difference_id, now, reason))

    return Hooks(
        looks={
            "reconciliation": Verb(reconciliation, ("institution", "state", "limit")),
            "reconciliation_difference": Verb(reconciliation_difference, ("institution", "id")),
            "reconciliation_runs": Verb(reconciliation_runs, ("institution", "limit")),
        },
        deeds={
            "reconciliation_run": Verb(reconciliation_run, ("institution", "day", "reason")),
            "reconciliation_resolve": Verb(reconciliation_resolve, ("institution", "id", "reason")),
        },
    )


def _job(tenant: Tenant, day: date | None) -> NewJob:
    """Raises Refused `day_not_over`."""
    if day is None:
        return new_job(tenant, RECENT)
    day_window(tenant, day)
    return new_job(tenant, DAY, DayArgs(day=day))


def _state(arguments: Arguments) -> DifferenceState | None:
    said = arguments.text("state", DifferenceState.OPEN)
    if said == "any":
        return None
    if said not in list(DifferenceState):
        raise BadArguments(f"state: must be one of {', '.join(DifferenceState)}, or any")
    return DifferenceState(said)


def _day(arguments: Arguments) -> date | None:
    said = arguments.text("day", "")
    if not said:
        return None
    try:
        return date.fromisoformat(said)
    except ValueError:
        raise BadArguments("day: must be a day such as 2026-11-30") from None
