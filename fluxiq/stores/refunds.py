"""Refunds: the intent before the money, then each stage, never backwards (see `orders`)."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Final

from fluxiq.domain.records import PayoutReturn, Receipt, Refund, Step
from fluxiq.domain.refund import TRANSITIONS
from fluxiq.ports import Archived, Opening, Page
from fluxiq.ports.origin import origin
from fluxiq.ports.refunds import (
    RefundEnded,
    RefundHeld,
    RefundOpening,
    Refunds,
    RefundsWanted,
    ReturnArchived,
)
from fluxiq.ports.sealing import Sealer
from fluxiq.stores import idempotency, orders, paperwork, returns, telling
from fluxiq.stores.listing import list_page
from fluxiq.stores.pool import Connection, Postgres
from fluxiq.stores.rows import columns, digest_of, record
from fluxiq.stores.sealed import House
from fluxiq.stores.sealed_records import receipt_of
from fluxiq.stores.statement import GIVEN, HAPPENED, Part, compose

_MADE: Final = Part(
    "made",
    f"""
    INSERT INTO refunds (
        id, merchant_id, account_id, end_to_end_id, return_id, charge_id, idempotency_key, amount,
        reason, description, stage, created_at, updated_at, metadata
    )
    SELECT
        id, merchant_id, account_id, end_to_end_id, return_id, charge_id, idempotency_key, amount,
        reason, description, stage, created_at, updated_at, metadata
    FROM unnest(
        $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
        $8::bigint[], $9::text[], $10::text[], $11::text[], $12::timestamptz[],
        $13::timestamptz[], $14::jsonb[], $15::text[]
    ) AS asked (
        id, merchant_id, account_id, end_to_end_id, return_id, charge_id, idempotency_key, amount,
        reason, description, stage, created_at, updated_at, metadata, given
    )
    WHERE {GIVEN}
    """,  # noqa: S608 - a constant
)

_OPEN: Final = compose(
    [
        idempotency.CLAIMED,
        Part("happened", "SELECT what FROM claimed"),
        _MADE,
        paperwork.WALKED,
        paperwork.AUDITED,
    ],
    HAPPENED,
)

# What went back counts into its charge. Charges are locked in the order of their ids, as receipts
# lock theirs; an update of a locked row goes to its newest version.
_GIVEN_BACK: Final = (
    Part(
        "given_back (charge_id, total)",
        """
        SELECT refunds.charge_id, sum(refunds.amount)
        FROM refunds JOIN ended USING (id)
        WHERE ended.stage = 'confirmed' AND refunds.charge_id IS NOT NULL
        GROUP BY refunds.charge_id
        """,
    ),
    Part(
        "charged",
        """
        SELECT id FROM charges WHERE id = ANY (ARRAY(SELECT charge_id FROM given_back))
        ORDER BY id FOR UPDATE
        """,
    ),
    Part(
        "refunded",
        """
        UPDATE charges SET
            refunded_amount = charges.refunded_amount + given_back.total,
            status = CASE
                WHEN charges.refunded_amount + given_back.total = charges.amount THEN 'refunded'
                ELSE charges.status
            END
        FROM given_back JOIN charged ON charged.id = given_back.charge_id
        WHERE charges.id = given_back.charge_id
        """,
    ),
)

_KEY: Final = "SELECT idempotency_key FROM refunds WHERE id = $1"

_SETTLE: Final = orders.settling("refunds")
_MARK: Final = orders.marking("refunds", TRANSITIONS)
_END: Final = orders.ending("refunds", TRANSITIONS, _GIVEN_BACK)


class PostgresRefunds(Refunds):
    """Refunds of institution `ispb`; `postgres` logs in as its role."""

    def __init__(self, postgres: Postgres, ispb: str, sealer: Sealer) -> None:
        self._postgres = postgres
        self._house = House(ispb, sealer)

    async def find_receipt(self, end_to_end_id: str) -> Receipt | None:
        return await self._postgres.run(_find_receipt, self._house, end_to_end_id)

    async def receipt_named(self, receipt_id: str) -> Receipt | None:
        return await self._postgres.run(_receipt_named, self._house, receipt_id)

    async def open_refund(self, opening: RefundOpening) -> Opening:
        return await self._postgres.run(_open_refund, self._house, opening)

    async def settle_hold(self, held: RefundHeld) -> Archived:
        return await self._postgres.run(_settle_hold, self._house, held)

    async def find_refund(self, refund_id: str) -> Refund | None:
        return await self._postgres.run(_find_refund, refund_id)

    async def list_refunds(self, wanted: RefundsWanted, page: Page) -> tuple[list[Refund], int]:
        return await self._postgres.run(_list_refunds, wanted, page)

    async def refunds(self, return_ids: Sequence[str]) -> dict[str, Refund]:
        return await self._postgres.run(_refunds_by_return_id, return_ids)

    async def mark_sent(self, refunds: Sequence[Refund], steps: Sequence[Step]) -> None:
        await self._postgres.run(_mark_sent, refunds, steps)

    async def archive_ends(self, batch: Sequence[RefundEnded]) -> Archived:
        return await self._postgres.run(_archive_ends, self._house, batch)

    async def unheld_refunds(self, before: datetime, limit: int) -> list[Refund]:
        return await self._postgres.run(_left_since, ["created"], before, limit)

    async def unanswered_refunds(self, before: datetime, limit: int) -> list[Refund]:
        return await self._postgres.run(_left_since, list(orders.AT_PROVIDER), before, limit)

    async def find_returns(self, return_ids: Sequence[str]) -> dict[str, PayoutReturn]:
        return await self._postgres.run(returns.find_returns, return_ids)

    async def archive_returns(self, batch: Sequence[ReturnArchived]) -> Archived:
        return await self._postgres.run(returns.archive_returns, self._house, batch)


async def _find_receipt(connection: Connection, house: House, end_to_end_id: str) -> Receipt | None:
    row = await connection.fetchrow(
        "SELECT * FROM receipts WHERE end_to_end_id = $1", end_to_end_id
    )
    return None if row is None else receipt_of(house, row)


async def _receipt_named(connection: Connection, house: House, receipt_id: str) -> Receipt | None:
    row = await connection.fetchrow("SELECT * FROM receipts WHERE id = $1", receipt_id)
    return None if row is None else receipt_of(house, row)


async def _open_refund(connection: Connection, house: House, opening: RefundOpening) -> Opening:
    """The idempotency key stays without an answer (Running) until its hold is settled."""
    refund = opening.refund
    claims = idempotency.Claims(
        house,
        [
            idempotency.Claim(
                merchant_id=refund.merchant_id,
                idempotency=opening.idempotency,
                resource_id=refund.id,
                at=refund.created_at,
            )
        ],
    )
    rows = await connection.fetch(
        _OPEN,
        *claims.columns(),
        *columns([_row(opening)], 15),
        *paperwork.walked((step, refund.id) for step in opening.steps),
        *paperwork.audited(
            [_line("created", refund, paperwork.asker(origin(), refund.merchant_id))]
        ),
    )
    [answer] = await claims.answers(connection, {row["what"] for row in rows})
    return answer


async def _settle_hold(connection: Connection, house: House, held: RefundHeld) -> Archived:
    refund = held.refund
    key = await connection.fetchval(_KEY, refund.id)
    response = idempotency.sealed_response(house, refund.merchant_id, key, held.response)
    rows = await connection.fetch(
        _SETTLE,
        *columns([(refund.id, refund.stage, refund.updated_at, refund.failure_code, response)], 5),
        *telling.told(house, [telling.Telling(held.event, refund.return_id, refund.id)]),
        *paperwork.walked((step, refund.id) for step in held.steps),
        *paperwork.audited([_line(refund.stage, refund, "platform")]),
        *paperwork.ordered(
            paperwork.Announcement(order, refund.id, refund.updated_at, given=refund.id)
            for order in [held.order]
            if order is not None
        ),
    )
    return Archived(endpoint_ids=telling.Told.of_rows(rows).endpoint_ids)


async def _find_refund(connection: Connection, refund_id: str) -> Refund | None:
    row = await connection.fetchrow("SELECT * FROM refunds WHERE id = $1", refund_id)
    return None if row is None else record(Refund, row)


async def _list_refunds(
    connection: Connection, wanted: RefundsWanted, page: Page
) -> tuple[list[Refund], int]:
    asked = {
        "merchant_id = {}": wanted.merchant_id,
        "charge_id = {}": wanted.charge_id,
        "end_to_end_id = {}": wanted.end_to_end_id,
        "stage = ANY ({}::text[])": None if wanted.stages is None else list(wanted.stages),
        "created_at >= {}": wanted.since,
        "created_at < {}": wanted.until,
    }
    return await list_page(connection, partial(record, Refund), "refunds", asked, page)


async def _refunds_by_return_id(
    connection: Connection, return_ids: Sequence[str]
) -> dict[str, Refund]:
    rows = await connection.fetch(
        "SELECT * FROM refunds WHERE return_id = ANY ($1::text[])", return_ids
    )
    return {row["return_id"]: record(Refund, row) for row in rows}


async def _mark_sent(
    connection: Connection, refunds: Sequence[Refund], steps: Sequence[Step]
) -> None:
    """An order that did not leave keeps its stage and its place in the outbox."""
    last = {refund.id: refund for refund in refunds if refund.stage in orders.AT_PROVIDER}
    await connection.fetch(
        _MARK,
        *columns([(one.id, one.stage, one.updated_at) for one in last.values()], 3),
        *paperwork.walked((step, None) for step in steps),
        *paperwork.audited(
            orders.moved(_line(refund.stage, refund, "platform")) for refund in last.values()
        ),
        *paperwork.ended((refund_id, None) for refund_id in last),
    )


async def _archive_ends(
    connection: Connection, house: House, batch: Sequence[RefundEnded]
) -> Archived:
    first = {one.refund.id: one for one in reversed(batch) if one.refund is not None}
    ended = [one.refund for one in first.values() if one.refund is not None]
    closed: list[tuple[str, str | None]] = [
        (one.inbox_id, None) for one in batch if one.inbox_id is not None
    ]
    rows = await connection.fetch(
        _END,
        *columns([(r.id, r.stage, r.updated_at, r.failure_code, r.reason_code) for r in ended], 5),
        *telling.told(
            house,
            [
                telling.Telling(event, refund.return_id, refund.id)
                for refund in ended
                if (event := first[refund.id].event) is not None
            ],
        ),
        *paperwork.walked((step, None) for one in batch for step in one.steps),
        *paperwork.audited(
            [
                *(_line(refund.stage, refund, "provider") for refund in ended),
                *(_ignored(one, is_first=one in first.values()) for one in batch),
            ]
        ),
        *paperwork.ended(closed),
        *paperwork.ended([*closed, *((refund_id, refund_id) for refund_id in first)]),
    )
    return Archived(endpoint_ids=telling.Told.of_rows(rows).endpoint_ids)


async def _left_since(
    connection: Connection, stages: Sequence[str], before: datetime, limit: int
) -> list[Refund]:
    rows = await connection.fetch(
        """
        SELECT * FROM refunds WHERE stage = ANY ($1::text[]) AND updated_at < $2
        ORDER BY updated_at LIMIT $3
        """,
        stages,
        before,
        limit,
    )
    return [record(Refund, row) for row in rows]


def _row(opening: RefundOpening) -> tuple[object, ...]:
    refund = opening.refund
    return (
        refund.id,
        refund.merchant_id,
        refund.account_id,
        refund.end_to_end_id,
        refund.return_id,
        refund.charge_id,
        opening.idempotency.key,
        refund.amount,
        refund.reason,
        refund.description,
        refund.stage,
        refund.created_at,
        refund.updated_at,
        refund.metadata,
        refund.id,  # given that its key was claimed
    )


def _ignored(ended: RefundEnded, *, is_first: bool) -> paperwork.AuditLine:
    """The line of what changed nothing; of a refund's first end, given that it did not either."""
    refund_id = None if ended.refund is None else ended.refund.id
    return paperwork.AuditLine(
        "provider",
        "outcome.ignored",
        ended.inbox_id or refund_id or "",
        digest_of(ended),
        ended.note or "the refund had ended before",
        given=f"not {refund_id}" if is_first else None,
        merchant_id=None if ended.refund is None else ended.refund.merchant_id,
    )


def _line(action: str, refund: Refund, actor: str) -> paperwork.AuditLine:
    return paperwork.AuditLine(
        actor,
        f"refund.{action}",
        refund.id,
        digest_of(refund),
        given=refund.id,
        merchant_id=refund.merchant_id,
    )
