"""A merchant gives money back: what is refused, what is held, and how it ends."""

from collections import Counter

import msgspec
import pytest

from fluxiq.domain.records import ChargeStatus, NoticeKind, PayoutStage, RefundReason
from fluxiq.errors import Refused
from fluxiq.services.sweep import enquire_unanswered
from tests.support.memory_world import Fault, MemoryWorld
from tests.unit.services.refund_kit import limit_of, paid_charge, received, refund, refund_of


def told(world: MemoryWorld) -> Counter[str]:
    return Counter(one.type for one in world.store.events if one.type.startswith("pix.refund"))


async def refused(world: MemoryWorld, **said: object) -> str:
    with pytest.raises(Refused) as error:
        await refund(world, **said)
    return error.value.code


async def test_a_refund_holds_the_money_and_its_room_and_is_sent_with_its_reason(
    world: MemoryWorld,
) -> None:
    end_to_end_id = await received(world)

    answer = await refund(
        world, end_to_end_id=end_to_end_id, amount=40_00, reason=RefundReason.FRAUD
    )

    said = msgspec.json.decode(answer.body)["data"]
    assert (said["status"], said["amount"], said["reason"]) == ("processing", 40_00, "fraud")
    assert said["return_id"].startswith("D12345678")
    assert (await limit_of(world, end_to_end_id)).available == 60_00
    assert (await world.balance()).debits_pending == 40_00
    await world.run_rooms()
    assert world.provider.sent == [said["return_id"]]
    assert refund_of(world, answer).stage is PayoutStage.SENT
    assert told(world) == {"pix.refund.requested": 1}


async def test_a_completed_refund_is_posted_and_its_merchant_is_told(world: MemoryWorld) -> None:
    end_to_end_id = await received(world)
    answer = await refund(world, end_to_end_id=end_to_end_id, amount=40_00)
    await world.run_rooms()

    await world.receive(world.provider.settle(refund_of(world, answer).return_id))
    await world.run_rooms()

    assert refund_of(world, answer).stage is PayoutStage.CONFIRMED
    balance, limit = await world.balance(), await limit_of(world, end_to_end_id)
    assert (balance.debits_posted, balance.debits_pending) == (40_00, 0)
    assert (limit.debits_posted, limit.debits_pending, limit.available) == (40_00, 0, 60_00)
    assert told(world) == {"pix.refund.requested": 1, "pix.refund.completed": 1}
    assert world.store.events[-1].data.status == "completed"
    assert len(world.store.inbox_done) == len(world.store.inbox)


async def test_a_rejected_refund_gives_back_the_money_and_the_room(world: MemoryWorld) -> None:
    end_to_end_id = await received(world)
    answer = await refund(world, end_to_end_id=end_to_end_id)
    await world.run_rooms()

    await world.receive(world.provider.reject(refund_of(world, answer).return_id, "AC07"))
    await world.run_rooms()

    failed = refund_of(world, answer)
    assert (failed.stage, failed.failure_code) == (PayoutStage.FAILED, "account_closed")
    assert (await world.balance()).debits_pending == 0
    assert (await limit_of(world, end_to_end_id)).available == 100_00
    again = await refund(world, under="refund 2", end_to_end_id=end_to_end_id)
    assert refund_of(world, again).amount == 100_00


async def test_60_00_and_40_01_are_more_than_100_00_though_there_is_money(
    world: MemoryWorld,
) -> None:
    end_to_end_id = await received(world)
    await refund(world, end_to_end_id=end_to_end_id, amount=60_00)

    again = {"under": "refund 2", "end_to_end_id": end_to_end_id}
    assert await refused(world, **again, amount=40_01) == "refund_above_original"
    assert await refused(world, **again, amount=40_01) == "refund_above_original"

    assert (await world.balance()).debits_pending == 60_00
    await refund(world, under="refund 3", end_to_end_id=end_to_end_id, amount=40_00)
    assert (await limit_of(world, end_to_end_id)).available == 0
    assert told(world) == {"pix.refund.requested": 2, "pix.refund.failed": 1}
    # A refused refund never leaves, and its notice of failure names the rule in both languages.
    failed = next(one for one in world.store.events if one.type == "pix.refund.failed")
    assert failed.data.failure.code == "refund_above_original"
    assert "devoluções" in failed.data.failure.message_pt


