"""Payouts: the intent before the money, then each stage, never backwards.

Which stage may follow which is the domain's table; it goes into the statements as two arrays.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from fluxiq.domain.payout import TRANSITIONS
from fluxiq.domain.records import Payout, PayoutStage, Step
from fluxiq.ports import (
    Archived,
    Fresh,
    HoldSettled,
    Opening,
    OutcomeArchived,
    PayoutOpening,
)
from fluxiq.stores import idempotency, paperwork, telling
from fluxiq.stores.pool import Connection
from fluxiq.stores.rows import columns, digest_of, record

# CREATED is left through settle_hold only, which also answers the idempotency key.
_STEPS: Final = sorted(
    {
        (before, after)
        for (before, _), after in TRANSITIONS.items()
        if before is not PayoutStage.CREATED
    }
)
_FROM: Final = [before for before, _ in _STEPS]
_TO: Final = [after for _, after in _STEPS]
_AT_PROVIDER: Final = (PayoutStage.SENT, PayoutStage.IN_DOUBT)

_INSERT: Final = """
INSERT INTO payouts (
    id, merchant_id, account_id, end_to_end_id, idempotency_key, amount, description, recipient,
    stage, created_at, updated_at, failure_code, reason_code, metadata
)
SELECT * FROM unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::text[],
    $8::jsonb[], $9::text[], $10::timestamptz[], $11::timestamptz[], $12::text[], $13::text[],
    $14::jsonb[]
)
"""

# The rows are locked in the order of their ids, so that two batches cannot wait for each other.
_LOCK: Final = "SELECT id FROM payouts WHERE id = ANY ($1::text[]) ORDER BY id FOR UPDATE"

_SETTLE: Final = """
WITH settled AS (
    UPDATE payouts SET stage = asked.stage, updated_at = asked.at, failure_code = asked.failure_code
    FROM unnest(
        $1::text[], $2::text[], $3::timestamptz[], $4::text[], $5::bytea[]
    ) AS asked (id, stage, at, failure_code, response)
    WHERE payouts.id = asked.id AND payouts.stage = 'created'
    RETURNING payouts.*, asked.response
), answered AS (
    UPDATE idempotency_keys AS key
    SET refused = settled.failure_code IS NOT NULL, response = settled.response
    FROM settled
    WHERE key.merchant_id = settled.merchant_id AND key.key = settled.idempotency_key
        AND key.resource_id = settled.id
)
SELECT * FROM settled
"""

# A stage may also be said again: then only the time moves, which spaces the enquiries.
_MARK: Final = """
UPDATE payouts SET stage = asked.stage, updated_at = greatest(payouts.updated_at, asked.at)
FROM unnest($1::text[], $2::text[], $3::timestamptz[]) AS asked (id, stage, at)
WHERE payouts.id = asked.id AND (
    payouts.stage = asked.stage OR (payouts.stage, asked.stage) IN (
        SELECT * FROM unnest($4::text[], $5::text[])
    )
)
"""

_END: Final = """
UPDATE payouts SET
    stage = asked.stage, updated_at = asked.at, failure_code = asked.failure_code,
    reason_code = asked.reason_code
FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::text[], $5::text[])
    AS asked (id, stage, at, failure_code, reason_code)
WHERE payouts.id = asked.id AND (payouts.stage, asked.stage) IN (
    SELECT * FROM unnest($6::text[], $7::text[])
)
RETURNING payouts.*
"""


async def open_payouts(connection: Connection, openings: Sequence[PayoutOpening]) -> list[Opening]:
    """Idempotency keys stay without an answer (Running) until `settle_holds`."""
    claims = [_claim(opening) for opening in openings]
    answers = await idempotency.claim(connection, claims)
    fresh = [
        opening
        for opening, answer in zip(openings, answers, strict=True)
        if isinstance(answer, Fresh)
    ]

    if fresh:
        rows = [_row(opening) for opening in fresh]
        await connection.execute(_INSERT, *columns(rows, 14))
        await paperwork.file(
            connection,
            steps=[step for opening in fresh for step in opening.steps],
            audit=[_line("created", o.payout, o.payout.merchant_id) for o in fresh],
        )

    return answers


async def settle_holds(
    connection: Connection, ispb: str, batch: Sequence[HoldSettled]
) -> list[Archived]:
    """The vault's answers, each once: for a payout settled before, nothing is written."""
    first: dict[str, HoldSettled] = {}
    for one in batch:
        first.setdefault(one.hold.payout_id, one)

    await connection.execute(_LOCK, list(first))
    rows = [_settled_row(one) for one in first.values()]
    found = await connection.fetch(_SETTLE, *columns(rows, 5))

    payouts = {row["id"]: record(Payout, row) for row in found}
    new = [first[payout_id] for payout_id in payouts]
    told = await telling.tell(
        connection,
        ispb,
        [(one.event, payouts[one.hold.payout_id].end_to_end_id) for one in new],
    )
    await paperwork.file(
        connection,
        steps=[step for one in new for step in one.steps],
        audit=[_line(payout.stage, payout, "platform") for payout in payouts.values()],
        announcements=[
            paperwork.Announcement(one.order, one.hold.payout_id, one.hold.at)
            for one in new
            if one.order is not None
        ],
    )
    # A call that came second shares the first one's event only when it is the very same.
    return [Archived(endpoint_ids=told.of(one.event)) for one in batch]


