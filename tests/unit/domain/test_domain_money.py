"""Amounts of providers become centavos, exactly or not at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxiq.domain.money import (
    AMOUNT_MAX_CENTAVOS,
    AmountUnit,
    centavos_of,
    reais,
    require_amount,
)
from fluxiq.errors import Refused

AMOUNTS = st.integers(0, AMOUNT_MAX_CENTAVOS)


@pytest.mark.parametrize(
    ("written", "centavos"),
    [
        ("150.00", 15000),
        ("0.01", 1),
        ("0.1", 10),
        ("7", 700),
        ("9999999999.99", AMOUNT_MAX_CENTAVOS),
        (150, 15000),
        (150.0, 15000),
        (150.5, 15050),
        (0.29, 29),
        (1.1, 110),
        (0, 0),
        (-0.0 + 0.0, 0),
    ],
)
def test_an_amount_in_reais_is_read_exactly(written: str | float, centavos: int) -> None:
    assert centavos_of(written) == centavos


@pytest.mark.parametrize(
    "written",
    [
        *("", "1,50", "1.505", "1e3", " 1.00", "1.00\n", "+1.00", "-1.00", "1.", ".50", "R$ 1.00"),
        *("٣.00", "10000000000.00", "NaN", "0x10", "1_000"),
        *(0.1 + 0.2, 1.005, -1.5, float("nan"), float("inf"), 1e16, 1e-7, True, -1, 10**11),
    ],
)
def test_what_is_no_exact_amount_in_reais_is_refused(written: str | float) -> None:
    with pytest.raises(Refused) as refusal:
        centavos_of(written)

    assert refusal.value.code == "invalid_amount"
    assert refusal.value.details == {"field": "amount"}


@pytest.mark.parametrize("written", [15000, "15000", 15000.0])
def test_centavos_are_read_as_centavos_only_when_the_caller_says_so(written: str | float) -> None:
    assert centavos_of(written, unit=AmountUnit.CENTAVOS) == 15000
    assert centavos_of(written) == 1500000


@pytest.mark.parametrize("written", ["150.00", 150.5, True, "-1", -1, "", "1000000000000"])
def test_what_is_no_whole_number_of_centavos_is_refused(written: str | float) -> None:
    with pytest.raises(Refused, match="centavos"):
        centavos_of(written, unit=AmountUnit.CENTAVOS)


@given(AMOUNTS)
def test_writing_and_reading_an_amount_gives_it_back(centavos: int) -> None:
    assert centavos_of(reais(centavos)) == centavos


@given(AMOUNTS)
def test_the_float_nearest_to_any_amount_is_read_as_that_amount(centavos: int) -> None:
    assert centavos_of(float(reais(centavos))) == centavos


@given(AMOUNTS)
def test_reais_always_have_two_decimals(centavos: int) -> None:
    whole, _, fraction = reais(centavos).partition(".")
    assert (int(whole), int(fraction), len(fraction)) == (centavos // 100, centavos % 100, 2)


@pytest.mark.parametrize("centavos", [-1, AMOUNT_MAX_CENTAVOS + 1])
def test_writing_what_is_no_amount_is_a_bug(centavos: int) -> None:
    with pytest.raises(AssertionError):
        reais(centavos)


@pytest.mark.parametrize("centavos", [1, 15000, AMOUNT_MAX_CENTAVOS])
def test_an_amount_that_may_be_paid_is_handed_back(centavos: int) -> None:
    assert require_amount(centavos) == centavos


@pytest.mark.parametrize("centavos", [0, -1, AMOUNT_MAX_CENTAVOS + 1, True])
def test_an_amount_that_may_not_be_paid_is_refused_by_field(centavos: int) -> None:
    with pytest.raises(Refused) as refusal:
        require_amount(centavos, field="valor")

    assert (refusal.value.code, refusal.value.details["field"]) == ("invalid_amount", "valor")
