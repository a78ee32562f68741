"""Charges: opened together with the answer a replay gets, expired by time, or cancelled."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Final

from msgspec.structs import replace

from fluxiq.domain.records import Charge, ChargeStatus, Event
from fluxiq.ports import Archived, ChargeOpening, Fresh, Opening
from fluxiq.ports.origin import Origin, origin
from fluxiq.ports.payments import ChargeCancelling, NotPending
from fluxiq.stores import idempotency, job_queue, paperwork, telling
from fluxiq.stores.pool import Connection
from fluxiq.stores.rows import columns, digest_of
from fluxiq.stores.sealed import CHARGE_CODE, CHARGE_KEY, CHARGE_PAYER, House
from fluxiq.stores.sealed_records import charge_of, sealed_payer, those_that_open
from fluxiq.stores.statement import GIVEN, Part, compose

_MADE: Final = Part(
    "made",
    f"""
    INSERT INTO charges (
        id, merchant_id, account_id, txid, amount, description, payer, pix_key, qr_code, status,
        expires_at, created_at, paid_at, end_to_end_id, metadata
    )
    SELECT
        id, merchant_id, account_id, txid, amount, description, payer, pix_key, qr_code, status,
        expires_at, created_at, paid_at, end_to_end_id, metadata
    FROM unnest(
        $1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::bytea[],
        $8::bytea[], $9::bytea[], $10::text[], $11::timestamptz[], $12::timestamptz[],
        $13::timestamptz[], $14::text[], $15::jsonb[], $16::text[]
    ) AS asked (
        id, merchant_id, account_id, txid, amount, description, payer, pix_key, qr_code, status,
        expires_at, created_at, paid_at, end_to_end_id, metadata, given
    )
    WHERE {GIVEN}
    """,  # noqa: S608 - a constant
)

_OPEN: Final = compose(
    [
        idempotency.CLAIMED,
        Part("happened", "SELECT what FROM claimed"),
        _MADE,
        *telling.TELLING,
        paperwork.AUDITED,
    ],
    telling.RESULT,
)

_OVERDUE: Final = """
SELECT * FROM charges WHERE status = 'pending' AND expires_at < $1 ORDER BY expires_at LIMIT $2
"""

# Locked in the order of their ids, as receipts lock theirs.
_EXPIRE: Final = """
UPDATE charges SET status = 'expired'
WHERE status = 'pending' AND id IN (
    SELECT id FROM charges WHERE id = ANY ($1::text[]) ORDER BY id FOR UPDATE
)
RETURNING *
"""


async def open_charges(
    connection: Connection, house: House, openings: Sequence[ChargeOpening]
) -> list[Opening]:
    claims = idempotency.Claims(house, [_claim(opening) for opening in openings])
    # What is made under a key is given the claim; without a key it is made always.
    asked = [
        (opening, opening.charge.id if opening.idempotency is not None else None)
        for index, opening in enumerate(openings)
        if claims.may_win(index)
    ]
    rows = await connection.fetch(
        _OPEN,
        *claims.columns(),
        *columns([(*_row(house, one.charge), given) for one, given in asked], 16),
        *telling.told(house, [telling.Telling(one.event, given=given) for one, given in asked]),
        *paperwork.audited(
            _line("created", one.charge, given=given, where=one.origin) for one, given in asked
        ),
    )
    told = telling.Told.of_rows(rows)
    answers = await claims.answers(connection, told.happened)
    return [
        Fresh(told.of(opening.event)) if isinstance(answer, Fresh) else answer
        for opening, answer in zip(openings, answers, strict=True)
    ]


async def find_charge(connection: Connection, house: House, charge_id: str) -> Charge | None:
    row = await connection.fetchrow("SELECT * FROM charges WHERE id = $1", charge_id)
    return None if row is None else charge_of(house, row)


async def overdue_charges(
    connection: Connection, house: House, before: datetime, limit: int
) -> list[Charge]:
    rows = await connection.fetch(_OVERDUE, before, limit)
    return those_that_open(partial(charge_of, house), rows)


async def archive_expiries(
    connection: Connection, house: House, batch: Sequence[tuple[Charge, Event]]
) -> Archived:
    events = {charge.id: event for charge, event in batch}
    rows = await connection.fetch(_EXPIRE, list(events))
    expired = [charge_of(house, row) for row in rows]
    if not expired:
        return Archived()

    told = await telling.tell(
        connection, house, [telling.Telling(events[one.id]) for one in expired]
    )
    lines = [_changed("expired", charge, actor="platform") for charge in expired]
    await paperwork.file(connection, audit=lines)
    return Archived(endpoint_ids=told.endpoint_ids)


async def cancel_charge(
    connection: Connection, house: House, cancelling: ChargeCancelling
) -> Opening | NotPending:
    """In a transaction. The charge is locked first: a receipt that pays it waits, or was first."""
    charge = cancelling.charge
    status = await connection.fetchval(
        "SELECT status FROM charges WHERE id = $1 FOR UPDATE", charge.id
    )
    if status != ChargeStatus.PENDING:
        return NotPending(ChargeStatus(status))

    answer = await idempotency.claim_alone(connection, house, _claim_to_cancel(cancelling))
    if not isinstance(answer, Fresh):
        return answer

    await connection.execute(
        "UPDATE charges SET status = $2 WHERE id = $1", charge.id, charge.status
    )
    told = await telling.tell(connection, house, [telling.Telling(cancelling.event)])
    await paperwork.file(connection, audit=[_changed("cancelled", charge)])
    await job_queue.enqueue(connection, cancelling.jobs)
    return Fresh(told.endpoint_ids)


def _claim_to_cancel(cancelling: ChargeCancelling) -> idempotency.Claim | None:
    if cancelling.idempotency is None:
        return None

    return idempotency.Claim(
        merchant_id=cancelling.charge.merchant_id,
        idempotency=cancelling.idempotency,
        resource_id=cancelling.charge.id,
        at=cancelling.at,
        refused=False,
        response=cancelling.response,
    )


def _claim(opening: ChargeOpening) -> idempotency.Claim | None:
    if opening.idempotency is None:
        return None

    return idempotency.Claim(
        merchant_id=opening.charge.merchant_id,
        idempotency=opening.idempotency,
        resource_id=opening.charge.id,
        at=opening.charge.created_at,
        refused=False,
        response=opening.response,
    )


def _row(house: House, charge: Charge) -> tuple[object, ...]:
    return (
        charge.id,
        charge.merchant_id,
        charge.account_id,
        charge.txid,
        charge.amount,
        charge.description,
        sealed_payer(house, charge.payer, CHARGE_PAYER, charge.id),
        house.seal_text(charge.pix_key, CHARGE_KEY, charge.id),
        house.seal_text(charge.qr_code, CHARGE_CODE, charge.id),
        charge.status,
        charge.expires_at,
        charge.created_at,
        charge.paid_at,
        charge.end_to_end_id,
        charge.metadata,
    )


def _line(action: str, charge: Charge, *, given: str | None, where: Origin) -> paperwork.AuditLine:
    return paperwork.AuditLine(
        paperwork.asker(where, charge.merchant_id),
        f"charge.{action}",
        charge.id,
        digest_of(charge),
        given=given,
        merchant_id=charge.merchant_id,
        origin=where,
    )


def _changed(action: str, charge: Charge, *, actor: str | None = None) -> paperwork.AuditLine:
    """Of one that was pending until now, and changed in nothing else."""
    line = _line(action, charge, given=None, where=origin())
    before = digest_of(replace(charge, status=ChargeStatus.PENDING))
    return replace(line, actor=actor or line.actor, before=before)
