"""PIX settles within 40 s of its acceptance, or never: exactly one end, whatever is said later."""

from typing import Any

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from fluxiq import settings as config
from fluxiq.domain.payout import TERMINAL
from fluxiq.domain.records import NoticeKind, Payout, PayoutStage
from fluxiq.errors import SettingsInvalid
from fluxiq.ports import OrderAnswer
from fluxiq.services.settle_orders import CONTRADICTION
from fluxiq.services.sweep import enquire_unanswered
from tests.support.memory_world import MemoryWorld

TIMED_OUT = OrderAnswer(state="rejected", reason_code="AB03")


async def accepted(world: MemoryWorld) -> Payout:
    """A payout that the provider has accepted, and says nothing more about."""
    payout = await world.held()
    await world.run_rooms()
    assert world.now_of(payout).stage is PayoutStage.SENT
    return payout


def told(world: MemoryWorld) -> list[str]:
    ends = ("pix.payout.confirmed", "pix.payout.failed")
    return [one.type for one in world.store.events if one.type in ends]


async def test_an_order_that_nobody_ends_in_40_seconds_is_asked_about_and_ends_by_ab03(
    world: MemoryWorld,
) -> None:
    payout = await accepted(world)
    world.provider.orders[payout.end_to_end_id] = TIMED_OUT
    world.clock.pass_seconds(40)
    world.provider.asked.clear()
    await enquire_unanswered(world.tenant)

    assert world.provider.asked == [payout.end_to_end_id]
    ended = world.now_of(payout)
    assert (ended.stage, ended.failure_code) == (PayoutStage.FAILED, "settlement_timeout")
    assert (await world.balance()).available == 100_00


async def test_it_is_asked_about_again_until_the_provider_knows(world: MemoryWorld) -> None:
    payout = await accepted(world)
    for _ in range(3):
        world.clock.pass_seconds(40)
        await enquire_unanswered(world.tenant)
        assert world.now_of(payout).stage is PayoutStage.SENT
    assert world.provider.asked.count(payout.end_to_end_id) == 3
    assert world.provider.sent == [payout.end_to_end_id]


async def test_an_acceptance_after_ab03_is_ignored_and_leaves_a_contradiction(
    world: MemoryWorld,
) -> None:
    payout = await accepted(world)
    await world.receive(world.provider.reject(payout.end_to_end_id, "AB03"))
    await world.run_rooms()
    balance = await world.balance()

    await world.receive(world.provider.notice(NoticeKind.CONFIRMED, payout.end_to_end_id))
    await world.run_rooms()

    assert world.now_of(payout).stage is PayoutStage.FAILED
    assert await world.balance() == balance
    assert told(world) == ["pix.payout.failed"]
    assert world.store.notes == [f"{CONTRADICTION}confirmed_after_failed"]


async def test_a_rejection_after_the_confirmation_is_one_too(world: MemoryWorld) -> None:
    payout = await accepted(world)
    await world.receive(world.provider.settle(payout.end_to_end_id))
    await world.run_rooms()
    await world.receive(
        world.provider.notice(NoticeKind.REJECTED, payout.end_to_end_id, reason_code="AB03")
    )
    await world.run_rooms()
    assert world.now_of(payout).stage is PayoutStage.CONFIRMED
    assert world.store.notes == [f"{CONTRADICTION}failed_after_confirmed"]


async def test_the_same_said_twice_is_no_contradiction(world: MemoryWorld) -> None:
    payout = await accepted(world)
    await world.receive(world.provider.reject(payout.end_to_end_id, "AB03"))
    await world.receive(
        world.provider.notice(NoticeKind.REJECTED, payout.end_to_end_id, reason_code="AB03")
    )
    await world.run_rooms()
    await world.run_rooms()
    assert world.now_of(payout).stage is PayoutStage.FAILED
    assert not [one for one in world.store.notes if one.startswith(CONTRADICTION)]


WORDS = st.lists(
    st.sampled_from(["confirmed", "rejected", "again", "work", "wait"]), min_size=1, max_size=12
)


@settings(max_examples=200, deadline=None)
@given(words=WORDS, truth=st.sampled_from(["accepted", "settled", "rejected"]))
def test_whatever_is_said_in_whatever_order_there_is_one_end_and_one_event(
    words: list[str], truth: str
) -> None:
    """Duplicates, the wrong order, contradictions: the first that the vault took is the end."""

    async def play() -> None:
        world = await MemoryWorld().open()
        await world.fund(100_00)
        payout = await accepted(world)
        world.provider.orders[payout.end_to_end_id] = OrderAnswer(
            state=truth, reason_code="AB03" if truth == "rejected" else None
        )
        seen = await _say(world, payout, words)
        stage = world.now_of(payout).stage
        assert len(set(seen)) <= 1, "an end is for ever"
        assert told(world) == [f"pix.payout.{stage}"] * (stage in TERMINAL)

        balance = await world.balance()
        paid, held = stage is PayoutStage.CONFIRMED, stage not in TERMINAL
        assert balance.available == (60_00 if paid or held else 100_00)
        assert balance.debits_pending == (40_00 if held else 0)
        assert (await world.store.prove_books()).mismatches == ()

    trio.run(play)


async def _say(world: MemoryWorld, payout: Payout, words: list[str]) -> list[PayoutStage]:
    """The ends that were seen on the way."""
    kinds = {"confirmed": NoticeKind.CONFIRMED, "rejected": NoticeKind.REJECTED}
    ends: list[PayoutStage] = []
    late: Any = []
    for word in [*words, "work"]:
        if word in kinds:
            notice = world.provider.notice(
                kinds[word],
                payout.end_to_end_id,
                reason_code="AB03" if word == "rejected" else None,
            )
            await world.receive(notice, notice)
        elif word == "wait":
            world.clock.pass_seconds(40)
            await enquire_unanswered(world.tenant)
        else:
            await world.publish()
            batch = world.take() if word == "work" else late
            late = late or batch
            await world.work(batch, redelivered=word == "again")
        if (stage := world.now_of(payout).stage) in TERMINAL:
            ends.append(stage)
    return ends


def test_nobody_is_silent_longer_than_pix_allows() -> None:
    assert config.load({}).pix.enquire_after_seconds <= config.SETTLEMENT_SECONDS_MAX
    with pytest.raises(SettingsInvalid, match="enquire_after_seconds"):
        config.load({"FLUXIQ_PIX__ENQUIRE_AFTER_SECONDS": "41"})
