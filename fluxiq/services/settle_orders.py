"""How orders end: the provider says confirmed or rejected, the vault posts or voids, it is filed.

The ledger decides which of two contradicting notices wins: a hold is posted or voided once. The
loser changes nothing and leaves a note in the audit trail. Before a rejection voids, the provider
is asked: what it calls settled is settled, whatever a notice said.
"""

from collections.abc import Container, Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Final

import msgspec
import trio

from fluxiq.domain import payout as payouts
from fluxiq.domain.identifiers import tb_id_text
from fluxiq.domain.payout import PayoutEvent
from fluxiq.domain.reasons import reason_for
from fluxiq.domain.records import (
    InboxEntry,
    NoticeKind,
    PayoutStage,
    Room,
    Step,
    Transfer,
    TransferStatus,
)
from fluxiq.errors import Unavailable
from fluxiq.ports import OrderAnswer
from fluxiq.services.orders import Judged, O, OrderKind, Verdict
from fluxiq.services.tenant import Tenant

# So begin the notes in the audit trail that a person should look at: the provider's books and ours
# may differ.
CONTRADICTION: Final = "contradiction: "

_TOLD = {
    NoticeKind.CONFIRMED: PayoutEvent.CONFIRMED,
    NoticeKind.REJECTED: PayoutEvent.FAILED,
}
_ANSWERED = {"settled": PayoutEvent.CONFIRMED, "rejected": PayoutEvent.FAILED}
_ENDED_OTHERWISE = {
    TransferStatus.PENDING_TRANSFER_ALREADY_POSTED,
    TransferStatus.PENDING_TRANSFER_ALREADY_VOIDED,
}


def verdict_of(order: O, answer: OrderAnswer) -> Verdict[O] | None:
    """What a provider's answer to an order or enquiry decides; None while it decides nothing."""
    event = _ANSWERED.get(answer.state)
    if event is None:
        return None
    return Verdict(
        order=order, order_id=order.order_id, event=event, reason_code=answer.reason_code
    )


async def settle_order_notices(
    tenant: Tenant, kind: OrderKind[O], entries: Sequence[InboxEntry]
) -> list[O]:
    """The orders that these notices ended. Raises Unavailable or Unknown: they come again."""
    if not entries:
        return []
    known = await kind.find(tenant, [entry.notice.end_to_end_id for entry in entries])
    settled, unclear = await _ask_about_rejected(tenant, entries, known)
    ended = await settle_orders(
        tenant,
        kind,
        [
            _verdict_of_notice(entry, known.get(entry.notice.end_to_end_id), settled)
            for entry in entries
            if entry.notice.end_to_end_id not in unclear
        ],
    )
    for error in unclear.values():
        raise error
    return ended


async def settle_orders(
    tenant: Tenant, kind: OrderKind[O], verdicts: Sequence[Verdict[O]]
) -> list[O]:
    """Post or void, then archive, all of `verdicts` together; returns the orders that ended."""
    if not verdicts:
        return []

    vault_at = tenant.clock.now()
    transfers = [_transfers(tenant, kind, verdict) for verdict in verdicts]
    stages = await _move(tenant, verdicts, transfers)
    archive_at = tenant.clock.now()
    judged = [
        _judged(tenant, verdict, stage, moved, (vault_at, archive_at))
        for verdict, stage, moved in zip(verdicts, stages, transfers, strict=True)
    ]

    owed = await kind.archive(tenant, judged)
    tenant.relay.ring()
    tenant.couriers.ring(owed)
    return [one.ended for one in judged if one.ended is not None]


async def _ask_about_rejected(
    tenant: Tenant, entries: Sequence[InboxEntry], known: Mapping[str, O]
) -> tuple[set[str], dict[str, Unavailable]]:
    """Which open orders that are said to be rejected the provider, asked, calls settled; and of
    which it says nothing now.

    Notices overtake each other, most of all after an outage of ours, and a void cannot be taken
    back: money that has left would be given back to the payer.
    """
    settled: set[str] = set()
    unclear: dict[str, Unavailable] = {}

    async def ask(order_id: str) -> None:
        try:
            answer = await tenant.provider.enquire(order_id)
        except Unavailable as error:
            unclear[order_id] = error
        else:
            if answer.state == "settled":
                settled.add(order_id)

    rejected = {
        entry.notice.end_to_end_id for entry in entries if entry.notice.kind is NoticeKind.REJECTED
    }
    async with trio.open_nursery() as nursery:
        for order in known.values():
            if order.order_id in rejected and order.stage not in payouts.TERMINAL:
                nursery.start_soon(ask, order.order_id)
    return settled, unclear