async def mark_sent(
    connection: Connection, payouts: Sequence[Payout], steps: Sequence[Step]
) -> None:
    """An order that did not leave keeps its stage and its place in the outbox: only its steps are
    written.
    """
    last = {payout.id: payout for payout in payouts if payout.stage in _AT_PROVIDER}

    await connection.execute(_LOCK, list(last))
    rows = [(payout.id, payout.stage, payout.updated_at) for payout in last.values()]
    await connection.execute(_MARK, *columns(rows, 3), _FROM, _TO)
    await paperwork.file(connection, steps=steps, done=list(last))


async def archive_outcomes(
    connection: Connection, ispb: str, batch: Sequence[OutcomeArchived]
) -> Archived:
    first = {one.outcome.payout.id: one for one in reversed(batch) if one.outcome is not None}

    await connection.execute(_LOCK, list(first))
    rows = [_outcome_row(one) for one in first.values()]
    found = await connection.fetch(_END, *columns(rows, 5), _FROM, _TO)

    payouts = {row["id"]: record(Payout, row) for row in found}
    ended = [(first[payout.id].event, payout.end_to_end_id) for payout in payouts.values()]
    told = await telling.tell(
        connection, ispb, [(event, reference) for event, reference in ended if event is not None]
    )
    inbox_ids = [one.inbox_id for one in batch if one.inbox_id is not None]
    await paperwork.file(
        connection,
        steps=[step for one in batch for step in one.steps],
        audit=_outcome_lines(batch, payouts),
        inbox_ids=inbox_ids,
        done=[*inbox_ids, *payouts],
    )
    return Archived(endpoint_ids=told.endpoint_ids)


async def find_payout(connection: Connection, payout_id: str) -> Payout | None:
    row = await connection.fetchrow("SELECT * FROM payouts WHERE id = $1", payout_id)
    return None if row is None else record(Payout, row)


async def payouts_by_end_to_end_id(
    connection: Connection, end_to_end_ids: Sequence[str]
) -> dict[str, Payout]:
    rows = await connection.fetch(
        "SELECT * FROM payouts WHERE end_to_end_id = ANY ($1::text[])", end_to_end_ids
    )
    return {row["end_to_end_id"]: record(Payout, row) for row in rows}


async def unheld_payouts(connection: Connection, before: datetime, limit: int) -> list[Payout]:
    rows = await connection.fetch(
        """
        SELECT * FROM payouts WHERE stage = 'created' AND updated_at < $1
        ORDER BY updated_at LIMIT $2
        """,
        before,
        limit,
    )
    return [record(Payout, row) for row in rows]


async def unanswered_payouts(connection: Connection, before: datetime, limit: int) -> list[Payout]:
    rows = await connection.fetch(
        """
        SELECT * FROM payouts WHERE stage IN ('sent', 'in_doubt') AND updated_at < $1
        ORDER BY updated_at LIMIT $2
        """,
        before,
        limit,
    )
    return [record(Payout, row) for row in rows]


def _claim(opening: PayoutOpening) -> idempotency.Claim:
    return idempotency.Claim(
        merchant_id=opening.payout.merchant_id,
        idempotency=opening.idempotency,
        resource_id=opening.payout.id,
        at=opening.payout.created_at,
    )


def _row(opening: PayoutOpening) -> tuple[object, ...]:
    payout = opening.payout
    return (
        payout.id,
        payout.merchant_id,
        payout.account_id,
        payout.end_to_end_id,
        opening.idempotency.key,
        payout.amount,
        payout.description,
        payout.recipient,
        payout.stage,
        payout.created_at,
        payout.updated_at,
        payout.failure_code,
        payout.reason_code,
        payout.metadata,
    )


def _settled_row(settled: HoldSettled) -> tuple[object, ...]:
    hold = settled.hold
    stage = PayoutStage.HELD if hold.failure_code is None else PayoutStage.FAILED
    return (
        hold.payout_id,
        stage,
        hold.at,
        hold.failure_code,
        settled.response,
    )


def _outcome_row(archived: OutcomeArchived) -> tuple[object, ...]:
    outcome = archived.outcome
    assert outcome is not None, "only outcomes have a row"
    return (
        outcome.payout.id,
        outcome.stage,
        outcome.at,
        outcome.failure_code,
        outcome.reason_code,
    )


def _outcome_lines(
    batch: Sequence[OutcomeArchived], changed: dict[str, Payout]
) -> list[paperwork.AuditLine]:
    """A line for each change, and one with its reason for each notice that changed nothing."""
    lines = [_line(payout.stage, payout, "provider") for payout in changed.values()]
    left = set(changed)

    for one in batch:
        if one.outcome is not None and one.outcome.payout.id in left:
            left.remove(one.outcome.payout.id)
            continue

        subject = one.inbox_id or (one.outcome.payout.id if one.outcome is not None else "")
        note = one.note or "the payout had ended before"
        line = paperwork.AuditLine(
            "provider", "outcome.ignored", subject, digest_of(_bare(one)), note
        )
        lines.append(line)

    return lines


def _bare(archived: OutcomeArchived) -> OutcomeArchived:
    return msgspec.structs.replace(archived, event=None, steps=())


def _line(action: str, payout: Payout, actor: str) -> paperwork.AuditLine:
    return paperwork.AuditLine(actor, f"payout.{action}", payout.id, digest_of(payout))
