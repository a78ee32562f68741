"""What operators see and order of the ledger, through the desk, and as text."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio

from actors.admin.askers import Peer
from actors.admin.desk import Desk
from actors.ledger_board import Board
from actors.ledger_breaker import LedgerBreaker
from actors.ledger_verbs import verbs_of
from fluxiq.admin.protocol import VERSION, Question
from fluxiq.admin.render_ledger import render_breaker, render_verification
from fluxiq.ledgers.breaker import BreakerLimits
from fluxiq.ledgers.parts import Mode
from fluxiq.ledgers.writer import WriterStatistics
from fluxiq.telemetry.metrics import Metrics
from supervisors import Strategy, SupervisorSpec, open_tree

ISPB = "12345678"
PEER = Peer(pid=1, uid=0)


def statistics() -> WriterStatistics:
    return WriterStatistics(
        epoch=7,
        mode=Mode.STANDIN,
        waiting=3,
        in_flight=0,
        unknown=2,
        mirror_behind=30,
        batches=10,
        transfers=40,
        fallbacks=1,
        recoveries=0,
        refused=("account 2a: 1 here, 2 in TigerBeetle",),
        last_report="stays on the stand-in",
    )


@asynccontextmanager
async def desk(tmp_path: Path, *, configured: bool = True) -> AsyncIterator[Desk]:
    board = Board(Metrics(process=False), configured=configured)

    async def look_up() -> None:
        await trio.sleep(0.001)

    breaker = LedgerBreaker.spec(board, look_up, BreakerLimits(), id="breaker")
    ledger = SupervisorSpec(id="ledger", strategy=Strategy.ONE_FOR_ONE, children=[breaker])
    root = SupervisorSpec(id="root", strategy=Strategy.ONE_FOR_ONE, children=[ledger])
    async with open_tree(root, seed=1) as tree:
        with board.enlist(ISPB) as member:
            member.statistics = statistics
            leave = member.join(ISPB, lambda: None)
            hooks = verbs_of(board)
            await trio.sleep(1)
            yield Desk(tree, writes=True, audit=tmp_path / "admin_audit.jsonl", hooks=hooks)
            leave()


async def ask(at: Desk, verb: str, **arguments: Any) -> Any:
    question = Question(version=VERSION, verb=verb, arguments=arguments)
    reply = msgspec.json.decode(await at.answer_line(question, PEER))
    return reply["answer"] if "answer" in reply else reply["error"]


async def test_breaker_tells_where_it_stands_and_where_each_institution_does(
    tmp_path: Path,
) -> None:
    async with desk(tmp_path) as at:
        answer = await ask(at, "breaker")
        assert (answer["state"], answer["due"]) == ("closed", None)
        assert answer["seconds"] == pytest.approx(1, abs=0.1)
        [moved] = answer["history"]
        assert (moved["before"], moved["after"]) == ("suspect", "closed")
        [one] = answer["institutions"]
        assert (one["institution"], one["mode"], one["epoch"]) == (ISPB, "standin", 7)
        assert (one["unknown"], one["waiting"], one["fenced"]) == (2, 3, False)
        assert one["mirror_behind"] == 30


async def test_the_deeds_move_it_and_are_written_down(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        opened = await ask(at, "breaker_open", reason="maintenance", yes=True)
        assert (opened["state"], opened["reason"]) == ("forced_open", "operator: maintenance")
        auto = await ask(at, "breaker_auto", reason="over", yes=True)
        assert auto["state"] == "half_open"
        closed = await ask(at, "breaker_close", reason="stay", yes=True)
        assert closed["pinned"]

    lines = (tmp_path / "admin_audit.jsonl").read_bytes().splitlines()
    book = [msgspec.json.decode(line) for line in lines]
    assert [(one["verb"], one["reason"], one["outcome"]) for one in book[:2]] == [
        ("breaker_open", "maintenance", "asked"),
        ("breaker_open", "maintenance", "done"),
    ]
    assert [one["verb"] for one in book[2:]] == ["breaker_auto"] * 2 + ["breaker_close"] * 2


async def test_a_deed_without_yes_changes_nothing(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        refused = await ask(at, "breaker_open", reason="maintenance")
        assert refused["code"] == "needs_yes"
        assert (await ask(at, "breaker"))["state"] == "closed"


async def test_without_a_tigerbeetle_there_is_nothing_to_open_or_close(tmp_path: Path) -> None:
    async with desk(tmp_path, configured=False) as at:
        refused = await ask(at, "breaker_open", reason="why not", yes=True)
        assert refused["code"] == "refused"
        assert "there is no TigerBeetle" in refused["message"]
        assert (await ask(at, "breaker"))["state"] == "unconfigured"


async def test_an_operator_reads_first_what_matters_first(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await ask(at, "breaker_open", reason="maintenance", yes=True)
        await trio.sleep(90)
        text = render_breaker(await ask(at, "breaker"))
    lines = text.splitlines()
    assert lines[0].startswith("forced_open for 90")
    assert lines[1] == "because: operator: maintenance"
    assert lines[2].startswith(f"  {ISPB} standin, epoch 7: 40 transfers in 10 batches, 3 wait")
    assert "    NOT CLOSED: account 2a: 1 here, 2 in TigerBeetle" in lines
    assert lines[-2].endswith("closed -> forced_open: operator: maintenance")


def test_a_verification_tells_what_was_proven_and_what_was_found() -> None:
    numbers = {"rows": 3, "unanswered": 1, "behind": 0, "transfers": 40, "records": 44}
    good = {"institution": ISPB, "mode": "tigerbeetle", "epoch": 7, "findings": [], **numbers}
    compared = {"accounts": 5, "moving": 1, "transfers": 40, "refused": 2}
    finding = {"invariant": "I5", "what": "account 2a: 1 here, 2 in TigerBeetle"}
    bad = {**good, "institution": "87654321", "mode": "standin", "findings": [finding]}

    text = render_verification([{**good, "tigerbeetle": compared}, bad], deep=True)

    journal = (
        "  journal: 3 batches, 44 records read again, 1 without an answer, 0 on their way to the"
        " mirror; 40 transfers"
    )
    looked = (
        "  TigerBeetle: 5 accounts compared, 1 of them moving; 40 transfers and 2 refused ids"
        " looked up"
    )
    assert text.splitlines() == [
        f"{ISPB} tigerbeetle, epoch 7: in order",
        journal,
        looked,
        "87654321 standin, epoch 7: 1 FINDINGS",
        journal,
        "  TigerBeetle: not in charge, so not compared",
        "  I5: account 2a: 1 here, 2 in TigerBeetle",
    ]