def _verdict_of_notice(entry: InboxEntry, order: O | None, settled: Container[str]) -> Verdict[O]:
    notice = entry.notice
    is_settled = notice.end_to_end_id in settled
    return Verdict(
        order=order,
        order_id=notice.end_to_end_id,
        event=PayoutEvent.CONFIRMED if is_settled else _TOLD[notice.kind],
        reason_code=None if is_settled else notice.reason_code,
        inbox_id=entry.id,
        said_at=entry.received_at,
    )


def _transfers(tenant: Tenant, kind: OrderKind[O], verdict: Verdict[O]) -> Sequence[Transfer]:
    """What the verdict moves: nothing, where it changes nothing."""
    if verdict.order is None or not isinstance(_judge(verdict), PayoutStage):
        return ()
    return kind.resolve(tenant, verdict.order, verdict.event)


async def _move(
    tenant: Tenant, verdicts: Sequence[Verdict[O]], transfers: Sequence[Sequence[Transfer]]
) -> list[PayoutStage | str]:
    """The new stage of each order, or in words why nothing changes. The status of the first of an
    order's transfers speaks for its chain.
    """
    statuses = iter(await tenant.ledger.create_transfers(list(chain.from_iterable(transfers))))
    judged = [_judge(verdict) for verdict in verdicts]
    ended: set[str] = set()
    for index, (verdict, moved) in enumerate(zip(verdicts, transfers, strict=True)):
        if not moved:
            continue

        status, *_ = [next(statuses) for _ in moved]
        if status in _ENDED_OTHERWISE:
            judged[index] = f"{CONTRADICTION}{verdict.event}_but_{status}"
        elif not status.stands:
            raise AssertionError(f"the ledger answered {status} to the end of {verdict.order_id}")
        elif verdict.order_id in ended:
            judged[index] = f"{verdict.event}_after_{judged[index]}"  # said twice in one batch
        ended.add(verdict.order_id)
    return judged


def _judge(verdict: Verdict[O]) -> PayoutStage | str:
    if verdict.order is None:
        return "unknown_end_to_end_id"

    # It is not owed to a provider yet, so none can have ended it; it will be held and sent.
    if verdict.order.stage in payouts.NOT_ORDERED:
        return f"{verdict.event}_after_{verdict.order.stage}"

    change = payouts.advance(verdict.order.stage, verdict.event)
    if isinstance(change, payouts.Changed):
        return change.stage
    return f"{CONTRADICTION}{change.reason}" if change.contradicts else change.reason


def _judged(
    tenant: Tenant,
    verdict: Verdict[O],
    stage: PayoutStage | str,
    moved: Sequence[Transfer],
    times: tuple[datetime, datetime],
) -> Judged[O]:
    if verdict.order is None or not isinstance(stage, PayoutStage):
        return Judged(verdict=verdict, ended=None, note=str(stage))

    failed = stage is PayoutStage.FAILED
    ended = msgspec.structs.replace(
        verdict.order,
        stage=stage,
        updated_at=tenant.clock.now(),
        failure_code=reason_for(verdict.reason_code).code if failed else None,
        reason_code=verdict.reason_code if failed else None,
    )
    # What is linked behind it, as the block of a fraud report, ends no hold.
    ending = next(one for one in reversed(moved) if one.pending_id)
    return Judged(verdict=verdict, ended=ended, steps=_steps(verdict, ended, ending, times))


def _steps(
    verdict: Verdict[O], ended: O, posted: Transfer, times: tuple[datetime, datetime]
) -> tuple[Step, ...]:
    vault_at, archive_at = times
    verb = "post" if ended.stage is PayoutStage.CONFIRMED else "void"
    walked = [
        (Room.VAULT, vault_at, archive_at, f"{verb} {tb_id_text(posted.id)}"),
        (Room.ARCHIVE, archive_at, None, f"{ended.id} {ended.stage}"),
    ]
    if verdict.said_at is not None:
        walked.insert(0, (Room.POST_ROOM, verdict.said_at, vault_at, verdict.inbox_id or ""))
    return tuple(
        Step(ended.order_id, room, entered, left, detail) for room, entered, left, detail in walked
    )
