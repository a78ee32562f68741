"""Redis, under the institution's prefix: what may be lost, and rate limits."""

from fluxiq.cache.cache import Cache, CacheStatistics, open_cache

__all__ = ["Cache", "CacheStatistics", "open_cache"]
