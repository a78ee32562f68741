"""Two people for one deed: somebody proposes it, somebody else approves it in time.

`proposed -> approved | rejected | expired`, once and for ever. Who proposed may reject: that takes
it back.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from fluxiq.errors import Refused


class ApprovalState(StrEnum):
    PROPOSED = "proposed"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"


class ApprovalEvent(StrEnum):
    APPROVED = "approved"
    REJECTED = "rejected"
    TIME_OVER = "time_over"


class Approval(Struct, frozen=True, kw_only=True):
    """`digest` is SHA-256 of the action with its arguments, in hexadecimal: what was approved is
    what was proposed.
    """

    id: str
    action: str
    digest: str
    proposed_by: str
    proposed_at: datetime
    expires_at: datetime
    state: ApprovalState = ApprovalState.PROPOSED
    decided_by: str | None = None
    decided_at: datetime | None = None


_S, _E = ApprovalState, ApprovalEvent

TRANSITIONS: Final[Mapping[tuple[ApprovalState, ApprovalEvent], ApprovalState]] = MappingProxyType(
    {
        (_S.PROPOSED, _E.APPROVED): _S.APPROVED,
        (_S.PROPOSED, _E.REJECTED): _S.REJECTED,
        (_S.PROPOSED, _E.TIME_OVER): _S.EXPIRED,
    }
)


def advance(state: ApprovalState, event: ApprovalEvent) -> ApprovalState | None:
    """What `event` makes of an approval; None where it cannot happen."""
    return TRANSITIONS.get((state, event))


def decide(approval: Approval, event: ApprovalEvent, by: str, at: datetime) -> Approval:
    """Raises Refused: approval_over, for what is decided or too old; maker_is_checker."""
    after = advance(approval.state, event)
    if after is None or at >= approval.expires_at:
        state = ApprovalState.EXPIRED if after is not None else approval.state
        raise Refused("approval_over", f"{approval.id} is {state}")
    if after is ApprovalState.APPROVED and by == approval.proposed_by:
        raise Refused("maker_is_checker", f"{by} proposed {approval.id}: somebody else approves it")
    return replace(approval, state=after, decided_by=by, decided_at=at)


def expire(approval: Approval, at: datetime) -> Approval:
    """The same, or expired."""
    after = advance(approval.state, ApprovalEvent.TIME_OVER)
    if after is None or at < approval.expires_at:
        return approval
    return replace(approval, state=after, decided_at=approval.expires_at)
