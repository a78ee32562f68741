"""The Counter, the Archive and the Vault of PIX out: what is accepted, refused, and replayed."""

from typing import Any

import msgspec
import pytest

from fluxiq.domain.recipient_account import AccountType, RecipientAccount
from fluxiq.domain.records import AccountStatus, PayoutStage, Recipient, Room
from fluxiq.errors import Refused, Unavailable
from fluxiq.ports import Idempotency
from fluxiq.services.hold_payouts import Order
from fluxiq.services.messages.envelope import Answer
from fluxiq.services.messages.payouts import OpenPayout, RecipientSaid
from fluxiq.services.open_payout import open_payout, show_payout
from fluxiq.services.walk import walk
from tests.support.memory_world import BY_ACCOUNT, ISPB, KEY, PAYER_ISPB, Fault, MemoryWorld


async def refusal(world: MemoryWorld, *args: Any, **said: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        await world.pay(*args, **said)
    return caught.value


async def test_an_accepted_payout_is_on_paper_held_and_owed_to_the_post_room(
    world: MemoryWorld,
) -> None:
    answer = await world.pay(40_00, description="rent", metadata={"order": 7})

    payout = await world.payout_of(answer)
    data = msgspec.json.decode(answer.body)["data"]
    assert data["status"] == "processing"
    assert (data["amount"], data["description"], data["metadata"]) == (40_00, "rent", {"order": 7})
    assert payout.stage is PayoutStage.HELD
    balance = await world.balance()
    assert (balance.available, balance.debits_pending) == (60_00, 40_00)

    [order] = [one for one in world.store.outbox.values() if one.work == payout.id]
    partition = world.tenant.partition(payout.account_id)
    assert order.entry.subject == f"FLUXIQ.{ISPB}.pix.out.{partition}"
    said = msgspec.json.decode(order.entry.body, type=Order)
    assert said.end_to_end_id == payout.end_to_end_id
    assert world.relay.rings == 1


async def test_the_answer_says_when_and_what_the_record_says(world: MemoryWorld) -> None:
    answer = await world.pay(40_00)

    payout = await world.payout_of(answer)
    shown = await show_payout(world.tenant, world.merchant_id, payout.id)
    assert msgspec.json.decode(answer.body)["data"] == msgspec.to_builtins(shown)


async def test_the_walk_of_an_accepted_payout_names_its_rooms_in_order(world: MemoryWorld) -> None:
    payout = await world.held()

    steps = await walk(world.tenant, world.merchant_id, payout.end_to_end_id)
    assert {step.room for step in steps} == {Room.DOOR, Room.COUNTER, Room.ARCHIVE, Room.VAULT}


async def test_the_recipient_is_filed_as_the_directory_knows_it(world: MemoryWorld) -> None:
    payout = await world.payout_of(await world.pay(1_00, KEY.upper()))

    assert payout.recipient.pix_key == KEY
    assert payout.recipient.pix_key_type == "EMAIL"
    assert payout.recipient.name == "Somebody"


async def test_a_payout_above_the_balance_is_refused_filed_and_moves_nothing(
    world: MemoryWorld,
) -> None:
    refused = await refusal(world, 100_01)

    assert refused.code == "insufficient_funds"
    payout = world.store.payouts_by_id[refused.details["payout_id"]]
    assert (payout.stage, payout.failure_code) == (PayoutStage.FAILED, "insufficient_funds")
    balance = await world.balance()
    assert (balance.available, balance.debits_pending) == (100_00, 0)
    assert not any(one.work == payout.id for one in world.store.outbox.values())
    assert world.store.events[-1].type == "pix.payout.failed"


async def test_a_payout_of_exactly_the_balance_is_accepted_and_one_centavo_more_is_not(
    world: MemoryWorld,
) -> None:
    await world.pay(100_00)

    assert (await refusal(world, 1)).code == "insufficient_funds"


async def test_a_payout_above_the_limit_is_refused_before_anybody_is_asked(
    world: MemoryWorld,
) -> None:
    refused = await refusal(world, 1_000_01)

    assert (refused.code, refused.details["field"]) == ("amount_above_limit", "amount")
    assert world.provider.asked == []
    assert world.store.payouts_by_id == {}


async def test_a_key_that_nobody_has_is_refused(world: MemoryWorld) -> None:
    refused = await refusal(world, 1_00, "nobody@example.com")

    assert (refused.code, refused.details["field"]) == ("pix_key_not_found", "recipient.pix_key")
    assert world.store.payouts_by_id == {}


async def test_a_customer_of_the_same_institution_is_not_paid_through_pix(
    world: MemoryWorld,
) -> None:
    near = msgspec.structs.replace(world.provider.owners[KEY], ispb=ISPB)
    world.provider.owners["near@example.com"] = near

    assert (await refusal(world, 1_00, "near@example.com")).code == "same_institution"


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"pix_key": "no key at all"}, "invalid_pix_key"),
        ({"pix_key": KEY, "pix_key_type": "PHONE"}, "invalid_pix_key"),
        ({"pix_key": KEY, "pix_key_type": "TELEX"}, "invalid_pix_key_type"),
    ],
)
async def test_a_recipient_that_cannot_be_is_refused_by_field(
    world: MemoryWorld, said: dict[str, str], code: str
) -> None:
    request = OpenPayout(amount=1, recipient=RecipientSaid(**said))
    with pytest.raises(Refused) as caught:
        await open_payout(
            world.tenant,
            world.merchant_id,
            request,
            Idempotency(key="k", digest=b"d"),
            world.clock.now(),
        )

    assert caught.value.code == code
    assert caught.value.details["field"].startswith("recipient.pix_key")


