"""How payouts end: once, whatever is said of them, how often, and in which order."""

from collections import Counter

import pytest

from fluxiq.domain.records import (
    InboxEntry,
    Notice,
    NoticeKind,
    Payout,
    PayoutStage,
    TransferStatus,
)
from fluxiq.errors import FluxiqError, Unavailable
from fluxiq.ports import OrderAnswer
from fluxiq.services.settle_outcomes import settle_notices
from tests.support.memory_world import LINK, Crash, Fault, MemoryWorld

CONFIRMED, REJECTED = NoticeKind.CONFIRMED, NoticeKind.REJECTED


async def sent(world: MemoryWorld, amount: int = 40_00) -> Payout:
    """A payout whose order is with the provider."""
    payout = await world.held(amount)
    await world.run_rooms()
    return world.now_of(payout)


async def written(world: MemoryWorld, *notices: Notice) -> list[InboxEntry]:
    """The notices' lines in the visitors' book."""
    await world.receive(*notices)
    return [world.store.inbox[LINK, notice.event_id] for notice in notices]


async def ended(world: MemoryWorld, *notices: Notice) -> list[PayoutStage]:
    outcomes = await settle_notices(world.tenant, await written(world, *notices))
    return [outcome.stage for outcome in outcomes]


def events(world: MemoryWorld) -> Counter[str]:
    return Counter(one.type for one in world.store.events if one.type.startswith("pix.payout"))


async def test_a_confirmed_payout_posts_its_hold_and_tells_the_merchant(
    world: MemoryWorld,
) -> None:
    payout = await sent(world)

    assert await ended(world, world.provider.settle(payout.end_to_end_id)) == ["confirmed"]

    assert world.now_of(payout).stage is PayoutStage.CONFIRMED
    balance = await world.balance()
    assert (balance.available, balance.debits_posted, balance.debits_pending) == (60_00, 40_00, 0)
    assert events(world)["pix.payout.confirmed"] == 1
    assert len(world.store.inbox_done) == len(world.store.inbox)


async def test_a_rejected_payout_gives_the_money_back_and_says_why(world: MemoryWorld) -> None:
    payout = await sent(world)

    assert await ended(world, world.provider.reject(payout.end_to_end_id, "AC06")) == ["failed"]

    failed = world.now_of(payout)
    assert (failed.failure_code, failed.reason_code) == ("account_blocked", "AC06")
    balance = await world.balance()
    assert (balance.available, balance.debits_pending) == (100_00, 0)
    said = world.store.events[-1].data
    assert (said.status, said.failure.code) == ("failed", "account_blocked")


async def test_a_reason_that_nobody_knows_is_a_plain_rejection_that_keeps_its_code(
    world: MemoryWorld,
) -> None:
    payout = await sent(world)

    await ended(world, world.provider.reject(payout.end_to_end_id, "ZZ99"))

    failed = world.now_of(payout)
    assert (failed.failure_code, failed.reason_code) == ("rejected", "ZZ99")


@pytest.mark.parametrize("first", [CONFIRMED, REJECTED])
async def test_of_two_contradicting_notices_the_first_stands_and_the_other_leaves_a_note(
    world: MemoryWorld, first: NoticeKind
) -> None:
    payout = await sent(world)
    second = REJECTED if first is CONFIRMED else CONFIRMED
    await ended(world, world.provider.notice(first, payout.end_to_end_id))
    before = await world.balance()
    stage = world.now_of(payout).stage

    assert await ended(world, world.provider.notice(second, payout.end_to_end_id)) == []

    assert world.now_of(payout).stage is stage
    assert await world.balance() == before
    assert len(world.store.notes) == 1
    assert len(world.store.inbox_done) == len(world.store.inbox)


@pytest.mark.parametrize("first", [CONFIRMED, REJECTED])
async def test_of_two_contradicting_notices_in_one_batch_the_first_stands(
    world: MemoryWorld, first: NoticeKind
) -> None:
    payout = await sent(world)
    second = REJECTED if first is CONFIRMED else CONFIRMED

    stages = await ended(
        world,
        world.provider.notice(first, payout.end_to_end_id),
        world.provider.notice(second, payout.end_to_end_id),
    )

    assert stages == ["confirmed" if first is CONFIRMED else "failed"]
    assert world.now_of(payout).stage == stages[0]
    [note] = world.store.notes
    assert "_but_pending_transfer_already_" in note
    assert sum(events(world)[f"pix.payout.{end}"] for end in ("confirmed", "failed")) == 1


async def test_a_rejection_that_overtook_the_confirmation_gave_back_money_that_had_left(
    world: MemoryWorld,
) -> None:
    payout = await sent(world)
    world.provider.settle(payout.end_to_end_id)

    assert await ended(world, world.provider.notice(REJECTED, payout.end_to_end_id)) == [
        "confirmed"
    ]
    assert await ended(world, world.provider.notice(CONFIRMED, payout.end_to_end_id)) == []

    assert world.now_of(payout).reason_code is None
    balance = await world.balance()
    assert (balance.available, balance.debits_posted, balance.debits_pending) == (60_00, 40_00, 0)
    assert len(world.store.inbox_done) == len(world.store.inbox)


