"""The fee of a receipt: with it in one step, once, and what the ledger has is what is archived."""

from collections.abc import Sequence
from datetime import timedelta

import msgspec
import pytest

from fluxiq.domain import postings
from fluxiq.domain.fee import NO_FEE, AgreedFee, FeePlan
from fluxiq.domain.postings import AccountCode
from fluxiq.domain.records import (
    Charge,
    ChargeStatus,
    InboxEntry,
    Notice,
    Receipt,
    ReceiptReason,
    Transfer,
    TransferFlags,
    TransferStatus,
)
from fluxiq.domain.statement import LineKind, Period
from fluxiq.errors import FluxiqError, Unavailable
from fluxiq.ports import Page
from fluxiq.services.messages.charges import OpenCharge
from fluxiq.services.open_charge import open_charge
from fluxiq.services.settle_receipts import settle_receipts
from fluxiq.services.show_statement import show_statement
from tests.support.memory_world import ISPB, LINK, Crash, Fault, MemoryWorld

_S = TransferStatus

PLAN = FeePlan(fixed=10, basis_points=99)  # R$ 1.09 of R$ 100.00
FREE, DEARER = NO_FEE, FeePlan(fixed=5_00)


def agree(world: MemoryWorld, plan: FeePlan) -> None:
    versions = world.store.agreed_fees.setdefault(world.merchant_id, [])
    versions.append(
        AgreedFee(
            merchant_id=world.merchant_id,
            version=len(versions) + 1,
            plan=plan,
            valid_from=world.clock.now(),
            set_by="usr_1",
        )
    )


async def charge(world: MemoryWorld, amount: int = 100_00) -> Charge:
    answer = await open_charge(world.tenant, world.merchant_id, OpenCharge(amount=amount), None)
    return world.store.charges[msgspec.json.decode(answer.body)["data"]["id"]]


async def written(world: MemoryWorld, *notices: Notice) -> list[InboxEntry]:
    await world.receive(*notices)
    return [world.store.inbox[LINK, notice.event_id] for notice in notices]


async def settle(world: MemoryWorld, *notices: Notice) -> list[Receipt]:
    return await settle_receipts(world.tenant, await written(world, *notices))


async def income(world: MemoryWorld) -> int:
    account = postings.house_account_id(ISPB, AccountCode.FEE_INCOME)
    return (await world.ledger.balances([account]))[account].credits_posted


async def available(world: MemoryWorld) -> int:
    """Beyond the R$ 100.00 that the merchant begins with."""
    return (await world.balance()).available - 100_00


async def test_a_paid_charge_costs_its_fee_and_says_so_everywhere(world: MemoryWorld) -> None:
    agree(world, PLAN)
    made = await charge(world)

    [receipt] = await settle(world, world.received(100_00, txid=made.txid))

    assert (receipt.amount, receipt.fee) == (100_00, 1_09)
    assert await available(world) == 98_91
    assert await income(world) == 1_09
    paid = world.store.charges[made.id]
    assert (paid.status, paid.fee) == (ChargeStatus.PAID, 1_09)
    told = world.store.events[-1]
    assert told.type == "pix.charge.paid"
    assert (told.data.amount, told.data.fee, told.data.net_amount) == (100_00, 1_09, 98_91)


async def test_money_that_no_charge_asked_for_costs_the_same(world: MemoryWorld) -> None:
    agree(world, PLAN)

    [receipt] = await settle(world, world.received(100_00))

    assert (receipt.reason, receipt.fee) == (ReceiptReason.NO_CHARGE, 1_09)
    said = world.store.events[-1].data
    assert (said.fee, said.net_amount) == (1_09, 98_91)


async def test_the_fee_is_a_line_of_its_own_behind_the_whole_receipt(world: MemoryWorld) -> None:
    agree(world, PLAN)
    [receipt] = await settle(world, world.received(100_00))

    shown = await show_statement(
        world.tenant, world.merchant_id, world.merchant.account.id, Period(), Page()
    )

    credit, fee = shown.data[-2:]
    assert (credit.kind, credit.amount) == (LineKind.PIX_IN, 100_00)
    assert (fee.kind, fee.amount, fee.reference) == (LineKind.FEE, -1_09, receipt.id)
    assert fee.balance_after == shown.meta.closing_balance == 198_91


async def test_money_for_nobody_costs_nobody_anything(world: MemoryWorld) -> None:
    agree(world, PLAN)

    [receipt] = await settle(world, world.received(100_00, pix_key="nobody@example.com"))

    assert (receipt.reason, receipt.fee) == (ReceiptReason.UNIDENTIFIED, 0)
    assert await income(world) == 0


async def test_a_receipt_that_is_all_fee_leaves_nothing(world: MemoryWorld) -> None:
    agree(world, DEARER)

    [receipt] = await settle(world, world.received(3_00))

    assert (receipt.fee, await available(world), await income(world)) == (3_00, 0, 3_00)


async def test_the_plan_in_force_when_the_money_is_studied_counts(world: MemoryWorld) -> None:
    agree(world, PLAN)
    await settle(world, world.received(100_00))
    world.clock.pass_seconds(timedelta(days=1).total_seconds())
    agree(world, DEARER)

    [receipt] = await settle(world, world.received(100_00))

    assert receipt.fee == 5_00
    assert await income(world) == 6_09


async def test_a_batch_with_fees_is_one_call_to_each_room(world: MemoryWorld) -> None:
    agree(world, PLAN)
    entries = await written(world, *(world.received(1_00) for _ in range(20)))
    world.faults.calls.clear()

    await settle_receipts(world.tenant, entries)

    assert world.faults.calls == [
        "store.receipt_contexts",
        "ledger.create_transfers",
        "store.archive_receipts",
    ]


