"""What a benchmark says: figures with their aims, and arithmetic on samples."""

from collections.abc import Sequence

from msgspec import Struct


class Figure(Struct, frozen=True, kw_only=True):
    """`aim` is in words; `holds` is None where there is none to hold.

    A `value` of None was not measured: the `note` says why.
    """

    name: str
    value: float | None
    unit: str
    aim: str = ""
    holds: bool | None = None
    note: str = ""


class Report(Struct, frozen=True, kw_only=True):
    machine: dict[str, str | int]
    figures: list[Figure]


def percentile(samples: Sequence[float], share: float) -> float:
    """The smallest sample that at least `share` (0 to 1) of them do not exceed."""
    ordered = sorted(samples)
    return ordered[max(0, -(-int(share * 1000) * len(ordered) // 1000) - 1)]


def latencies(name: str, seconds: Sequence[float]) -> list[Figure]:
    """p50, p95 and p99 in milliseconds."""
    return [
        Figure(name=f"{name}, p{share}", value=percentile(seconds, share / 100) * 1000, unit="ms")
        for share in (50, 95, 99)
    ]
