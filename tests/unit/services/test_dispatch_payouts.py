"""The Gate: an order leaves once; what may have left before is asked about, never sent blindly."""

import pytest

from fluxiq.domain.records import Payout, PayoutStage, Room
from fluxiq.ports import OrderAnswer
from fluxiq.services.dispatch_payouts import FRESH_SECONDS, dispatch_payouts
from fluxiq.services.sweep import enquire_unanswered
from tests.support.memory_world import Fault, MemoryWorld


async def dispatch(world: MemoryWorld, *payouts: Payout, redelivered: bool = False) -> int:
    ids = [one.end_to_end_id for one in payouts]
    world.provider.asked.clear()
    return await dispatch_payouts(world.tenant, ids, redelivered=redelivered)


def plan(world: MemoryWorld, fault: Fault, *, after: int = 1) -> None:
    """The first call is the store's; then the provider is asked or sent to."""
    world.faults.plan = [*[None] * after, fault]


async def test_a_fresh_order_is_sent_without_asking(world: MemoryWorld) -> None:
    payout = await world.held()

    left = await dispatch(world, payout)

    assert left == 0
    assert world.provider.sent == [payout.end_to_end_id]
    assert world.provider.asked == []
    assert world.now_of(payout).stage is PayoutStage.SENT
    assert not any(one.work == payout.id for one in world.store.outbox.values())


async def test_an_order_that_gets_no_answer_is_in_doubt_and_asked_about_later(
    world: MemoryWorld,
) -> None:
    payout = await world.held()
    plan(world, Fault.ANSWER_LOST)

    assert await dispatch(world, payout) == 0
    assert world.now_of(payout).stage is PayoutStage.IN_DOUBT

    world.provider.settle(payout.end_to_end_id)
    world.clock.pass_seconds(world.tenant.settings.pix.enquire_after_seconds + 1)
    assert await enquire_unanswered(world.tenant) == 1

    assert world.now_of(payout).stage is PayoutStage.CONFIRMED
    assert world.provider.sent == [payout.end_to_end_id]


async def test_an_order_in_doubt_that_the_provider_never_saw_is_sent_again_under_the_same_id(
    world: MemoryWorld,
) -> None:
    payout = await world.held()
    plan(world, Fault.ANSWER_LOST)
    await dispatch(world, payout)
    world.provider.orders.clear()
    world.provider.sent.clear()

    world.clock.pass_seconds(world.tenant.settings.pix.enquire_after_seconds + 1)
    await enquire_unanswered(world.tenant)

    assert world.provider.asked == [payout.end_to_end_id]
    assert world.provider.sent == [payout.end_to_end_id]
    assert world.now_of(payout).stage is PayoutStage.SENT


async def test_an_order_that_certainly_did_not_leave_stays_held_and_owed(
    world: MemoryWorld,
) -> None:
    payout = await world.held()
    plan(world, Fault.REFUSED)

    assert await dispatch(world, payout) == 1

    assert world.now_of(payout).stage is PayoutStage.HELD
    assert any(one.work == payout.id for one in world.store.outbox.values())


async def test_a_redelivered_order_is_asked_about_first(world: MemoryWorld) -> None:
    payout = await world.held()
    world.provider.orders[payout.end_to_end_id] = OrderAnswer(state="accepted")

    await dispatch(world, payout, redelivered=True)

    assert world.provider.asked == [payout.end_to_end_id]
    assert world.provider.sent == []
    assert world.now_of(payout).stage is PayoutStage.SENT


async def test_a_redelivered_order_that_the_provider_does_not_know_is_sent(
    world: MemoryWorld,
) -> None:
    payout = await world.held()

    await dispatch(world, payout, redelivered=True)

    assert world.provider.asked == world.provider.sent == [payout.end_to_end_id]


async def test_an_old_order_is_asked_about_first_because_it_may_have_left_before(
    world: MemoryWorld,
) -> None:
    payout = await world.held()
    world.clock.pass_seconds(FRESH_SECONDS + 0.001)

    await dispatch(world, payout)

    assert world.provider.asked == [payout.end_to_end_id]


async def test_an_order_of_the_last_fresh_moment_is_sent(world: MemoryWorld) -> None:
    payout = await world.held()
    world.clock.pass_seconds(FRESH_SECONDS)

    await dispatch(world, payout)

    assert world.provider.asked == []


