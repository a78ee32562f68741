"""A database with an institution in it, to copy: migrations run once a session, not once a test.

Copying takes a quarter of the time that they take. What a database says of itself (who may connect)
is not copied: `open_institution` says it again, as it does to a database of any age.
"""

import threading

import trio

from fluxiq.asyncio_host import open_asyncio_host
from tests.support.servers import PostgresServer
from tests.support.store_records import open_institution

INSTITUTION_TEMPLATE = "institution"


def make_institution_template(server: PostgresServer) -> None:
    """Institution `store_records.ISPB`, migrated, without a record."""
    server.execute(f"CREATE DATABASE {INSTITUTION_TEMPLATE} TEMPLATE template0 STRATEGY file_copy")
    failures = list[BaseException]()

    def provision() -> None:
        try:
            trio.run(_provision, server.url(INSTITUTION_TEMPLATE))
        except BaseException as error:  # noqa: BLE001 - raised below, where the fixture is
            failures.append(error)

    # A fixture may be asked for in the middle of a test, whose own trio runs in this thread.
    thread = threading.Thread(target=provision)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]


async def _provision(url: str) -> None:
    async with open_asyncio_host() as host, open_institution(host, url):
        pass
