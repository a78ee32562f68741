"""Payouts: the intent before the money, then each stage, never backwards (see `orders`)."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from itertools import compress
from typing import Any, Final

import msgspec

from fluxiq.domain.payout import TRANSITIONS
from fluxiq.domain.records import Hold, Payout, PayoutStage, Step
from fluxiq.ports import (
    Archived,
    HoldSettled,
    Limited,
    Opening,
    OutcomeArchived,
    PayoutOpening,
)
from fluxiq.ports.origin import Origin, origin
from fluxiq.stores import idempotency, limits, orders, paperwork, telling
from fluxiq.stores.pool import Connection
from fluxiq.stores.rows import columns, digest_of
from fluxiq.stores.sealed import RECIPIENT, House
from fluxiq.stores.sealed_records import payout_of, those_that_open
from fluxiq.stores.statement import GIVEN, HAPPENED, Part, compose

_MADE: Final = Part(
    "made",
    f"""
    INSERT INTO payouts (
        id, merchant_id, account_id, end_to_end_id, idempotency_key, amount, description,
        recipient, stage, created_at, updated_at, failure_code, reason_code, metadata,
        counted_day, counted_night
    )
    SELECT
        id, merchant_id, asked.account_id, end_to_end_id, idempotency_key, amount, description,
        recipient, stage, created_at, updated_at, failure_code, reason_code, metadata,
        counts.day, counts.night
    FROM unnest(
        $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::text[],
        $8::bytea[], $9::text[], $10::timestamptz[], $11::timestamptz[], $12::text[],
        $13::text[], $14::jsonb[], $15::text[]
    ) AS asked (
        id, merchant_id, account_id, end_to_end_id, idempotency_key, amount, description,
        recipient, stage, created_at, updated_at, failure_code, reason_code, metadata, given
    )
    {limits.WINDOWS}
    WHERE {GIVEN}
    """,  # noqa: S608 - a constant
)

# What counts into limits claims its key once it fits: until then nothing of it is on paper.
_CLAIMED: Final = idempotency.claiming(
    """
    resource_id NOT IN (SELECT id FROM wanted) OR resource_id IN (
        SELECT id FROM wanted WHERE account_id IN (SELECT account_id FROM fits)
    )
    """
)

_OPEN: Final = compose(
    [
        *limits.COUNTING,
        _CLAIMED,
        Part("happened", "SELECT what FROM claimed"),
        limits.COUNTED,
        _MADE,
        paperwork.WALKED,
        paperwork.AUDITED,
    ],
    f"{HAPPENED} UNION ALL {limits.FITTING}",
)

_CREATED: Final = "SELECT * FROM payouts WHERE id = ANY ($1::text[]) AND stage = 'created'"

_SETTLE: Final = orders.settling(
    "payouts",
    limits.giving_back("SELECT id FROM settled WHERE failure_code IS NOT NULL"),
    "(SELECT count(*) FROM given_back) >= 0",
)
_MARK: Final = orders.marking("payouts", TRANSITIONS)
_END: Final = orders.ending(
    "payouts",
    TRANSITIONS,
    limits.giving_back("SELECT id FROM ended WHERE stage = 'failed'"),
)


async def open_payouts(
    connection: Connection, house: House, openings: Sequence[PayoutOpening]
) -> list[Opening | Limited]:
    """Idempotency keys stay without an answer (Running) until `settle_holds`."""
    counts = [count for one in openings if (count := limits.count_of(one)) is not None]
    stale = limits.stale(counts)
    fresh = [one for one in openings if one.payout.id not in stale]
    opened = iter(await _open(connection, house, fresh))
    return [Limited() if one.payout.id in stale else next(opened) for one in openings]


async def _open(
    connection: Connection, house: House, openings: Sequence[PayoutOpening]
) -> list[Opening | Limited]:
    claims = idempotency.Claims(house, [_claim(opening) for opening in openings])
    asked = [opening for index, opening in enumerate(openings) if claims.may_win(index)]
    counts = {one.payout.id: count for one in asked if (count := limits.count_of(one)) is not None}
    rows = await connection.fetch(
        _OPEN,
        *limits.counting(list(counts.values())),
        *claims.columns(),
        *columns([_row(house, opening) for opening in asked], 15),
        *paperwork.walked((step, one.payout.id) for one in asked for step in one.steps),
        *paperwork.audited(
            _line(
                "created",
                one.payout,
                paperwork.asker(one.origin, one.payout.merchant_id),
                where=one.origin,
            )
            for one in asked
        ),
    )
    happened = {row["what"] for row in rows}
    fits = [one.bounds is None or f"fits {one.payout.account_id}" in happened for one in openings]
    fitting = idempotency.Claims(house, [_claim(one) for one in compress(openings, fits)])
    opened = iter(await fitting.answers(connection, happened))
    return [next(opened) if fit else Limited() for fit in fits]


async def settle_holds(
    connection: Connection, house: House, batch: Sequence[HoldSettled]
) -> list[Archived]:
    """The vault's answers, each once: for a payout settled before, nothing is written."""
    first: dict[str, HoldSettled] = {}
    for one in batch:
        first.setdefault(one.hold.payout_id, one)

    # What a created payout says stays as it is until here, so it may be read before it is locked.
    found = await connection.fetch(_CREATED, list(first))
    settled = [(first[row["id"]], _settled(house, first[row["id"]].hold, row)) for row in found]
    keys = {row["id"]: row["idempotency_key"] for row in found}
    if not settled:
        return [Archived() for _ in batch]

    rows = await connection.fetch(
        _SETTLE,
        *columns([_settled_row(house, one, payout, keys[payout.id]) for one, payout in settled], 5),
        *telling.told(
            house,
            [
                telling.Telling(one.event, payout.end_to_end_id, payout.id)
                for one, payout in settled
            ],
        ),
        *paperwork.walked((step, payout.id) for one, payout in settled for step in one.steps),
        *paperwork.audited(
            _line(
                payout.stage, payout, "platform", where=one.origin, before=_before(payout, created)
            )
            for (one, payout), created in zip(settled, found, strict=True)
        ),
        *paperwork.ordered(
            paperwork.Announcement(one.order, payout.id, one.hold.at, given=payout.id)
            for one, payout in settled
            if one.order is not None
        ),
    )
    # A call that came second shares the first one's event only when it is the very same.
    told = telling.Told.of_rows(rows)
    return [Archived(endpoint_ids=told.of(one.event)) for one in batch]


