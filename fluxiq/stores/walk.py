"""Where payments have been."""

from collections.abc import Sequence

from fluxiq.domain.records import Step
from fluxiq.stores import paperwork
from fluxiq.stores.pool import Connection
from fluxiq.stores.rows import record


async def record_steps(connection: Connection, steps: Sequence[Step]) -> None:
    await paperwork.file_steps(connection, steps)


async def payment_owner(connection: Connection, end_to_end_id: str) -> str | None:
    owner: str | None = await connection.fetchval(
        """
        SELECT merchant_id FROM payouts WHERE end_to_end_id = $1
        UNION ALL
        SELECT merchant_id FROM receipts WHERE end_to_end_id = $1
        UNION ALL
        SELECT merchant_id FROM refunds WHERE return_id = $1
        LIMIT 1
        """,
        end_to_end_id,
    )
    return owner


async def walk(connection: Connection, end_to_end_id: str) -> list[Step]:
    rows = await connection.fetch(
        "SELECT * FROM walk_steps WHERE end_to_end_id = $1 ORDER BY entered_at, id",
        end_to_end_id,
    )
    return [record(Step, row) for row in rows]
