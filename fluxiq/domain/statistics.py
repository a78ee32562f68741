"""Payments counted by stretches of time: what series and totals are made of. Money in centavos.

Days are São Paulo's, as those of limits and schedules are.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from itertools import islice
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct, structs

from fluxiq.domain.schedule import SAO_PAULO
from fluxiq.errors import Refused

BUCKETS_MAX: Final = 1500

_ZONE: Final = ZoneInfo(SAO_PAULO)
# Where there are clocks for: before 1914 São Paulo had none that agreed with another city's.
_EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(2100, 1, 1, tzinfo=UTC)


class Bucket(StrEnum):
    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"


# How many are shown to whoever does not say since when.
_USUAL: Final = {Bucket.MINUTE: 60, Bucket.HOUR: 48, Bucket.DAY: 30}
_LENGTH: Final = {
    Bucket.MINUTE: timedelta(minutes=1),
    Bucket.HOUR: timedelta(hours=1),
    Bucket.DAY: timedelta(days=1),
}


class Span(Struct, frozen=True, kw_only=True):
    """Whole buckets, one after another: their starts, and the end of the last one (`until`)."""

    bucket: Bucket
    starts: tuple[datetime, ...]
    until: datetime

    @property
    def since(self) -> datetime:
        return self.starts[0]


class Counted(Struct, frozen=True, kw_only=True):
    """What happened in a stretch of time. Payouts and refunds count when they ended."""

    charges_created: int = 0
    charges_created_amount: int = 0
    charges_paid: int = 0
    charges_paid_amount: int = 0
    payouts_confirmed: int = 0
    payouts_confirmed_amount: int = 0
    payouts_failed: int = 0
    payouts_failed_amount: int = 0
    refunds_completed: int = 0
    refunds_completed_amount: int = 0


class Seconds(Struct, frozen=True, kw_only=True):
    """How long `count` payments took, in seconds."""

    count: int
    p50: float
    p95: float
    p99: float


def span_of(bucket: Bucket, since: datetime | None, until: datetime | None, now: datetime) -> Span:
    """The buckets that hold everything from `since` until before `until` (now, unless said).

    Raises Refused("validation_failed") for a time far off, a span that ends before it begins, and
    one of more than BUCKETS_MAX buckets.
    """
    end = now if until is None else _on_the_calendar(until, "until")
    length = _LENGTH[bucket]
    begin = end - _USUAL[bucket] * length if since is None else _on_the_calendar(since, "since")
    if begin >= end:
        raise Refused("validation_failed", "is not before until", field="since")
    *starts, last = islice(_edges(bucket, begin, end), BUCKETS_MAX + 2)
    if len(starts) > BUCKETS_MAX:
        raise Refused(
            "validation_failed", f"more than {BUCKETS_MAX} buckets before until", field="since"
        )
    return Span(bucket=bucket, starts=tuple(starts), until=last)


def series(span: Span, counted: Iterable[tuple[datetime, str, int, int]]) -> list[Counted]:
    """A record for each bucket: of moments, each with what was counted (`charges_paid`), how many
    and how much.
    """
    found: list[dict[str, int]] = [{} for _ in span.starts]
    for at, what, count, amount in counted:
        assert span.since <= at < span.until, "what is counted is within the span"
        bucket = found[bisect_right(span.starts, at) - 1]
        bucket[what] = bucket.get(what, 0) + count
        bucket[f"{what}_amount"] = bucket.get(f"{what}_amount", 0) + amount
    return [Counted(**one) for one in found]


def total(counted: Iterable[Counted]) -> Counted:
    """All of them in one."""
    sums = dict.fromkeys(Counted.__struct_fields__, 0)
    for one in counted:
        for name, value in structs.asdict(one).items():
            sums[name] += value
    return Counted(**sums)


def start_of(bucket: Bucket, moment: datetime) -> datetime:
    """Where the bucket with this moment begins, in UTC."""
    if bucket is Bucket.MINUTE:
        return moment.replace(second=0, microsecond=0)
    if bucket is Bucket.HOUR:
        return moment.replace(minute=0, second=0, microsecond=0)
    day = moment.astimezone(_ZONE).date()
    return datetime.combine(day, time.min, tzinfo=_ZONE).astimezone(UTC)


def _edges(bucket: Bucket, begin: datetime, end: datetime) -> Iterator[datetime]:
    edge = start_of(bucket, begin)
    while edge < end:
        yield edge
        edge = _next(bucket, edge)
    yield edge


def _next(bucket: Bucket, start: datetime) -> datetime:
    if bucket is Bucket.DAY:
        # A day has 23 or 25 hours where clocks change; its end is within the next one's hours.
        return start_of(bucket, start + timedelta(hours=36))
    return start + _LENGTH[bucket]


def _on_the_calendar(moment: datetime, name: str) -> datetime:
    if not _EARLIEST <= moment <= _LATEST:
        raise Refused("validation_failed", "is not of this century", field=name)
    return moment.astimezone(UTC)
