"""Deeds for two, as operators read them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from fluxiq.domain.approval import ApprovalState


class ApprovalView(Struct, frozen=True, kw_only=True):
    """A deed that somebody proposed: the verb `action` with its `arguments`, secrets masked, and
    the SHA-256 of both. Somebody else approves it before `expires_at`.
    """

    id: str
    action: str
    arguments: dict[str, Any]
    digest: str
    proposed_by: str
    proposed_at: datetime
    expires_at: datetime
    state: ApprovalState
    decided_by: str | None
    decided_at: datetime | None


class ApprovalsView(Struct, frozen=True, kw_only=True):
    """`is_asked_for`: whether this platform asks for a second person at all. The last proposed
    comes first.
    """

    is_asked_for: bool
    approvals: list[ApprovalView]


class ApprovedView(Struct, frozen=True, kw_only=True):
    """What the approved deed answers."""

    answer: Any


def approvals_view(answer: Mapping[str, Any]) -> ApprovalsView:
    return msgspec.convert(answer, ApprovalsView)


def approval_view(answer: Mapping[str, Any]) -> ApprovalView:
    return msgspec.convert(answer, ApprovalView)
