"""Contests: whatever is said in whatever order, they end once and owe nothing after."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from fluxiq.domain.contest import (
    ANALYSED,
    ASK_SECONDS,
    ASK_SECONDS_MAX,
    DECIDED,
    TRANSITIONS,
    Contest,
    ContestAnswer,
    ContestEvent,
    ContestStatus,
    ContestWord,
    Owed,
    advance,
    asked_at,
    cancelled,
    doubted,
    heard,
    in_the_way,
    require_contestable,
)
from fluxiq.domain.med import MedReason
from fluxiq.domain.records import Payout, PayoutStage, Recipient
from fluxiq.errors import Refused

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
END_TO_END = "E12345678202603041200abcdefghijk"
S, W = ContestStatus, ContestWord

CONTEST = Contest(
    id="cts_1",
    payout_id="pay_1",
    merchant_id="mch_1",
    account_id="acc_1",
    end_to_end_id=END_TO_END,
    amount=1_000,
    reason=MedReason.SCAM,
    details="",
    status=S.REPORTING,
    provider="simulator",
    opened_by="key_1",
    created_at=NOW,
    updated_at=NOW,
    due_at=NOW,
)
PAYOUT = Payout(
    id="pay_1",
    merchant_id="mch_1",
    account_id="acc_1",
    end_to_end_id=END_TO_END,
    amount=1_000,
    description="",
    recipient=Recipient(pix_key="a@b.c", pix_key_type="EMAIL", name="A", ispb="00000000"),
    stage=PayoutStage.CONFIRMED,
    created_at=NOW,
    updated_at=NOW,
)


def said(contest: Contest, *words: ContestWord, reason: str | None = None) -> Contest:
    for word in words:
        contest = heard(contest, ContestAnswer(word, reason), NOW)
    return contest


STEPS = st.lists(st.sampled_from([*W, "doubted", "cancelled"]), max_size=12)


@given(STEPS)
def test_whatever_is_said_it_owes_nothing_once_it_is_over_and_something_until_then(
    steps: list[str],
) -> None:
    contest = CONTEST
    for step in steps:
        if contest.owed is None:
            break
        before = contest
        if step == "doubted":
            contest = doubted(contest, NOW)
        elif step == "cancelled":
            contest = cancelled(contest, NOW) or contest
        else:
            contest = heard(contest, ContestAnswer(ContestWord(step)), NOW)
        assert contest.status is before.status or any(
            advance(before.status, event) is contest.status for event in ContestEvent
        )

    assert contest.owed is None or contest.status in ANALYSED | {S.CANCELLED}
    assert contest.owed is not None or contest.status not in ANALYSED
    assert (contest.decided_at is not None) == (contest.status in DECIDED)
    assert contest.owed is not None or not contest.in_doubt
    assert contest.owed is None or in_the_way(contest)


def test_no_transition_leaves_what_is_decided_or_refused() -> None:
    assert {status for status, _ in TRANSITIONS} == ANALYSED | {S.CANCELLED}


def test_it_is_reported_acknowledged_and_accepted() -> None:
    reported = said(CONTEST, W.OPEN)
    assert (reported.status, reported.owed, reported.reported_at) == (S.REPORTED, Owed.ASK, NOW)
    acknowledged = said(reported, W.ACKNOWLEDGED, W.OPEN)
    assert acknowledged.status is S.ACKNOWLEDGED
    accepted = said(acknowledged, W.ACCEPTED)
    assert (accepted.status, accepted.owed, accepted.decided_at) == (S.ACCEPTED, None, NOW)
    assert in_the_way(accepted)


def test_a_lost_answer_is_asked_for_and_what_never_arrived_is_said_again() -> None:
    lost = doubted(CONTEST, NOW)
    assert (lost.status, lost.owed, lost.in_doubt) == (S.REPORTING, Owed.REPORT, True)
    again = said(lost, W.UNKNOWN)
    assert (again.owed, again.in_doubt, again.due_at) == (Owed.REPORT, False, NOW)
    assert said(lost, W.ACKNOWLEDGED).status is S.ACKNOWLEDGED


def test_what_the_provider_will_not_take_is_refused_with_its_reason() -> None:
    refused = said(CONTEST, W.REFUSED, reason="contests_not_offered")
    assert (refused.status, refused.status_reason) == (S.REFUSED, "contests_not_offered")
    assert (refused.owed, in_the_way(refused)) == (None, False)


def test_it_is_taken_back_at_once_and_is_in_the_way_until_the_provider_knows() -> None:
    back = cancelled(said(CONTEST, W.OPEN), NOW)
    assert back is not None
    assert (back.status, back.owed, in_the_way(back)) == (S.CANCELLED, Owed.CANCEL, True)
    assert cancelled(back, NOW) is back
    for word in (W.CANCELLED, W.UNKNOWN):
        assert not in_the_way(said(back, word))


@pytest.mark.parametrize(("word", "status"), [(W.ACCEPTED, S.ACCEPTED), (W.REJECTED, S.REJECTED)])
def test_a_decision_that_was_quicker_stands(word: ContestWord, status: ContestStatus) -> None:
    back = cancelled(said(CONTEST, W.OPEN), NOW)
    assert back is not None
    too_late = said(back, W.REFUSED)
    assert (too_late.in_doubt, too_late.owed) == (True, Owed.CANCEL)
    assert said(too_late, word).status is status


@pytest.mark.parametrize("word", [W.ACCEPTED, W.REJECTED])
def test_what_is_decided_is_not_taken_back(word: ContestWord) -> None:
    assert cancelled(said(CONTEST, word), NOW) is None


def test_what_the_provider_lost_is_reported_again_later() -> None:
    lost = said(CONTEST, W.OPEN, W.UNKNOWN)
    assert (lost.status, lost.owed) == (S.REPORTED, Owed.REPORT)
    assert lost.due_at == NOW + timedelta(seconds=ASK_SECONDS)


@given(st.floats(min_value=0, max_value=10_000_000))
def test_it_is_asked_soon_then_as_much_later_up_to_an_hour(age: float) -> None:
    now = NOW + timedelta(seconds=age)
    wait = (asked_at(CONTEST, now) - now).total_seconds()
    assert ASK_SECONDS <= wait <= ASK_SECONDS_MAX


def test_only_what_was_paid_is_contested_and_for_eighty_days() -> None:
    require_contestable(PAYOUT, NOW + timedelta(days=80))
    with pytest.raises(Refused) as late:
        require_contestable(PAYOUT, NOW + timedelta(days=80, seconds=1))
    assert late.value.code == "contest_deadline_passed"
    for stage in set(PayoutStage) - {PayoutStage.CONFIRMED}:
        with pytest.raises(Refused) as other:
            require_contestable(replace(PAYOUT, stage=stage), NOW)
        assert other.value.code == "payout_not_contestable"
