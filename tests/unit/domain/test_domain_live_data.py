"""Rates as decimal texts, and flags that are on for the same subjects every time."""

from datetime import UTC, datetime

import pytest

from fluxiq.domain.live_data import Flag, FlagKind, parse_flag_name, parse_pair, parse_rate
from fluxiq.errors import Refused

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def flag(percentage: int, name: str = "pix.scheduled") -> Flag:
    return Flag(name=name, kind=FlagKind.PERCENTAGE, percentage=percentage, updated_at=NOW)


@pytest.mark.parametrize("text", ["5", "5.4321", "0.0000000001", "9999999999.9999999999"])
def test_a_rate_is_a_decimal_above_zero_and_stays_as_it_was_written(text: str) -> None:
    assert parse_rate(text) == text


@pytest.mark.parametrize(
    "text",
    ["", "0", "0.00", "-1", "+1", "1e3", "1,5", ".5", "5.", "05", "1.12345678901", "NaN", "\u0661"],
)
def test_what_is_no_such_decimal_is_refused(text: str) -> None:
    with pytest.raises(Refused) as caught:
        parse_rate(text)
    assert caught.value.code == "invalid_rate"


@pytest.mark.parametrize("text", ["USDBRL", "usd-brl", "USD-USD", "USD-BRLX", "US-BRL", ""])
def test_a_pair_is_two_different_currencies(text: str) -> None:
    assert parse_pair("USD-BRL") == "USD-BRL"
    with pytest.raises(Refused) as caught:
        parse_pair(text)
    assert caught.value.code == "invalid_currency_pair"


@pytest.mark.parametrize("text", ["", "Pix", "1pix", "pix-scheduled", "a" * 64])
def test_a_flag_has_a_plain_name(text: str) -> None:
    assert parse_flag_name("pix.scheduled_2") == "pix.scheduled_2"
    with pytest.raises(Refused) as caught:
        parse_flag_name(text)
    assert caught.value.code == "invalid_flag_name"


def test_a_share_is_about_that_share_and_a_larger_one_includes_it() -> None:
    subjects = [f"acc_{number}" for number in range(2000)]
    small = {one for one in subjects if flag(10).is_on(one)}
    large = {one for one in subjects if flag(30).is_on(one)}
    assert 140 < len(small) < 260
    assert small < large
    assert {one for one in subjects if flag(10, "another").is_on(one)} != small


def test_nobody_and_everybody() -> None:
    subjects = [f"acc_{number}" for number in range(200)]
    assert not any(flag(0).is_on(one) for one in subjects)
    assert all(flag(100).is_on(one) for one in subjects)
