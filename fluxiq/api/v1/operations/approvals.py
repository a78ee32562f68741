"""Deeds for two: what one operator proposed, another one approves or rejects."""

from fluxiq.api.contract import Call, PathText, Rate
from fluxiq.api.v1.operations.room import NOT_YOURS, READ, WRITE, Why, room
from fluxiq.services.messages.envelope import Data
from fluxiq.services.messages.operations.approvals import (
    ApprovalsView,
    ApprovalView,
    ApprovedView,
    approval_view,
    approvals_view,
)

routes = room()

_DECIDING = ("not_an_operator", "approval_not_found", "approval_over", "maker_is_checker")


@routes.get(
    "/approvals", permission=READ, rate=Rate.READ, reply=Data[ApprovalsView], refuses=NOT_YOURS
)
async def list_approvals(call: Call) -> Data[ApprovalsView]:
    """What was proposed since this process started, and what became of it: of operators of the
    platform all of it, of others what is about their institution.
    """
    return Data(approvals_view(await call.operations.look(call.operator, "approvals")))


@routes.post(
    "/approvals/{approval_id}/approve",
    permission=WRITE,
    rate=Rate.WRITE,
    reply=Data[ApprovedView],
    status=200,
    # And whatever the approved deed may refuse.
    refuses=(
        *_DECIDING,
        "refused",
        "not_running",
        "payout_not_found",
        "payout_not_in_doubt",
        "provider_disagrees",
    ),
)
async def approve(call: Call, approval_id: PathText, body: Why) -> Data[ApprovedView]:
    """Have it done now. Who proposed it cannot."""
    answer = await call.operations.act(
        call.operator, "approvals_approve", reason=body.reason, id=approval_id
    )
    return Data(ApprovedView(answer=answer))


@routes.post(
    "/approvals/{approval_id}/reject",
    permission=WRITE,
    rate=Rate.WRITE,
    reply=Data[ApprovalView],
    status=200,
    refuses=_DECIDING,
)
async def reject(call: Call, approval_id: PathText, body: Why) -> Data[ApprovalView]:
    """Say no, or take one's own proposal back."""
    answer = await call.operations.act(
        call.operator, "approvals_reject", reason=body.reason, id=approval_id
    )
    return Data(approval_view(answer))
