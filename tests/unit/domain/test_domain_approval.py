"""Two people for one deed, as a state machine."""

from datetime import UTC, datetime, timedelta

import pytest

from fluxiq.domain.approval import (
    TRANSITIONS,
    Approval,
    ApprovalEvent,
    ApprovalState,
    advance,
    decide,
    expire,
)
from fluxiq.errors import Refused

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
END = NOW + timedelta(minutes=15)


def proposed() -> Approval:
    return Approval(
        id="apr_1",
        action="breaker_open",
        digest="00",
        proposed_by="maria",
        proposed_at=NOW,
        expires_at=END,
    )


def test_a_decision_is_once_and_for_ever() -> None:
    for state in set(ApprovalState) - {ApprovalState.PROPOSED}:
        assert all(advance(state, event) is None for event in ApprovalEvent)
    assert set(TRANSITIONS.values()) == set(ApprovalState) - {ApprovalState.PROPOSED}

    approved = decide(proposed(), ApprovalEvent.APPROVED, "joao", NOW)
    assert (approved.state, approved.decided_by) == (ApprovalState.APPROVED, "joao")
    for event in (ApprovalEvent.APPROVED, ApprovalEvent.REJECTED):
        with pytest.raises(Refused, match="is approved"):
            decide(approved, event, "jose", NOW)


def test_nobody_approves_their_own_but_everybody_may_take_it_back() -> None:
    with pytest.raises(Refused) as refused:
        decide(proposed(), ApprovalEvent.APPROVED, "maria", NOW)
    assert refused.value.code == "maker_is_checker"
    taken_back = decide(proposed(), ApprovalEvent.REJECTED, "maria", NOW)
    assert taken_back.state is ApprovalState.REJECTED


def test_after_its_time_it_is_over() -> None:
    late = END - timedelta(microseconds=1)
    assert decide(proposed(), ApprovalEvent.APPROVED, "joao", late).decided_at == late
    with pytest.raises(Refused, match="is expired"):
        decide(proposed(), ApprovalEvent.APPROVED, "joao", END)
    assert expire(proposed(), late) == proposed()
    assert expire(proposed(), END).state is ApprovalState.EXPIRED
    rejected = decide(proposed(), ApprovalEvent.REJECTED, "joao", NOW)
    assert expire(rejected, END) == rejected
