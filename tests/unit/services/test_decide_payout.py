"""A person says how a payout ended: only where the provider does not."""

import pytest

from fluxiq.domain.payout import PayoutEvent
from fluxiq.domain.records import Payout, PayoutStage
from fluxiq.errors import Refused
from fluxiq.services.decide_payout import SILENCE_SECONDS, decide_payout
from tests.support.memory_world import Fault, MemoryWorld

CONFIRMED, FAILED = PayoutEvent.CONFIRMED, PayoutEvent.FAILED
EVIDENCE = "extract of 26 November, page 2"


async def in_doubt(world: MemoryWorld) -> Payout:
    """For an hour."""
    payout = await world.held(10_00)
    world.faults.at["provider.send"] = Fault.ANSWER_LOST
    await world.run_rooms()
    assert world.now_of(payout).stage is PayoutStage.IN_DOUBT
    world.clock.pass_seconds(SILENCE_SECONDS)
    return payout


async def decide(world: MemoryWorld, payout: Payout, event: PayoutEvent) -> Payout:
    return await decide_payout(world.tenant, "operator", payout.id, event, EVIDENCE)


@pytest.mark.parametrize("event", [CONFIRMED, FAILED])
async def test_where_the_provider_says_nothing_the_persons_word_posts_or_voids(
    world: MemoryWorld, event: PayoutEvent
) -> None:
    payout = await in_doubt(world)
    world.faults.at["provider.enquire"] = Fault.REFUSED
    before = len(world.store.events)

    ended = await decide(world, payout, event)
    assert ended.stage.value == event.value
    assert len(world.store.events) == before + 1  # the merchant is told, once
    balance = await world.balance()
    spent = 10_00 if event is CONFIRMED else 0
    assert (balance.debits_posted, balance.debits_pending) == (spent, 0)
    again = await decide(world, payout, event)
    assert again == ended
    assert len(world.store.events) == before + 1
    with pytest.raises(Refused) as refused:
        await decide(world, payout, FAILED if event is CONFIRMED else CONFIRMED)
    assert refused.value.code == "payout_not_in_doubt"


@pytest.mark.parametrize(("event", "agrees"), [(CONFIRMED, True), (FAILED, False)])
async def test_what_the_provider_says_when_it_is_asked_decides(
    world: MemoryWorld, event: PayoutEvent, agrees: bool
) -> None:
    payout = await in_doubt(world)
    world.provider.settle(payout.end_to_end_id)
    if agrees:
        assert (await decide(world, payout, event)).stage is PayoutStage.CONFIRMED
        return
    with pytest.raises(Refused, match="says it is settled"):
        await decide(world, payout, event)
    assert world.now_of(payout).stage is PayoutStage.IN_DOUBT


async def test_an_order_that_the_provider_never_got_is_not_decided_but_sent(
    world: MemoryWorld,
) -> None:
    payout = await in_doubt(world)
    world.provider.orders.clear()
    for event in (CONFIRMED, FAILED):
        with pytest.raises(Refused) as refused:
            await decide(world, payout, event)
        assert refused.value.code == "provider_disagrees"


async def test_an_order_that_is_merely_late_is_not_decided(world: MemoryWorld) -> None:
    payout = await in_doubt(world)
    world.clock.pass_seconds(-1)
    with pytest.raises(Refused) as refused:
        await decide(world, payout, FAILED)
    assert refused.value.code == "payout_not_in_doubt"
    with pytest.raises(Refused) as refused:
        await decide_payout(world.tenant, "operator", "pay_nothing", FAILED, EVIDENCE)
    assert refused.value.code == "payout_not_found"


async def test_an_order_that_did_not_leave_is_not_decided(world: MemoryWorld) -> None:
    payout = await world.held(10_00)
    world.clock.pass_seconds(SILENCE_SECONDS)
    with pytest.raises(Refused) as refused:
        await decide(world, payout, FAILED)
    assert refused.value.code == "payout_not_in_doubt"


async def test_a_notice_that_says_otherwise_later_changes_nothing_and_is_noted(
    world: MemoryWorld,
) -> None:
    payout = await in_doubt(world)
    world.faults.at["provider.enquire"] = Fault.REFUSED
    await decide(world, payout, FAILED)
    await world.receive(world.provider.settle(payout.end_to_end_id))
    await world.run_rooms()
    assert world.now_of(payout).stage is PayoutStage.FAILED
    assert any("contradiction" in note for note in world.store.notes)
