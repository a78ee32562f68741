"""Payments whose outcome is unknown: see them, and say with evidence how they ended."""

from typing import Literal

from msgspec import Struct

from fluxiq.api.contract import Call, PathText, Rate
from fluxiq.api.paging import PageAsked
from fluxiq.api.v1.operations.room import (
    DEED,
    NOT_YOURS,
    READ,
    WRITE,
    Ispb,
    OfInstitution,
    Reason,
    room,
    tenant_asked,
)
from fluxiq.services.list_in_doubt import list_in_doubt
from fluxiq.services.messages.envelope import Data, Listing
from fluxiq.services.messages.operations.payments import (
    DecidedView,
    InDoubtView,
    decided_view,
)

routes = room()


class InDoubtAsked(PageAsked, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A page of one institution's: one's own unless told."""

    institution: Ispb | None = None


class DecidePayout(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`reason` is the evidence: an extract of the provider, a number of theirs."""

    outcome: Literal["confirmed", "failed"]
    reason: Reason


@routes.get(
    "/payments/in-doubt",
    permission=READ,
    rate=Rate.READ,
    reply=Listing[InDoubtView],
    refuses=(*NOT_YOURS, "institution_not_found"),
)
async def list_payouts_in_doubt(call: Call, query: InDoubtAsked) -> Listing[InDoubtView]:
    """Payouts of all merchants that were ordered and did not end, the oldest first."""
    tenant = tenant_asked(call, OfInstitution(institution=query.institution))
    return await list_in_doubt(tenant, query.wanted)


@routes.post(
    "/payments/{payout_id}/decide",
    permission=WRITE,
    rate=Rate.WRITE,
    reply=Data[DecidedView],
    status=200,
    refuses=(
        *DEED,
        "institution_not_found",
        "payout_not_found",
        "payout_not_in_doubt",
        "provider_disagrees",
        "too_many_approvals",
    ),
)
async def decide_payout(
    call: Call, payout_id: PathText, query: OfInstitution, body: DecidePayout
) -> Data[DecidedView]:
    """Say how it ended, where its provider does not say it for an hour. The provider is asked once
    more, and what it says counts. Needs a second person where the platform asks for that.
    """
    answer = await call.operations.act(
        call.operator,
        "payment_decide",
        reason=body.reason,
        id=payout_id,
        outcome=body.outcome,
        **query.asked,
    )
    return Data(decided_view(answer))
