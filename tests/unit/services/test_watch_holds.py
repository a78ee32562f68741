"""Holds that outlive their workflow: finished or voided, and never while the outcome is unknown."""

from datetime import timedelta

import msgspec
import pytest

from fluxiq.domain import postings
from fluxiq.domain.payout import PayoutEvent
from fluxiq.domain.records import OutboxEntry, Payout, PayoutStage, Transfer, TransferStatus
from fluxiq.domain.transfer import BookTransfer, TransferStage
from fluxiq.domain.transfer_postings import transfer_hold
from fluxiq.domain.ulid import encode_128
from fluxiq.errors import Unavailable
from fluxiq.ports import OrderAnswer
from fluxiq.services.dead_letters import note_failure
from fluxiq.services.dispatch_payouts import dispatch_payouts
from fluxiq.services.settle_outcomes import PAYOUTS
from fluxiq.services.watch_holds import watch_holds
from tests.support.memory_world import ISPB, KEY, LEDGER, MemoryWorld
from tests.unit.services.refund_kit import received, refund, refund_of

FUNDS = 100_00


class Watch:
    """A world in which time passes and somebody looks at the holds."""

    def __init__(self, world: MemoryWorld) -> None:
        self.world = world
        self.grace = world.tenant.settings.pix.hold_grace_seconds

    async def round(self, *, later: float | None = None) -> None:
        self.world.clock.pass_seconds(self.grace + 1 if later is None else later)
        await watch_holds(self.world.tenant)

    async def left(self) -> tuple[int, int]:
        """What the merchant has available and held."""
        balance = await self.world.balance()
        return balance.available, balance.debits_pending

    def findings(self) -> list[str]:
        return [one.finding for one in self.world.holds.watched.values() if one.finding]

    async def kill(self, order: OutboxEntry) -> int:
        """Its message fails as often as it may; the letter's number."""
        for _ in range(self.world.tenant.settings.pix.failures_max):
            noted = await note_failure(
                self.world.tenant,
                subject=order.subject,
                reference=order.reference,
                body=order.body,
                error=KeyError("a bug"),
            )
        assert noted is not None
        assert noted.letter is not None
        return noted.letter.id

    async def discarded(self) -> Payout:
        """A payout that is held, whose order an operator has discarded just now."""
        payout = await self.world.held()
        letter = await self.kill(self.order_of(payout))
        await self.world.dead_letters.discard(letter, self.world.clock.now(), "paid by hand")
        return payout

    def order_of(self, payout: Payout) -> OutboxEntry:
        return next(o.entry for o in self.world.store.outbox.values() if o.work == payout.id)

    def is_announced(self, payout: Payout) -> bool:
        return any(one.work == payout.id for one in self.world.store.outbox.values())

    def lose_announcement(self, work: str) -> None:
        owed = self.world.store.outbox
        [number] = [number for number, one in owed.items() if one.work == work]
        del owed[number]

    async def orphan(self, amount: int = 40_00) -> str:
        """A hold of a payout that is not on paper."""
        end_to_end_id = f"E{ISPB}202611221200abcdefghijk"
        account = self.world.merchant.account.ledger_id
        await self._create(postings.payout_hold(ISPB, LEDGER, end_to_end_id, account, amount))
        return end_to_end_id

    async def _create(self, transfer: Transfer) -> None:
        [status] = await self.world.ledger.create_transfers([transfer])
        assert status is TransferStatus.CREATED


@pytest.fixture
def watch(world: MemoryWorld) -> Watch:
    return Watch(world)


# -- whose workflow goes on


@pytest.mark.parametrize("stage", [PayoutStage.CREATED, PayoutStage.SENT, PayoutStage.IN_DOUBT])
async def test_a_hold_whose_payout_has_a_sweep_of_its_own_is_left_to_it(
    watch: Watch, stage: PayoutStage
) -> None:
    payout = await watch.world.held()
    watch.lose_announcement(payout.id)
    payouts = watch.world.store.payouts_by_id
    payouts[payout.id] = msgspec.structs.replace(payout, stage=stage)

    await watch.round()

    assert await watch.left() == (FUNDS - 40_00, 40_00)
    assert watch.findings() == []
    assert watch.world.provider.asked == [KEY], "about its owner, as it was made"


async def test_a_hold_whose_order_is_announced_is_left_to_its_worker(watch: Watch) -> None:
    payout = await watch.world.held()

    await watch.round()

    assert watch.world.now_of(payout).stage is PayoutStage.HELD
    assert watch.findings() == []
    assert watch.world.holds.audit == []


async def test_a_hold_is_nobodys_business_before_the_grace_is_over(watch: Watch) -> None:
    payout = await watch.world.held()
    watch.lose_announcement(payout.id)

    await watch.round(later=watch.grace - 1)

    assert watch.world.holds.watched == {}
    assert not watch.is_announced(payout)


