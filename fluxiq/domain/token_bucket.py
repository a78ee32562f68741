"""A bucket of tokens that fills by itself: how much somebody may still ask (DICT's anti-scan).

Times are milliseconds of any clock that does not go back. A bucket may be in debt: what an answer
costs is known only when it is there, and who asks for many keys that nobody has pays for each.
"""

import math

from msgspec import Struct


class BucketSize(Struct, frozen=True, kw_only=True):
    """How many tokens fit, and how many come back in a minute."""

    capacity: int
    per_minute: float


class Bucket(Struct, frozen=True):
    """`tokens` were there at `at_ms`; below zero is debt."""

    tokens: float
    at_ms: int


class Spent(Struct, frozen=True, kw_only=True):
    """Whether the tokens were taken, how many are left, and when as many would be there again
    (0: they were taken).
    """

    allowed: bool
    left: int
    wait_ms: int = 0


def spend(
    bucket: Bucket | None, size: BucketSize, cost: int, now_ms: int, *, in_debt: bool = False
) -> tuple[Bucket, Spent]:
    """Take `cost` tokens if they are there, or in any case when `in_debt`. No bucket is a full one.

    The script in `cache/bucket.py` says the same to Redis; a test compares them.
    """
    tokens = float(size.capacity) if bucket is None else refilled(bucket, size, now_ms)
    if tokens < cost and not in_debt:
        wait_ms = math.ceil((cost - tokens) * 60_000 / size.per_minute)
        return Bucket(tokens, now_ms), Spent(
            allowed=False, left=max(0, math.floor(tokens)), wait_ms=wait_ms
        )

    left = tokens - cost
    return Bucket(left, now_ms), Spent(allowed=True, left=max(0, math.floor(left)))


def refilled(bucket: Bucket, size: BucketSize, now_ms: int) -> float:
    """The tokens there are at `now_ms`. A clock that was set back gives none."""
    passed_ms = max(0, now_ms - bucket.at_ms)
    return min(float(size.capacity), bucket.tokens + passed_ms * size.per_minute / 60_000)