async def mark_sent(
    connection: Connection, payouts: Sequence[Payout], steps: Sequence[Step]
) -> None:
    """An order that did not leave keeps its stage and its place in the outbox: only its steps are
    written.
    """
    last = {payout.id: payout for payout in payouts if payout.stage in orders.AT_PROVIDER}
    lines = (_line(one.stage, one, "platform", where=origin()) for one in last.values())
    rows = [(payout.id, payout.stage, payout.updated_at) for payout in last.values()]
    await connection.fetch(
        _MARK,
        *columns(rows, 3),
        *paperwork.walked((step, None) for step in steps),
        *paperwork.audited(orders.moved(line) for line in lines),
        *paperwork.ended((payout_id, None) for payout_id in last),
    )


async def archive_outcomes(
    connection: Connection, house: House, batch: Sequence[OutcomeArchived]
) -> Archived:
    first = {one.outcome.payout.id: one for one in reversed(batch) if one.outcome is not None}
    ended = [_ended(one) for one in first.values()]
    closed: list[tuple[str, str | None]] = [
        (one.inbox_id, None) for one in batch if one.inbox_id is not None
    ]
    rows = await connection.fetch(
        _END,
        *columns([_ended_row(payout) for payout in ended], 5),
        *telling.told(
            house,
            [
                telling.Telling(event, payout.end_to_end_id, payout.id)
                for payout in ended
                if (event := first[payout.id].event) is not None
            ],
        ),
        *paperwork.walked((step, None) for one in batch for step in one.steps),
        *paperwork.audited(_outcome_lines(batch, ended)),
        *paperwork.ended(closed),
        *paperwork.ended([*closed, *((payout_id, payout_id) for payout_id in first)]),
    )
    return Archived(endpoint_ids=telling.Told.of_rows(rows).endpoint_ids)


async def find_payout(connection: Connection, house: House, payout_id: str) -> Payout | None:
    row = await connection.fetchrow("SELECT * FROM payouts WHERE id = $1", payout_id)
    return None if row is None else payout_of(house, row)


async def payouts_by_end_to_end_id(
    connection: Connection, house: House, end_to_end_ids: Sequence[str]
) -> dict[str, Payout]:
    rows = await connection.fetch(
        "SELECT * FROM payouts WHERE end_to_end_id = ANY ($1::text[])", end_to_end_ids
    )
    return {row["end_to_end_id"]: payout_of(house, row) for row in rows}


