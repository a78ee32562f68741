"""A bucket of tokens that fills by itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxiq.domain.token_bucket import Bucket, BucketSize, Spent, refilled, spend

NATURAL_PERSON = BucketSize(capacity=100, per_minute=2)
MINUTE_MS = 60_000


def run(costs: list[int], *, in_debt: bool = False) -> tuple[Bucket | None, list[bool]]:
    bucket: Bucket | None = None
    allowed = []
    for cost in costs:
        bucket, spent = spend(bucket, NATURAL_PERSON, cost, 0, in_debt=in_debt)
        allowed.append(spent.allowed)
    return bucket, allowed


def test_a_hundred_keys_with_an_owner_are_answered_and_the_next_one_is_not() -> None:
    _, allowed = run([1] * 101)

    assert allowed == [True] * 100 + [False]


def test_five_keys_that_nobody_has_empty_the_bucket() -> None:
    bucket, allowed = run([20] * 5)

    assert allowed == [True] * 5
    _, spent = spend(bucket, NATURAL_PERSON, 1, 0)
    assert spent == Spent(allowed=False, left=0, wait_ms=30_000)


def test_two_tokens_come_back_in_a_minute() -> None:
    bucket, _ = run([100])

    assert bucket is not None
    assert refilled(bucket, NATURAL_PERSON, MINUTE_MS) == 2
    _, spent = spend(bucket, NATURAL_PERSON, 2, MINUTE_MS)
    assert spent == Spent(allowed=True, left=0)


def test_what_is_refused_costs_nothing() -> None:
    bucket, _ = run([90])
    after, spent = spend(bucket, NATURAL_PERSON, 20, 0)

    assert (spent.allowed, spent.left) == (False, 10)
    assert after == bucket


def test_a_debt_is_paid_back_before_anything_is_allowed_again() -> None:
    bucket, _ = run([100, 19], in_debt=True)
    assert bucket == Bucket(-19, 0)

    _, early = spend(bucket, NATURAL_PERSON, 1, 9 * MINUTE_MS)
    _, later = spend(bucket, NATURAL_PERSON, 1, 10 * MINUTE_MS)
    assert (early.allowed, later.allowed) == (False, True)


@pytest.mark.parametrize("back_ms", [1, 10**12])
def test_a_clock_that_was_set_back_gives_no_tokens(back_ms: int) -> None:
    bucket = Bucket(5, 10**12)

    assert refilled(bucket, NATURAL_PERSON, 10**12 - back_ms) == 5


@given(
    st.lists(st.tuples(st.integers(1, 30), st.integers(0, 10 * MINUTE_MS), st.booleans())),
    st.integers(1, 50),
    st.integers(1, 120),
)
def test_no_more_is_taken_than_was_there_and_came_back(
    uses: list[tuple[int, int, bool]], capacity: int, per_minute: int
) -> None:
    size = BucketSize(capacity=capacity, per_minute=per_minute)
    bucket: Bucket | None = None
    now_ms = taken = owed = 0
    for cost, pause_ms, in_debt in uses:
        now_ms += pause_ms
        bucket, spent = spend(bucket, size, cost, now_ms, in_debt=in_debt)
        assert spent.allowed or not in_debt
        assert bucket.tokens <= capacity
        taken += cost if spent.allowed else 0
        owed = max(owed, int(-bucket.tokens) + 1) if bucket.tokens < 0 else owed

    assert taken <= capacity + now_ms * per_minute / MINUTE_MS + owed + 1e-6


@given(st.integers(1, 100), st.integers(0, 200), st.integers(0, 10**6))
def test_who_waits_as_long_as_told_is_allowed(cost: int, spent_before: int, now_ms: int) -> None:
    bucket, _ = spend(None, NATURAL_PERSON, spent_before, now_ms, in_debt=True)
    _, refused = spend(bucket, NATURAL_PERSON, cost, now_ms)
    _, again = spend(bucket, NATURAL_PERSON, cost, now_ms + refused.wait_ms)

    assert again.allowed
    assert refused.allowed == (refused.wait_ms == 0)
