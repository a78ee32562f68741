"""The life of an institution, as a table."""

import itertools

import pytest

from fluxiq.domain.institution import (
    LIVING,
    TRANSITIONS,
    InstitutionEvent,
    InstitutionState,
    Remainder,
    advance,
)

S, E = InstitutionState, InstitutionEvent


@pytest.mark.parametrize(("state", "event"), list(itertools.product(S, E)))
def test_what_is_not_in_the_table_cannot_happen(state: S, event: E) -> None:
    assert advance(state, event) == TRANSITIONS.get((state, event))


def test_every_state_can_be_left_and_reached_and_every_event_happens() -> None:
    assert {state for state, _ in TRANSITIONS} == set(S)
    assert set(TRANSITIONS.values()) == set(S)
    assert {event for _, event in TRANSITIONS} == set(E)


def test_nobody_is_removed_who_is_not_suspended_and_nobody_active_loses_a_place() -> None:
    into_removal = {state for (state, _), to in TRANSITIONS.items() if to is S.REMOVING}
    assert into_removal == {S.SUSPENDED}
    assert {state for (state, _), to in TRANSITIONS.items() if to is S.REMOVED} == {
        S.ADDING,
        S.REMOVING,
    }


def test_a_suspended_one_lives() -> None:
    assert frozenset({S.ACTIVE, S.SUSPENDED}) == LIVING


def test_what_is_left_is_said_in_words() -> None:
    left = Remainder(balances=1, in_flight={"payouts": 2, "refunds": 0})
    assert str(left) == "1 accounts with a balance, 2 payouts"
    assert not left.is_settled
    assert str(Remainder(balances=0, in_flight={"payouts": 0})) == "nothing"
