"""The life of a job, its backoff, its errors, and the id of a planned one."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxiq.domain.job import (
    ENDED,
    ERROR_CHARACTERS_MAX,
    ERRORS_KEPT,
    OPEN,
    TRANSITIONS,
    Backoff,
    Job,
    JobEvent,
    JobState,
    advance,
    planned_id,
    states_before,
    with_error,
)

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)


def job(**said: object) -> Job:
    fields: dict[str, object] = {
        "id": "job_1",
        "kind": "k",
        "version": 1,
        "args": {},
        "state": JobState.EXECUTING,
        "priority": 5,
        "attempt": 1,
        "given_back": 0,
        "attempts_max": 3,
        "run_at": NOON,
        "created_at": NOON,
    }
    return Job(**(fields | said))  # type: ignore[arg-type]


# The machine.


@given(st.sampled_from(JobState), st.lists(st.sampled_from(JobEvent)))
def test_any_order_of_events_leaves_a_job_in_one_state_and_what_is_done_stays_done(
    state: JobState, events: list[JobEvent]
) -> None:
    seen = [state]
    for event in events:
        state = advance(state, event) or state
        seen.append(state)

    assert (state in OPEN) != (state in ENDED)
    if JobState.COMPLETED in seen:
        assert set(seen[seen.index(JobState.COMPLETED) :]) == {JobState.COMPLETED}


def test_every_open_job_can_come_to_every_end() -> None:
    reach = {state: {state} for state in JobState}
    for _ in JobState:
        for (before, _event), after in TRANSITIONS.items():
            reach[before] |= reach[after]

    assert all(reach[state] >= ENDED for state in OPEN)


def test_only_an_operators_word_wakes_what_has_ended() -> None:
    waking = {(state, event) for state, event in TRANSITIONS if state in ENDED}

    assert waking == {
        (JobState.DISCARDED, JobEvent.REVIVED),
        (JobState.CANCELLED, JobEvent.REVIVED),
    }


def test_only_what_is_available_is_claimed_and_only_what_is_executing_ends_by_its_worker() -> None:
    assert states_before(JobEvent.CLAIMED) == (JobState.AVAILABLE,)
    for event in (JobEvent.SUCCEEDED, JobEvent.FAILED, JobEvent.EXHAUSTED, JobEvent.REFUSED):
        assert states_before(event) == (JobState.EXECUTING,)


# Attempts.


def test_an_attempt_that_was_given_back_is_not_one_of_the_failures() -> None:
    assert job(attempt=3, given_back=1).failures == 2
    assert not job(attempt=3, given_back=1).is_last_attempt
    assert job(attempt=4, given_back=1).is_last_attempt


def test_backoff_doubles_until_its_maximum() -> None:
    backoff = Backoff(seconds=2, seconds_max=100)
    delays = [backoff.delay(failures, "job_1").total_seconds() for failures in range(1, 60)]

    for failures, delay in enumerate(delays, 1):
        whole = min(2.0 * 2 ** (failures - 1), 100)
        assert 0.75 * whole <= delay < 1.25 * whole


def test_jitter_is_the_same_for_the_same_attempt_and_spreads_different_jobs() -> None:
    backoff = Backoff(seconds=100)
    assert backoff.delay(1, "job_1") == backoff.delay(1, "job_1")

    delays = [backoff.delay(1, f"job_{number}").total_seconds() for number in range(200)]
    assert min(delays) < 80
    assert max(delays) > 120


def test_the_last_errors_are_kept_and_of_each_its_end() -> None:
    failing = job()
    for attempt in range(1, 9):
        text = "x" * 10_000 + f" in attempt {attempt}"
        failing = job(attempt=attempt, errors=with_error(failing, NOON, text))

    assert [one.attempt for one in failing.errors] == [1, *range(1, 8)][-ERRORS_KEPT:]
    assert all(len(one.text) == ERROR_CHARACTERS_MAX for one in failing.errors)
    assert failing.errors[-1].text.endswith("in attempt 8")


# Planned jobs.


def test_a_planned_job_has_one_id_whoever_plans_it() -> None:
    assert planned_id("12345678", "s", NOON) == planned_id("12345678", "s", NOON)


@pytest.mark.parametrize(
    ("ispb", "schedule", "at"),
    [
        ("87654321", "s", NOON),
        ("12345678", "t", NOON),
        ("12345678", "s", NOON.replace(second=1)),
    ],
)
def test_other_institutions_schedules_and_times_have_other_jobs(
    ispb: str, schedule: str, at: datetime
) -> None:
    assert planned_id(ispb, schedule, at) != planned_id("12345678", "s", NOON)
