"""Lists, a page at a time, as far as somebody looks.

Iterators are objects and not generators: a loop that is left early leaves nothing behind that an
event loop would have to clean up.
"""

from collections import deque
from collections.abc import AsyncIterator, Iterator
from typing import Generic, Self, TypeVar

from fluxiq.sdk.connections import AsyncConnection, Connection
from fluxiq.sdk.request import Page, Request, at_page

T = TypeVar("T")


class Pages(Generic[T]):
    """`for one in pages` asks for page after page; each loop begins anew."""

    def __init__(self, connection: Connection, request: Request[Page[T]]) -> None:
        self._connection = connection
        self._request = request

    def __iter__(self) -> Iterator[T]:
        return _Reading(self._connection, self._request)

    def page(self, number: int = 1) -> Page[T]:
        """One page alone, counted from 1, with the number of all records in its `meta`."""
        return self._connection.run(at_page(self._request, number))


class AsyncPages(Generic[T]):
    """`async for one in pages` asks for page after page; each loop begins anew."""

    def __init__(self, connection: AsyncConnection, request: Request[Page[T]]) -> None:
        self._connection = connection
        self._request = request

    def __aiter__(self) -> AsyncIterator[T]:
        return _AsyncReading(self._connection, self._request)

    async def page(self, number: int = 1) -> Page[T]:
        """One page alone, counted from 1, with the number of all records in its `meta`."""
        return await self._connection.run(at_page(self._request, number))


class _Turning(Generic[T]):
    """Which page is next, and which of its records are new.

    Lists are newest first: what is made meanwhile pushes records that were read onto the next page,
    where they would be read again.
    """

    def __init__(self, request: Request[Page[T]]) -> None:
        self.waiting: deque[T] = deque()
        self._request = request
        self._next: int | None = 1
        self._before: frozenset[object] = frozenset()

    def wanted(self) -> Request[Page[T]] | None:
        """What to ask for when nothing waits any more; None after the last page."""
        return None if self._next is None else at_page(self._request, self._next)

    def turned(self, page: Page[T]) -> None:
        assert self._next is not None, "nothing was asked for"
        self.waiting.extend(one for one in page.data if _id(one) not in self._before)
        self._before = frozenset(_id(one) for one in page.data)
        self._next = self._next + 1 if self._next < page.meta.total_pages else None


class _Reading(Generic[T]):
    def __init__(self, connection: Connection, request: Request[Page[T]]) -> None:
        self._connection = connection
        self._turning = _Turning(request)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        while not self._turning.waiting:
            wanted = self._turning.wanted()
            if wanted is None:
                raise StopIteration
            self._turning.turned(self._connection.run(wanted))
        return self._turning.waiting.popleft()


class _AsyncReading(Generic[T]):
    def __init__(self, connection: AsyncConnection, request: Request[Page[T]]) -> None:
        self._connection = connection
        self._turning = _Turning(request)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        while not self._turning.waiting:
            wanted = self._turning.wanted()
            if wanted is None:
                raise StopAsyncIteration
            self._turning.turned(await self._connection.run(wanted))
        return self._turning.waiting.popleft()


def _id(record: object) -> object:
    return getattr(record, "id", record)
