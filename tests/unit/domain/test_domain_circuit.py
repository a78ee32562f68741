"""The circuit breaker that provider links and endpoints have: when it opens, probes and closes."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxiq.domain.circuit import (
    GAUGE,
    TRANSITIONS,
    Circuit,
    CircuitEvent,
    CircuitPolicy,
    CircuitState,
    advance,
)

POLICY = CircuitPolicy(failures=3, pause_seconds=2.0, pause_seconds_max=10.0)


def failing(times: int, *, at: float = 0.0) -> Circuit:
    circuit = Circuit()
    for _ in range(times):
        circuit = circuit.failed(at, POLICY)
    return circuit


def test_it_opens_at_so_many_failures_in_a_row_and_not_before() -> None:
    assert failing(2).state is CircuitState.CLOSED
    assert failing(3).state is CircuitState.OPEN
    assert failing(3).until == 2.0


def test_a_success_in_between_starts_the_count_over() -> None:
    circuit = failing(2).succeeded().failed(0.0, POLICY).failed(0.0, POLICY)

    assert circuit.state is CircuitState.CLOSED


def test_it_stays_open_until_its_pause_is_over_and_then_lets_one_pass() -> None:
    circuit = failing(3)

    assert circuit.looked_at(1.9).room(0, 8) == 0
    half_open = circuit.looked_at(2.0)
    assert half_open.state is CircuitState.HALF_OPEN
    assert half_open.room(0, 8) == 1
    assert half_open.room(1, 8) == 0


def test_a_closed_one_lets_pass_what_the_concurrency_allows() -> None:
    assert [Circuit().room(under_way, 3) for under_way in (0, 2, 3, 5)] == [3, 1, 0, 0]


def test_each_probe_that_fails_doubles_the_pause_up_to_its_limit() -> None:
    circuit, pauses = failing(3), []
    for _ in range(5):
        now = circuit.until
        circuit = circuit.looked_at(now).failed(now, POLICY)
        pauses.append(circuit.until - now)

    assert pauses == [4.0, 8.0, 10.0, 10.0, 10.0]
    assert circuit.failures == 8


def test_a_probe_that_succeeds_closes_it_and_forgets_the_pauses() -> None:
    circuit = failing(3).looked_at(2.0).succeeded()

    assert circuit == Circuit()


def test_those_that_were_under_way_and_fail_do_not_make_the_pause_longer() -> None:
    assert failing(3).failed(1.0, POLICY).until == failing(3).until


def test_a_late_success_closes_an_open_one() -> None:
    assert failing(3).succeeded().state is CircuitState.CLOSED


def test_a_pause_is_as_long_as_the_other_side_asks_up_to_its_limit() -> None:
    circuit = failing(2)

    assert circuit.failed(0.0, POLICY, 7.0).until == 7.0
    assert circuit.failed(0.0, POLICY, 99.0).until == 10.0
    assert circuit.failed(0.0, POLICY, 0.5).until == 2.0


def test_what_the_table_does_not_have_changes_nothing() -> None:
    for state, event in itertools.product(CircuitState, CircuitEvent):
        if (state, event) not in TRANSITIONS:
            assert advance(state, event) is state


def test_every_state_has_a_number_of_its_own_in_the_metrics() -> None:
    assert {state: GAUGE[state] for state in CircuitState} == {
        "closed": 0,
        "open": 1,
        "half_open": 2,
    }


@given(st.lists(st.sampled_from(["fail", "succeed", "wait"]), max_size=60))
def test_whatever_happens_a_success_closes_it_and_a_pause_ends(events: list[str]) -> None:
    circuit, now = Circuit(), 0.0
    for event in events:
        circuit = circuit.looked_at(now)
        if event == "wait":
            now += 1.0
        else:
            circuit = circuit.failed(now, POLICY) if event == "fail" else circuit.succeeded()
        assert circuit.until <= now + POLICY.pause_seconds_max

    assert circuit.looked_at(now + POLICY.pause_seconds_max).state is not CircuitState.OPEN
    assert circuit.succeeded().state is CircuitState.CLOSED


@pytest.mark.parametrize("pauses", [31, 32, 33, 5_000])
def test_however_many_pauses_there_were_the_next_one_can_be_computed(pauses: int) -> None:
    circuit = Circuit(state=CircuitState.HALF_OPEN, pauses=pauses)

    assert circuit.failed(0.0, POLICY).until == 10.0
