"""How a provider proves that it is the provider who calls: one strategy per scheme.

A strategy sees the raw bytes before anybody parses them, compares in constant time what is secret,
and refuses a time that is too far from now or counts in another unit. Schemes without a time can be
replayed; then the visitors' book takes each event once.
"""

from fluxiq.providers.callbacks.table import STRATEGIES, verification

__all__ = ["STRATEGIES", "verification"]
