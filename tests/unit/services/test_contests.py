"""Contests: on paper before anybody hears of them, told once whatever breaks, never lost."""

from contextlib import suppress

import pytest

from fluxiq.domain.contest import ASK_SECONDS_MAX, Contest, ContestStatus, ContestWord, Owed
from fluxiq.domain.med import MedReason
from fluxiq.errors import Refused, Unavailable
from fluxiq.ports import Idempotency
from fluxiq.services.authenticate import Caller
from fluxiq.services.contests import cancel_contest, open_contest, show_contest
from fluxiq.services.messages.contests import ContestPayout
from fluxiq.services.messages.envelope import Answer
from fluxiq.services.tell_contests import tell_contests
from tests.support.memory_world import Crash, Fault, MemoryWorld

S, W = ContestStatus, ContestWord
SCAM = ContestPayout(reason=MedReason.SCAM, details="by telephone")
TOLD = {
    W.ACCEPTED: S.ACCEPTED,
    W.REJECTED: S.REJECTED,
}


class Scene:
    """A merchant who paid R$ 40.00, and says that it was fraud."""

    def __init__(self, world: MemoryWorld, payout_id: str, end_to_end_id: str) -> None:
        self.world, self.payout_id, self.end_to_end_id = world, payout_id, end_to_end_id
        self.desk = world.provider
        self.caller = Caller(
            tenant=world.tenant,
            belongs_to=world.merchant.merchant.id,
            actor="key_1",
            permissions=("*",),
        )

    async def open(self, said: ContestPayout = SCAM, key: str | None = None) -> Answer:
        named = None if key is None else Idempotency(key=key, digest=b"")
        return await open_contest(self.caller, self.payout_id, said, named)

    async def cancel(self) -> None:
        await cancel_contest(self.caller, self.payout_id)

    async def sweep(self, seconds: float = 6) -> None:
        self.world.clock.pass_seconds(seconds)
        await tell_contests(self.world.tenant)

    async def recover(self) -> None:
        """Rounds until the outage is over."""
        for _ in range(4):
            with suppress(Crash, Unavailable):
                await self.sweep(60)

    @property
    def contests(self) -> list[Contest]:
        return list(self.world.contests.by_id.values())

    @property
    def contest(self) -> Contest:
        [contest] = self.contests
        return contest

    def says(self, word: ContestWord) -> None:
        self.desk.contested[self.contest.id] = word

    @property
    def events(self) -> list[str]:
        told = [one.type for one in self.world.store.events]
        return [one for one in told if one.startswith("pix.contest.")]


@pytest.fixture
async def scene(world: MemoryWorld) -> Scene:
    payout = await world.payout_of(await world.pay(40_00))
    await world.receive(world.provider.settle(payout.end_to_end_id))
    await world.run_rooms()
    world.faults.calls.clear()
    return Scene(world, payout.id, payout.end_to_end_id)


@pytest.mark.parametrize("word", TOLD)
async def test_it_is_reported_acknowledged_and_decided(scene: Scene, word: ContestWord) -> None:
    await scene.open()
    assert (scene.contest.status, scene.desk.heard) == (S.REPORTING, [])
    await scene.sweep(0)
    assert (scene.contest.status, scene.desk.heard) == (S.REPORTED, ["report"])
    scene.says(W.ACKNOWLEDGED)
    await scene.sweep()
    assert scene.contest.status is S.ACKNOWLEDGED
    scene.says(word)
    await scene.sweep(ASK_SECONDS_MAX)
    assert (scene.contest.status, scene.contest.owed) == (TOLD[word], None)
    assert scene.events == ["pix.contest.reported", f"pix.contest.{TOLD[word]}"]
    heard = len(scene.desk.heard)
    await scene.sweep(ASK_SECONDS_MAX)
    assert len(scene.desk.heard) == heard


async def test_the_same_contest_again_is_the_same_one(scene: Scene) -> None:
    first = await scene.open(key="k")
    again, without = await scene.open(key="k"), await scene.open()
    assert first.body == again.body == without.body
    assert again.replayed
    assert without.replayed
    with pytest.raises(Refused) as refused:
        await scene.open(ContestPayout(reason=MedReason.COERCION), key="other")
    assert refused.value.code == "contest_exists"
    assert refused.value.details["contest_id"] == scene.contest.id
    with pytest.raises(Refused) as reused:
        await scene.open(ContestPayout(reason=MedReason.COERCION), key="k")
    assert reused.value.code == "idempotency_key_reused"


