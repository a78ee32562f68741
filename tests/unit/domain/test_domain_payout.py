"""The stages of a payout, and the statuses callers see."""

from itertools import permutations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxiq.domain.payout import (
    NOT_ORDERED,
    PUBLIC_STATUS,
    TERMINAL,
    TRANSITIONS,
    Changed,
    Ignored,
    PayoutEvent,
    PayoutStatus,
    advance,
    public_status,
)
from fluxiq.domain.records import PayoutStage

S, E = PayoutStage, PayoutEvent


def walk(*events: PayoutEvent) -> PayoutStage:
    stage = S.CREATED
    for event in events:
        after = advance(stage, event)
        if isinstance(after, Changed):
            stage = after.stage

    return stage


def test_the_ordinary_walk_ends_confirmed() -> None:
    assert walk(E.HELD) is S.HELD
    assert walk(E.HELD, E.SENT) is S.SENT
    assert walk(E.HELD, E.SENT, E.CONFIRMED) is S.CONFIRMED
    assert walk(E.HELD, E.SENT, E.CONFIRMED, E.RETURNED) is S.RETURNED


def test_a_hold_that_was_refused_ends_failed() -> None:
    assert walk(E.FAILED) is S.FAILED


@pytest.mark.parametrize("end", [E.CONFIRMED, E.FAILED])
def test_a_notice_that_overtakes_our_own_record_of_sending_counts(end: PayoutEvent) -> None:
    assert walk(E.HELD, end) is S(end)
    assert walk(E.HELD, end, E.SENT, E.DOUBTED) is S(end)


def test_doubt_ends_by_an_answer_and_by_nothing_else() -> None:
    assert walk(E.HELD, E.SENT, E.DOUBTED) is S.IN_DOUBT
    assert walk(E.HELD, E.DOUBTED) is S.IN_DOUBT
    assert walk(E.HELD, E.SENT, E.DOUBTED, E.DOUBTED, E.HELD) is S.IN_DOUBT
    assert walk(E.HELD, E.SENT, E.DOUBTED, E.SENT) is S.SENT
    assert walk(E.HELD, E.SENT, E.DOUBTED, E.CONFIRMED) is S.CONFIRMED
    assert walk(E.HELD, E.SENT, E.DOUBTED, E.FAILED) is S.FAILED


def test_nothing_is_sent_or_confirmed_before_it_is_held() -> None:
    assert walk(E.SENT, E.DOUBTED, E.CONFIRMED) is S.CREATED


def test_a_late_acceptance_after_a_rejection_is_ignored_and_marked() -> None:
    assert advance(S.FAILED, E.CONFIRMED) == Ignored("confirmed_after_failed", contradicts=True)


def test_a_notice_said_twice_is_ignored_without_alarm() -> None:
    assert advance(S.CONFIRMED, E.CONFIRMED) == Ignored("confirmed_after_confirmed")
    assert advance(S.FAILED, E.FAILED) == Ignored("failed_after_failed")
    assert advance(S.RETURNED, E.CONFIRMED) == Ignored("confirmed_after_returned")


@pytest.mark.parametrize(
    ("stage", "event"),
    [
        *[(S.CREATED, E.CONFIRMED), (S.CREATED, E.RETURNED), (S.FAILED, E.CONFIRMED)],
        *[(S.FAILED, E.RETURNED), (S.CONFIRMED, E.FAILED), (S.RETURNED, E.FAILED)],
        *[(S.SCHEDULED, E.CONFIRMED), (S.SCHEDULED, E.RETURNED)],
        *[(S.CANCELLED, E.CONFIRMED), (S.CANCELLED, E.RETURNED)],
    ],
)
def test_only_what_says_the_opposite_is_a_contradiction(
    stage: PayoutStage, event: PayoutEvent
) -> None:
    after = advance(stage, event)
    assert isinstance(after, Ignored)
    assert after.contradicts


def test_every_pair_is_decided_and_ten_of_them_are_contradictions() -> None:
    decided = [advance(*pair) for pair in product(S, E)]
    assert len(decided) == 72
    assert sum(isinstance(after, Changed) for after in decided) == len(TRANSITIONS) == 16
    assert sum(isinstance(after, Ignored) and after.contradicts for after in decided) == 10


def test_what_is_scheduled_is_made_or_cancelled_and_then_never_made() -> None:
    assert advance(S.SCHEDULED, E.DUE) == Changed(S.CREATED)
    assert advance(S.SCHEDULED, E.CANCELLED) == Changed(S.CANCELLED)
    assert advance(S.CANCELLED, E.DUE) == Ignored("due_after_cancelled")
    assert advance(S.CREATED, E.CANCELLED) == Ignored("cancelled_after_created")


def test_nobody_outside_can_end_what_was_never_ordered() -> None:
    assert {S.SCHEDULED, S.CREATED, S.CANCELLED} == NOT_ORDERED


@given(st.lists(st.sampled_from(E), max_size=20))
def test_exactly_one_of_confirmed_and_failed_is_ever_reached(events: list[PayoutEvent]) -> None:
    stage = S.CREATED
    reached = []
    for event in events:
        after = advance(stage, event)
        if isinstance(after, Changed):
            stage = after.stage
            reached.append(stage)

    assert reached.count(S.CONFIRMED) + reached.count(S.FAILED) <= 1
    if reached and reached[-1] is S.RETURNED:
        assert S.CONFIRMED in reached


@pytest.mark.parametrize("end", [E.CONFIRMED, E.FAILED])
def test_any_order_of_the_events_after_the_hold_ends_alike(end: PayoutEvent) -> None:
    ends = {walk(E.HELD, *order) for order in permutations([E.SENT, E.DOUBTED, end, end])}
    assert ends == {S(end)}


def test_a_terminal_stage_leads_to_nothing_but_a_return() -> None:
    out_of_terminal = [(pair, to) for pair, to in TRANSITIONS.items() if pair[0] in TERMINAL]
    assert out_of_terminal == [((S.CONFIRMED, E.RETURNED), S.RETURNED)]


def test_callers_see_six_statuses() -> None:
    assert set(PUBLIC_STATUS) == set(S)
    processing = {stage for stage in S if public_status(stage) is PayoutStatus.PROCESSING}
    assert processing == {S.CREATED, S.HELD, S.SENT, S.IN_DOUBT}
    for stage in set(S) - processing:
        assert public_status(stage).value == stage.value