async def test_without_an_amount_the_rest_is_refunded_and_then_nothing(world: MemoryWorld) -> None:
    end_to_end_id = await received(world)
    await refund(world, end_to_end_id=end_to_end_id, amount=60_00)

    rest = await refund(world, under="refund 2", end_to_end_id=end_to_end_id)

    assert refund_of(world, rest).amount == 40_00
    last = {"under": "refund 3", "end_to_end_id": end_to_end_id}
    assert await refused(world, **last) == "refund_above_original"


async def test_money_that_is_no_longer_there_cannot_be_refunded_and_keeps_its_room(
    world: MemoryWorld,
) -> None:
    end_to_end_id = await received(world)
    await world.held(150_00)

    assert await refused(world, end_to_end_id=end_to_end_id) == "insufficient_funds"

    assert (await limit_of(world, end_to_end_id)).available == 100_00
    part = await refund(world, under="refund 2", end_to_end_id=end_to_end_id, amount=50_00)
    assert refund_of(world, part).stage is PayoutStage.HELD


async def test_the_same_key_and_body_get_the_same_answer_also_when_nothing_is_left(
    world: MemoryWorld,
) -> None:
    end_to_end_id = await received(world)
    first = await refund(world, end_to_end_id=end_to_end_id)

    again = await refund(world, end_to_end_id=end_to_end_id)

    assert (again.body, again.replayed) == (first.body, True)
    assert len(world.refunds.by_id) == 1
    assert await refused(world, end_to_end_id=end_to_end_id, amount=1) == "idempotency_key_reused"


async def test_a_charge_that_is_refunded_in_parts_stays_paid_until_it_is_whole(
    world: MemoryWorld,
) -> None:
    charge = await paid_charge(world)
    for number, amount in enumerate((60_00, 40_00)):
        answer = await refund(world, under=f"refund {number}", charge_id=charge.id, amount=amount)
        await world.run_rooms()
        assert world.store.charges[charge.id].refunded_amount == 60_00 * number
        await world.receive(world.provider.settle(refund_of(world, answer).return_id))
        await world.run_rooms()
        assert world.store.charges[charge.id].status is (
            ChargeStatus.REFUNDED if number else ChargeStatus.PAID
        )

    assert world.store.charges[charge.id].refunded_amount == charge.amount


async def test_money_that_came_for_a_charge_already_paid_does_not_refund_the_charge(
    world: MemoryWorld,
) -> None:
    charge = await paid_charge(world)
    second = world.received(charge.amount, txid=charge.txid)
    await world.receive(second)
    await world.run_rooms()

    answer = await refund(world, end_to_end_id=second.end_to_end_id)

    assert refund_of(world, answer).charge_id is None


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({}, "validation_failed"),
        ({"charge_id": "chg_1", "end_to_end_id": "E1"}, "validation_failed"),
        ({"charge_id": "chg_1"}, "charge_not_found"),
        ({"end_to_end_id": "E1"}, "invalid_end_to_end_id"),
        ({"end_to_end_id": "E00000000202607011200abcDEF12345"}, "payment_not_found"),
        ({"end_to_end_id": "D00000000202607011200abcDEF12345"}, "refund_of_refund"),
        ({"end_to_end_id": "D1"}, "invalid_return_id"),
    ],
)
async def test_what_cannot_be_refunded_is_refused_by_name(
    world: MemoryWorld, said: dict[str, str], code: str
) -> None:
    assert await refused(world, **said) == code
    assert world.refunds.by_id == {}


async def test_a_charge_that_was_not_paid_and_a_payment_of_somebody_else_are_not_refunded(
    world: MemoryWorld,
) -> None:
    end_to_end_id = await received(world)
    other = (await world.enroll(name="Outra", document="12345678909")).merchant.id
    assert await refused(world, by=other, end_to_end_id=end_to_end_id) == "payment_not_found"

    charge = await paid_charge(world)
    world.store.charges[charge.id] = msgspec.structs.replace(
        charge, status=ChargeStatus.PENDING, paid_at=None, end_to_end_id=None
    )
    assert await refused(world, charge_id=charge.id) == "charge_not_paid"
    assert await refused(world, by=other, charge_id=charge.id) == "charge_not_found"


