"""Against whoever tries out PIX keys: each merchant has an allowance of look-ups, in tokens.

DICT asks its participants to keep its policy towards their own users (ENTRIES_READ_USER_ANTISCAN):
a key with an owner costs little, one that nobody has costs much.
"""

from collections import OrderedDict
from collections.abc import Callable

import structlog

from fluxiq.domain.token_bucket import Bucket, BucketSize, Spent, spend
from fluxiq.errors import Unavailable
from fluxiq.ports import Cache
from fluxiq.settings import Directory

AWAY_SECONDS = 1.0  # how long a cache that did not answer is not asked again
MERCHANTS_MAX = 4096  # local buckets; the one used longest ago is forgotten, and so full again

_log = structlog.get_logger("fluxiq.directory")


def anti_scan_size(directory: Directory) -> BucketSize:
    """A merchant's allowance, as the settings say it."""
    return BucketSize(capacity=directory.tokens, per_minute=directory.tokens_per_minute)


class AntiScan:
    """The merchants' buckets: in Redis for all processes, in this process while Redis is away."""

    def __init__(self, cache: Cache, size: BucketSize, monotonic: Callable[[], float]) -> None:
        self._cache = cache
        self._size = size
        self._monotonic = monotonic
        self._away_until: float | None = None
        self._local: OrderedDict[str, Bucket] = OrderedDict()

    async def spend(self, merchant_id: str, cost: int, *, in_debt: bool = False) -> Spent:
        """Take `cost` tokens of the merchant's if they are there, or in any case when `in_debt`."""
        if self._away_until is None or self._monotonic() >= self._away_until:
            try:
                spent = await self._cache.spend(
                    f"directory:{merchant_id}", self._size, cost, in_debt=in_debt
                )
            except Unavailable as error:
                self._leave(error)
            else:
                self._return()
                return spent
        return self._spend_locally(merchant_id, cost, in_debt=in_debt)

    def _spend_locally(self, merchant_id: str, cost: int, *, in_debt: bool) -> Spent:
        now_ms = int(self._monotonic() * 1000)
        known = self._local.pop(merchant_id, None)
        self._local[merchant_id], spent = spend(known, self._size, cost, now_ms, in_debt=in_debt)
        if len(self._local) > MERCHANTS_MAX:
            self._local.popitem(last=False)
        return spent

    def _leave(self, error: Unavailable) -> None:
        if self._away_until is None:
            _log.warning("directory_limits_local", error=str(error))
        self._away_until = self._monotonic() + AWAY_SECONDS

    def _return(self) -> None:
        if self._away_until is not None:
            _log.info("directory_limits_shared")
        self._away_until = None
