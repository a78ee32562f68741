"""A database with an institution in it, to copy: migrations run once a session, not once a test.

Copying takes a quarter of the time that they take. What a database says of itself (who may connect)
is not copied: `open_institution` says it again, as it does to a database of any age.
"""

from concurrent.futures import ThreadPoolExecutor

import trio

from fluxiq.asyncio_host import open_asyncio_host
from tests.support.servers import PostgresServer
from tests.support.store_records import open_institution

INSTITUTION_TEMPLATE = "institution"


def make_institution_template(server: PostgresServer) -> None:
    """Institution `store_records.ISPB`, migrated, without a record."""
    server.execute(f"CREATE DATABASE {INSTITUTION_TEMPLATE} TEMPLATE template0 STRATEGY file_copy")
    # A fixture may be asked for in the middle of a test, whose own trio runs in this thread.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(trio.run, _provision, server.url(INSTITUTION_TEMPLATE)).result()


async def _provision(url: str) -> None:
    async with open_asyncio_host() as host, open_institution(host, url):
        pass
