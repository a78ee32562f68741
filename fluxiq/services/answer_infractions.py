"""The sweep of infractions: what is undone is done, and providers hear what was decided.

Telling moves no money and twice is once, yet an answer that was lost is asked for before anything
is said again, as with orders: the other side may have withdrawn meanwhile.
"""

from collections.abc import Awaitable
from datetime import timedelta
from typing import Final

import msgspec

from fluxiq.domain.infraction import (
    OVER,
    Infraction,
    InfractionEvent,
    InfractionStatus,
    advance,
    owed,
)
from fluxiq.domain.med import MedStage
from fluxiq.errors import Refused, Unavailable, Unknown
from fluxiq.ports.fraud_desk import FraudDesk
from fluxiq.services.pursue_infraction import (
    AGAIN_SECONDS,
    again_at,
    pursue_infraction,
    write_down,
)
from fluxiq.services.settle_orders import CONTRADICTION
from fluxiq.services.tenant import Tenant

SWEEP_MAX: Final = 200
STEPS_MAX: Final = 3  # ask, acknowledge, close


async def answer_infractions(tenant: Tenant) -> int:
    """One round; returns at how many it looked. What fails keeps nobody else from an answer: it is
    raised at the end (Unavailable, Unknown), and comes again.
    """
    failed: Unavailable | Unknown | None = None
    due = await tenant.infractions.due(tenant.clock.now(), SWEEP_MAX)
    for infraction in due:
        try:
            await _answer(tenant, await pursue_infraction(tenant, infraction))
        except (Unavailable, Unknown) as error:
            failed = error
    if failed is not None:
        raise failed
    return len(due)


async def _answer(tenant: Tenant, infraction: Infraction) -> None:
    """Say all that is owed, one thing after the other."""
    try:
        desk = tenant.provider_named(infraction.provider)
    except Refused:
        # The link is not declared any more; it may be again.
        await _note(tenant, infraction, due_at=again_at(tenant, infraction))
        return

    report = await tenant.med.find_of_infraction(infraction.id)
    stage = None if report is None else report.stage
    known = infraction
    for _ in range(STEPS_MAX):
        call = _next_call(desk, known, stage)
        if call is None:
            return
        after = await _hear(tenant, known, call)
        if after is known or after.in_doubt:
            return
        known = after


def _next_call(
    desk: FraudDesk, infraction: Infraction, report: MedStage | None
) -> Awaitable[InfractionStatus | None] | None:
    """What is to be said, or asked where the last answer was lost; None: nothing."""
    word = owed(infraction, report)
    if word is None:
        return None
    if infraction.in_doubt:
        return desk.find_infraction(infraction.number)
    if word is InfractionStatus.ACKNOWLEDGED:
        return desk.acknowledge_infraction(infraction.number)
    return desk.close_infraction(infraction.number, agreed=word is InfractionStatus.AGREED)


async def _hear(
    tenant: Tenant, infraction: Infraction, call: Awaitable[InfractionStatus | None]
) -> Infraction:
    """The infraction as the provider says it stands; in doubt when it does not answer."""
    try:
        status = await call
    except Unknown:
        again = tenant.clock.now() + timedelta(seconds=AGAIN_SECONDS)
        return await _note(tenant, infraction, in_doubt=True, due_at=again)

    if status is None:
        note = f"{CONTRADICTION}the provider does not know it"
        return await _note(tenant, infraction, note, told=InfractionStatus.CANCELLED)
    if status is InfractionStatus.CANCELLED:
        return await _withdrawn(tenant, infraction)
    if status is InfractionStatus.OPEN or infraction.told is status:
        # It heard nothing, or says less than we know: this is no hurry.
        due_at = None if infraction.in_doubt else again_at(tenant, infraction)
        return await _note(tenant, infraction, due_at=due_at)
    return await _note(tenant, infraction, told=status)


async def _withdrawn(tenant: Tenant, infraction: Infraction) -> Infraction:
    """The other side took it back before it heard us: what is blocked for it is released."""
    stage = advance(infraction.stage, InfractionEvent.WITHDRAWN)
    assert stage is not None, f"{infraction.id} is {infraction.stage} and was answered"
    after = await _note(tenant, infraction, told=InfractionStatus.CANCELLED, stage=stage)
    return await pursue_infraction(tenant, after)


async def _note(
    tenant: Tenant, infraction: Infraction, note: str = "", **said: object
) -> Infraction:
    assert infraction.told not in OVER, f"{infraction.id} is over and was told something"
    now = tenant.clock.now()
    changes = {"in_doubt": False, "updated_at": now, **said}
    changes["due_at"] = said.get("due_at") or now
    after = msgspec.structs.replace(infraction, **changes)
    return await write_down(tenant, infraction, after, note)
