"""The circuit breaker: every state, every event, and how long it stays open."""

import itertools

import pytest
from msgspec.structs import replace

from fluxiq.ledgers.breaker import (
    GAUGE,
    RETURNS,
    STANDS_IN,
    Breaker,
    BreakerLimits,
    BreakerState,
    Event,
    OperatorRefused,
    advance,
)

S = BreakerState
E = Event
LIMITS = BreakerLimits(
    failures=3,
    suspect_seconds_max=6.0,
    open_seconds=30.0,
    open_seconds_max=300.0,
    probes=3,
    probe_seconds=0.5,
)
NOW = 100.0
OPERATOR = (E.OPENED, E.CLOSED, E.RELEASED)

# What is not here changes nothing. `due` has come where it matters.
MOVES = {
    (S.CLOSED, E.FAILED): S.SUSPECT,
    (S.CLOSED, E.OPENED): S.FORCED_OPEN,
    (S.CLOSED, E.CLOSED): S.FORCED_CLOSED,
    (S.SUSPECT, E.SUCCEEDED): S.CLOSED,
    (S.SUSPECT, E.PROBE_ANSWERED): S.CLOSED,
    (S.SUSPECT, E.OPENED): S.FORCED_OPEN,
    (S.SUSPECT, E.CLOSED): S.FORCED_CLOSED,
    (S.OPEN, E.TICKED): S.HALF_OPEN,
    (S.OPEN, E.OPENED): S.FORCED_OPEN,
    (S.OPEN, E.CLOSED): S.HALF_OPEN,
    (S.HALF_OPEN, E.PROBE_MISSED): S.OPEN,
    (S.HALF_OPEN, E.OPENED): S.FORCED_OPEN,
    (S.RECOVERING, E.FAILED): S.OPEN,
    (S.RECOVERING, E.RECOVERED): S.CLOSED,
    (S.RECOVERING, E.OPENED): S.FORCED_OPEN,
    (S.FORCED_OPEN, E.CLOSED): S.HALF_OPEN,
    (S.FORCED_OPEN, E.RELEASED): S.HALF_OPEN,
    (S.FORCED_CLOSED, E.OPENED): S.FORCED_OPEN,
    (S.FORCED_CLOSED, E.RELEASED): S.CLOSED,
}


def at(state: BreakerState, **changes: object) -> Breaker:
    return replace(Breaker(state=state, since=NOW - 1, due=NOW), **changes)


def after(breaker: Breaker, *events: Event, now: float = NOW, jitter: float = 0.0) -> Breaker:
    for event in events:
        breaker = advance(breaker, event, now, LIMITS, reason="because", jitter=jitter)
    return breaker


@pytest.mark.parametrize(
    ("state", "event"),
    [
        pair
        for pair in itertools.product(BreakerState, Event)
        if pair[0] is not S.UNCONFIGURED or pair[1] not in OPERATOR
    ],
)
def test_every_state_and_event(state: BreakerState, event: Event) -> None:
    assert after(at(state), event).state is MOVES.get((state, event), state)


@pytest.mark.parametrize("event", OPERATOR)
def test_without_a_tigerbeetle_there_is_nothing_to_operate(event: Event) -> None:
    with pytest.raises(OperatorRefused):
        after(at(S.UNCONFIGURED), event)


def test_every_state_has_a_gauge_and_one_meaning() -> None:
    assert set(GAUGE) == set(BreakerState)
    assert not RETURNS & STANDS_IN
    still = [state for state in BreakerState if state not in RETURNS | STANDS_IN]
    assert still == [S.SUSPECT]


def test_three_failures_in_a_row_open_it_the_first_of_a_batch_the_others_of_probes() -> None:
    breaker = after(at(S.CLOSED), E.FAILED)
    assert (breaker.state, breaker.failures, breaker.due) == (S.SUSPECT, 1, NOW)
    breaker = after(breaker, E.PROBE_MISSED)
    assert (breaker.state, breaker.failures) == (S.SUSPECT, 2)
    assert after(breaker, E.PROBE_MISSED).state is S.OPEN


def test_several_sessions_that_miss_one_deadline_are_one_failure() -> None:
    breaker = after(at(S.CLOSED), E.FAILED, E.FAILED, E.FAILED, E.FAILED)
    assert (breaker.state, breaker.failures) == (S.SUSPECT, 1)


def test_an_answer_in_between_makes_failures_start_again() -> None:
    breaker = after(at(S.CLOSED), E.FAILED, E.PROBE_MISSED, E.PROBE_ANSWERED, E.FAILED)
    assert (breaker.state, breaker.failures) == (S.SUSPECT, 1)


