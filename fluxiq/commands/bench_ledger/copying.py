"""A limit for a ledger in Postgres: COPY of transfers into a bare table, each batch its own commit.

The table has the ids and the amount, a primary key, and nothing else: no account changes.
"""

from collections.abc import Sequence
from time import perf_counter
from typing import Any, TypeAlias

import trio

from fluxiq.asyncio_host import open_asyncio_host
from fluxiq.commands.bench_ledger.effort import LedgerEffort
from fluxiq.commands.bench_ledger.load import Load
from fluxiq.commands.bench_ledger.servers import open_servers
from fluxiq.stores.pool import Connection, open_postgres, uuid_of

STATEMENT_SECONDS_MAX = 60.0

Rows: TypeAlias = Sequence[tuple[Any, ...]]


async def copied(effort: LedgerEffort, seconds: float) -> float:
    """Rows/s on a fresh server; making the rows is not counted."""
    load = Load(hot=True)
    async with open_servers(effort, tigerbeetle=False) as servers, open_asyncio_host() as host:
        assert servers.postgres is not None, "asked for"
        async with open_postgres(
            host,
            servers.postgres.url,
            size=1,
            application_name="bench",
            statement_timeout=STATEMENT_SECONDS_MAX,
        ) as postgres:
            await postgres.run(_make_table)
            rows, spent, ends = 0, 0.0, trio.current_time() + seconds
            while trio.current_time() < ends:
                batch = _rows(load)
                began = perf_counter()
                await postgres.run(_copy, batch)
                spent += perf_counter() - began
                rows += len(batch)
    return rows / spent


def _rows(load: Load) -> Rows:
    return [
        (
            uuid_of(one.id),
            uuid_of(one.debit_account_id),
            uuid_of(one.credit_account_id),
            one.amount,
        )
        for one in load.transfers()
    ]


async def _make_table(connection: Connection) -> None:
    await connection.execute(
        """
        CREATE TABLE bare (
            id uuid PRIMARY KEY,
            debit_account_id uuid NOT NULL,
            credit_account_id uuid NOT NULL,
            amount bigint NOT NULL
        )
        """
    )


async def _copy(connection: Connection, rows: Rows) -> None:
    await connection.copy_records_to_table("bare", records=rows)
