"""A batch of payouts enters each room once, and a fault between two rooms loses none of them."""

from typing import Any

import pytest

from fluxiq.domain.records import PayoutStage
from fluxiq.errors import Refused, Unavailable, Unknown
from fluxiq.ports import Idempotency
from fluxiq.services.messages.envelope import Answer, digest_of
from fluxiq.services.messages.payouts import OpenPayout, RecipientSaid
from fluxiq.services.open_payout import Asked, Decision, open_payouts
from fluxiq.services.sweep import UNHELD_SECONDS, resume_unheld
from tests.support.memory_world import KEY, Crash, Fault, MemoryWorld

INTENTS, HOLDS, SETTLE = "store.open_payouts", "ledger.create_transfers", "store.settle_holds"
LIMITS = "limits.states"


def asked(number: int, amount: int = 1_00, key: str = KEY, **said: Any) -> Asked:
    order = OpenPayout(amount=amount, recipient=RecipientSaid(pix_key=key), **said)
    return Asked(order, Idempotency(key=f"line {number}", digest=digest_of(order)))


async def send(world: MemoryWorld, *lines: Asked) -> list[Decision]:
    return await open_payouts(world.tenant, world.merchant_id, lines, world.clock.now())


def codes(decisions: list[Decision]) -> list[str]:
    """Of each decision: accepted, again, the code of its refusal, or the name of its error."""
    said = []
    for one in decisions:
        match one.said:
            case Answer(replayed=replayed):
                said.append("again" if replayed else "accepted")
            case Refused() as refused:
                said.append(refused.code)
            case error:
                said.append(type(error).__name__)
    return said


async def test_fifty_lines_cost_the_round_trips_of_one(world: MemoryWorld) -> None:
    decisions = await send(world, *[asked(number) for number in range(50)])

    assert codes(decisions) == ["accepted"] * 50
    assert world.faults.calls == [
        "store.list_accounts",
        "cache.get_many",
        "provider.look_up",
        "cache.put",
        LIMITS,
        INTENTS,
        HOLDS,
        SETTLE,
    ]
    assert (await world.balance()).debits_pending == 50_00


async def test_money_that_is_not_there_is_missed_by_the_later_lines(world: MemoryWorld) -> None:
    decisions = await send(world, asked(1, 60_00), asked(2, 60_00), asked(3, 40_00))

    assert codes(decisions) == ["accepted", "insufficient_funds", "accepted"]
    assert (await world.balance()).available == 0


async def test_a_key_that_was_free_for_a_refused_line_is_free_for_the_next(
    world: MemoryWorld,
) -> None:
    """As with two requests: what is refused at the Counter claims no key."""
    decisions = await send(world, asked(1, key="nobody@example.com"), asked(1), asked(1))

    assert codes(decisions) == ["pix_key_not_found", "accepted", "again"]
    assert len(world.store.payouts_by_id) == 1


async def test_a_repeated_line_is_answered_as_before_when_it_would_be_refused_today(
    world: MemoryWorld,
) -> None:
    [before] = await send(world, asked(1))
    world.cache.values.clear()
    world.provider.owners.clear()

    again, fresh = await send(world, asked(1), asked(2))
    assert again.answer().body == before.answer().body
    assert codes([again, fresh]) == ["again", "pix_key_not_found"]


async def test_while_dict_is_away_nothing_is_done_and_the_line_may_come_again(
    world: MemoryWorld,
) -> None:
    world.faults.away = {"provider"}
    [decision] = await send(world, asked(1))
    world.faults.away = set()

    assert isinstance(decision.said, Unavailable)
    assert decision.payout_id is None
    assert world.store.payouts_by_id == {}
    assert codes(await send(world, asked(1))) == ["accepted"]


async def test_while_the_store_is_away_the_whole_batch_is_refused(world: MemoryWorld) -> None:
    world.faults.at[INTENTS] = Fault.REFUSED
    with pytest.raises(Unavailable):
        await send(world, asked(1), asked(2))
    assert world.store.payouts_by_id == {}


@pytest.mark.parametrize("call", [HOLDS, SETTLE])
@pytest.mark.parametrize("fault", [Fault.REFUSED, Fault.ANSWER_LOST])
async def test_lines_without_an_answer_are_on_paper_and_end_by_themselves(
    world: MemoryWorld, call: str, fault: Fault
) -> None:
    world.faults.at[call] = fault
    decisions = await send(world, asked(1), asked(2, key="nobody@example.com"), asked(3))

    if isinstance(decisions[0].said, Answer):
        assert decisions[0].said.provisional
    else:
        assert isinstance(decisions[0].said, Unknown), "the answer of the ledger was lost"
    assert codes(decisions[1:2]) == ["pix_key_not_found"]
    on_paper = [decisions[0].payout_id, decisions[2].payout_id]
    assert on_paper == list(world.store.payouts_by_id)
    await everything_is_held_once(world, 2)


@pytest.mark.parametrize("call", [HOLDS, SETTLE])
@pytest.mark.parametrize("fault", [Fault.CRASH_BEFORE, Fault.CRASH_AFTER])
async def test_a_crash_amid_a_batch_leaves_it_to_the_sweep(
    world: MemoryWorld, call: str, fault: Fault
) -> None:
    world.faults.at[call] = fault
    with pytest.raises(Crash):
        await send(world, *[asked(number) for number in range(3)])
    await everything_is_held_once(world, 3)


async def everything_is_held_once(world: MemoryWorld, lines: int) -> None:
    world.clock.pass_seconds(UNHELD_SECONDS + 1)
    for _ in range(2):
        await resume_unheld(world.tenant)

    payouts = list(world.store.payouts_by_id.values())
    assert [one.stage for one in payouts] == [PayoutStage.HELD] * lines
    assert (await world.balance()).debits_pending == lines * 1_00
    works = [one.work for one in world.store.outbox.values() if one.work is not None]
    assert sorted(works) == sorted(one.id for one in payouts)
