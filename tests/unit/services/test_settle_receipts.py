"""PIX in, studied, credited and archived: each centavo once, to whom it belongs."""

from collections import Counter
from collections.abc import Sequence

import msgspec
import pytest

from fluxiq.domain import postings
from fluxiq.domain.postings import AccountCode
from fluxiq.domain.records import (
    Charge,
    ChargeStatus,
    InboxEntry,
    Notice,
    ReceiptReason,
    Room,
)
from fluxiq.errors import FluxiqError, Unavailable
from fluxiq.ports import Archived, ReceiptArchived
from fluxiq.services.endpoints import open_endpoint
from fluxiq.services.messages.charges import OpenCharge
from fluxiq.services.messages.webhooks import OpenEndpoint
from fluxiq.services.open_charge import open_charge
from fluxiq.services.settle_receipts import settle_receipts
from fluxiq.services.sweep import EXPIRY_GRACE_SECONDS, expire_charges
from tests.support.memory_world import ISPB, LINK, Crash, Fault, MemoryWorld


async def charge(world: MemoryWorld, amount: int = 150_00) -> Charge:
    answer = await open_charge(
        world.tenant, world.merchant_id, OpenCharge(amount=amount, expiration=3600), None
    )
    return world.store.charges[msgspec.json.decode(answer.body)["data"]["id"]]


async def written(world: MemoryWorld, *notices: Notice) -> list[InboxEntry]:
    await world.receive(*notices)
    return [world.store.inbox[LINK, notice.event_id] for notice in notices]


async def settle(world: MemoryWorld, *notices: Notice) -> list[ReceiptReason]:
    receipts = await settle_receipts(world.tenant, await written(world, *notices))
    return [receipt.reason for receipt in receipts]


async def unidentified(world: MemoryWorld) -> int:
    account = postings.house_account_id(ISPB, AccountCode.UNIDENTIFIED)
    return (await world.ledger.balances([account]))[account].credits_posted


def events(world: MemoryWorld) -> Counter[str]:
    return Counter(one.type for one in world.store.events)


