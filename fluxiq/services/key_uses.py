"""When API keys were used last, to the minute: noted on each request, written now and then.

A request costs a look into a dictionary and never a write. What is noted is at most UNWRITTEN_MAX
keys, beyond which the ones noted first are dropped: the next request notes them again.
"""

from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime
from typing import Final, Protocol

UNWRITTEN_MAX: Final = 4096


class UsesBook(Protocol):
    """Where uses end up."""

    async def note_uses(self, uses: Mapping[str, datetime]) -> None: ...


class KeyUses:
    """The uses that are not on paper yet."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, datetime] = OrderedDict()  # by key, the minute
        self._unwritten: OrderedDict[str, datetime] = OrderedDict()

    def note(self, key_id: str, at: datetime) -> None:
        """Once a minute there is something to write for a key, however often it is used."""
        minute = at.replace(second=0, microsecond=0)
        if self._seen.get(key_id) == minute:
            return
        for book in (self._seen, self._unwritten):
            book.pop(key_id, None)
            book[key_id] = minute
            _bound(book)

    async def write(self, book: UsesBook) -> int:
        """Write what was noted; returns of how many keys. Raises Unavailable or Unknown, and then
        they are written next time.
        """
        batch, self._unwritten = self._unwritten, OrderedDict()
        if not batch:
            return 0
        try:
            await book.note_uses(batch)
        except BaseException:  # cancelled too: twice is once
            batch.update(self._unwritten)
            self._unwritten = batch
            _bound(batch)
            raise
        return len(batch)


def _bound(book: OrderedDict[str, datetime]) -> None:
    while len(book) > UNWRITTEN_MAX:
        book.popitem(last=False)
