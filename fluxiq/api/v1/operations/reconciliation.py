"""Reconciliation: our records beside the providers' statements (docs/reconciliation.md)."""

from datetime import date
from typing import Annotated, Literal

from msgspec import Meta, Struct, convert

from fluxiq.api.contract import Call, Rate
from fluxiq.api.v1.operations.room import (
    DEED_AT_ONE,
    LOOK_AT_ONE,
    READ,
    WRITE,
    Digits,
    OfInstitution,
    Reason,
    Why,
    room,
)
from fluxiq.services.messages.envelope import Data
from fluxiq.services.messages.operations.jobs import JobQueued
from fluxiq.services.messages.operations.reconciliation import DifferenceShown, ReconciliationRun

routes = room()

Limit = Annotated[int, Meta(ge=1, le=1000)]


class DifferencesAsked(OfInstitution, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The last found first."""

    state: Literal["open", "healing", "healed", "resolved", "any"] = "open"
    limit: Limit = 50


class RunsAsked(OfInstitution, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The last begun first."""

    limit: Limit = 50


class RunReconciliation(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A day in São Paulo that is over; the last hours unless told."""

    day: date | None = None
    reason: Reason


@routes.get(
    "/reconciliation/differences",
    permission=READ,
    rate=Rate.READ,
    reply=Data[list[DifferenceShown]],
    refuses=LOOK_AT_ONE,
)
async def list_differences(call: Call, query: DifferencesAsked) -> Data[list[DifferenceShown]]:
    """Differences with providers, the last found first: those that are open unless told."""
    answer = await call.operations.look(
        call.operator, "reconciliation", state=query.state, limit=query.limit, **query.asked
    )
    return Data(convert(answer, list[DifferenceShown]))


@routes.get(
    "/reconciliation/differences/{difference_id}",
    permission=READ,
    rate=Rate.READ,
    reply=Data[DifferenceShown],
    refuses=LOOK_AT_ONE,
)
async def show_difference(
    call: Call, difference_id: Digits, query: OfInstitution
) -> Data[DifferenceShown]:
    """One of them."""
    answer = await call.operations.look(
        call.operator, "reconciliation_difference", id=int(difference_id), **query.asked
    )
    return Data(convert(answer, DifferenceShown))


@routes.post(
    "/reconciliation/differences/{difference_id}/resolve",
    permission=WRITE,
    rate=Rate.WRITE,
    reply=Data[DifferenceShown],
    status=200,
    refuses=(*DEED_AT_ONE, "difference_ended"),
)
async def resolve_difference(
    call: Call, difference_id: Digits, query: OfInstitution, body: Why
) -> Data[DifferenceShown]:
    """Decide about it: it is no alarm any more, however often it is seen."""
    answer = await call.operations.act(
        call.operator,
        "reconciliation_resolve",
        reason=body.reason,
        id=int(difference_id),
        **query.asked,
    )
    return Data(convert(answer, DifferenceShown))


@routes.get(
    "/reconciliation/runs",
    permission=READ,
    rate=Rate.READ,
    reply=Data[list[ReconciliationRun]],
    refuses=LOOK_AT_ONE,
)
async def list_reconciliation_runs(call: Call, query: RunsAsked) -> Data[list[ReconciliationRun]]:
    """Comparisons, the last begun first: their windows, how far they are, counts and sums."""
    answer = await call.operations.look(
        call.operator, "reconciliation_runs", limit=query.limit, **query.asked
    )
    return Data(convert(answer, list[ReconciliationRun]))


@routes.post(
    "/reconciliation/runs",
    permission=WRITE,
    rate=Rate.WRITE,
    reply=Data[JobQueued],
    status=202,
    refuses=(*DEED_AT_ONE, "day_not_over"),
)
async def run_reconciliation(
    call: Call, query: OfInstitution, body: RunReconciliation
) -> Data[JobQueued]:
    """Compare now: a job does it."""
    said = {} if body.day is None else {"day": body.day.isoformat()}
    answer = await call.operations.act(
        call.operator, "reconciliation_run", reason=body.reason, **said, **query.asked
    )
    return Data(convert(answer, JobQueued))