@pytest.mark.parametrize("fault", list(Fault))
@pytest.mark.parametrize("position", [0, 1, 2])
@pytest.mark.parametrize("then", [PLAN, FREE, DEARER], ids=["same", "free", "dearer"])
async def test_an_interrupted_batch_keeps_one_fee_whatever_is_agreed_meanwhile(
    world: MemoryWorld, position: int, fault: Fault, then: FeePlan
) -> None:
    """The fee that went with the receipt first is the one that stands, in ledger and archive."""
    agree(world, PLAN)
    made = await charge(world)
    entries = await written(world, world.received(100_00, txid=made.txid), world.received(7))
    # store.receipt_contexts, ledger.create_transfers, store.archive_receipts
    world.faults.plan = [*[None] * position, fault]
    with pytest.raises((FluxiqError, Crash)):
        await settle_receipts(world.tenant, entries)
    agree(world, then)

    await settle_receipts(world.tenant, entries)

    kept = [world.store.receipts[one.notice.end_to_end_id].fee for one in entries]
    assert await income(world) == sum(kept)
    assert await available(world) == 100_07 - sum(kept)
    assert world.store.charges[made.id].fee == kept[0]
    assert kept in ([1_09, 7], [0, 0], [5_00, 7])


async def crashed_before_its_archive(world: MemoryWorld, **said: str) -> list[InboxEntry]:
    entries = await written(world, world.received(100_00, **said))
    world.faults.at["ledger.create_transfers"] = Fault.CRASH_AFTER
    with pytest.raises(Crash):
        await settle_receipts(world.tenant, entries)
    return entries


@pytest.mark.parametrize(
    ("before", "after", "fee"),
    [
        (PLAN, DEARER, 1_09),
        (PLAN, FREE, 1_09),
        (PLAN, PLAN, 1_09),
        (FREE, PLAN, 0),
        (FREE, FREE, 0),
    ],
)
async def test_what_was_moved_before_a_crash_stands_when_the_plan_changes(
    world: MemoryWorld, before: FeePlan, after: FeePlan, fee: int
) -> None:
    agree(world, before)
    entries = await crashed_before_its_archive(world)
    agree(world, after)

    [receipt] = await settle_receipts(world.tenant, entries)

    assert (receipt.fee, await income(world)) == (fee, fee)
    assert await available(world) == 100_00 - fee


async def test_money_that_was_parked_before_a_crash_stays_parked_and_costs_nothing(
    world: MemoryWorld,
) -> None:
    agree(world, PLAN)
    entries = await crashed_before_its_archive(world, pix_key="late@example.com")
    mine = world.store.pix_keys[world.merchant.pix_keys[0]]
    world.store.pix_keys["late@example.com"] = mine

    [receipt] = await settle_receipts(world.tenant, entries)

    assert (receipt.reason, receipt.account_id) == (ReceiptReason.UNIDENTIFIED, None)
    assert (receipt.fee, await income(world), await available(world)) == (0, 0, 0)


async def test_a_batch_comes_again_while_the_ledgers_copy_is_behind(world: MemoryWorld) -> None:
    agree(world, PLAN)
    entries = await crashed_before_its_archive(world)

    world.fees.is_behind = True
    with pytest.raises(Unavailable):
        await settle_receipts(world.tenant, entries)
    world.fees.is_behind = False
    [receipt] = await settle_receipts(world.tenant, entries)

    assert (receipt.fee, await available(world)) == (1_09, 98_91)


def refuse_fees(world: MemoryWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a stand-in does, which counts what may have been spent and not what may have come in."""
    create, burnt = world.ledger.create_transfers, set[int]()

    async def refuses(transfers: Sequence[Transfer]) -> list[TransferStatus]:
        if not transfers or not transfers[0].flags & TransferFlags.LINKED:
            return await create(transfers)
        statuses = []
        for credit, fee in zip(transfers[::2], transfers[1::2], strict=True):
            if credit.id in world.ledger.cluster.transfers:
                statuses += [_S.EXISTS_WITH_DIFFERENT_FLAGS, _S.LINKED_EVENT_FAILED]
            else:
                why = _S.ID_ALREADY_FAILED if fee.id in burnt else _S.EXCEEDS_CREDITS
                statuses += [_S.LINKED_EVENT_FAILED, why]
                burnt.add(fee.id)
        return statuses

    monkeypatch.setattr(world.ledger, "create_transfers", refuses)


async def test_money_is_received_without_its_fee_where_that_is_refused(
    world: MemoryWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    agree(world, PLAN)
    refuse_fees(world, monkeypatch)

    receipts = await settle(world, world.received(100_00), world.received(5_00))

    assert [receipt.fee for receipt in receipts] == [0, 0]
    assert (await available(world), await income(world)) == (105_00, 0)


@pytest.mark.parametrize("position", [1, 2, 3])
async def test_a_fee_that_was_refused_is_not_asked_for_again_after_a_crash(
    world: MemoryWorld, monkeypatch: pytest.MonkeyPatch, position: int
) -> None:
    agree(world, PLAN)
    entries = await written(world, world.received(100_00), world.received(5_00))
    refuse_fees(world, monkeypatch)
    # store.receipt_contexts, ledger.create_transfers twice, store.archive_receipts
    world.faults.plan = [*[None] * position, Fault.CRASH_AFTER]
    with pytest.raises(Crash):
        await settle_receipts(world.tenant, entries)

    await settle_receipts(world.tenant, entries)

    kept = [world.store.receipts[one.notice.end_to_end_id].fee for one in entries]
    assert kept == [0, 0]
    assert (await available(world), await income(world)) == (105_00, 0)
