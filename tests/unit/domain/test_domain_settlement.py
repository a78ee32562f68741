"""When a merchant settles next, and how much."""

from datetime import UTC, datetime

import pytest

from fluxiq.domain.settlement import SettlementSchedule, next_time

NOON = datetime(2026, 11, 27, 15, tzinfo=UTC)  # 12:00 in São Paulo


def schedule(minimum: int = 1, keep: int = 0) -> SettlementSchedule:
    return SettlementSchedule(
        merchant_id="mch_1",
        time="12:00",
        source_account_id="acc_1",
        destination_account_id="acc_2",
        minimum=minimum,
        keep=keep,
        set_by="usr_1",
        updated_at=NOON,
        next_at=NOON,
    )


@pytest.mark.parametrize(
    ("time", "following"),
    [
        ("12:01", datetime(2026, 11, 27, 15, 1, tzinfo=UTC)),
        ("12:00", datetime(2026, 11, 28, 15, 0, tzinfo=UTC)),  # later than now, not now
        ("11:59", datetime(2026, 11, 28, 14, 59, tzinfo=UTC)),
        ("23:30", datetime(2026, 11, 28, 2, 30, tzinfo=UTC)),  # another day in UTC
        ("00:00", datetime(2026, 11, 28, 3, 0, tzinfo=UTC)),
    ],
)
def test_the_next_time_is_the_first_one_later_in_sao_paulo(time: str, following: datetime) -> None:
    assert next_time(time, NOON) == following


@pytest.mark.parametrize(
    ("available", "minimum", "keep", "amount"),
    [
        (100, 1, 0, 100),
        (100, 1, 40, 60),
        (100, 60, 40, 60),
        (100, 61, 40, 0),
        (40, 1, 40, 0),
        (10, 1, 40, 0),
        (0, 1, 0, 0),
    ],
)
def test_what_is_above_the_rest_is_moved_if_it_is_enough(
    available: int, minimum: int, keep: int, amount: int
) -> None:
    assert schedule(minimum, keep).amount_of(available) == amount


def test_a_planned_time_has_a_key_of_its_own() -> None:
    one = schedule()
    assert one.key_of(NOON) == "settlement 2026-11-27T15:00Z"
    assert one.key_of(NOON) != one.key_of(next_time("12:00", NOON))
