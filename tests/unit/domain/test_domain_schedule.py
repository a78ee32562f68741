"""When work comes again: seconds, cron in São Paulo and UTC, and the times nobody saw."""

import itertools
import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxiq.domain.schedule import MISSED_MAX, Cron, Every, MissedRuns, Schedule, plan

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def schedule(missed: MissedRuns, timing: Every | Cron | None = None) -> Schedule:
    return Schedule(name="s", kind="k", timing=timing or Every(60), missed=missed)


# Timings.


def test_every_so_many_seconds_means_the_same_moments_to_all() -> None:
    assert Every(60).after(NOON) == NOON + timedelta(seconds=60)
    assert Every(60).after(NOON + timedelta(seconds=59.9)) == NOON + timedelta(seconds=60)
    times = itertools.islice(Every(60).backwards(NOON + timedelta(seconds=1)), 2)
    assert list(times) == [NOON, NOON - timedelta(seconds=60)]


@pytest.mark.parametrize(
    ("moment", "next_time"),
    [
        ("2026-11-26 05:59:59", "2026-11-26 06:00"),
        ("2026-11-26 06:00:00", "2026-11-27 06:00"),
        ("2026-12-31 23:00:00", "2027-01-01 06:00"),
    ],
)
def test_three_in_the_morning_of_sao_paulo_is_six_in_utc(moment: str, next_time: str) -> None:
    assert Cron("0 3 * * *").after(utc(moment)) == utc(next_time)


def test_sao_paulo_has_no_summer_time_any_more() -> None:
    """Until 2019 a day of October or November had 23 hours, and one of February had 25."""
    daily = Cron("30 0 * * *")
    moment, gaps = utc("2026-01-01"), set()
    for _ in range(400):
        later = daily.after(moment)
        gaps.add(later - moment)
        moment = later

    assert gaps == {timedelta(hours=3, minutes=30), timedelta(days=1)}


def test_when_the_clock_jumped_over_a_time_it_ran_right_after() -> None:
    """Summer time began on 2018-11-04 at midnight: 00:30 was not, and 01:00 was 03:00 UTC."""
    assert Cron("30 0 * * *").after(utc("2018-11-03 12:00")) == utc("2018-11-04 03:00")


def test_a_zone_of_its_own_is_read_in_that_zone() -> None:
    assert Cron("0 3 * * *", "UTC").after(NOON) == utc("2026-11-27 03:00")


def test_the_last_weekday_of_a_month_is_found() -> None:
    assert Cron("0 18 LW * *", "UTC").after(NOON) == utc("2026-11-30 18:00")
    assert Cron("0 18 LW * *", "UTC").after(utc("2027-01-01")) == utc("2027-01-29 18:00")


@pytest.mark.parametrize("text", ["", "* * * *", "0 0 0 0 0 0", "61 * * * *", "0 0 30 2 *"])
def test_what_is_no_expression_is_refused_where_it_is_declared(text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(repr(text))):
        Cron(text)


def test_less_than_a_second_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Every(0)


@given(
    st.sampled_from(
        [Every(7), Every(3600), Cron("0 3 * * *"), Cron("*/5 8-18 * * 1-5"), Cron("0 0 1 * *")]
    ),
    st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_looking_back_from_a_time_finds_it_and_looking_on_finds_a_later_one(
    timing: Every | Cron, moment: datetime
) -> None:
    following = timing.after(moment)

    assert following > moment
    assert next(iter(timing.backwards(following))) == following
    before = next(iter(timing.backwards(following - timedelta(seconds=1))))
    assert before <= moment
    assert timing.after(before) == following


# Times that nobody saw.


def test_on_time_each_policy_plans_the_one_time() -> None:
    for missed in MissedRuns:
        planned = plan(schedule(missed), NOON, NOON + timedelta(seconds=1))

        assert planned.times == (NOON,)
        assert planned.next_run == NOON + timedelta(seconds=60)


def test_before_its_time_nothing_is_planned() -> None:
    assert plan(schedule(MissedRuns.ALL), NOON, NOON - timedelta(seconds=1)).times == ()


def test_skip_leaves_out_what_is_older_than_its_grace() -> None:
    hourly = schedule(MissedRuns.SKIP, Every(3600))

    late = plan(hourly, NOON, NOON + timedelta(hours=5, seconds=61))
    assert late.times == ()
    assert late.next_run == NOON + timedelta(hours=6)
    just = plan(hourly, NOON, NOON + timedelta(hours=5, seconds=60))
    assert just.times == (NOON + timedelta(hours=5),)


def test_once_is_one_run_for_all_that_were_missed() -> None:
    planned = plan(schedule(MissedRuns.ONCE), NOON, NOON + timedelta(days=30))

    assert planned.times == (NOON + timedelta(days=30),)
    assert planned.next_run == NOON + timedelta(days=30, seconds=60)


def test_all_is_each_of_them_the_earliest_first() -> None:
    planned = plan(schedule(MissedRuns.ALL), NOON, NOON + timedelta(seconds=185))

    assert planned.times == tuple(NOON + timedelta(seconds=60 * count) for count in range(4))


def test_all_is_bounded_to_the_latest() -> None:
    planned = plan(schedule(MissedRuns.ALL), NOON, NOON + timedelta(days=365))

    assert len(planned.times) == MISSED_MAX
    assert planned.times[-1] == NOON + timedelta(days=365)
    assert list(planned.times) == sorted(planned.times)


def test_runs_that_all_count_are_not_kept_apart_by_a_unique_key() -> None:
    assert schedule(MissedRuns.ALL).unique_key is None
    assert schedule(MissedRuns.ONCE).unique_key == "schedule:s"
