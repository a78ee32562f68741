"""The mirror: accounts, balances and transfers in Postgres follow the journal's answers.

All of it happens inside Postgres (`ledger_mirror`, migration 0004_ledger_journal): Python spends
nothing per transfer, and an account costs one update per call however hot it is.
"""

from fluxiq.ledgers.postgres_pool import BROKEN, Connection, Pool, outages


class PostgresMirror:
    """`parts.Mirror` over `pool`, whose search path is the institution's schema."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def catch_up(self, rows: int) -> int:
        """Take in up to `rows` answered rows in order of seq, each exactly once; return how many.

        A row that cannot be taken in, because its records or its results make no sense, is an
        assertion that names its seq; the rows before it have been taken in. Raises Unavailable.
        """
        with outages():
            try:
                return await self._pool.run(_catch_up, rows)
            except BROKEN as error:
                if rows > 1:
                    # What is wrong comes to stand alone, so that it can be named.
                    return await self.catch_up(1)

                seq = await self._pool.run(_next)
                raise AssertionError(f"journal row {seq} cannot be mirrored: {error}") from error

    async def behind(self) -> int:
        """How many answered rows are still to be taken in. Raises Unavailable."""
        with outages():
            return await self._pool.run(_behind)


async def _catch_up(connection: Connection, rows: int) -> int:
    taken: int = await connection.fetchval("SELECT ledger_mirror($1)", rows)
    return taken


async def _next(connection: Connection) -> int | None:
    seq: int | None = await connection.fetchval(
        """
        SELECT seq FROM ledger_journal
        WHERE NOT mirrored AND results_reversed IS NOT NULL ORDER BY seq LIMIT 1
        """
    )
    return seq


async def _behind(connection: Connection) -> int:
    rows: int = await connection.fetchval(
        "SELECT count(*) FROM ledger_journal WHERE NOT mirrored AND results_reversed IS NOT NULL"
    )
    return rows
