"""What a merchant pays for receiving, to the centavo."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxiq.domain.fee import BASIS_POINTS_MAX, NO_FEE, FeePlan, fee_of

AMOUNTS = st.integers(1, 10**12)
POINTS = st.integers(0, BASIS_POINTS_MAX)


@st.composite
def plans(draw: st.DrawFn) -> FeePlan:
    minimum = draw(st.integers(0, 10_000))
    return FeePlan(
        fixed=draw(st.integers(0, 10_000)),
        basis_points=draw(POINTS),
        minimum=minimum,
        maximum=draw(st.none() | st.integers(minimum, 100_000)),
    )


@pytest.mark.parametrize(
    ("plan", "amount", "fee"),
    [
        (NO_FEE, 100_00, 0),
        (FeePlan(fixed=50), 100_00, 50),
        (FeePlan(basis_points=99), 100_00, 99),
        (FeePlan(fixed=10, basis_points=99), 100_00, 1_09),
        (FeePlan(basis_points=99, minimum=30), 1_00, 30),
        (FeePlan(basis_points=99, maximum=5_00), 10_000_00, 5_00),
        (FeePlan(fixed=50), 30, 30),
        (FeePlan(basis_points=BASIS_POINTS_MAX), 100_00, 100_00),
    ],
)
def test_a_fee_is_a_fixed_part_and_a_share_between_bounds_and_at_most_all(
    plan: FeePlan, amount: int, fee: int
) -> None:
    assert fee_of(plan, amount) == fee


@pytest.mark.parametrize(("amount", "fee"), [(49, 0), (50, 1), (149, 1), (150, 2)])
def test_exactly_half_a_centavo_of_the_share_is_a_centavo(amount: int, fee: int) -> None:
    assert fee_of(FeePlan(basis_points=100), amount) == fee


@given(plans(), AMOUNTS)
def test_a_fee_is_never_negative_and_never_more_than_was_received(
    plan: FeePlan, amount: int
) -> None:
    assert 0 <= fee_of(plan, amount) <= amount


@given(plans(), AMOUNTS, AMOUNTS)
def test_who_receives_more_never_pays_less(plan: FeePlan, one: int, other: int) -> None:
    less, more = sorted((one, other))
    assert fee_of(plan, less) <= fee_of(plan, more)


@given(plans(), AMOUNTS)
def test_bounds_hold_wherever_the_amount_allows(plan: FeePlan, amount: int) -> None:
    fee = fee_of(plan, amount)
    assert fee >= min(plan.minimum, amount)
    assert plan.maximum is None or fee <= plan.maximum


@given(POINTS, AMOUNTS)
def test_a_share_is_rounded_by_half_a_centavo_at_most(points: int, amount: int) -> None:
    exact = amount * points  # in ten-thousandths of a centavo
    assert abs(fee_of(FeePlan(basis_points=points), amount) * BASIS_POINTS_MAX - exact) <= 5_000


@pytest.mark.parametrize(
    "plan",
    [
        {"fixed": -1},
        {"basis_points": BASIS_POINTS_MAX + 1},
        {"minimum": 2, "maximum": 1},
    ],
)
def test_a_plan_that_makes_no_sense_is_a_bug(plan: dict[str, int]) -> None:
    with pytest.raises(AssertionError):
        FeePlan(**plan)