async def unheld_payouts(
    connection: Connection, house: House, before: datetime, limit: int
) -> list[Payout]:
    rows = await connection.fetch(
        """
        SELECT * FROM payouts WHERE stage = 'created' AND updated_at < $1
        ORDER BY updated_at LIMIT $2
        """,
        before,
        limit,
    )
    return those_that_open(partial(payout_of, house), rows)


async def unanswered_payouts(
    connection: Connection, house: House, before: datetime, limit: int
) -> list[Payout]:
    rows = await connection.fetch(
        """
        SELECT * FROM payouts WHERE stage IN ('sent', 'in_doubt') AND updated_at < $1
        ORDER BY updated_at LIMIT $2
        """,
        before,
        limit,
    )
    return those_that_open(partial(payout_of, house), rows)


def _claim(opening: PayoutOpening) -> idempotency.Claim:
    return idempotency.Claim(
        merchant_id=opening.payout.merchant_id,
        idempotency=opening.idempotency,
        resource_id=opening.payout.id,
        at=opening.payout.created_at,
    )


def _row(house: House, opening: PayoutOpening) -> tuple[object, ...]:
    payout = opening.payout
    return (
        payout.id,
        payout.merchant_id,
        payout.account_id,
        payout.end_to_end_id,
        opening.idempotency.key,
        payout.amount,
        payout.description,
        house.seal_json(payout.recipient, RECIPIENT, payout.id),
        payout.stage,
        payout.created_at,
        payout.updated_at,
        payout.failure_code,
        payout.reason_code,
        payout.metadata,
        payout.id,  # given that its key was claimed
    )


def _settled(house: House, hold: Hold, created: Mapping[str, Any]) -> Payout:
    return msgspec.structs.replace(
        payout_of(house, created),
        stage=PayoutStage.HELD if hold.failure_code is None else PayoutStage.FAILED,
        updated_at=hold.at,
        failure_code=hold.failure_code,
    )


def _settled_row(
    house: House, settled: HoldSettled, payout: Payout, key: str
) -> tuple[object, ...]:
    response = idempotency.sealed_response(house, payout.merchant_id, key, settled.response)
    return payout.id, payout.stage, payout.updated_at, payout.failure_code, response


def _ended(archived: OutcomeArchived) -> Payout:
    """The payout as its row is after this: an outcome says all that ever changes about one."""
    outcome = archived.outcome
    assert outcome is not None, "only an outcome ends a payout"
    return msgspec.structs.replace(
        outcome.payout,
        stage=outcome.stage,
        updated_at=outcome.at,
        failure_code=outcome.failure_code,
        reason_code=outcome.reason_code,
    )


def _ended_row(payout: Payout) -> tuple[object, ...]:
    return payout.id, payout.stage, payout.updated_at, payout.failure_code, payout.reason_code


def _outcome_lines(
    batch: Sequence[OutcomeArchived], ended: Sequence[Payout]
) -> Iterator[paperwork.AuditLine]:
    """A line for each change, and one with its reason for each notice that changed nothing."""
    for payout in ended:
        yield _line(payout.stage, payout, "provider", where=origin())

    may_change = {payout.id for payout in ended}
    for one in batch:
        payout_id = None if one.outcome is None else one.outcome.payout.id
        is_first = payout_id in may_change
        may_change.discard(payout_id or "")
        yield paperwork.AuditLine(
            "provider",
            "outcome.ignored",
            one.inbox_id or payout_id or "",
            digest_of(_bare(one)),
            one.note or "the payout had ended before",
            given=f"not {payout_id}" if is_first else None,
        )


def _bare(archived: OutcomeArchived) -> OutcomeArchived:
    return msgspec.structs.replace(archived, event=None, steps=())


def _before(settled: Payout, created: Mapping[str, Any]) -> bytes:
    """The digest of a payout as it was before its hold was settled."""
    return digest_of(
        msgspec.structs.replace(
            settled,
            stage=PayoutStage.CREATED,
            updated_at=created["updated_at"],
            failure_code=created["failure_code"],
        )
    )


def _line(
    action: str, payout: Payout, actor: str, *, where: Origin, before: bytes = b""
) -> paperwork.AuditLine:
    return paperwork.AuditLine(
        actor,
        f"payout.{action}",
        payout.id,
        digest_of(payout),
        given=payout.id,
        before=before,
        merchant_id=payout.merchant_id,
        origin=where,
    )