async def test_a_rejection_waits_for_a_provider_that_cannot_be_asked_and_the_others_do_not(
    world: MemoryWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    rejected, confirmed = await sent(world, 10_00), await sent(world, 20_00)
    entries = await written(
        world,
        world.provider.reject(rejected.end_to_end_id),
        world.provider.settle(confirmed.end_to_end_id),
    )

    async def enquire(end_to_end_id: str) -> OrderAnswer:
        raise Unavailable("provider", f"does not speak of {end_to_end_id}")

    with monkeypatch.context() as patch:
        patch.setattr(world.provider, "enquire", enquire)
        with pytest.raises(Unavailable):
            await settle_notices(world.tenant, entries)
    assert world.now_of(confirmed).stage is PayoutStage.CONFIRMED
    assert world.now_of(rejected).stage is PayoutStage.SENT

    await settle_notices(world.tenant, entries)
    assert world.now_of(rejected).stage is PayoutStage.FAILED
    assert events(world)["pix.payout.confirmed"] == events(world)["pix.payout.failed"] == 1


async def test_a_payout_told_twice_in_one_batch_was_counted_as_two_payments(
    world: MemoryWorld,
) -> None:
    payout = await sent(world)

    stages = await ended(
        world,
        world.provider.settle(payout.end_to_end_id),
        world.provider.settle(payout.end_to_end_id),
    )

    assert stages == ["confirmed"]
    assert world.store.notes == ["confirmed_after_confirmed"]
    assert events(world)["pix.payout.confirmed"] == 1


async def test_a_payout_told_again_later_stays_as_it_is(world: MemoryWorld) -> None:
    payout = await sent(world)
    await ended(world, world.provider.settle(payout.end_to_end_id))

    assert await ended(world, world.provider.settle(payout.end_to_end_id)) == []

    assert world.store.notes == ["confirmed_after_confirmed"]
    assert (await world.balance()).debits_posted == 40_00


async def test_an_end_to_end_id_that_no_payout_has_is_noted_and_filed_away(
    world: MemoryWorld,
) -> None:
    assert await ended(world, world.provider.notice(CONFIRMED, "E" + "0" * 31)) == []

    assert world.store.notes == ["unknown_end_to_end_id"]
    assert len(world.store.inbox_done) == len(world.store.inbox)


async def test_one_strange_notice_does_not_keep_its_batch_from_its_end(world: MemoryWorld) -> None:
    payout = await sent(world)

    stages = await ended(
        world,
        world.provider.notice(REJECTED, "E" + "0" * 31),
        world.provider.settle(payout.end_to_end_id),
    )

    assert stages == ["confirmed"]


async def test_a_final_notice_may_overtake_our_record_of_having_sent(world: MemoryWorld) -> None:
    payout = await world.held()

    assert await ended(world, world.provider.settle(payout.end_to_end_id)) == ["confirmed"]
    await world.run_rooms()

    assert world.now_of(payout).stage is PayoutStage.CONFIRMED
    assert world.provider.sent == []


async def test_a_rejection_of_a_payout_that_was_never_ordered_voided_it_while_it_went_on(
    world: MemoryWorld,
) -> None:
    """Only a provider with the wrong books says so: nothing may happen before the order is owed."""
    world.faults.at["ledger.create_transfers"] = Fault.CRASH_AFTER
    with pytest.raises(Crash):
        await world.pay(40_00)
    [payout] = world.store.payouts_by_id.values()

    assert await ended(world, world.provider.notice(REJECTED, payout.end_to_end_id)) == []

    assert world.now_of(payout).stage is PayoutStage.CREATED
    assert (await world.balance()).debits_pending == 40_00
    assert world.store.notes == ["failed_after_created"]


# Failures in between.


@pytest.mark.parametrize("fault", list(Fault))
@pytest.mark.parametrize(
    ("kind", "position"),
    [*((CONFIRMED, call) for call in range(3)), *((REJECTED, call) for call in range(4))],
)
async def test_an_interrupted_settlement_ends_once_when_its_notice_comes_again(
    world: MemoryWorld, position: int, kind: NoticeKind, fault: Fault
) -> None:
    payout = await sent(world)
    entries = await written(world, world.provider.notice(kind, payout.end_to_end_id))
    # store.payouts, (of a rejection) provider.enquire, ledger.create_transfers, archive_outcomes
    world.faults.plan = [*[None] * position, fault]
    with pytest.raises((FluxiqError, Crash, ExceptionGroup)):
        await settle_notices(world.tenant, entries)

    await settle_notices(world.tenant, entries)

    stage = PayoutStage.CONFIRMED if kind is CONFIRMED else PayoutStage.FAILED
    assert world.now_of(payout).stage is stage
    balance = await world.balance()
    assert balance.debits_pending == 0
    assert balance.debits_posted == (40_00 if kind is CONFIRMED else 0)
    assert events(world)[f"pix.payout.{stage}"] == 1


async def test_what_the_ledger_decided_before_a_crash_wins_over_the_notice_that_comes_first_then(
    world: MemoryWorld,
) -> None:
    payout = await sent(world)
    [confirmed] = await written(world, world.provider.notice(CONFIRMED, payout.end_to_end_id))
    world.faults.plan = [None, Fault.CRASH_AFTER]
    with pytest.raises(Crash):
        await settle_notices(world.tenant, [confirmed])

    rejected = world.provider.notice(REJECTED, payout.end_to_end_id)
    assert await ended(world, rejected) == []
    assert world.now_of(payout).stage is PayoutStage.SENT

    [outcome] = await settle_notices(world.tenant, [confirmed])
    assert outcome.stage is PayoutStage.CONFIRMED
    assert world.now_of(payout).stage is PayoutStage.CONFIRMED


async def test_a_hold_that_is_not_there_is_a_bug_and_said_so(world: MemoryWorld) -> None:
    payout = await sent(world)
    world.ledger.cluster.transfers.clear()

    with pytest.raises(AssertionError, match=TransferStatus.PENDING_TRANSFER_NOT_FOUND):
        await ended(world, world.provider.settle(payout.end_to_end_id))
