"""A short memory in front of the Store: what was true a second ago, bounded in size and age."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Recent(Generic[T]):
    """Remembers found values for `seconds`. Absence is not remembered: a new key works at once."""

    def __init__(
        self, seconds: float, monotonic: Callable[[], float], size_max: int = 4096
    ) -> None:
        self._seconds = seconds
        self._monotonic = monotonic
        self._size_max = size_max
        self._known: OrderedDict[bytes | str, tuple[float, T]] = OrderedDict()

    async def get(self, key: bytes | str, find: Callable[[], Awaitable[T | None]]) -> T | None:
        """The value under `key`, asked of `find` unless it was found lately."""
        now = self._monotonic()
        known = self._known.get(key)
        if known is not None and known[0] > now:
            return known[1]

        self._known.pop(key, None)
        value = await find()
        if value is not None:
            self._known[key] = (now + self._seconds, value)
            if len(self._known) > self._size_max:
                self._known.popitem(last=False)
        return value

    def forget(self, key: bytes | str) -> None:
        """Ask again next time: it has changed, and this process knows."""
        self._known.pop(key, None)
