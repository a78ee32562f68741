"""A cache whose names and values say nothing to whoever reads Redis.

A value is sealed to its name, and of a name's second part there is only a blind index. What does
not open is as if it were not there: Redis may have kept it longer than its key is in use, or
somebody else wrote it. A cache costs time when it is wrong, never truth.
"""

from collections.abc import Sequence
from typing import Final

from fluxiq.domain.token_bucket import BucketSize, Spent
from fluxiq.errors import SealBroken
from fluxiq.ports import Cache, RateDecision
from fluxiq.ports.sealing import Place, Sealer

TABLE: Final = "redis"


class SealedCache(Cache):
    """Names are `kind:what`. Limits are counted as before: their buckets name no people."""

    def __init__(self, cache: Cache, sealer: Sealer) -> None:
        self._cache = cache
        self._sealer = sealer  # which raises no alarm: see above

    async def get(self, key: str) -> bytes | None:
        name = self._name(key)
        return self._opened(name, await self._cache.get(name))

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        names = [self._name(key) for key in keys]
        found = await self._cache.get_many(names)
        return [self._opened(name, value) for name, value in zip(names, found, strict=True)]

    async def put(self, key: str, value: bytes, *, ttl_seconds: int) -> None:
        name = self._name(key)
        sealed = self._sealer.seal(value, Place(TABLE, "value", name))
        await self._cache.put(name, sealed, ttl_seconds=ttl_seconds)

    async def allow(self, bucket: str, limit: int, window_seconds: int) -> RateDecision:
        return await self._cache.allow(bucket, limit, window_seconds)

    async def allow_all(
        self, uses: Sequence[tuple[str, int]], window_seconds: int
    ) -> list[RateDecision]:
        return await self._cache.allow_all(uses, window_seconds)

    async def spend(
        self, bucket: str, size: BucketSize, cost: int, *, in_debt: bool = False
    ) -> Spent:
        return await self._cache.spend(bucket, size, cost, in_debt=in_debt)

    def _name(self, key: str) -> str:
        kind, _, what = key.partition(":")
        return f"{kind}:{self._sealer.index(what, 'redis').hex()}"

    def _opened(self, name: str, sealed: bytes | None) -> bytes | None:
        if sealed is None:
            return None
        try:
            return self._sealer.open(sealed, Place(TABLE, "value", name))
        except SealBroken:
            return None
