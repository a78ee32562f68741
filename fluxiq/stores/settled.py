"""Our side of a reconciliation: what settled, by its id and by its time.

By time the tables are read through summaries of their stretches (BRIN): payments pay nothing for
that, and a window is only as exact as its bounds are compared again.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

from fluxiq.domain.reconciliation import (
    Flow,
    Name,
    OurRecord,
    Standing,
    Window,
    name_of,
    standing_of,
)
from fluxiq.domain.records import PayoutStage
from fluxiq.ports.reconciliation import Unmatched
from fluxiq.stores.pool import Connection

# What a record is called, its amount, its time and its stage, by flow.
_OURS: Final[Mapping[Flow, str]] = {
    Flow.RECEIVED: "end_to_end_id AS id, amount, received_at AS at, reason AS stage FROM receipts",
    Flow.SENT: "end_to_end_id AS id, amount, updated_at AS at, stage FROM payouts",
    Flow.REFUNDED: "return_id AS id, amount, updated_at AS at, stage FROM refunds",
    Flow.RETURNED: """
        return_id AS id, amount, returned_at AS at, 'returned' AS stage FROM payout_returns
    """,
}

_BY_ID: Final[Mapping[Flow, str]] = {
    Flow.RECEIVED: f"SELECT {_OURS[Flow.RECEIVED]} WHERE end_to_end_id = ANY ($1::text[])",
    Flow.SENT: f"SELECT {_OURS[Flow.SENT]} WHERE end_to_end_id = ANY ($1::text[])",
    Flow.REFUNDED: f"SELECT {_OURS[Flow.REFUNDED]} WHERE return_id = ANY ($1::text[])",
    Flow.RETURNED: f"SELECT {_OURS[Flow.RETURNED]} WHERE return_id = ANY ($1::text[])",
}

# When it settled: from $1 until $2. A payout that came back was touched again by its return: it
# settled when it was confirmed, as its walk says. What is counted and not joined here is looked up
# row by row, whatever the planner knows of the tables.
_SETTLED: Final[Mapping[Flow, str]] = {
    Flow.RECEIVED: "received_at >= $1 AND received_at < $2",
    Flow.SENT: """
        updated_at >= $1 AND updated_at < $2 AND stage IN ('confirmed', 'returned')
        AND (returned_amount = 0 OR (
            SELECT count(*) FROM walk_steps
            WHERE walk_steps.end_to_end_id = payouts.end_to_end_id AND room = 'archive'
                AND detail = payouts.id || ' confirmed' AND left_at < $1
        ) = 0)
    """,
    Flow.REFUNDED: "updated_at >= $1 AND updated_at < $2 AND stage = 'confirmed'",
    Flow.RETURNED: "returned_at >= $1 AND returned_at < $2",
}

# The window is read first, and by its time alone: the planner would rather read all ids.
_WINDOW: Final[Mapping[Flow, str]] = {
    flow: f"settled AS MATERIALIZED (SELECT {_OURS[flow]} WHERE {_SETTLED[flow]})" for flow in Flow
}
_TOTALS: Final[Mapping[Flow, str]] = {
    flow: f"WITH {window} SELECT count(*) AS number, coalesce(sum(amount), 0)::bigint AS total"  # noqa: S608 - constants
    " FROM settled"
    for flow, window in _WINDOW.items()
}
_UNMATCHED: Final[Mapping[Flow, str]] = {
    flow: f"""
        WITH {window}
        SELECT id, amount, at, stage FROM settled
        WHERE id > $3 AND (
            SELECT count(*) FROM statement_lines
            WHERE flow = '{flow}' AND statement_lines.id = settled.id
        ) = 0
        ORDER BY id LIMIT $4
    """  # noqa: S608 - constants
    for flow, window in _WINDOW.items()
}

_ORDERS: Final = frozenset({Flow.SENT, Flow.REFUNDED})


async def records(connection: Connection, names: Sequence[Name]) -> dict[Name, OurRecord]:
    """Ours that have these names."""
    asked: dict[Flow, list[str]] = defaultdict(list)
    for flow, record_id in names:
        asked[flow].append(record_id)
    found = [
        _record(flow, row)
        for flow, ids in asked.items()
        for row in await connection.fetch(_BY_ID[flow], ids)
    ]
    return {name_of(one): one for one in found}


async def totals(connection: Connection, flow: Flow, window: Window) -> tuple[int, int]:
    row = await connection.fetchrow(_TOTALS[flow], window.since, window.until)
    return row["number"], row["total"]


async def unmatched(
    connection: Connection, flow: Flow, window: Window, after: str, limit: int
) -> Unmatched:
    rows = await connection.fetch(_UNMATCHED[flow], window.since, window.until, after, limit)
    found = tuple(_record(flow, row) for row in rows)
    return Unmatched(records=found, has_more=len(found) == limit)


def _record(flow: Flow, row: Mapping[str, Any]) -> OurRecord:
    """Money that came is on paper only once it is there; orders have stages."""
    is_order = flow in _ORDERS
    return OurRecord(
        flow=flow,
        id=row["id"],
        amount=row["amount"],
        standing=standing_of(PayoutStage(row["stage"])) if is_order else Standing.SETTLED,
        at=row["at"],
        stage=row["stage"],
    )