async def test_a_dead_order_waits_for_an_operator(watch: Watch) -> None:
    payout = await watch.world.held()
    await watch.kill(watch.order_of(payout))

    await watch.round()

    assert await watch.left() == (FUNDS - 40_00, 40_00)
    assert not watch.is_announced(payout)
    assert await watch.world.dead_letters.waiting() == 1


# -- whose announcement was lost


async def test_an_order_that_nobody_announces_any_more_is_announced_again_and_paid(
    watch: Watch,
) -> None:
    payout = await watch.world.held()
    watch.lose_announcement(payout.id)

    await watch.round()
    await watch.world.run_rooms()
    await watch.world.receive(watch.world.provider.settle(payout.end_to_end_id))
    await watch.world.run_rooms()

    assert watch.world.holds.audit == [f"order.announced_again {payout.id}"]
    assert watch.world.now_of(payout).stage is PayoutStage.CONFIRMED
    assert watch.world.provider.sent == [payout.end_to_end_id]
    assert await watch.left() == (FUNDS - 40_00, 0)
    await watch.round()
    assert watch.world.holds.watched == {}, "what has ended is forgotten"


async def test_a_refund_that_nobody_announces_any_more_is_announced_again(watch: Watch) -> None:
    end_to_end_id = await received(watch.world)
    made = refund_of(
        watch.world, await refund(watch.world, end_to_end_id=end_to_end_id, amount=40_00)
    )
    watch.lose_announcement(made.id)

    await watch.round()
    await watch.world.run_rooms()

    assert watch.world.provider.sent == [made.return_id]


# -- what an operator discarded


async def test_a_discarded_order_is_never_sent_whoever_still_has_its_message(
    watch: Watch,
) -> None:
    payout = await watch.discarded()

    for redelivered in (False, True):
        watch.world.clock.pass_seconds(10)
        left = await dispatch_payouts(
            watch.world.tenant, [payout.end_to_end_id], redelivered=redelivered
        )
        assert left == 0

    assert watch.world.provider.sent == []
    assert watch.world.now_of(payout).stage is PayoutStage.HELD


async def test_a_discarded_order_that_the_provider_does_not_know_is_voided_after_the_grace(
    watch: Watch,
) -> None:
    watch.world.clock.pass_seconds(1)
    payout = await watch.discarded()

    await watch.round(later=watch.grace)
    assert watch.world.now_of(payout).stage is PayoutStage.HELD, "a try may be under way"
    assert await watch.left() == (FUNDS - 40_00, 40_00)

    await watch.round()
    ended = watch.world.now_of(payout)
    assert (ended.stage, ended.failure_code) == (PayoutStage.FAILED, "rejected")
    assert await watch.left() == (FUNDS, 0)
    assert [one.type for one in watch.world.store.events][-1] == "pix.payout.failed"


@pytest.mark.parametrize(
    ("state", "stage", "left"),
    [
        ("settled", PayoutStage.CONFIRMED, (FUNDS - 40_00, 0)),
        ("rejected", PayoutStage.FAILED, (FUNDS, 0)),
        ("accepted", PayoutStage.SENT, (FUNDS - 40_00, 40_00)),
    ],
)
async def test_a_discarded_order_that_left_all_the_same_ends_as_the_provider_says(
    watch: Watch, state: str, stage: PayoutStage, left: tuple[int, int]
) -> None:
    payout = await watch.discarded()
    watch.world.provider.orders[payout.end_to_end_id] = OrderAnswer(state=state)

    await watch.round()

    assert watch.world.now_of(payout).stage is stage
    assert await watch.left() == left


async def test_a_discarded_order_about_which_the_provider_is_silent_is_not_voided(
    watch: Watch,
) -> None:
    payout = await watch.discarded()
    watch.world.faults.away.add("provider")

    await watch.round()
    await watch.round()

    assert watch.world.now_of(payout).stage is PayoutStage.HELD
    assert await watch.left() == (FUNDS - 40_00, 40_00)
    assert watch.findings() == ["its order was discarded, and the provider does not answer"]

    watch.world.faults.away.clear()
    await watch.round()
    assert await watch.left() == (FUNDS, 0)


# -- what paper and ledger say differently


@pytest.mark.parametrize("state", ["not_found", "rejected"])
async def test_the_hold_of_a_failed_payout_is_voided(watch: Watch, state: str) -> None:
    payout = await watch.world.held()
    watch.lose_announcement(payout.id)
    watch.world.store.payouts_by_id[payout.id] = msgspec.structs.replace(
        payout, stage=PayoutStage.FAILED, failure_code="rejected"
    )
    watch.world.provider.orders[payout.end_to_end_id] = OrderAnswer(state=state)

    await watch.round()

    assert await watch.left() == (FUNDS, 0)
    assert watch.world.holds.audit == [f"hold.voided {payout.id}"]


