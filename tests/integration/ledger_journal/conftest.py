from collections.abc import AsyncIterator

import pytest

from fluxiq.asyncio_host import AsyncioHost
from fluxiq.ledgers.parts import Mode
from tests.support.ledger_books import Books, open_books, open_pool


@pytest.fixture
async def books(asyncio_host: AsyncioHost, postgres_database: str) -> AsyncIterator[Books]:
    """Accounts without money, and the stand-in in charge."""
    async with open_books(asyncio_host, postgres_database) as opened:
        await opened.open()
        yield opened


@pytest.fixture
async def submitting(books: Books) -> Books:
    """The same with TigerBeetle in charge."""
    await books.turn_to(Mode.TIGERBEETLE)
    return books


@pytest.fixture
async def other_process(
    books: Books, asyncio_host: AsyncioHost, postgres_database: str
) -> AsyncIterator[Books]:
    """A second one with connections of its own on the same tables."""
    async with open_pool(asyncio_host, postgres_database) as pg:
        yield Books(pg)