async def test_a_redelivered_order_about_which_nobody_answers_is_not_sent(
    world: MemoryWorld,
) -> None:
    payout = await world.held()
    plan(world, Fault.REFUSED)

    assert await dispatch(world, payout, redelivered=True) == 1

    assert world.provider.sent == []
    assert world.now_of(payout).stage is PayoutStage.HELD


async def test_a_crash_between_the_order_and_its_record_does_not_order_twice(
    world: MemoryWorld,
) -> None:
    payout = await world.held()
    world.faults.at["store.mark_sent"] = Fault.CRASH_BEFORE
    with pytest.raises(Exception, match=r"before store\.mark_sent"):
        await dispatch(world, payout)

    await dispatch(world, payout, redelivered=True)

    assert world.provider.sent == [payout.end_to_end_id]
    assert world.now_of(payout).stage is PayoutStage.SENT


@pytest.mark.parametrize(
    ("state", "stage"),
    [("settled", PayoutStage.CONFIRMED), ("rejected", PayoutStage.FAILED)],
)
async def test_an_order_that_is_decided_at_once_ends_at_once(
    world: MemoryWorld, state: str, stage: PayoutStage
) -> None:
    payout = await world.held()
    answer = OrderAnswer(state=state, reason_code="AC06" if state == "rejected" else None)
    world.provider.orders[payout.end_to_end_id] = answer

    await dispatch(world, payout)

    ended = world.now_of(payout)
    assert ended.stage is stage
    assert ended.failure_code == ("account_blocked" if state == "rejected" else None)
    assert (await world.balance()).debits_pending == 0


@pytest.mark.parametrize("ending", ["settle", "reject"])
async def test_an_order_whose_payout_has_ended_is_neither_sent_nor_asked_about(
    world: MemoryWorld, ending: str
) -> None:
    payout = await world.held()
    await world.receive(getattr(world.provider, ending)(payout.end_to_end_id))
    await world.publish()
    messages = [one for one in world.take() if ".outcome." in one.subject]
    await world.work(messages)

    assert await dispatch(world, payout) == 0
    assert world.provider.sent == world.provider.asked == []


async def test_an_order_of_a_payout_that_nobody_knows_is_nothing_to_do(world: MemoryWorld) -> None:
    unknown = "E" + "1" * 31

    assert await dispatch_payouts(world.tenant, [unknown], redelivered=False) == 0
    assert world.provider.sent == []


async def test_many_orders_leave_together_and_one_that_cannot_is_counted(
    world: MemoryWorld,
) -> None:
    payouts = [await world.held(10_00) for _ in range(3)]
    plan(world, Fault.REFUSED, after=2)

    assert await dispatch(world, *payouts) == 1

    stages = sorted(world.now_of(one).stage for one in payouts)
    assert stages == [PayoutStage.HELD, PayoutStage.SENT, PayoutStage.SENT]


async def test_an_unanswered_order_is_not_asked_about_at_every_sweep(world: MemoryWorld) -> None:
    payout = await world.held()
    await dispatch(world, payout)
    silence = world.tenant.settings.pix.enquire_after_seconds

    assert await enquire_unanswered(world.tenant) == 0
    world.clock.pass_seconds(silence + 1)
    assert await enquire_unanswered(world.tenant) == 1
    assert await enquire_unanswered(world.tenant) == 0


async def test_an_enquiry_without_an_answer_changes_nothing_but_when_to_ask_again(
    world: MemoryWorld,
) -> None:
    payout = await world.held()
    plan(world, Fault.ANSWER_LOST)
    await dispatch(world, payout)
    world.faults.away.add("provider")
    world.clock.pass_seconds(60)

    await enquire_unanswered(world.tenant)

    assert world.now_of(payout).stage is PayoutStage.IN_DOUBT
    assert world.now_of(payout).updated_at == world.clock.now()


async def test_the_walk_says_whether_the_gate_sent_or_asked(world: MemoryWorld) -> None:
    payout = await world.held()
    await dispatch(world, payout)
    world.clock.pass_seconds(60)
    await enquire_unanswered(world.tenant)

    gate = [step.detail for step in world.store.steps if step.room is Room.GATE]
    assert gate == ["send accepted", "ask accepted"]
