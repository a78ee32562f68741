"""How payouts end: the provider says confirmed or rejected, the vault posts or voids, it is filed.

The ledger decides which of two contradicting notices wins: a hold is posted or voided once. The
loser changes nothing and leaves a note in the audit trail. Before a rejection voids, the provider
is asked: what it calls settled is settled, whatever a notice said.
"""

from collections.abc import Container, Mapping, Sequence
from datetime import datetime

import msgspec
import trio

from fluxiq.domain import payout as payouts
from fluxiq.domain import postings
from fluxiq.domain.identifiers import tb_id_text
from fluxiq.domain.payout import PayoutEvent
from fluxiq.domain.reasons import reason_for
from fluxiq.domain.records import (
    Event,
    InboxEntry,
    NoticeKind,
    Outcome,
    Payout,
    PayoutStage,
    Room,
    Step,
    Transfer,
    TransferStatus,
)
from fluxiq.errors import Unavailable
from fluxiq.ports import OrderAnswer, OutcomeArchived
from fluxiq.services.messages.payouts import payout_view
from fluxiq.services.tenant import Tenant

_TOLD = {
    NoticeKind.CONFIRMED: PayoutEvent.CONFIRMED,
    NoticeKind.REJECTED: PayoutEvent.FAILED,
}
_ANSWERED = {"settled": PayoutEvent.CONFIRMED, "rejected": PayoutEvent.FAILED}
_ENDED_OTHERWISE = {
    TransferStatus.PENDING_TRANSFER_ALREADY_POSTED,
    TransferStatus.PENDING_TRANSFER_ALREADY_VOIDED,
}


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody said that `payout` ended so: a notice of the visitors' book, or an enquiry."""

    payout: Payout | None  # None: no payout has this end-to-end id
    end_to_end_id: str
    event: PayoutEvent
    reason_code: str | None = None
    inbox_id: str | None = None
    said_at: datetime | None = None


def verdict_of(payout: Payout, answer: OrderAnswer) -> Verdict | None:
    """What a provider's answer to an order or enquiry decides; None while it decides nothing."""
    event = _ANSWERED.get(answer.state)
    if event is None:
        return None
    return Verdict(
        payout=payout,
        end_to_end_id=payout.end_to_end_id,
        event=event,
        reason_code=answer.reason_code,
    )


async def settle_notices(tenant: Tenant, entries: Sequence[InboxEntry]) -> list[Outcome]:
    """The payouts that these notices ended. Raises Unavailable or Unknown: they come again."""
    known = await tenant.store.payouts([entry.notice.end_to_end_id for entry in entries])
    settled, unclear = await _ask_about_rejected(tenant, entries, known)
    outcomes = await settle_outcomes(
        tenant,
        [
            _verdict_of_notice(entry, known.get(entry.notice.end_to_end_id), settled)
            for entry in entries
            if entry.notice.end_to_end_id not in unclear
        ],
    )
    for error in unclear.values():
        raise error
    return outcomes


async def settle_outcomes(tenant: Tenant, verdicts: Sequence[Verdict]) -> list[Outcome]:
    """Post or void, then archive, all of `verdicts` together."""
    if not verdicts:
        return []

    vault_at = tenant.clock.now()
    stages = await _judge_and_move(tenant, verdicts)
    archive_at = tenant.clock.now()
    filed = [
        _archive(tenant, verdict, stage, (vault_at, archive_at))
        for verdict, stage in zip(verdicts, stages, strict=True)
    ]

    owed = await tenant.store.archive_outcomes(filed)
    tenant.relay.ring()
    tenant.couriers.ring(owed.endpoint_ids)
    return [line.outcome for line in filed if line.outcome is not None]


async def _ask_about_rejected(
    tenant: Tenant, entries: Sequence[InboxEntry], known: Mapping[str, Payout]
) -> tuple[set[str], dict[str, Unavailable]]:
    """Which open payouts that are said to be rejected the provider, asked, calls settled; and of
    which it says nothing now.

    Notices overtake each other, most of all after an outage of ours, and a void cannot be taken
    back: money that has left would be given back to the payer.
    """
    settled: set[str] = set()
    unclear: dict[str, Unavailable] = {}

    async def ask(end_to_end_id: str) -> None:
        try:
            answer = await tenant.provider.enquire(end_to_end_id)
        except Unavailable as error:
            unclear[end_to_end_id] = error
        else:
            if answer.state == "settled":
                settled.add(end_to_end_id)

    rejected = {
        entry.notice.end_to_end_id for entry in entries if entry.notice.kind is NoticeKind.REJECTED
    }
    async with trio.open_nursery() as nursery:
        for payout in known.values():
            if payout.end_to_end_id in rejected and payout.stage not in payouts.TERMINAL:
                nursery.start_soon(ask, payout.end_to_end_id)
    return settled, unclear