@pytest.mark.parametrize("state", ["settled", "accepted"])
async def test_the_hold_of_a_failed_payout_that_the_provider_has_is_only_reported(
    watch: Watch, state: str
) -> None:
    payout = await watch.world.held()
    watch.lose_announcement(payout.id)
    watch.world.store.payouts_by_id[payout.id] = msgspec.structs.replace(
        payout, stage=PayoutStage.FAILED, failure_code="rejected"
    )
    watch.world.provider.orders[payout.end_to_end_id] = OrderAnswer(state=state)

    await watch.round()

    assert await watch.left() == (FUNDS - 40_00, 40_00)
    assert watch.findings() == [f"it is failed, but the provider says it is {state}"]


async def test_the_hold_of_a_confirmed_payout_is_posted(watch: Watch) -> None:
    payout = await watch.world.held()
    watch.lose_announcement(payout.id)
    watch.world.store.payouts_by_id[payout.id] = msgspec.structs.replace(
        payout, stage=PayoutStage.CONFIRMED
    )

    await watch.round()

    assert await watch.left() == (FUNDS - 40_00, 0)
    assert watch.world.holds.audit == [f"hold.posted {payout.id}"]
    [post] = PAYOUTS.resolve(watch.world.tenant, payout, PayoutEvent.CONFIRMED)
    assert post.id in watch.world.ledger.cluster.transfers, "as its workflow would have"


# -- holds without a record


async def test_a_hold_without_a_record_is_voided_when_the_provider_does_not_know_it(
    watch: Watch,
) -> None:
    end_to_end_id = await watch.orphan()

    await watch.round()

    assert watch.world.provider.asked == [end_to_end_id]
    assert await watch.left() == (FUNDS, 0)
    assert watch.world.holds.audit == [f"hold.voided {end_to_end_id}"]


@pytest.mark.parametrize("state", ["settled", "accepted"])
async def test_a_hold_without_a_record_that_the_provider_knows_needs_a_person(
    watch: Watch, state: str
) -> None:
    end_to_end_id = await watch.orphan()
    watch.world.provider.orders[end_to_end_id] = OrderAnswer(state=state)

    await watch.round()

    assert await watch.left() == (FUNDS - 40_00, 40_00)
    [finding] = watch.findings()
    assert finding == f"there is no record of {end_to_end_id}, but the provider says it is {state}"


async def test_a_hold_without_a_record_is_kept_while_the_provider_is_silent(watch: Watch) -> None:
    end_to_end_id = await watch.orphan()
    watch.world.faults.away.add("provider")

    await watch.round()

    assert await watch.left() == (FUNDS - 40_00, 40_00)
    assert watch.findings() == [
        f"there is no record of {end_to_end_id}, but the provider does not answer"
    ]


async def test_a_hold_whose_end_the_ledger_does_not_answer_is_ended_once_by_the_next_round(
    watch: Watch,
) -> None:
    await watch.orphan()
    watch.world.faults.away.add("ledger")
    with pytest.raises(Unavailable):
        await watch.round()

    watch.world.faults.away.clear()
    await watch.round()
    await watch.round()

    assert await watch.left() == (FUNDS, 0)
    assert len(watch.world.holds.audit) == 1


# -- book transfers


@pytest.mark.parametrize(
    ("stage", "left", "audit"),
    [
        (TransferStage.PENDING, (FUNDS - 40_00, 40_00), []),
        (TransferStage.APPROVED, (FUNDS - 40_00, 40_00), []),
        (TransferStage.DECLINED, (FUNDS - 40_00, 40_00), []),
        (TransferStage.FAILED, (FUNDS, 0), ["hold.voided"]),
        (TransferStage.COMPLETED, (FUNDS - 40_00, 0), ["hold.posted"]),
        (None, (FUNDS, 0), ["hold.voided"]),
    ],
)
async def test_the_hold_of_a_book_transfer_follows_its_record(
    watch: Watch, stage: TransferStage | None, left: tuple[int, int], audit: list[str]
) -> None:
    world, transfer_id = watch.world, f"xfer_{encode_128(7)}"
    account = world.merchant.account
    await watch._create(
        transfer_hold(
            ISPB,
            LEDGER,
            transfer_id,
            source=account.ledger_id,
            destination=postings.house_account_id(ISPB, postings.AccountCode.UNIDENTIFIED),
            amount=40_00,
        )
    )
    if stage is not None:
        now = world.clock.now()
        world.transfers.rows[transfer_id] = BookTransfer(
            id=transfer_id,
            merchant_id=world.merchant_id,
            source_account_id=account.id,
            destination_account_id="acc_other",
            amount=40_00,
            description="rent",
            stage=stage,
            created_by="key_maker",
            created_at=now,
            updated_at=now,
            expires_at=now + timedelta(days=1),
        )

    await watch.round()

    assert await watch.left() == left
    assert [one.partition(" ")[0] for one in world.holds.audit] == audit
    assert watch.findings() == []
