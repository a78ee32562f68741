"""What customers may pay: by payment, by day and by night, and when a choice of theirs holds."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxiq.domain.limits import (
    LimitKind,
    Limits,
    LimitsState,
    aimed_at,
    bounds_of,
    choose,
    day_ends,
    day_of,
    default_limits,
    effective,
    judge,
    night_ends,
    night_of,
    used_by_day,
    used_by_night,
)

CPF, CNPJ = "52998224725", "00038166000105"
PERSON_MAX = 1_000_00
DELAY = timedelta(hours=24)
NOON = datetime(2026, 11, 22, 15, tzinfo=UTC)  # 12:00 in São Paulo
LATE = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)  # 21:30 of the 22nd in São Paulo

limits_drawn = st.builds(
    Limits,
    per_payment=st.none() | st.integers(0, 9),
    per_day=st.none() | st.integers(0, 9),
    per_night=st.none() | st.integers(0, 9),
    night_starts=st.sampled_from([20, 22]),
)


def state(**said: object) -> LimitsState:
    return LimitsState(account_id="acc_1", document=CNPJ, **said)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("utc", "starts", "night"),
    [
        ("2026-11-22T22:59:59", 20, None),
        ("2026-11-22T23:00:00", 20, date(2026, 11, 22)),
        ("2026-11-22T23:00:00", 22, None),
        ("2026-11-23T01:00:00", 22, date(2026, 11, 22)),
        ("2026-11-23T08:59:59", 20, date(2026, 11, 22)),
        ("2026-11-23T09:00:00", 20, None),
    ],
)
def test_a_night_lasts_until_six_and_bears_the_date_it_began_on(
    utc: str, starts: int, night: date | None
) -> None:
    assert night_of(datetime.fromisoformat(utc).replace(tzinfo=UTC), starts) == night


def test_a_day_is_a_day_of_sao_paulo() -> None:
    assert day_of(LATE) == date(2026, 11, 22)
    assert day_ends(LATE) == datetime(2026, 11, 23, 3, tzinfo=UTC)
    assert night_ends(date(2026, 11, 22)) == datetime(2026, 11, 23, 9, tzinfo=UTC)


def test_only_natural_persons_have_a_limit_that_they_did_not_choose() -> None:
    assert default_limits(CPF, PERSON_MAX) == Limits(per_night=PERSON_MAX)
    assert default_limits(CNPJ, PERSON_MAX) == Limits()


def test_less_holds_at_once_and_more_a_day_later() -> None:
    current = Limits(per_payment=500, per_day=1000, per_night=None)
    wanted = Limits(per_payment=900, per_day=800, per_night=300, night_starts=22)
    choice = choose(current, wanted, NOON, DELAY)

    assert choice.chosen == Limits(per_payment=500, per_day=800, per_night=300, night_starts=20)
    assert (choice.raised, choice.raised_at) == (wanted, NOON + DELAY)

    chosen = state(chosen=choice.chosen, raised=wanted, raised_at=choice.raised_at)
    just_before = NOON + DELAY - timedelta(seconds=1)
    assert effective(chosen, PERSON_MAX, just_before) == choice.chosen
    assert effective(chosen, PERSON_MAX, NOON + DELAY) == wanted
    assert aimed_at(chosen, PERSON_MAX, NOON) == wanted


@given(current=limits_drawn, wanted=limits_drawn)
def test_no_choice_allows_more_than_before_at_once_and_each_is_reached(
    current: Limits, wanted: Limits
) -> None:
    def at_most(one: int | None, other: int | None) -> bool:
        return other is None or (one is not None and one <= other)

    choice = choose(current, wanted, NOON, DELAY)
    for name in ("per_payment", "per_day", "per_night"):
        assert at_most(getattr(choice.chosen, name), getattr(current, name))
        assert at_most(getattr(choice.chosen, name), getattr(wanted, name))
    assert choice.chosen.night_starts <= current.night_starts
    assert (choice.raised or choice.chosen) == wanted


def test_what_does_not_fit_leaves_its_room_to_the_next() -> None:
    verdicts = judge(state(), Limits(per_day=1000), [600, 500, 400, 1], NOON)
    assert [one and (one.kind, one.used) for one in verdicts] == [
        None,
        (LimitKind.PER_DAY, 600),
        None,
        (LimitKind.PER_DAY, 1000),
    ]


def test_a_payment_at_night_counts_into_the_night_and_the_day() -> None:
    limits = Limits(per_day=900, per_night=500)
    tonight = date(2026, 11, 22)
    known = state(day=tonight, day_used=500, night=tonight, night_used=300)

    [by_night] = judge(known, limits, [201], LATE)
    assert by_night is not None
    assert (by_night.kind, by_night.limit, by_night.used) == (LimitKind.PER_NIGHT, 500, 300)
    assert by_night.resets_at == night_ends(tonight)
    assert judge(known, limits, [200], LATE) == [None]
    [by_day] = judge(known, limits, [401], NOON)
    assert by_day is not None
    assert (by_day.kind, by_day.resets_at) == (LimitKind.PER_DAY, day_ends(NOON))


def test_a_limit_of_each_payment_never_resets() -> None:
    [exceeded] = judge(state(), Limits(per_payment=200), [201], NOON)
    assert exceeded is not None
    assert (exceeded.kind, exceeded.used, exceeded.resets_at) == (LimitKind.PER_PAYMENT, 0, None)


def test_what_was_used_on_another_day_is_not_counted_unless_our_clock_is_behind() -> None:
    today = day_of(NOON)
    known = state(day=today, day_used=5, night=today, night_used=3)
    tomorrow, yesterday = today + timedelta(days=1), today - timedelta(days=1)
    assert [used_by_day(known, day) for day in (yesterday, today, tomorrow)] == [5, 5, 0]
    assert [used_by_night(known, day) for day in (yesterday, today, tomorrow, None)] == [3, 3, 0, 0]


def test_bounds_say_the_night_only_at_night() -> None:
    limits = Limits(per_day=7, per_night=5)
    assert bounds_of(state(version=4), limits, NOON).night is None
    by_night = bounds_of(state(version=4), limits, LATE)
    assert (by_night.version, by_night.day_max, by_night.night_max) == (4, 7, 5)
    assert by_night.night == date(2026, 11, 22)
