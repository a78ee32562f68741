"""A released batch becomes payouts, some lines at a time, however often it is interrupted.

A line's payout stands under an idempotency key that is derived from its batch and number, so
whoever opens it again opens the same one; what became of it is noted afterwards. Whatever a line is
refused for stops no other line.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Struct

from fluxiq.domain.job import Backoff, Job
from fluxiq.domain.payout_batch import (
    BatchEvent,
    BatchStatus,
    Instruction,
    LineOutcome,
    NumberedInstruction,
    PayoutBatch,
    advance,
    line_key,
)
from fluxiq.errors import FluxiqError, Refused
from fluxiq.ports import Idempotency
from fluxiq.ports.payout_batches import BatchMoved
from fluxiq.services.messages.envelope import Answer, digest_of
from fluxiq.services.messages.payouts import OpenPayout, RecipientSaid
from fluxiq.services.open_payout import Asked, Decision, open_payouts
from fluxiq.services.run_jobs import Kind
from fluxiq.services.tenant import Tenant

LINES_AT_ONCE: Final = 50
PLATFORM: Final = "platform"


class OpenLines(Struct, frozen=True, forbid_unknown_fields=True):
    batch_id: str


class _Opened(Struct, frozen=True):
    id: str


class _Envelope(Struct, frozen=True):
    data: _Opened


_payout_in = msgspec.json.Decoder(_Envelope).decode


async def open_batch_lines(tenant: Tenant, batch_id: str) -> None:
    """Open what is not open yet; the batch is released once every line has an outcome. Raises what
    some line met that leaves its outcome open, Unavailable or Unknown, after all others were tried.
    """
    batch = await tenant.payout_batches.find(batch_id)
    assert batch is not None, f"{batch_id} was released and is not on paper"
    if batch.status is not BatchStatus.RELEASING:
        return

    after, left_open = 0, None
    while lines := await tenant.payout_batches.unopened(batch_id, after, LINES_AT_ONCE):
        left_open = await _open(tenant, batch, lines) or left_open
        after = lines[-1].number
    if left_open is not None:
        raise left_open
    await _finish(tenant, batch)


async def _open(
    tenant: Tenant, batch: PayoutBatch, lines: Sequence[NumberedInstruction]
) -> FluxiqError | None:
    """Note what became of each line; returns an error that leaves one open."""
    asked = [_asked(batch, one) for one in lines]
    decisions = await open_payouts(tenant, batch.merchant_id, asked, tenant.clock.now())
    outcomes, left_open = list[LineOutcome](), None
    for line, decision in zip(lines, decisions, strict=True):
        outcome = _outcome(line.number, decision)
        if outcome is not None:
            outcomes.append(outcome)
        elif isinstance(decision.said, FluxiqError):
            left_open = decision.said
    if outcomes:
        await tenant.payout_batches.note(batch, outcomes)
    return left_open


def _asked(batch: PayoutBatch, line: NumberedInstruction) -> Asked:
    order = _order(batch, line.instruction)
    key = line_key(batch.id, line.number)
    return Asked(order, Idempotency(key=key, digest=digest_of(order)))


def _order(batch: PayoutBatch, said: Instruction) -> OpenPayout:
    named = {"reference": said.reference} if said.reference else {}
    return OpenPayout(
        amount=said.amount,
        recipient=RecipientSaid(pix_key=said.pix_key, pix_key_type=said.pix_key_type),
        description=said.description,
        account_id=batch.account_id,
        metadata={"payout_batch_id": batch.id} | named,
    )


def _outcome(number: int, decision: Decision) -> LineOutcome | None:
    """None where nothing is known: the line is tried again."""
    match decision.said:
        case Answer() as answer:
            return LineOutcome(number=number, payout_id=_payout_in(answer.body).data.id)
        case Refused(code="idempotency_in_progress"):
            # Somebody who opened it before was interrupted: it is on paper, and the sweep ends it.
            return LineOutcome(number=number, payout_id=decision.payout_id)
        case Refused() as refused:
            payout_id = decision.payout_id or refused.details.get("payout_id")
            return LineOutcome(number=number, payout_id=payout_id, error_code=refused.code)
    if decision.payout_id is None:
        return None
    return LineOutcome(number=number, payout_id=decision.payout_id)


async def _finish(tenant: Tenant, batch: PayoutBatch) -> None:
    status = advance(batch.status, BatchEvent.OPENED)
    assert status is not None, "a batch that is releasing comes to its end"
    released = msgspec.structs.replace(batch, status=status, updated_at=tenant.clock.now())
    await tenant.payout_batches.move(
        BatchMoved(batch=released, before=batch.status, actor=PLATFORM)
    )


async def _run(tenant: Tenant, args: OpenLines, _job: Job) -> None:
    await open_batch_lines(tenant, args.batch_id)


# A directory or a ledger that is away must not leave half a batch: it is tried until it is there.
OPEN_LINES: Final = Kind(
    name="payout_batches.open",
    run=_run,
    args={1: OpenLines},
    concurrency=2,  # a thousand lines take their time, and others want to work too
    attempts_max=1000,
    seconds_max=600.0,
    backoff=Backoff(seconds=2.0, seconds_max=60.0),
)
