"""Deeds for two at the operators' desk: proposed, approved by somebody else, done."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio

from actors.admin import approvals
from actors.admin.approvals import Approvals
from actors.admin.arguments import Arguments
from actors.admin.askers import Peer
from actors.admin.desk import Desk
from actors.admin.verbs import Hooks, Verb
from actors.payment_verbs import payment_verbs
from fluxiq.admin.protocol import VERSION, Question
from fluxiq.admin.render_approvals import render_approvals
from fluxiq.errors import Refused
from fluxiq.ports.origin import origin
from fluxiq.services.decide_payout import SILENCE_SECONDS
from fluxiq.settings import Operators
from supervisors import Strategy, SupervisorSpec, open_tree
from tests.support.admin_desk import open_desk
from tests.support.memory_world import Fault, MemoryWorld

MARIA, JOAO = Peer(pid=0, uid=70_001), Peer(pid=0, uid=70_002)  # without a name and a process


@dataclass
class Room:
    """A valve that two people turn."""

    at: datetime = datetime(2026, 11, 26, 12, tzinfo=UTC)
    turned: list[tuple[str, str]] = field(default_factory=list)

    def now(self) -> datetime:
        return self.at

    def hooks(self) -> Hooks:
        async def turn(_desk: Desk, arguments: Arguments) -> object:
            to, reason = arguments.text("to"), arguments.reason()
            arguments.done()
            await trio.lowlevel.checkpoint()
            if to == "jammed":
                raise Refused("refused", "it is stuck")
            self.turned.append((to, origin().credential))
            return {"to": to, "reason": reason}

        return Hooks(deeds={"turn": Verb(turn, ("to", "reason"), for_two=True)})


@asynccontextmanager
async def desk(tmp_path: Path, room: Room, *, two_people: bool = True) -> AsyncIterator[Desk]:
    root = SupervisorSpec(id="root", strategy=Strategy.ONE_FOR_ONE, children=[])
    async with open_tree(root, seed=1) as tree:
        yield Desk(
            tree,
            writes=True,
            audit=tmp_path / "book",
            hooks=room.hooks(),
            approvals=Approvals.of(
                Operators(two_people=two_people, approval_seconds=900.0, institutions=()), room
            ),
        )


async def ask(at: Desk, who: Peer, verb: str, **arguments: Any) -> Any:
    question = Question(version=VERSION, verb=verb, arguments=arguments)
    reply = msgspec.json.decode(await at.answer_line(question, who))
    return reply["answer"] if "answer" in reply else reply["error"]["code"]


async def proposed(at: Desk, to: str = "shut") -> str:
    """The id of what Maria proposes."""
    assert await ask(at, MARIA, "turn", to=to, reason="a leak", yes=True) == "needs_approval"
    [newest, *_] = (await ask(at, MARIA, "approvals"))["approvals"]
    found: str = newest["id"]
    return found


def outcomes(tmp_path: Path) -> list[tuple[str, str, str]]:
    lines = [msgspec.json.decode(one) for one in (tmp_path / "book").read_bytes().splitlines()]
    return [(one["user"], one["verb"], one["outcome"]) for one in lines]


async def test_a_deed_for_two_is_done_when_somebody_else_approves(tmp_path: Path) -> None:
    room = Room()
    async with desk(tmp_path, room) as at:
        key = await proposed(at)
        assert room.turned == []
        answer = await ask(at, JOAO, "approvals_approve", id=key, yes=True)
        assert answer == {"to": "shut", "reason": "a leak"}
        assert room.turned == [("shut", "unix:70002")]
        assert await ask(at, JOAO, "approvals_approve", id=key, yes=True) == "approval_over"
        assert len(room.turned) == 1

    how = f", proposed by 70001 as {key}"
    assert outcomes(tmp_path) == [
        ("70001", "turn", "proposed by 70001"),
        ("70002", "approvals_approve", "asked"),
        ("70002", "turn", f"asked{how}"),
        ("70002", "turn", f"done{how}"),
        ("70002", "approvals_approve", "done"),
        ("70002", "approvals_approve", "asked"),
        ("70002", "approvals_approve", f"refused: {key} is approved"),
    ]


async def test_nobody_approves_what_they_have_proposed(tmp_path: Path) -> None:
    room = Room()
    async with desk(tmp_path, room) as at:
        key = await proposed(at)
        assert await ask(at, MARIA, "approvals_approve", id=key, yes=True) == "maker_is_checker"
        assert room.turned == []
        taken_back = await ask(at, MARIA, "approvals_reject", id=key, yes=True)
        assert taken_back["state"] == "rejected"
        assert await ask(at, JOAO, "approvals_approve", id=key, yes=True) == "approval_over"
    assert room.turned == []


async def test_an_approval_that_comes_late_does_nothing(tmp_path: Path) -> None:
    room = Room()
    async with desk(tmp_path, room) as at:
        key = await proposed(at)
        room.at += timedelta(seconds=900)
        assert await ask(at, JOAO, "approvals_approve", id=key, yes=True) == "approval_over"
        listed = await ask(at, JOAO, "approvals")
        assert listed["approvals"][0]["state"] == "expired"
    assert room.turned == []


async def test_the_glass_is_broken_loudly(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    room = Room()
    async with desk(tmp_path, room) as at:
        answer = await ask(at, MARIA, "turn", to="shut", alone=True, yes=True)
        assert answer["to"] == "shut"
    assert "admin_verb_used_alone" in capsys.readouterr().out
    assert outcomes(tmp_path)[-1] == ("70001", "turn", "done, alone: nobody approved it")


async def test_where_one_person_is_enough_nothing_is_proposed(tmp_path: Path) -> None:
    room = Room()
    async with desk(tmp_path, room, two_people=False) as at:
        for said in ({}, {"alone": True}):
            assert (await ask(at, MARIA, "turn", to="shut", yes=True, **said))["to"] == "shut"
        assert await ask(at, JOAO, "approvals_approve", id="x", yes=True) == "approval_not_found"
        listed = await ask(at, JOAO, "approvals")
    assert listed == {"is_asked_for": False, "approvals": []}
    assert "one operator is enough" in render_approvals(listed)


async def test_what_is_refused_when_it_is_done_was_approved_all_the_same(tmp_path: Path) -> None:
    room = Room()
    async with desk(tmp_path, room) as at:
        key = await proposed(at, "jammed")
        assert await ask(at, JOAO, "approvals_approve", id=key, yes=True) == "refused"
        assert await ask(at, JOAO, "approvals_approve", id=key, yes=True) == "approval_over"
    refusals = [one for one in outcomes(tmp_path) if one[2] == "refused: it is stuck"]
    assert [verb for _, verb, _ in refusals] == ["turn", "approvals_approve"]


async def test_a_deed_without_yes_is_not_even_proposed(tmp_path: Path) -> None:
    async with desk(tmp_path, Room()) as at:
        assert await ask(at, MARIA, "turn", to="shut") == "needs_yes"
        assert await ask(at, JOAO, "approvals_approve", id="apr_1", yes=True) == (
            "approval_not_found"
        )
        assert (await ask(at, MARIA, "approvals"))["approvals"] == []


async def test_proposals_are_bounded_and_the_decided_ones_give_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(approvals, "KEPT_MAX", 2)
    async with desk(tmp_path, Room()) as at:
        first = await proposed(at)
        second = await proposed(at)
        again = await ask(at, MARIA, "turn", to="shut", yes=True)
        assert again == "too_many_approvals"
        await ask(at, JOAO, "approvals_reject", id=first, yes=True)
        third = await proposed(at)
        listed = (await ask(at, MARIA, "approvals"))["approvals"]
    assert [one["id"] for one in listed] == [third, second]


async def test_the_list_tells_what_would_be_done(tmp_path: Path) -> None:
    async with desk(tmp_path, Room()) as at:
        key = await proposed(at)
        text = render_approvals(await ask(at, JOAO, "approvals"))
    assert key in text
    assert "proposed  turn  by 70001" in text
    assert '{"to": "shut", "reason": "a leak"}' in text


async def test_the_end_of_a_payout_takes_two_and_evidence(tmp_path: Path) -> None:
    world = await MemoryWorld(payout_amount_max=1_000_00).open()
    await world.fund(100_00)
    payout = await world.held(10_00)
    world.faults.at["provider.send"] = Fault.ANSWER_LOST
    await world.run_rooms()
    world.clock.pass_seconds(SILENCE_SECONDS)
    world.provider.settle(payout.end_to_end_id)
    said = {"id": payout.id, "outcome": "confirmed", "reason": "extract, page 2", "yes": True}

    async with open_desk(tmp_path, payment_verbs, world.tenant) as at:
        at.approvals = Approvals(900.0, lambda: datetime(2026, 11, 26, 12, tzinfo=UTC))
        assert await ask(at, MARIA, "payment_decide", **said) == "needs_approval"
        [waiting] = (await ask(at, JOAO, "approvals"))["approvals"]
        done = await ask(at, JOAO, "approvals_approve", id=waiting["id"], yes=True)
        assert (done["id"], done["stage"]) == (payout.id, "confirmed")

        for wrong in ({"outcome": "lost"}, {"reason": ""}):
            alone = {**said, **wrong, "alone": True}
            assert await ask(at, MARIA, "payment_decide", **alone) == "bad_arguments"