async def test_after_ninety_days_it_is_too_late_but_the_answer_of_then_still_holds(
    world: MemoryWorld,
) -> None:
    end_to_end_id = await received(world)
    world.clock.pass_seconds(89 * 86_400)
    first = await refund(world, end_to_end_id=end_to_end_id, amount=1)
    world.clock.pass_seconds(2 * 86_400)

    late = {"under": "refund 2", "end_to_end_id": end_to_end_id, "amount": 1}
    assert await refused(world, **late) == "refund_deadline_passed"
    assert (await refund(world, end_to_end_id=end_to_end_id, amount=1)).body == first.body


async def test_a_refund_without_an_answer_is_asked_about_and_never_sent_blindly(
    world: MemoryWorld,
) -> None:
    end_to_end_id = await received(world)
    answer = await refund(world, end_to_end_id=end_to_end_id)
    world.faults.at["provider.send_refund"] = Fault.ANSWER_LOST
    await world.run_rooms()
    assert refund_of(world, answer).stage is PayoutStage.IN_DOUBT

    world.provider.settle(refund_of(world, answer).return_id)
    world.clock.pass_seconds(world.tenant.settings.pix.enquire_after_seconds + 1)
    await enquire_unanswered(world.tenant)

    assert refund_of(world, answer).stage is PayoutStage.CONFIRMED
    assert len(world.provider.sent) == 1


async def test_a_rejection_that_the_provider_does_not_stand_by_completes_the_refund(
    world: MemoryWorld,
) -> None:
    answer = await refund(world, end_to_end_id=await received(world))
    await world.run_rooms()
    return_id = refund_of(world, answer).return_id
    world.provider.settle(return_id)

    await world.receive(world.provider.notice(NoticeKind.REJECTED, return_id, reason_code="AB03"))
    await world.run_rooms()

    assert refund_of(world, answer).stage is PayoutStage.CONFIRMED


@pytest.mark.parametrize("first", [NoticeKind.CONFIRMED, NoticeKind.REJECTED])
async def test_of_two_contradicting_notices_in_one_batch_the_ledger_takes_the_first(
    world: MemoryWorld, first: NoticeKind
) -> None:
    end_to_end_id = await received(world)
    answer = await refund(world, end_to_end_id=end_to_end_id)
    await world.run_rooms()
    return_id = refund_of(world, answer).return_id
    kinds = [NoticeKind.CONFIRMED, NoticeKind.REJECTED]
    second = next(kind for kind in kinds if kind is not first)

    await world.receive(*(world.provider.notice(kind, return_id) for kind in (first, second)))
    await world.run_rooms()

    settled = first is NoticeKind.CONFIRMED
    assert refund_of(world, answer).stage is (
        PayoutStage.CONFIRMED if settled else PayoutStage.FAILED
    )
    limit, balance = await limit_of(world, end_to_end_id), await world.balance()
    assert limit.debits_posted == balance.debits_posted == (100_00 if settled else 0)
    assert limit.debits_pending == balance.debits_pending == 0
    assert len(world.store.notes) == 1


async def test_a_notice_of_a_refund_nobody_knows_leaves_a_note(world: MemoryWorld) -> None:
    stray = "D12345678202607011200abcDEF12345"

    await world.receive(world.provider.notice(NoticeKind.CONFIRMED, stray))
    await world.run_rooms()

    assert world.store.notes == ["unknown_end_to_end_id"]
    assert len(world.store.inbox_done) == len(world.store.inbox)


async def test_the_books_count_a_refund_until_it_ends(world: MemoryWorld) -> None:
    answer = await refund(world, end_to_end_id=await received(world))
    books = await world.store.prove_books()
    assert (books.refunds_open, books.refunds_by_stage) == (1, {"held": 1})

    await world.run_rooms()
    await world.receive(world.provider.settle(refund_of(world, answer).return_id))
    await world.run_rooms()

    books = await world.store.prove_books()
    assert (books.refunds_open, books.refunds_by_stage) == (0, {"confirmed": 1})
