"""Buckets of time: whole, one after another, days by São Paulo's clocks; and what is counted."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxiq.domain.statistics import BUCKETS_MAX, Bucket, Counted, series, span_of, start_of, total
from fluxiq.errors import Refused

NOW = datetime(2026, 11, 22, 12, 34, 56, tzinfo=UTC)

_FROM, _TO = datetime(2000, 1, 2, tzinfo=UTC), datetime(2099, 12, 1, tzinfo=UTC)
moments = st.datetimes(_FROM.replace(tzinfo=None), _TO.replace(tzinfo=None), timezones=st.just(UTC))


class TestSpans:
    @pytest.mark.parametrize(
        ("bucket", "count", "since", "until"),
        [
            (Bucket.MINUTE, 61, "11:34", "12:35"),
            (Bucket.HOUR, 49, "12:00", "13:00"),
            (Bucket.DAY, 31, "03:00", "03:00"),
        ],
    )
    def test_whoever_says_nothing_gets_the_last_ones(
        self, bucket: Bucket, count: int, since: str, until: str
    ) -> None:
        span = span_of(bucket, None, None, NOW)
        assert len(span.starts) == count
        assert (f"{span.since:%H:%M}", f"{span.until:%H:%M}") == (since, until)
        assert span.until >= NOW

    @given(moments, st.sampled_from(Bucket), st.timedeltas(timedelta(seconds=1), timedelta(days=1)))
    def test_buckets_hold_what_was_asked_for_and_leave_no_gap(
        self, since: datetime, bucket: Bucket, length: timedelta
    ) -> None:
        span = span_of(bucket, since, since + length, NOW)
        assert span.since <= since < since + length <= span.until
        edges = [*span.starts, span.until]
        assert all(earlier < later for earlier, later in pairwise(edges))
        assert all(start_of(bucket, edge) == edge for edge in edges)
        assert start_of(bucket, since + length - timedelta(microseconds=1)) == span.starts[-1]

    def test_a_day_of_summer_time_has_23_hours_and_no_day_is_left_out(self) -> None:
        # São Paulo's clocks went from midnight to 1:00 on 4 November 2018.
        since = datetime(2018, 11, 3, 12, tzinfo=UTC)
        span = span_of(Bucket.DAY, since, since + timedelta(days=3), NOW)
        assert [f"{one:%d %H}" for one in (*span.starts, span.until)] == [
            "03 03",
            "04 03",
            "05 02",
            "06 02",
            "07 02",
        ]

    def test_the_greatest_span_is_as_long_as_it_says(self) -> None:
        until = start_of(Bucket.MINUTE, NOW)
        since = until - timedelta(minutes=BUCKETS_MAX)
        assert len(span_of(Bucket.MINUTE, since, until, NOW).starts) == BUCKETS_MAX

    @pytest.mark.parametrize(
        ("since", "until", "field"),
        [
            (NOW, NOW, "since"),
            (NOW + timedelta(days=1), None, "since"),
            (NOW - timedelta(minutes=BUCKETS_MAX + 1), None, "since"),
            (datetime(1999, 12, 31, tzinfo=UTC), None, "since"),
            (None, datetime(2101, 1, 1, tzinfo=UTC), "until"),
        ],
    )
    def test_no_span_is_empty_endless_or_of_another_century(
        self, since: datetime | None, until: datetime | None, field: str
    ) -> None:
        with pytest.raises(Refused) as refused:
            span_of(Bucket.MINUTE, since, until, NOW)
        assert refused.value.details["field"] == field


class TestCounting:
    def test_what_was_counted_is_in_its_bucket_and_the_others_are_empty(self) -> None:
        span = span_of(Bucket.HOUR, NOW - timedelta(hours=2), NOW, NOW)
        found = series(
            span,
            [
                (NOW - timedelta(hours=2), "charges_paid", 2, 30),
                (NOW, "payouts_failed", 1, 5),
                (NOW, "payouts_failed", 1, 5),
            ],
        )
        assert found == [
            Counted(charges_paid=2, charges_paid_amount=30),
            Counted(),
            Counted(payouts_failed=2, payouts_failed_amount=10),
        ]
        assert total(found) == Counted(
            charges_paid=2, charges_paid_amount=30, payouts_failed=2, payouts_failed_amount=10
        )

    def test_nothing_in_nothing_is_nothing(self) -> None:
        assert total([]) == Counted()

    def test_what_is_outside_of_the_span_is_a_bug(self) -> None:
        span = span_of(Bucket.HOUR, NOW - timedelta(hours=2), NOW, NOW)
        with pytest.raises(AssertionError):
            series(span, [(span.until, "charges_paid", 1, 1)])
