"""The verbs of an operator who looks for what went wrong, and how it is shown."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from actors.admin.askers import Peer
from actors.admin.desk import Desk
from actors.admin.diagnostics import verbs_of
from actors.crash_book import CrashBook
from fluxiq.admin.protocol import VERSION, Question
from fluxiq.commands.diagnose import render_crash, render_hogs
from supervisors import (
    Actor,
    Backoff,
    Caller,
    Hogs,
    ProcessDown,
    Strategy,
    SupervisorSpec,
    open_tree,
)

DOCUMENT = Path(__file__).parents[3] / "docs" / "admin-socket.md"


class Till(Actor):
    def handle_call(self, message: Any, caller: Caller) -> None:
        try:
            int(message)
        except ValueError as error:
            raise RuntimeError("the till takes numbers") from error


@asynccontextmanager
async def desk(tmp_path: Path, *, writes: bool = True) -> AsyncIterator[Desk]:
    book, hogs = CrashBook(tmp_path), Hogs()
    spec = SupervisorSpec(
        id="root",
        strategy=Strategy.ONE_FOR_ONE,
        children=[Till.spec(id="till", backoff=Backoff(initial=0.0)), Till.spec(id="well")],
    )
    async with open_tree(spec, seed=1, on_open=book.attach, on_event=book.note) as tree:
        with pytest.raises(ProcessDown):
            await tree.ref("till").call("five", timeout=1)
        await trio.sleep(1)
        audit = tmp_path / "admin_audit.jsonl"
        yield Desk(tree, writes=writes, audit=audit, hooks=verbs_of(book, hogs))
    hogs.switch_off()


async def ask(at: Desk, verb: str, **arguments: Any) -> Any:
    question = Question(version=VERSION, verb=verb, arguments=arguments)
    reply = await at.answer(question, Peer(pid=1, uid=0))
    return reply.answer if reply.error is None else reply.error.code


async def test_crash_is_found_in_the_list_and_read_by_fingerprint_or_name(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        answer = await ask(at, "crashes")
        [page] = answer["crashes"]
        assert (page["path"], page["count"]) == ("root/till", 1)
        assert page["headline"] == "RuntimeError: the till takes numbers"
        assert (answer["unwritten"], answer["failures"]) == (0, 0)

        crash = await ask(at, "crash", name=page["fingerprint"])
        assert crash["report"]["exception"]["cause"]["type"] == "ValueError"
        for name in ("till", "root/till"):
            assert await ask(at, "crash", name=name) == crash


async def test_crash_is_shown_from_what_was_raised_to_its_cause_and_what_came_before(
    tmp_path: Path,
) -> None:
    async with desk(tmp_path) as at:
        shown = render_crash(await ask(at, "crash", name="till")).splitlines()
    assert shown[0] == "RuntimeError: the till takes numbers"
    assert "      1x root/till" in shown
    cause = shown.index("caused by")
    assert "ValueError" in shown[cause + 1]
    assert any("in Till.handle_call" in line for line in shown[:cause])
    assert any(line.startswith("below root (") for line in shown)
    assert any(line.startswith("mailbox: had str; ") for line in shown)
    assert re.search(r"0\.000 s  crashed root/till #1", shown[-1])


async def test_group_of_errors_is_shown_member_by_member() -> None:
    member = {"type": "ValueError", "message": "1", "frames": [], "cause": None}
    shown = render_crash(
        {
            "fingerprint": "0" * 16,
            "headline": "2 errors",
            "count": 2,
            "first": "2026-03-01T03:14:15.926535Z",
            "last": "2026-03-01T03:14:16.926535Z",
            "paths": {"root/a": 2},
            "report": {
                "path": "root/a",
                "incarnation": 1,
                "kind": "crashed",
                "reason": "2 errors",
                "exception": {"type": "ExceptionGroup", "message": "m", "members": [member] * 2},
                "ancestors": [],
                "spec": {},
                "mailbox": None,
                "events": [],
            },
        }
    ).splitlines()
    assert shown.count("    ValueError: 1") == 2
    assert "first 2026-03-01 03:14:15Z" in shown[1]


@pytest.mark.parametrize(
    ("verb", "arguments", "code"),
    [
        ("crash", {}, "bad_arguments"),
        ("crash", {"name": "well"}, "bad_arguments"),
        ("crash", {"name": "0123456789abcdef"}, "no_child"),
        ("crashes", {"name": "till"}, "bad_arguments"),
        ("hogs", {"count": 0}, "bad_arguments"),
        ("hogs", {"count": "5"}, "bad_arguments"),
        ("watch_hogs", {"on": True}, "needs_yes"),
        ("watch_hogs", {"on": 1, "yes": True}, "bad_arguments"),
    ],
)
async def test_wrong_question_is_refused_by_code(
    tmp_path: Path, verb: str, arguments: dict[str, Any], code: str
) -> None:
    async with desk(tmp_path) as at:
        assert await ask(at, verb, **arguments) == code


async def test_hogs_are_measured_from_the_deed_on_until_the_next(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        before = await ask(at, "hogs")
        assert (before["is_on"], before["top"]) == (False, [])
        assert render_hogs(before).startswith("nothing is measured")

        assert await ask(at, "watch_hogs", on=True, reason="slow", yes=True) == {"is_on": True}
        for _ in range(3):
            await trio.sleep(1)
        assert await ask(at, "watch_hogs", on=False, yes=True) == {"is_on": False}
        after = await ask(at, "hogs", count=1)
        assert after["steps"] >= 1
        assert len(after["top"]) == 1
        assert after["top"][0]["path"] in render_hogs(after)
    book = (tmp_path / "admin_audit.jsonl").read_text()
    assert book.count("watch_hogs") == 4


async def test_switching_is_not_for_the_socket_that_only_looks(tmp_path: Path) -> None:
    async with desk(tmp_path, writes=False) as at:
        assert await ask(at, "watch_hogs", on=True, yes=True) == "read_only"
        assert (await ask(at, "hogs"))["is_on"] is False


def test_every_verb_is_documented() -> None:
    rows = [line for line in DOCUMENT.read_text().splitlines() if line.startswith("| `")]
    documented = {verb for row in rows for verb in re.findall(r"`(\w+)`", row.split("|")[1])}
    hooks = verbs_of(CrashBook(Path()), Hogs())
    assert {*hooks.looks, *hooks.deeds} <= documented
