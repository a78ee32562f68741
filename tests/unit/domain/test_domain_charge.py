"""The states of a charge."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxiq.domain.charge import (
    IGNORED,
    TERMINAL,
    TRANSITIONS,
    Changed,
    ChargeEvent,
    Ignored,
    advance,
)
from fluxiq.domain.records import ChargeStatus

S, E = ChargeStatus, ChargeEvent
EVERY_PAIR = set(product(S, E))


def test_every_status_and_event_is_decided_once() -> None:
    assert set(TRANSITIONS) | set(IGNORED) == EVERY_PAIR
    assert not set(TRANSITIONS) & set(IGNORED)


@pytest.mark.parametrize(
    ("status", "event", "after"),
    [
        (S.PENDING, E.PAID, S.PAID),
        (S.PENDING, E.EXPIRED, S.EXPIRED),
        (S.PENDING, E.CANCELLED, S.CANCELLED),
        (S.PAID, E.REFUNDED, S.REFUNDED),
    ],
)
def test_the_transitions_of_the_api_page(
    status: ChargeStatus, event: ChargeEvent, after: ChargeStatus
) -> None:
    assert advance(status, event) == Changed(after)


def test_there_are_no_other_transitions() -> None:
    changed = [pair for pair in EVERY_PAIR if isinstance(advance(*pair), Changed)]
    assert len(changed) == 4


@pytest.mark.parametrize(
    ("status", "event", "reason"),
    [
        (S.PENDING, E.REFUNDED, "charge_not_paid"),
        (S.PAID, E.PAID, "charge_already_paid"),
        (S.PAID, E.CANCELLED, "charge_already_paid"),
        (S.PAID, E.EXPIRED, "charge_already_paid"),
        (S.EXPIRED, E.PAID, "charge_expired"),
        (S.CANCELLED, E.PAID, "charge_cancelled"),
        (S.REFUNDED, E.REFUNDED, "charge_refunded"),
    ],
)
def test_what_changes_nothing_says_why(
    status: ChargeStatus, event: ChargeEvent, reason: str
) -> None:
    assert advance(status, event) == Ignored(reason)


@given(st.lists(st.sampled_from(E), max_size=12))
def test_after_a_terminal_status_nothing_changes_whatever_happens(
    events: list[ChargeEvent],
) -> None:
    status, ended = S.PENDING, None
    for event in events:
        match advance(status, event):
            case Changed(after):
                assert ended is None
                status = after
            case Ignored(reason):
                assert reason

        ended = status if status in TERMINAL else None


def test_a_terminal_status_has_no_way_out_and_the_others_have() -> None:
    assert {status for status, _ in TRANSITIONS} == set(S) - TERMINAL
