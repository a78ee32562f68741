"""The Gate: a held order leaves for the provider, with the same id on every try.

An order that may have left is never sent again blindly: the provider is asked, and only when it
does not know the order is it sent once more. No answer at all leaves the order in doubt.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Generic

import msgspec
import trio

from fluxiq.domain.payout import TERMINAL
from fluxiq.domain.records import Payout, PayoutStage, Refund, Room, Step
from fluxiq.errors import Unavailable, Unknown
from fluxiq.ports import OrderAnswer
from fluxiq.services.orders import O, OrderKind, Verdict
from fluxiq.services.settle_orders import settle_orders, verdict_of
from fluxiq.services.tenant import Tenant

# An order waits for its worker for less than this, or was announced before: the outbox comes back
# after 10 s. Then an earlier try may have reached the provider without being written down.
FRESH_SECONDS = 8.0

# Of one account, whose payees may be slow: half of what a link has (settings.providers.LinkLimits).
AT_ONCE = 32

_OPEN = {PayoutStage.HELD, PayoutStage.SENT, PayoutStage.IN_DOUBT}


class _Tried(msgspec.Struct, Generic[O], frozen=True, kw_only=True):
    """One try: what the provider said, or None when the order certainly did not leave."""

    order: O
    answer: OrderAnswer | None
    stage: PayoutStage
    steps: tuple[Step, ...]


async def dispatch_orders(
    tenant: Tenant, kind: OrderKind[O], order_ids: Sequence[str], *, redelivered: bool
) -> int:
    """Send or ask about those still open; returns how many did not leave and must be tried again.

    `redelivered` says that an earlier try may have reached the provider before it was written down.
    """
    known = await kind.find(tenant, order_ids)
    over = [order.id for order in known.values() if order.stage in TERMINAL]
    if over:
        await tenant.dead_letters.close(over)  # said again after their end, by a replay

    waiting = [order for order in known.values() if order.stage in _OPEN]
    tried = await _together(tenant, kind, waiting, ask_first=redelivered)
    await _write_down(tenant, kind, tried)
    return sum(1 for one in tried if one.answer is None and one.stage is PayoutStage.HELD)


async def enquire_orders(tenant: Tenant, kind: OrderKind[O], limit: int) -> int:
    """Ask about orders that nobody has heard of for a while; returns how many were asked about."""
    silence = timedelta(seconds=tenant.settings.pix.enquire_after_seconds)
    waiting = await kind.unanswered(tenant, tenant.clock.now() - silence, limit)
    await _write_down(tenant, kind, await _together(tenant, kind, waiting, ask_first=True))
    return len(waiting)


async def _together(
    tenant: Tenant, kind: OrderKind[O], waiting: Sequence[O], *, ask_first: bool
) -> list[_Tried[O]]:
    """Many at once, yet not so many that the provider link has no room for others."""
    tried: list[_Tried[O]] = []
    room = trio.CapacityLimiter(AT_ONCE)

    async def attempt(order: O) -> None:
        entered = tenant.clock.now()
        asks = ask_first or order.stage is not PayoutStage.HELD or _is_stale(order, entered)
        async with room:
            answer, stage = await (_ask if asks else _send)(tenant, kind, order)
        detail = answer.state if answer is not None else stage.value
        gate = Step(
            order.order_id,
            Room.GATE,
            entered,
            tenant.clock.now(),
            f"{'ask' if asks else 'send'} {detail}",
        )
        waited = Step(order.order_id, Room.POST_ROOM, order.updated_at, entered, "order")
        steps = (gate,) if asks else (waited, gate)
        tried.append(_Tried(order=order, answer=answer, stage=stage, steps=steps))

    async with trio.open_nursery() as nursery:
        for order in waiting:
            nursery.start_soon(attempt, order)
    return tried


def _is_stale(order: Payout | Refund, now: datetime) -> bool:
    return now - order.updated_at > timedelta(seconds=FRESH_SECONDS)


async def _send(
    tenant: Tenant, kind: OrderKind[O], order: O
) -> tuple[OrderAnswer | None, PayoutStage]:
    try:
        return await kind.send(tenant, order), PayoutStage.SENT
    except Unknown:
        return None, PayoutStage.IN_DOUBT
    except Unavailable:
        return None, order.stage


async def _ask(
    tenant: Tenant, kind: OrderKind[O], order: O
) -> tuple[OrderAnswer | None, PayoutStage]:
    try:
        answer = await tenant.provider.enquire(order.order_id)
    except Unavailable:
        return None, order.stage
    if answer.state == "not_found":
        # A message dies only after several tries: one that is sent without asking is too young.
        if await tenant.dead_letters.discarded([order.id]):
            return answer, order.stage
        return await _send(tenant, kind, order)
    return answer, PayoutStage.SENT


async def _write_down(tenant: Tenant, kind: OrderKind[O], tried: Sequence[_Tried[O]]) -> None:
    """Record what left, then end what the provider already decided."""
    now = tenant.clock.now()
    if tried:
        await kind.mark_sent(
            tenant,
            [msgspec.structs.replace(one.order, stage=one.stage, updated_at=now) for one in tried],
            [step for one in tried for step in one.steps],
        )

    verdicts: list[Verdict[O]] = []
    for one in tried:
        verdict = one.answer and verdict_of(
            msgspec.structs.replace(one.order, stage=one.stage), one.answer
        )
        if verdict:
            verdicts.append(verdict)
    await settle_orders(tenant, kind, verdicts)
