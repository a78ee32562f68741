"""What the world is told of the ledger: each transfer on the books, once, from the journal.

The journal is the outbox. A message tells of up to EVENTS_MAX transfers of one batch, cut at fixed
places, and its id is institution:seq:index of the first place; so a message that is sent again is
the same message, and the stream drops it. All of it is put together inside Postgres: Python spends
something per message and nothing per transfer.
"""

from collections.abc import Sequence
from typing import Any, Final

from msgspec import Struct

from fluxiq.ledgers.postgres_pool import Connection, Pool, outages

EVENTS_MAX: Final = 100  # part of the message ids: never change it
TRANSFERS_MAX: Final = 8192  # about as many in one round: 3 MB of messages
ROWS_MAX: Final = 256


class Told(Struct, frozen=True):
    """One message: `body` is JSON, `index` the place in the batch at which it begins."""

    seq: int
    index: int
    body: bytes


class ToPublish(Struct, frozen=True):
    """The next batches, whole: `seqs` are theirs. A batch of refusals has no message."""

    seqs: Sequence[int]
    messages: Sequence[Told]


class LedgerEvents:
    """The publisher's side of an institution's journal. Each call raises Unavailable."""

    def __init__(self, pool: Pool, institution: str) -> None:
        self._pool = pool
        self._institution = institution

    async def to_publish(self) -> ToPublish:
        """The first batches that are on the books and were not told of."""
        with outages():
            return await self._pool.run(_to_publish, self._institution)

    async def published(self, seqs: Sequence[int]) -> None:
        """The stream has them."""
        with outages():
            await self._pool.run(_published, seqs)


async def _to_publish(connection: Connection, institution: str) -> ToPublish:
    seqs = await connection.fetchval(_SEQS, ROWS_MAX, TRANSFERS_MAX)
    rows: list[Any] = await connection.fetch(_MESSAGES, seqs, institution, EVENTS_MAX)
    return ToPublish(seqs, [Told(row["seq"], row["index"], row["body"]) for row in rows])


async def _published(connection: Connection, seqs: Sequence[int]) -> None:
    await connection.execute(
        "UPDATE ledger_journal SET published = true WHERE seq = ANY ($1::bigint[])", seqs
    )


# Only what the mirror has taken in: there a transfer stands once, however often it was sent.
_SEQS: Final = """
SELECT coalesce(array_agg(seq ORDER BY seq), '{}') FROM (
    SELECT seq, sum(count) OVER (ORDER BY seq) - count AS before FROM (
        SELECT seq, count FROM ledger_journal
        WHERE results_reversed IS NOT NULL AND NOT published AND mirrored
        ORDER BY seq LIMIT $1
    ) AS waiting
) AS counted
WHERE before < $2
"""

_MESSAGES: Final = """
SELECT
    record.seq,
    record.place / $3::integer * $3::integer AS index,
    convert_to(json_build_object(
        'institution', $2::text,
        'seq', record.seq,
        'index', min(record.place / $3::integer * $3::integer),
        'backend', min(record.backend),
        'transfers', json_agg(json_build_object(
            'index', record.place,
            'id', transfer.id,
            'debit_account_id', transfer.debit_account_id,
            'credit_account_id', transfer.credit_account_id,
            'amount', transfer.amount,
            'pending_id', transfer.pending_id,
            'code', transfer.code,
            'kind', CASE transfer.flags & 14
                WHEN 2 THEN 'hold' WHEN 4 THEN 'post' WHEN 8 THEN 'void' ELSE 'transfer'
            END,
            'timestamp', transfer.timestamp
        ) ORDER BY record.place)
    )::text, 'UTF8') AS body
FROM ledger_journal_records AS record
JOIN ledger_transfers AS transfer
    ON transfer.id = record.id
    AND transfer.journal_seq = record.seq AND transfer.place = record.place
WHERE record.seq = ANY ($1::bigint[])
GROUP BY record.seq, record.place / $3::integer
ORDER BY record.seq, index
"""
