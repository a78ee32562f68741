"""`ports.statistics.Statistics` over an institution's own schema: one statement each.

A merchant's charges, receipts and payouts are read by its own indexes, in the order of time, and so
cost what that merchant has; what is of all merchants, by the summaries that BRIN keeps of each
stretch of a table, which cost a payment nothing. Measured over 30 days of 200,000 charges and as
many payouts, beside other work: of one merchant in twenty 0.15 s, of all of them 0.8 s; over a day
6 and 45 ms.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from fluxiq.domain.schedule import SAO_PAULO
from fluxiq.domain.statistics import Seconds, Span, series
from fluxiq.ports.statistics import SAMPLED_MAX, Moment, PaymentStatistics, Statistics
from fluxiq.stores.in_doubt import doubted
from fluxiq.stores.pool import Connection, Postgres

_LATELY: Final = timedelta(minutes=1)


def _counted(what: str, table: str, at: str, which: str = "true") -> str:
    """How many rows and how much, by bucket."""
    return f"""
    SELECT
        '{what}' AS what, date_trunc($3::text, {at}, '{SAO_PAULO}') AS start,
        count(*) AS count, sum(amount)::bigint AS amount, NULL::float8[] AS seconds
    FROM {table} WHERE {which} GROUP BY start
    """  # noqa: S608 - constants


def _took(what: str, table: str, took: str, which: str = "true") -> str:
    """Percentiles of an interval."""
    return f"""
    SELECT
        '{what}', NULL, count(*), NULL, percentile_cont(ARRAY[0.5, 0.95, 0.99])
            WITHIN GROUP (ORDER BY extract(epoch FROM {took})::float8)
    FROM {table} WHERE {which}
    """  # noqa: S608 - constants


def _payments(whose: str) -> str:
    """The statement of what `whose` says: a condition on `merchant_id`. $1 and $2 are the span, $3
    is the word for its buckets. Each table is read once: what several parts count is kept.
    """
    parts = (
        _counted("charges_created", "created", "created_at"),
        _counted("charges_paid", "paid", "received_at"),
        _counted("payouts_confirmed", "ended", "updated_at", "stage = 'confirmed'"),
        _counted("payouts_failed", "ended", "updated_at", "stage = 'failed'"),
        _counted("refunds_completed", "given_back", "updated_at"),
        """
        SELECT 'charges_converted', NULL, count(*), NULL, NULL FROM created
        WHERE status IN ('paid', 'refunded')
        """,
        _took(
            "payout_seconds",
            "ended",
            "updated_at - created_at",
            "scheduled_for IS NULL AND returned_amount = 0",
        ),
        _took("charge_seconds", "archived", "took"),
    )
    return f"""WITH created AS (
        SELECT created_at, amount, status FROM charges
        WHERE created_at >= $1 AND created_at < $2 AND {whose}
    ), paid AS (
        SELECT received_at, amount, end_to_end_id FROM receipts
        WHERE received_at >= $1 AND received_at < $2 AND {whose} AND reason = 'pays_charge'
    ), ended AS (
        SELECT updated_at, amount, stage, created_at, scheduled_for, returned_amount FROM payouts
        WHERE updated_at >= $1 AND updated_at < $2 AND {whose}
            AND stage IN ('confirmed', 'failed')
    ), given_back AS (
        SELECT updated_at, amount FROM refunds
        WHERE updated_at >= $1 AND updated_at < $2 AND {whose} AND stage = 'confirmed'
    ), lately AS (
        SELECT end_to_end_id, received_at FROM paid ORDER BY received_at DESC LIMIT {SAMPLED_MAX}
    ), archived AS (
        SELECT min(step.left_at) - lately.received_at AS took
        FROM lately JOIN walk_steps AS step ON step.end_to_end_id = lately.end_to_end_id
        WHERE step.room = 'archive' GROUP BY lately.end_to_end_id, lately.received_at
    )
    {" UNION ALL ".join(parts)}
    """  # noqa: S608 - constants


_OF_ALL: Final = _payments("true")
_OF_MERCHANT: Final = _payments("merchant_id = $4")

_MOMENT: Final = f"""WITH doubted AS (
    SELECT updated_at FROM payouts WHERE {doubted("$3")}
    UNION ALL
    SELECT updated_at FROM refunds WHERE {doubted("$3")}
)
SELECT 'in_doubt' AS what, count(*) AS count, 0::bigint AS amount, min(updated_at) AS oldest
FROM doubted
UNION ALL
SELECT 'charges_paid', count(*), coalesce(sum(amount), 0)::bigint, NULL FROM receipts
WHERE received_at > $1 AND received_at <= $2 AND reason = 'pays_charge'
UNION ALL
SELECT 'payouts_' || stage, count(*), coalesce(sum(amount), 0)::bigint, NULL FROM payouts
WHERE updated_at > $1 AND updated_at <= $2 AND stage IN ('confirmed', 'failed') GROUP BY stage
UNION ALL
SELECT 'dead_letters', count(*), 0, NULL FROM dead_letters WHERE state = 'dead'
UNION ALL
SELECT 'differences', count(*), 0, NULL FROM reconciliation_differences
WHERE state IN ('open', 'healing')
"""  # noqa: S608 - constants


class PostgresStatistics(Statistics):
    """Of one institution; `postgres` logs in as its role, which sees one schema."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def payments(self, span: Span, merchant_id: str | None) -> PaymentStatistics:
        return await self._postgres.run(_count, span, merchant_id)

    async def moment(self, now: datetime, accepted_before: datetime) -> Moment:
        return await self._postgres.run(_look, now, accepted_before)


async def _count(connection: Connection, span: Span, merchant_id: str | None) -> PaymentStatistics:
    arguments = (span.since, span.until, span.bucket)
    if merchant_id is None:
        rows = await connection.fetch(_OF_ALL, *arguments)
    else:
        rows = await connection.fetch(_OF_MERCHANT, *arguments, merchant_id)

    single = {row["what"]: row for row in rows if row["start"] is None}
    counted = [
        (row["start"].astimezone(UTC), row["what"], row["count"], row["amount"])
        for row in rows
        if row["start"] is not None
    ]
    return PaymentStatistics(
        buckets=series(span, counted),
        charges_converted=single["charges_converted"]["count"],
        payout_seconds=_seconds(single["payout_seconds"]),
        charge_seconds=_seconds(single["charge_seconds"]),
    )


async def _look(connection: Connection, now: datetime, accepted_before: datetime) -> Moment:
    found = await connection.fetch(_MOMENT, now - _LATELY, now, accepted_before)
    rows = {row["what"]: row for row in found}
    ended = ("charges_paid", "payouts_confirmed", "payouts_failed")
    counts = {name: rows[name]["count"] if name in rows else 0 for name in ended}
    moved = [rows[name]["amount"] for name in ended[:2] if name in rows]
    return Moment(
        **counts,
        amount=sum(moved),
        in_doubt=rows["in_doubt"]["count"],
        oldest_in_doubt_at=rows["in_doubt"]["oldest"],
        dead_letters=rows["dead_letters"]["count"],
        differences=rows["differences"]["count"],
    )


def _seconds(row: Mapping[str, Any]) -> Seconds | None:
    """Clocks that were set back make no payment end before it began."""
    if not row["count"]:
        return None
    p50, p95, p99 = (round(max(0.0, one), 3) for one in row["seconds"])
    return Seconds(count=row["count"], p50=p50, p95=p95, p99=p99)
