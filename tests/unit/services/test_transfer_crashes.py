"""A book transfer's calls, with a failure between any two, and at any decision.

What a caller left behind is found by the sweep and finished exactly once.
"""

from collections import Counter
from dataclasses import replace
from typing import Final

import msgspec
import pytest

from fluxiq.domain.identifiers import IdPrefix
from fluxiq.domain.transfer import BookTransfer, FailureCode, TransferStage
from fluxiq.errors import FluxiqError, Refused
from fluxiq.ports import Idempotency
from fluxiq.services.decide_transfer import approve_transfer, expire_transfer, reject_transfer
from fluxiq.services.make_transfer import make_transfer
from fluxiq.services.messages.accounts import OpenAccount
from fluxiq.services.messages.envelope import Answer, digest_of
from fluxiq.services.messages.transfers import MakeTransfer, TransferView
from fluxiq.services.open_account import open_account
from fluxiq.services.sweep_transfers import (
    UNFINISHED_SECONDS,
    expire_approvals,
    resume_transfers,
)
from tests.support.interruption import interrupted
from tests.support.memory_world import Crash, Fault, MemoryWorld

MAKER, CHECKER = "key_maker", "key_checker"
FUNDS, LIMIT = 100_00, 50_00
LARGE: Final = LIMIT + 1
S = TransferStage

# The calls of one transfer that change something, in order. The others only read.
INTENT: Final = "transfers.open"
LEDGER: Final = "ledger.create_transfers"
OUTCOME: Final = "transfers.move"

POINTS: Final = [
    pytest.param(call, fault, id=f"{fault.name.lower()}-at-{call}")
    for call in (INTENT, LEDGER, OUTCOME)
    for fault in Fault
]


class Scene:
    """A merchant with FUNDS and a second account; above LIMIT two people are needed."""

    def __init__(self, world: MemoryWorld, other: str) -> None:
        institution = msgspec.structs.replace(
            world.tenant.institution, transfer_approval_above=LIMIT
        )
        world.tenant = replace(world.tenant, institution=institution)
        self.world, self.other = world, other

    async def make(self, amount: int = 10_00) -> Answer:
        request = MakeTransfer(
            source_account_id=self.world.merchant.account.id,
            destination_account_id=self.other,
            amount=amount,
        )
        key = Idempotency(key="order 1", digest=digest_of(request))
        return await make_transfer(self.world.tenant, self.world.merchant_id, MAKER, request, key)

    async def pending(self) -> BookTransfer:
        await self.make(LARGE)
        self.world.faults.calls.clear()
        return self.only()

    def only(self) -> BookTransfer:
        [found] = self.world.transfers.rows.values()
        return found

    async def decide(self, verb: str) -> TransferView:
        use = approve_transfer if verb == "approve" else reject_transfer
        made = self.only()
        return await use(self.world.tenant, made.merchant_id, CHECKER, made.id)

    async def sweep(self) -> None:
        self.world.clock.pass_seconds(UNFINISHED_SECONDS + 1)
        for _ in range(3):
            await resume_transfers(self.world.tenant)

    async def left(self) -> tuple[int, int]:
        """What the source has available and held."""
        balance = await self.world.balance()
        return balance.available, balance.debits_pending

    def told(self) -> Counter[str]:
        events = [one.type for one in self.world.store.events]
        return Counter(one for one in events if one.startswith("transfer."))


@pytest.fixture
async def scene(world: MemoryWorld) -> Scene:
    return await opened(world)


async def opened(world: MemoryWorld) -> Scene:
    answer = await open_account(
        world.tenant, world.merchant_id, MAKER, OpenAccount(name="Savings"), None
    )
    other = msgspec.json.decode(answer.body)["data"]["id"]
    world.faults.calls.clear()
    return Scene(world, other)


def on_paper(call: str, fault: Fault) -> bool:
    return call != INTENT or fault in {Fault.CRASH_AFTER, Fault.ANSWER_LOST}


async def test_a_transfer_makes_the_calls_that_the_crash_points_name(scene: Scene) -> None:
    await scene.make()

    reading = {"store.list_accounts", "store.find_account"}
    calls = [one for one in scene.world.faults.calls if one not in reading]
    assert calls == [INTENT, LEDGER, OUTCOME]


@pytest.mark.parametrize(("call", "fault"), POINTS)
async def test_an_interrupted_transfer_is_made_exactly_once(
    scene: Scene, call: str, fault: Fault
) -> None:
    scene.world.faults.at[call] = fault
    await interrupted(scene.make())
    await scene.sweep()

    again = await scene.make()
    assert again.replayed is on_paper(call, fault)
    assert scene.only().stage is S.COMPLETED
    assert await scene.left() == (FUNDS - 10_00, 0)
    assert scene.told() == {"transfer.completed": 1}