async def test_of_an_account_nobody_is_asked_and_what_was_said_is_ordered(
    world: MemoryWorld,
) -> None:
    held = await world.payout_of(await world.pay(40_00, BY_ACCOUNT))
    assert world.provider.asked == []
    assert held.recipient == Recipient(
        name="Maria",
        document="52998224725",
        ispb=PAYER_ISPB,
        account=RecipientAccount(branch="0001", number="123456", type=AccountType.CHECKING),
    )
    await world.run_rooms()
    assert world.provider.sent == [held.end_to_end_id]


async def test_an_account_of_somebody_else_is_not_found(world: MemoryWorld) -> None:
    other = await world.enroll(document="12345678909")

    refused = await refusal(world, 1_00, account_id=other.account.id)

    assert refused.code == "account_not_found"


async def test_a_blocked_account_pays_nothing(world: MemoryWorld) -> None:
    account = world.merchant.account
    world.store.accounts[account.id] = msgspec.structs.replace(
        account, status=AccountStatus.BLOCKED
    )

    assert (await refusal(world, 1_00)).code == "account_not_active"


async def test_an_owner_read_from_dict_is_remembered_for_a_minute(world: MemoryWorld) -> None:
    await world.pay(1_00)
    await world.pay(1_00)

    assert world.provider.asked == [KEY]
    [(_, seconds)] = world.cache.values.values()
    assert seconds == world.tenant.settings.directory.trust_seconds == 60


async def test_that_nobody_has_a_key_is_not_remembered(world: MemoryWorld) -> None:
    await refusal(world, 1_00, "new@example.com")
    world.provider.owners["new@example.com"] = world.provider.owners[KEY]

    await world.pay(1_00, "new@example.com")


async def test_without_redis_the_provider_is_asked_every_time(world: MemoryWorld) -> None:
    world.faults.away.add("cache")

    await world.pay(1_00)
    await world.pay(1_00)

    assert world.provider.asked == [KEY, KEY]


async def test_a_cache_that_cannot_keep_an_owner_does_not_stop_the_payout(
    world: MemoryWorld,
) -> None:
    world.faults.at["cache.put"] = Fault.REFUSED

    payout = await world.held()

    assert world.faults.at == {}
    assert payout.stage is PayoutStage.HELD


async def test_without_dict_nothing_is_written_and_the_caller_may_retry(world: MemoryWorld) -> None:
    world.faults.away.add("provider")
    with pytest.raises(Unavailable):
        await world.pay(1_00, under="order 1")
    assert world.store.payouts_by_id == {}

    world.faults.away.clear()
    assert not (await world.pay(1_00, under="order 1")).replayed


# The same idempotency key again.


async def test_a_replay_of_an_accepted_payout_answers_the_same_bytes_and_holds_nothing_more(
    world: MemoryWorld,
) -> None:
    first = await world.pay(40_00, under="order 1")
    again = await world.pay(40_00, under="order 1")

    assert (again.body, again.replayed) == (first.body, True)
    assert len(world.store.payouts_by_id) == 1
    assert (await world.balance()).debits_pending == 40_00


async def test_a_replay_is_not_refused_for_what_changed_since(world: MemoryWorld) -> None:
    """The symptom: refused the second time while the first stood, its merchant paid twice."""
    first = await world.pay(40_00, under="order 1")
    world.provider.owners.clear()
    world.cache.values.clear()

    again = await world.pay(40_00, under="order 1")

    assert (again.body, again.replayed) == (first.body, True)
    assert (await refusal(world, 40_00, under="order 2")).code == "pix_key_not_found"


async def test_a_replay_of_a_refused_payout_refuses_in_the_same_words(world: MemoryWorld) -> None:
    first = await refusal(world, 500_00, under="order 1")
    await world.fund(1_000_00)
    again = await refusal(world, 500_00, under="order 1")

    assert (again.code, again.message, again.details) == (
        first.code,
        first.message,
        first.details,
    )
    assert (await world.balance()).debits_pending == 0


async def test_a_key_whose_first_request_is_under_way_says_so(world: MemoryWorld) -> None:
    answer = await _pay_while_the_ledger_is_away(world)
    assert msgspec.json.decode(answer.body)["data"]["status"] == "processing"

    refused = await refusal(world, 40_00, under="order 1")

    [payout] = world.store.payouts_by_id.values()
    assert refused.code == "idempotency_in_progress"
    assert refused.details["resource_id"] == payout.id


async def _pay_while_the_ledger_is_away(world: MemoryWorld) -> Answer:
    world.faults.away.add("ledger")
    try:
        return await world.pay(40_00, under="order 1")
    finally:
        world.faults.away.clear()


async def test_a_key_used_for_another_body_is_refused(world: MemoryWorld) -> None:
    await world.pay(40_00, under="order 1")

    refused = await refusal(world, 41_00, under="order 1")

    assert (refused.code, refused.details["field"]) == (
        "idempotency_key_reused",
        "idempotency_key",
    )


async def test_two_merchants_may_use_the_same_key(world: MemoryWorld) -> None:
    await world.pay(40_00, under="order 1")
    mine = world.merchant
    world._enrolled = await world.enroll(document="12345678909")

    assert (await refusal(world, 40_00, under="order 1")).code == "insufficient_funds"
    assert world.merchant != mine


# Looking.


async def test_a_payout_of_another_merchant_is_not_found(world: MemoryWorld) -> None:
    payout = await world.held()
    other = await world.enroll(document="12345678909")

    for merchant_id, payout_id in (
        (other.merchant.id, payout.id),
        (world.merchant_id, "pay_none"),
    ):
        with pytest.raises(Refused) as caught:
            await show_payout(world.tenant, merchant_id, payout_id)
        assert caught.value.code == "payout_not_found"
