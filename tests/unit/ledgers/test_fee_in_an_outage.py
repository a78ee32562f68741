"""A receipt with its fee while TigerBeetle is away: the money is taken, with its fee or without."""

import pytest
from msgspec.structs import replace

from fluxiq.domain.postings import TransferCode
from fluxiq.domain.records import Transfer, TransferFlags
from fluxiq.errors import Unknown
from fluxiq.ledgers.writer import Policy
from tests.unit.ledgers.conftest import Clock, House


def receipt(house: House, amount: int, fee: int) -> tuple[Transfer, Transfer]:
    received = house.pay(house.settlement, house.alice, amount, TransferFlags.LINKED)
    kept = house.pay(house.alice, house.settlement, fee)
    return received, replace(kept, code=TransferCode.FEE)


def alone(received: Transfer) -> Transfer:
    return replace(received, flags=TransferFlags.NONE)


async def test_a_fee_that_the_stand_in_took_is_in_tigerbeetle_afterwards(
    house: House, autojump_clock: Clock
) -> None:
    await house.open(funds=0)
    await house.leave()
    received, fee = receipt(house, 50, 1)
    assert await house.ask(received, fee) == ["created", "created"]
    await house.return_()
    assert house.in_tigerbeetle(fee)
    assert house.available() == 49
    assert await house.ask(received, fee) == ["exists", "linked_event_failed"]


async def test_a_fee_that_the_unknown_leaves_no_room_for_is_waived_and_the_money_is_taken(
    house: House, autojump_clock: Clock
) -> None:
    """What may have come in counts nothing, what may have been spent counts: below zero."""
    await house.open(funds=0)
    house.server.stop()
    came, spent = (
        house.pay(house.settlement, house.alice, 100),
        house.pay(house.alice, house.bob, 100),
    )
    with pytest.raises(Unknown):
        await house.ask(came, spent)
    await house.until(lambda: house.writer.stands_in)

    received, fee = receipt(house, 50, 1)
    assert await house.ask(received, fee) == ["linked_event_failed", "exceeds_credits"]
    assert await house.ask(received, fee) == ["linked_event_failed", "id_already_failed"]
    assert await house.ask(alone(received)) == ["created"]

    house.server.resume()
    await house.until(lambda: house.writer.submits, seconds=600)
    assert house.available() == 50
    assert house.in_tigerbeetle(spent)
    assert not house.in_tigerbeetle(fee)
    assert await house.ask(received, fee) == [
        "exists_with_different_flags",
        "linked_event_failed",
    ]


async def test_a_spent_cap_keeps_no_receipt_waiting_for_its_fee(
    house: House, autojump_clock: Clock
) -> None:
    house.institution.policy = Policy.STANDIN_LIMITED
    house.limit(account_cap=60, institution_cap=60)
    await house.open(funds=100)
    await house.leave()
    assert await house.ask(house.pay(house.alice, house.bob, 60)) == ["created"]

    received, fee = receipt(house, 50, 1)
    assert await house.ask(received, fee) == ["created", "created"]