@pytest.mark.parametrize(("call", "fault"), [one for one in POINTS if on_paper(*one.values)])
async def test_an_interrupted_transfer_without_funds_is_refused_exactly_once(
    scene: Scene, call: str, fault: Fault
) -> None:
    """Also when money came in meanwhile: a ledger that refused an id refuses it for ever."""
    scene.world.tenant = replace(
        scene.world.tenant,
        institution=msgspec.structs.replace(
            scene.world.tenant.institution, transfer_approval_above=FUNDS * 10
        ),
    )
    scene.world.faults.at[call] = fault
    await interrupted(scene.make(FUNDS + 1))
    await scene.sweep()
    await scene.world.fund(FUNDS)

    with pytest.raises(Refused, match="does not cover"):
        await scene.make(FUNDS + 1)
    assert (scene.only().stage, scene.only().failure_code) == (
        S.FAILED,
        FailureCode.INSUFFICIENT_FUNDS,
    )
    assert await scene.left() == (FUNDS * 2, 0)
    assert scene.told() == {"transfer.failed": 1}


@pytest.mark.parametrize(("call", "fault"), POINTS)
async def test_an_interrupted_hold_is_made_exactly_once_and_waits(
    scene: Scene, call: str, fault: Fault
) -> None:
    scene.world.faults.at[call] = fault
    await interrupted(scene.make(LARGE))
    await scene.sweep()

    await scene.make(LARGE)
    assert scene.only().stage is S.PENDING
    assert await scene.left() == (FUNDS - LARGE, LARGE)
    assert scene.told() == {}


DECISION_POINTS: Final = [
    pytest.param(verb, place, fault, id=f"{verb}-{fault.name.lower()}-at-{place}")
    for verb in ("approve", "reject")
    for place in range(3)  # on paper; the ledger; the end on paper
    for fault in Fault
]


async def reads_before(verb: str) -> int:
    """How often a decision asks for something before it changes anything."""
    other = await opened(await MemoryWorld().open())
    await other.world.fund(FUNDS)
    await other.pending()
    await other.decide(verb)
    return other.world.faults.calls.index(OUTCOME)


@pytest.mark.parametrize(("verb", "place", "fault"), DECISION_POINTS)
async def test_an_interrupted_decision_stands_once_it_is_on_paper(
    scene: Scene, verb: str, place: int, fault: Fault
) -> None:
    await scene.pending()
    reads = await reads_before(verb)
    scene.world.faults.plan = [None] * (reads + place) + [fault]
    await interrupted(scene.decide(verb))
    assert not scene.world.faults.plan

    await scene.sweep()
    if place == 0 and fault in {Fault.REFUSED, Fault.CRASH_BEFORE}:
        assert scene.only().stage is S.PENDING
        await scene.decide(verb)

    ended, left = (S.COMPLETED, FUNDS - LARGE) if verb == "approve" else (S.FAILED, FUNDS)
    assert scene.only().stage is ended
    assert await scene.left() == (left, 0)
    assert sum(scene.told().values()) == 1
    await scene.decide(verb)  # its maker may ask again, and is told the same


async def test_an_approval_that_overtakes_the_clock_wins(scene: Scene) -> None:
    """The sweep read the transfer as pending; by the time that it writes, it is approved."""
    stale = await scene.pending()
    await scene.decide("approve")
    await expire_transfer(scene.world.tenant, stale)

    assert scene.only().stage is S.COMPLETED
    assert scene.told() == {"transfer.completed": 1}


@pytest.mark.parametrize("fault", list(Fault))
@pytest.mark.parametrize("place", [0, 1, 2, 3])
async def test_an_interrupted_expiry_gives_the_money_back_once(
    scene: Scene, place: int, fault: Fault
) -> None:
    await scene.pending()
    scene.world.clock.pass_seconds(scene.world.tenant.settings.transfers.approval_seconds)
    scene.world.faults.plan = [None] * place + [fault]
    with pytest.raises((FluxiqError, Crash)):
        await expire_approvals(scene.world.tenant)

    await expire_approvals(scene.world.tenant)
    await scene.sweep()
    assert (scene.only().stage, scene.only().failure_code) == (
        S.FAILED,
        FailureCode.APPROVAL_EXPIRED,
    )
    assert await scene.left() == (FUNDS, 0)
    assert scene.told() == {"transfer.failed": 1}


async def test_a_transfer_is_not_swept_while_its_caller_may_still_be_there(scene: Scene) -> None:
    scene.world.faults.at[LEDGER] = Fault.CRASH_BEFORE
    with pytest.raises(Crash):
        await scene.make()

    scene.world.clock.pass_seconds(UNFINISHED_SECONDS - 1)
    assert await resume_transfers(scene.world.tenant) == 0
    assert scene.only().id.startswith(f"{IdPrefix.TRANSFER}_")
