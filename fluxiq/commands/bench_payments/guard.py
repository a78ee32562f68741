"""What it costs to know who calls: key or token, rate and permission, of a request.

The platform measures it itself (`fluxiq_guard_seconds`); from outside it would drown in what the
server takes for any request.
"""

import re
from typing import Final

from fluxiq.commands.bench_payments.effort import READS, PaymentsEffort
from fluxiq.commands.bench_payments.load import Load, closed_loop, timed
from fluxiq.commands.bench_payments.place import Place
from fluxiq.commands.figures import Figure, percentile
from fluxiq.errors import StartRefused

AIMED_MS: Final = 1.0
PATH: Final = "/products"  # has nothing behind it but the guard

Buckets = dict[float, float]  # how many took at most so many seconds

_BUCKET: Final = re.compile(
    r'^fluxiq_guard_seconds_bucket\{(?=[^}]*credential="(\w+)")[^}]*le="([^"]+)"[^}]*\} (\S+)$',
    re.MULTILINE,
)


async def measure_guard(place: Place, effort: PaymentsEffort) -> list[Figure]:
    count = effort.few(READS)
    by_key = await _measure(place.load, "key", "an API key", count)
    return by_key + await _measure(await place.load.as_owner(), "token", "an access token", count)


async def _measure(load: Load, credential: str, name: str, count: int) -> list[Figure]:
    async def ask(_: int) -> None:
        await load.get(PATH)

    await closed_loop(max(1, count // 10), 1, ask)
    before, seconds = buckets_of(await load.metrics(), credential), list[float]()
    await closed_loop(count, 1, timed(ask, seconds))
    after = buckets_of(await load.metrics(), credential)
    took = {le: much - before.get(le, 0.0) for le, much in after.items()}
    if max(took.values(), default=0.0) < count:
        raise StartRefused(f"the platform counted fewer than {count} guarded requests")

    p50 = quantile(took, 0.50) * 1000
    guard = f"guard with {name}"
    return [
        Figure(
            name=f"{guard}, p50",
            value=p50,
            unit="ms",
            aim=f"under {AIMED_MS:g}",
            holds=p50 < AIMED_MS,
        ),
        Figure(name=f"{guard}, p99", value=quantile(took, 0.99) * 1000, unit="ms"),
        Figure(
            name=f"the whole request with {name}, p50",
            value=percentile(seconds, 0.50) * 1000,
            unit="ms",
        ),
    ]


def buckets_of(exposition: str, credential: str) -> Buckets:
    """The guard's histogram, of all institutions together."""
    found: Buckets = {}
    for who, le, much in _BUCKET.findall(exposition):
        if who == credential:
            found[float(le)] = found.get(float(le), 0.0) + float(much)
    return found


def quantile(buckets: Buckets, share: float) -> float:
    """Seconds, evenly spread within a bucket as Prometheus' `histogram_quantile` has it; the last
    bound where it lies beyond.
    """
    bounds = sorted(buckets)
    wanted, lower, below = share * buckets[bounds[-1]], 0.0, 0.0
    for bound in bounds[:-1]:
        if buckets[bound] >= wanted:
            return lower + (bound - lower) * (wanted - below) / (buckets[bound] - below)
        lower, below = bound, buckets[bound]
    return lower
