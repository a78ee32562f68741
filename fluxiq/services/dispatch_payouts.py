"""The Gate: a held payout leaves for the provider, with the same end-to-end id on every try.

An order that may have left is never sent again blindly: the provider is asked, and only when it
does not know the order is it sent once more. No answer at all leaves the payout in doubt.
"""

from collections.abc import Sequence
from datetime import timedelta

import msgspec
import trio

from fluxiq.domain.records import Payout, PayoutStage, Room, Step
from fluxiq.errors import Unavailable, Unknown
from fluxiq.ports import OrderAnswer
from fluxiq.services.settle_outcomes import Verdict, settle_outcomes, verdict_of
from fluxiq.services.tenant import Tenant

# An order waits for its worker for less than this, or was announced before: the outbox comes back
# after 10 s. Then an earlier try may have reached the provider without being written down.
FRESH_SECONDS = 8.0

_OPEN = {PayoutStage.HELD, PayoutStage.SENT, PayoutStage.IN_DOUBT}


class _Tried(msgspec.Struct, frozen=True, kw_only=True):
    """One try: what the provider said, or None when the order certainly did not leave."""

    payout: Payout
    answer: OrderAnswer | None
    stage: PayoutStage
    steps: tuple[Step, ...]


async def dispatch_payouts(
    tenant: Tenant, end_to_end_ids: Sequence[str], *, redelivered: bool
) -> int:
    """Send or ask about those still open; returns how many did not leave and must be tried again.

    `redelivered` says that an earlier try may have reached the provider before it was written down.
    """
    known = await tenant.store.payouts(end_to_end_ids)
    waiting = [payout for payout in known.values() if payout.stage in _OPEN]
    tried = await _together(tenant, waiting, ask_first=redelivered)
    await _write_down(tenant, tried)
    return sum(1 for one in tried if one.answer is None and one.stage is PayoutStage.HELD)


async def enquire_payouts(tenant: Tenant, limit: int) -> int:
    """Ask about payouts that nobody has heard of for a while; returns how many were asked about."""
    silence = timedelta(seconds=tenant.settings.pix.enquire_after_seconds)
    waiting = await tenant.store.unanswered_payouts(tenant.clock.now() - silence, limit)
    await _write_down(tenant, await _together(tenant, waiting, ask_first=True))
    return len(waiting)


async def _together(tenant: Tenant, waiting: Sequence[Payout], *, ask_first: bool) -> list[_Tried]:
    """All at once: the provider link bounds how many are under way."""
    tried: list[_Tried] = []

    async def attempt(payout: Payout) -> None:
        entered = tenant.clock.now()
        stale = entered - payout.updated_at > timedelta(seconds=FRESH_SECONDS)
        asks = ask_first or stale or payout.stage is not PayoutStage.HELD
        answer, stage = await (_ask(tenant, payout) if asks else _send(tenant, payout))
        detail = answer.state if answer is not None else stage.value
        gate = Step(
            payout.end_to_end_id,
            Room.GATE,
            entered,
            tenant.clock.now(),
            f"{'ask' if asks else 'send'} {detail}",
        )
        waited = Step(payout.end_to_end_id, Room.POST_ROOM, payout.updated_at, entered, "order")
        steps = (gate,) if asks else (waited, gate)
        tried.append(_Tried(payout=payout, answer=answer, stage=stage, steps=steps))

    async with trio.open_nursery() as nursery:
        for payout in waiting:
            nursery.start_soon(attempt, payout)
    return tried


async def _send(tenant: Tenant, payout: Payout) -> tuple[OrderAnswer | None, PayoutStage]:
    try:
        return await tenant.provider.send(payout), PayoutStage.SENT
    except Unknown:
        return None, PayoutStage.IN_DOUBT
    except Unavailable:
        return None, payout.stage


async def _ask(tenant: Tenant, payout: Payout) -> tuple[OrderAnswer | None, PayoutStage]:
    try:
        answer = await tenant.provider.enquire(payout.end_to_end_id)
    except Unavailable:
        return None, payout.stage
    if answer.state == "not_found":
        return await _send(tenant, payout)
    return answer, PayoutStage.SENT


async def _write_down(tenant: Tenant, tried: Sequence[_Tried]) -> None:
    """Record what left, then end what the provider already decided."""
    now = tenant.clock.now()
    if tried:
        await tenant.store.mark_sent(
            [msgspec.structs.replace(one.payout, stage=one.stage, updated_at=now) for one in tried],
            [step for one in tried for step in one.steps],
        )

    verdicts: list[Verdict] = []
    for one in tried:
        verdict = one.answer and verdict_of(
            msgspec.structs.replace(one.payout, stage=one.stage), one.answer
        )
        if verdict:
            verdicts.append(verdict)
    await settle_outcomes(tenant, verdicts)
