"""A storm of payments while something happens to the platform, and what must be true afterwards."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import trio

from fluxiq.asyncio_host import AsyncioHost
from fluxiq.commands.merchant import Merchant
from fluxiq.errors import Unavailable
from fluxiq.stores.pool import Postgres
from tests.support.house import House, show_a_payment
from tests.support.storm import Storm
from tests.support.verdict import Provider, judge, open_books, unfinished

CALM_SECONDS_MAX = 60.0


@asynccontextmanager
async def storm_over(house: House, host: AsyncioHost, name: str) -> AsyncIterator[None]:
    """A storm that blows beside the block, which begins in the middle of payments; then verdict."""
    storm = Storm(house.platform, house.sink, name)
    async with trio.open_nursery() as gusts:
        gusts.start_soon(storm.blow)
        assert await storm.until_under_way(), "nothing is under way"
        yield

    await aftermath(house, host, storm)


async def aftermath(
    house: House, host: AsyncioHost, storm: Storm, seconds_max: float = CALM_SECONDS_MAX
) -> None:
    """Nobody lends a hand: until nothing is under way. Then everything is judged."""
    async with AsyncExitStack() as stack:
        books = {
            ispb: await stack.enter_async_context(open_books(host, house.platform.data_dir, ispb))
            for ispb in house.platform.logins
        }
        await _until_calm(house, books, seconds_max)
        await _verdict(house, books, storm)


async def _until_calm(house: House, books: dict[str, Postgres], seconds_max: float) -> None:
    deadline = trio.current_time() + seconds_max
    while True:
        provider = Provider.read(house.platform.data_dir)
        try:
            waiting = {ispb: await unfinished(books[ispb], provider) for ispb in books}
        except Unavailable as error:
            waiting = {"servers": [str(error)]}
        if not any(waiting.values()):
            return
        assert trio.current_time() < deadline, f"after {seconds_max:g} s: {waiting}"
        await trio.sleep(0.1)


async def _verdict(house: House, books: dict[str, Postgres], storm: Storm) -> None:
    provider = Provider.read(house.platform.data_dir)
    for ispb, login in house.platform.logins.items():
        data_dir = house.platform.data_dir
        assert await judge(books[ispb], data_dir, provider, storm, login) == []

        async with Merchant.open(house.platform.addresses.api, login) as merchant:
            balance = await merchant.api.accounts.balance(login.account_id)
            assert (balance.available, balance.pending) == (provider.balance(ispb), 0)
            await show_a_payment(merchant, str(house.platform.addresses.simulator))