async def test_money_whose_charge_expired_between_study_and_archive_is_told_of(
    world: MemoryWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The symptom: it was credited, and its merchant never heard of it."""
    made = await charge(world)
    entries = await written(world, world.received(150_00, txid=made.txid))
    archive, told = world.store.archive_receipts, events(world)["pix.receipt.credited"]
    before = (await world.balance()).available

    async def expires_first(batch: Sequence[ReceiptArchived]) -> Archived:
        expired = msgspec.structs.replace(made, status=ChargeStatus.EXPIRED)
        world.store.charges[made.id] = expired
        return await archive(batch)

    monkeypatch.setattr(world.store, "archive_receipts", expires_first)
    with pytest.raises(Unavailable):
        await settle_receipts(world.tenant, entries)
    again = await settle_receipts(world.tenant, entries)

    assert [receipt.reason for receipt in again] == [ReceiptReason.LATE]
    assert events(world)["pix.receipt.credited"] == told + 1
    assert events(world)["pix.charge.paid"] == 0
    assert (await world.balance()).available == before + 150_00


async def test_a_payment_of_a_charge_is_credited_and_the_charge_is_paid(
    world: MemoryWorld,
) -> None:
    made = await charge(world)
    notice = world.received(150_00, txid=made.txid)

    assert await settle(world, notice) == [ReceiptReason.PAYS_CHARGE]

    paid = world.store.charges[made.id]
    assert (paid.status, paid.end_to_end_id) == (ChargeStatus.PAID, notice.end_to_end_id)
    assert (await world.balance()).available == 250_00
    assert events(world)["pix.charge.paid"] == 1
    assert world.store.events[-1].data.status == "paid"
    rooms = [one.room for one in world.store.steps if one.end_to_end_id == notice.end_to_end_id]
    assert set(rooms) == {
        Room.DOOR,
        Room.VISITORS_BOOK,
        Room.POST_ROOM,
        Room.STUDY,
        Room.VAULT,
        Room.ARCHIVE,
    }


async def test_of_two_payments_of_one_charge_in_a_batch_the_first_pays_it(
    world: MemoryWorld,
) -> None:
    made = await charge(world)
    first, second = (world.received(150_00, txid=made.txid) for _ in range(2))

    reasons = await settle(world, first, second)

    assert reasons == [ReceiptReason.PAYS_CHARGE, ReceiptReason.CHARGE_ALREADY_PAID]
    assert world.store.charges[made.id].end_to_end_id == first.end_to_end_id
    assert (await world.balance()).available == 400_00
    assert events(world)["pix.charge.paid"] == events(world)["pix.receipt.credited"] - 1 == 1


async def test_money_told_twice_in_one_batch_is_credited_once(world: MemoryWorld) -> None:
    first = world.received(10_00)
    second = world.received(10_00, end_to_end_id=first.end_to_end_id)

    assert await settle(world, first, second) == [ReceiptReason.NO_CHARGE]

    assert (await world.balance()).available == 110_00
    assert len(world.store.inbox_done) == len(world.store.inbox)


async def test_money_told_again_later_is_credited_once(world: MemoryWorld) -> None:
    first = world.received(10_00)
    await settle(world, first)

    again = world.received(10_00, end_to_end_id=first.end_to_end_id)
    assert await settle(world, again) == []

    assert (await world.balance()).available == 110_00
    assert len(world.store.inbox_done) == len(world.store.inbox)


@pytest.mark.parametrize(("amount", "reason"), [(149_99, "underpaid"), (150_01, "overpaid")])
async def test_another_amount_is_credited_and_leaves_the_charge_pending(
    world: MemoryWorld, amount: int, reason: str
) -> None:
    made = await charge(world)

    assert await settle(world, world.received(amount, txid=made.txid)) == [reason]

    assert world.store.charges[made.id].status is ChargeStatus.PENDING
    assert (await world.balance()).available == 100_00 + amount
    said = world.store.events[-1]
    assert (said.type, said.data.reason) == ("pix.receipt.credited", reason)
    assert said.data.charge_id == made.id


async def test_an_underpaid_charge_may_still_be_paid(world: MemoryWorld) -> None:
    made = await charge(world)
    await settle(world, world.received(149_99, txid=made.txid))
    assert await settle(world, world.received(150_00, txid=made.txid)) == ["pays_charge"]


async def test_money_for_a_charge_that_nobody_knows_is_credited_by_its_key(
    world: MemoryWorld,
) -> None:
    assert await settle(world, world.received(10_00, txid="A" * 25)) == ["no_charge"]

    said = world.store.events[-1]
    assert (said.type, said.data.reason) == ("pix.receipt.credited", "no_charge")
    assert said.data.charge_id is None
    assert (await world.balance()).available == 110_00


async def test_a_second_payment_of_a_charge_is_credited_and_says_so(world: MemoryWorld) -> None:
    made = await charge(world)
    await settle(world, world.received(150_00, txid=made.txid))

    again = await settle(world, world.received(150_00, txid=made.txid))
    assert again == ["charge_already_paid"]

    said = world.store.events[-1]
    assert (said.type, said.data.reason) == ("pix.receipt.credited", "charge_already_paid")
    assert (await world.balance()).available == 400_00


async def test_a_late_payment_is_credited_and_does_not_pay_the_charge(world: MemoryWorld) -> None:
    made = await charge(world)
    world.clock.pass_seconds(3601)

    assert await settle(world, world.received(150_00, txid=made.txid)) == [ReceiptReason.LATE]
    assert world.store.charges[made.id].status is ChargeStatus.PENDING
    assert (await world.balance()).available == 250_00
    said = world.store.events[-1]
    assert (said.type, said.data.reason) == ("pix.receipt.credited", "late")


async def test_a_payment_in_time_whose_notice_travels_slowly_pays_the_charge(
    world: MemoryWorld,
) -> None:
    made = await charge(world)
    notice = world.received(150_00, txid=made.txid)
    world.clock.pass_seconds(3600 + EXPIRY_GRACE_SECONDS)
    assert await expire_charges(world.tenant) == 0

    assert await settle(world, notice) == [ReceiptReason.PAYS_CHARGE]


async def test_a_payment_of_an_expired_charge_is_late(world: MemoryWorld) -> None:
    made = await charge(world)
    notice = world.received(150_00, txid=made.txid)
    world.clock.pass_seconds(3600 + EXPIRY_GRACE_SECONDS + 1)
    assert await expire_charges(world.tenant) == 1

    assert await settle(world, notice) == [ReceiptReason.LATE]
    assert world.store.charges[made.id].status is ChargeStatus.EXPIRED


async def test_money_for_a_key_that_nobody_has_waits_unidentified_and_nobody_is_told(
    world: MemoryWorld,
) -> None:
    before = len(world.store.events)

    reasons = await settle(world, world.received(10_00, pix_key="nobody@example.com"))

    assert reasons == [ReceiptReason.UNIDENTIFIED]
    assert await unidentified(world) == 10_00
    assert (await world.balance()).available == 100_00
    assert len(world.store.events) == before
    [receipt] = [one for one in world.store.receipts.values() if one.account_id is None]
    assert receipt.merchant_id is None


async def test_money_that_was_parked_before_a_crash_stays_parked_when_its_owner_appears(
    world: MemoryWorld,
) -> None:
    """The ledger took it once, under the end-to-end id: a second decision moves nothing."""
    entries = await written(world, world.received(10_00, pix_key="late@example.com"))
    world.faults.at["ledger.create_transfers"] = Fault.CRASH_AFTER
    with pytest.raises(Crash):
        await settle_receipts(world.tenant, entries)
    mine = world.store.pix_keys[world.merchant.pix_keys[0]]
    world.store.pix_keys["late@example.com"] = mine

    [receipt] = await settle_receipts(world.tenant, entries)

    assert receipt.reason is ReceiptReason.UNIDENTIFIED
    assert (receipt.account_id, receipt.charge_id) == (None, None)
    assert await unidentified(world) == 10_00
    assert (await world.balance()).available == 100_00


@pytest.mark.parametrize("fault", list(Fault))
@pytest.mark.parametrize("position", [0, 1, 2])
async def test_an_interrupted_batch_credits_once_when_it_comes_again(
    world: MemoryWorld, position: int, fault: Fault
) -> None:
    made = await charge(world)
    entries = await written(
        world, world.received(150_00, txid=made.txid), world.received(7_00), world.received(1)
    )
    # store.receipt_contexts, ledger.create_transfers, store.archive_receipts
    world.faults.plan = [*[None] * position, fault]
    with pytest.raises((FluxiqError, Crash)):
        await settle_receipts(world.tenant, entries)

    await settle_receipts(world.tenant, entries)

    assert (await world.balance()).available == 257_01
    assert world.store.charges[made.id].status is ChargeStatus.PAID
    assert events(world)["pix.charge.paid"] == 1
    assert len(world.store.receipts) == 4


async def test_a_batch_is_one_call_to_each_room(world: MemoryWorld) -> None:
    entries = await written(world, *(world.received(1_00) for _ in range(20)))
    world.faults.calls.clear()

    await settle_receipts(world.tenant, entries)

    assert world.faults.calls == [
        "store.receipt_contexts",
        "ledger.create_transfers",
        "store.archive_receipts",
    ]


async def test_the_couriers_of_the_merchant_are_rung(world: MemoryWorld) -> None:
    wanted = OpenEndpoint(url="https://merchant.example/hook", events=("pix.receipt.*",))
    await open_endpoint(world.tenant, world.merchant_id, wanted, None)
    [endpoint_id] = world.store.webhooks.endpoints
    world.couriers.names.clear()

    await settle(world, world.received(1_00))

    assert world.couriers.names == [endpoint_id]