def _verdict_of_notice(
    entry: InboxEntry, payout: Payout | None, settled: Container[str]
) -> Verdict:
    notice = entry.notice
    is_settled = notice.end_to_end_id in settled
    return Verdict(
        payout=payout,
        end_to_end_id=notice.end_to_end_id,
        event=PayoutEvent.CONFIRMED if is_settled else _TOLD[notice.kind],
        reason_code=None if is_settled else notice.reason_code,
        inbox_id=entry.id,
        said_at=entry.received_at,
    )


async def _judge_and_move(tenant: Tenant, verdicts: Sequence[Verdict]) -> list[PayoutStage | str]:
    """The new stage of each payout, or in words why nothing changes."""
    judged: list[PayoutStage | str] = [_judge(verdict) for verdict in verdicts]
    moving = [index for index, stage in enumerate(judged) if isinstance(stage, PayoutStage)]
    statuses = await tenant.ledger.create_transfers(
        [_transfer(tenant, verdicts[index]) for index in moving]
    )

    ended: set[str] = set()
    for index, status in zip(moving, statuses, strict=True):
        verdict = verdicts[index]
        if status in _ENDED_OTHERWISE:
            judged[index] = f"{verdict.event}_but_{status}"
        elif not status.stands:
            raise AssertionError(
                f"the ledger answered {status} to the end of {verdict.end_to_end_id}"
            )
        elif verdict.end_to_end_id in ended:
            judged[index] = f"{verdict.event}_after_{judged[index]}"  # said twice in one batch
        ended.add(verdict.end_to_end_id)
    return judged


def _judge(verdict: Verdict) -> PayoutStage | str:
    if verdict.payout is None:
        return "unknown_end_to_end_id"

    # Its order is not owed yet, so no provider can have ended it; it will be held and sent.
    if verdict.payout.stage is PayoutStage.CREATED:
        return f"{verdict.event}_after_{verdict.payout.stage}"

    change = payouts.advance(verdict.payout.stage, verdict.event)
    return change.stage if isinstance(change, payouts.Changed) else change.reason


def _transfer(tenant: Tenant, verdict: Verdict) -> Transfer:
    assert verdict.payout is not None, "a payout nobody knows moves nothing"
    confirmed = verdict.event is PayoutEvent.CONFIRMED
    posting = postings.payout_post if confirmed else postings.payout_void
    return posting(
        tenant.ispb,
        tenant.institution.ledger,
        verdict.payout.end_to_end_id,
        verdict.payout.amount,
    )


def _archive(
    tenant: Tenant,
    verdict: Verdict,
    stage: PayoutStage | str,
    times: tuple[datetime, datetime],
) -> OutcomeArchived:
    if verdict.payout is None or not isinstance(stage, PayoutStage):
        return OutcomeArchived(
            inbox_id=verdict.inbox_id, outcome=None, event=None, steps=(), note=str(stage)
        )

    now = tenant.clock.now()
    failed = stage is PayoutStage.FAILED
    outcome = Outcome(
        payout=verdict.payout,
        stage=stage,
        at=now,
        failure_code=reason_for(verdict.reason_code).code if failed else None,
        reason_code=verdict.reason_code if failed else None,
        inbox_id=verdict.inbox_id,
    )
    return OutcomeArchived(
        inbox_id=verdict.inbox_id,
        outcome=outcome,
        event=_event(tenant, outcome),
        steps=_steps(tenant, verdict, outcome, times),
    )


def _event(tenant: Tenant, outcome: Outcome) -> Event:
    ended = msgspec.structs.replace(
        outcome.payout,
        stage=outcome.stage,
        updated_at=outcome.at,
        failure_code=outcome.failure_code,
        reason_code=outcome.reason_code,
    )
    kind = "confirmed" if outcome.stage is PayoutStage.CONFIRMED else "failed"
    return Event(
        id=tenant.ids.new("evt"),
        merchant_id=ended.merchant_id,
        type=f"pix.payout.{kind}",
        created_at=outcome.at,
        data=payout_view(ended),
    )


def _steps(
    tenant: Tenant, verdict: Verdict, outcome: Outcome, times: tuple[datetime, datetime]
) -> tuple[Step, ...]:
    vault_at, archive_at = times
    posted = _transfer(tenant, verdict)
    verb = "post" if outcome.stage is PayoutStage.CONFIRMED else "void"
    walked = [
        (Room.VAULT, vault_at, archive_at, f"{verb} {tb_id_text(posted.id)}"),
        (Room.ARCHIVE, archive_at, None, f"{outcome.payout.id} {outcome.stage}"),
    ]
    if verdict.said_at is not None:
        walked.insert(0, (Room.POST_ROOM, verdict.said_at, vault_at, verdict.inbox_id or ""))
    return tuple(
        Step(outcome.payout.end_to_end_id, room, entered, left, detail)
        for room, entered, left, detail in walked
    )