def test_suspect_ends_when_callers_cannot_wait_longer_even_without_three_failures() -> None:
    breaker = after(at(S.CLOSED), E.FAILED)
    breaker = after(breaker, E.TICKED, now=NOW + 5.9)
    assert breaker.state is S.SUSPECT
    assert breaker.due == NOW + 6.0
    assert after(breaker, E.TICKED, now=NOW + 6.0).state is S.OPEN


def test_tick_before_it_is_due_changes_nothing() -> None:
    for state in BreakerState:
        breaker = at(state, due=NOW + 1)
        assert after(breaker, E.TICKED) == breaker


def test_half_open_asks_for_three_answers_in_a_row() -> None:
    breaker = after(at(S.HALF_OPEN), E.PROBE_ANSWERED, E.PROBE_ANSWERED)
    assert (breaker.state, breaker.probes, breaker.due) == (S.HALF_OPEN, 2, NOW + 0.5)
    assert after(breaker, E.PROBE_ANSWERED).state is S.RECOVERING
    assert after(breaker, E.PROBE_MISSED).state is S.OPEN


def test_open_time_doubles_with_jitter_up_to_the_cap() -> None:
    breaker = after(at(S.SUSPECT, failures=2), E.PROBE_MISSED)
    opened = [breaker.due - NOW]
    for _ in range(6):
        half_open = after(breaker, E.TICKED, now=breaker.due)
        breaker = after(half_open, E.PROBE_MISSED, now=half_open.since)
        opened.append(breaker.due - breaker.since)
    assert opened == [30, 60, 120, 240, 300, 300, 300]

    assert after(at(S.HALF_OPEN), E.PROBE_MISSED, jitter=1.0).due == NOW + 60 * 1.25
    assert after(at(S.HALF_OPEN, returns=9), E.PROBE_MISSED, jitter=1.0).due == NOW + 300
    assert after(at(S.HALF_OPEN, returns=10_000), E.PROBE_MISSED).due == NOW + 300


def test_open_time_starts_small_again_after_a_recovery() -> None:
    closed = after(at(S.RECOVERING, returns=4), E.RECOVERED)
    opened = after(closed, E.FAILED, E.PROBE_MISSED, E.PROBE_MISSED)
    assert (opened.state, opened.due) == (S.OPEN, NOW + 30)


def test_nothing_but_an_operator_ends_what_an_operator_forced() -> None:
    for state in (S.FORCED_OPEN, S.FORCED_CLOSED):
        for event in set(Event) - set(OPERATOR):
            assert after(at(state), event) == at(state)


def test_closing_by_an_operator_goes_through_recovery_and_then_stays() -> None:
    breaker = after(at(S.OPEN, due=NOW + 200), E.CLOSED)
    assert (breaker.state, breaker.due, breaker.pinned) == (S.HALF_OPEN, NOW, True)
    breaker = after(breaker, E.PROBE_ANSWERED, E.PROBE_ANSWERED, E.PROBE_ANSWERED)
    assert breaker.state is S.RECOVERING
    breaker = after(breaker, E.RECOVERED)
    assert breaker.state is S.FORCED_CLOSED
    assert after(breaker, E.FAILED, E.FAILED, E.FAILED).state is S.FORCED_CLOSED


def test_pin_outlives_a_return_that_fails() -> None:
    breaker = after(at(S.HALF_OPEN, pinned=True), E.PROBE_MISSED)
    assert (breaker.state, breaker.pinned) == (S.OPEN, True)
    breaker = after(at(S.RECOVERING, pinned=True), E.FAILED)
    assert (breaker.state, breaker.pinned) == (S.OPEN, True)


def test_closing_during_recovery_pins_without_starting_again() -> None:
    for state in (S.HALF_OPEN, S.RECOVERING):
        breaker = at(state, probes=2)
        assert after(breaker, E.CLOSED) == replace(breaker, pinned=True)


def test_release_takes_the_pin_away_and_opening_too() -> None:
    for state in (S.OPEN, S.HALF_OPEN, S.RECOVERING):
        assert not after(at(state, pinned=True), E.RELEASED).pinned
    assert not after(at(S.HALF_OPEN, pinned=True), E.OPENED).pinned


def test_reason_of_the_last_change_is_kept() -> None:
    assert after(at(S.CLOSED), E.FAILED).reason == "because"
    assert after(at(S.HALF_OPEN), E.PROBE_MISSED).reason == "not back yet: because"