@pytest.mark.parametrize("fault", list(Fault))
async def test_whatever_breaks_while_it_is_told_it_is_reported_once(
    scene: Scene, fault: Fault
) -> None:
    await scene.open()
    scene.world.faults.at["provider.report_contest"] = fault
    await scene.recover()
    assert scene.contest.status is S.REPORTED
    assert list(scene.desk.contested) == [scene.contest.id]
    assert scene.events == ["pix.contest.reported"]


@pytest.mark.parametrize("fault", list(Fault))
async def test_whatever_breaks_while_the_answer_is_written_it_is_reported_once(
    scene: Scene, fault: Fault
) -> None:
    await scene.open()
    scene.world.faults.at["contests.move"] = fault
    await scene.recover()
    assert scene.contest.status is S.REPORTED
    assert scene.events == ["pix.contest.reported"]


async def test_a_lost_answer_is_asked_for_before_anything_is_said_again(scene: Scene) -> None:
    await scene.open()
    scene.world.faults.at["provider.report_contest"] = Fault.ANSWER_LOST
    await scene.sweep(0)
    assert (scene.contest.status, scene.contest.in_doubt) == (S.REPORTING, True)
    await scene.sweep()
    assert scene.desk.heard == ["report", "ask"]
    assert (scene.contest.status, scene.contest.in_doubt) == (S.REPORTED, False)


async def test_what_the_link_cannot_do_is_refused_and_another_may_follow(scene: Scene) -> None:
    scene.desk.refuses = "contests_not_offered"
    await scene.open()
    await scene.sweep(0)
    assert (scene.contest.status, scene.contest.status_reason) == (
        S.REFUSED,
        "contests_not_offered",
    )
    assert scene.events == ["pix.contest.refused"]
    scene.world.clock.pass_seconds(1)
    await scene.open()
    assert [one.status for one in scene.contests] == [S.REFUSED, S.REPORTING]


async def test_it_is_taken_back_and_the_provider_hears_of_it(scene: Scene) -> None:
    await scene.open()
    await scene.sweep(0)
    for _ in range(2):
        await scene.cancel()
    assert (scene.contest.status, scene.contest.owed) == (S.CANCELLED, Owed.CANCEL)
    with pytest.raises(Refused) as refused:
        await scene.open()
    assert refused.value.code == "contest_exists"
    await scene.sweep()
    assert scene.desk.contested == {scene.contest.id: W.CANCELLED}
    assert scene.events == ["pix.contest.reported", "pix.contest.cancelled"]
    await scene.open()
    assert [one.status for one in scene.contests] == [S.CANCELLED, S.REPORTING]


async def test_what_the_provider_never_heard_of_is_taken_back_all_the_same(scene: Scene) -> None:
    await scene.open()
    await scene.cancel()
    await scene.sweep(0)
    assert (scene.contest.status, scene.contest.owed) == (S.CANCELLED, None)
    assert scene.desk.contested == {}


async def test_a_decision_that_was_quicker_than_the_cancellation_stands(scene: Scene) -> None:
    await scene.open()
    await scene.sweep(0)
    await scene.cancel()
    scene.says(W.ACCEPTED)
    await scene.recover()
    assert (scene.contest.status, scene.contest.owed) == (S.ACCEPTED, None)
    with pytest.raises(Refused) as refused:
        await scene.cancel()
    assert refused.value.code == "contest_decided"


async def test_a_link_that_is_gone_keeps_it_waiting(scene: Scene) -> None:
    await scene.open()
    known = scene.contest
    scene.world.contests.by_id[known.id] = Contest(
        **{name: getattr(known, name) for name in known.__struct_fields__} | {"provider": "gone"}
    )
    await scene.sweep(0)
    assert (scene.contest.status, scene.contest.owed) == (S.REPORTING, Owed.REPORT)
    assert scene.contest.due_at > scene.world.clock.now()


async def test_money_that_comes_back_is_in_the_contest_and_ends_no_second_time(
    scene: Scene,
) -> None:
    await scene.open(key="k")
    await scene.sweep(0)
    scene.says(W.ACCEPTED)
    back = scene.desk.returned(scene.end_to_end_id, 40_00, "D0000000020261122120000000000001")
    await scene.world.receive(back)
    await scene.world.run_rooms()
    await scene.sweep()
    merchant_id = scene.caller.merchant_id
    shown = await show_contest(scene.world.tenant, merchant_id, scene.payout_id)
    assert (shown.status, shown.returned_amount) == (S.ACCEPTED, 40_00)
    assert (await scene.open(key="k")).replayed
    with pytest.raises(Refused) as refused:
        await scene.open()
    assert refused.value.code == "payout_not_contestable"
