"""The admin socket's language, what it looks like to people, and a client that nobody answers."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio

from fluxiq.admin.client import ask_tree
from fluxiq.admin.protocol import (
    VERSION,
    DiffView,
    Fault,
    NodeView,
    Question,
    Reply,
    TreeView,
    line,
    read_question,
    read_reply,
)
from fluxiq.admin.render import Changes, render_tree
from fluxiq.admin.render_process import render_inspection, render_why
from fluxiq.errors import Refused, Unavailable


def node(path: str, **said: Any) -> NodeView:
    made = NodeView(
        path=path,
        id=path.rpartition("/")[2],
        kind="worker",
        state="running",
        strategy=None,
        restarts=0,
        incarnation=1,
        since=3.21,
        mailbox=None,
        facts={},
        last_exit=None,
    )
    return msgspec.structs.replace(made, **said)


TREE = TreeView(
    revision=7,
    nodes=(
        node("root", strategy="rest_for_one", since=99.94),
        node("root/infrastructure", strategy="rest_for_one", since=100),
        node("root/infrastructure/postgres", facts={"pid": 4242, "port": 5432}, restarts=2),
        node("root/infrastructure/links", state="starting"),
        node("root/institutions", strategy="one_for_one", since=5 * 3600),
        node("root/institutions/12345678", state="quarantined", last_exit="budget spent"),
        node("root/institutions/87654321", since=3 * 86400),
        node("root/institutions/87654321/ledger_writer", mailbox=12, last_exit="crashed before"),
    ),
)

GOLDEN = """\
root (rest_for_one) running 99.9s
├─ infrastructure (rest_for_one) running 2m
│  ├─ postgres running 3.2s restarts=2 pid=4242 port=5432
│  └─ links starting
└─ institutions (one_for_one) running 5h
   ├─ 12345678 quarantined — budget spent
   └─ 87654321 running 3d
      └─ ledger_writer running 3.2s mailbox=12

needs a look:
  root/institutions/12345678 is quarantined: budget spent"""


def test_a_tree_is_drawn_as_people_draw_trees() -> None:
    assert render_tree(TREE) == GOLDEN


def test_an_empty_tree_is_drawn_too() -> None:
    assert render_tree(TreeView(revision=0, nodes=())) == ""


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.0s"), (99.9, "99.9s"), (100, "2m"), (5999, "100m"), (6000, "2h"), (172800, "2d")],
)
def test_durations_are_as_coarse_as_their_size(seconds: float, text: str) -> None:
    tree = TreeView(revision=0, nodes=(node("root", since=seconds),))

    assert render_tree(tree) == f"root running {text}"


def test_a_drained_platform_says_so_in_the_first_line() -> None:
    tree = TreeView(revision=0, nodes=(node("root"),), closed_phases=("intake",))

    assert render_tree(tree).splitlines()[0] == "DRAINED: intake; `undrain` starts it again"


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ({"suspended": True}, "is SUSPENDED"),
        ({"state": "quarantined", "reason": "why not"}, "is quarantined: why not"),
        (
            {"state": "backing_off", "last_exit": "no", "due": 4.0},
            "is backing_off, next start in 4.0s: no",
        ),
    ],
)
def test_what_needs_a_look_is_said_once_more_at_the_end(said: dict[str, Any], line: str) -> None:
    rows = render_tree(TreeView(revision=0, nodes=(node("root", **said),))).splitlines()

    assert rows[-2:] == ["needs a look:", f"  root {line}"]


def test_a_watcher_hears_at_first_only_of_trouble_and_then_of_every_change() -> None:
    changes = Changes()
    parked = node("root/b", state="quarantined", reason="no")
    first = TreeView(revision=1, nodes=(node("root"), node("root/a"), parked))
    assert list(changes.lines(first)) == [
        "quarantined  root/b #1 no",
        "watching 3 processes; Ctrl-C ends it",
    ]

    diff = DiffView(
        before_revision=1,
        revision=2,
        changed=(node("root", since=9), node("root/a", suspended=True), node("root/c")),
        removed=("root/b",),
    )
    assert list(changes.lines(diff)) == [
        "SUSPENDED    root/a #1",
        "running      root/c #1",
        "removed      root/b",
    ]
    again = TreeView(revision=3, nodes=(node("root"), node("root/a", incarnation=2)))
    assert list(changes.lines(again)) == ["running      root/a #2", "removed      root/c"]


def event(kind: str, reason: str, *exception: str, **said: Any) -> dict[str, Any]:
    found = {"kind": kind, "path": "root/a", "incarnation": 2, "seconds_ago": 1.0}
    return {**found, "reason": reason, "exception": list(exception), **said}


def test_why_names_another_process_only_where_it_was_another() -> None:
    chain = [
        event("stopped", "with its group"),
        event("crashed", "OSError: no", "OSError: no", "  in f (a.py:1)", path="root/b"),
    ]

    assert render_why("a", chain).splitlines() == [
        "root/a",
        "  stopped #2 1.0s ago: with its group",
        "  because crashed root/b #2 1.0s ago: OSError: no",
        "      in f (a.py:1)",
    ]
    assert render_why("a", []) == "a: nothing has happened to it since it started"


def test_an_inspection_tells_the_same_crash_in_full_once_and_waits_in_our_own_code() -> None:
    crash = ("OSError: no", "  in f (a.py:1)")
    answer = {
        "node": msgspec.to_builtins(node("root/a", facts={"url": "x"}, restarts=1, incarnation=2)),
        "spec": {"restart": "permanent", "phase": None, "backoff": {"initial": 0.1, "cap": 30.0}},
        "mailbox": {"handled": 3, "refused": 0},
        "mailbox_head": [],
        "stack": [
            "root/a: Slot._live (supervisors/slot.py:1)",
            "root/a: start (actors/couriers.py:2)",
            "root/a: Event.wait (trio/_sync.py:3)",
        ],
        "events": [event("crashed", crash[0], *crash), event("crashed", crash[0], *crash)],
    }

    assert render_inspection(answer).splitlines() == [
        "root/a (worker) is running for 3.2s",
        "incarnation 2, 1 restarts",
        "url: x",
        "spec: restart=permanent, backoff initial 0.1 cap 30.0",
        "mailbox: handled 3, refused 0; first: empty",
        "waits in:",
        "  start (actors/couriers.py:2)",
        "last events:",
        "  crashed #2 1.0s ago: OSError: no",
        "      in f (a.py:1)",
        "  crashed #2 1.0s ago: OSError: no",
    ]


# Lines.


def test_a_line_is_one_object_and_one_newline() -> None:
    question = line(Question(version=VERSION, verb="a\nb"))

    assert question == b'{"version":1,"verb":"a\\nb"}\n'
    assert read_question(question) == Question(version=VERSION, verb="a\nb")


def test_a_reply_did_not_say_which_version_it_speaks() -> None:
    assert line(Reply(answer={"a": 1})) == b'{"version":1,"answer":{"a":1}}\n'
    fault = Reply(error=Fault(code="malformed", message="no"))
    assert read_reply(line(fault)) == fault


def test_a_tree_survives_the_way_over_the_wire() -> None:
    raw = line(Reply(answer=msgspec.to_builtins(TREE)))

    assert msgspec.convert(read_reply(raw).answer, TreeView) == TREE


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "malformed"),
        (b"{", "malformed"),
        (b'{"version":1,"verb":"\xff"}', "malformed"),
        (b'{"version":1,"verb":"tree","arguments":{"a":' + b"[" * 30_000, "malformed"),
        (b"null", "malformed"),
        (b'{"version":"1","verb":"tree"}', "malformed"),
        (b'{"version":1,"verb":"tree","path":"root"}', "malformed"),
        (b'{"version":0,"verb":"tree"}', "wrong_version"),
        (b'{"version":99,"verb":"tree"}', "wrong_version"),
    ],
)
def test_what_is_no_question_is_a_fault_with_a_stable_code(raw: bytes, code: str) -> None:
    fault = read_question(raw)

    assert isinstance(fault, Fault)
    assert fault.code == code


# The client.

Answering = Callable[[trio.SocketStream], Awaitable[None]]


async def ask(path: Path, answer: Answering) -> TreeView:
    """Ask a platform that answers its one question with `answer`."""

    async def handle(stream: trio.SocketStream) -> None:
        async with stream:
            await stream.receive_some()
            await answer(stream)

    socket = trio.socket.socket(trio.socket.AF_UNIX, trio.socket.SOCK_STREAM)
    await socket.bind(str(path))
    socket.listen()
    listener = trio.SocketListener(socket)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, handle, [listener])
        try:
            return await ask_tree(path)
        finally:
            nursery.cancel_scope.cancel()


async def refusal(path: Path, answer: Answering) -> BaseException:
    with pytest.raises(BaseExceptionGroup) as caught:
        await ask(path, answer)
    [error] = caught.value.exceptions
    return error


@pytest.mark.parametrize("left", ["nothing", "a file", "a folder", "a name too long"])
async def test_nobody_answers_where_there_is_no_platform(tmp_path: Path, left: str) -> None:
    path = tmp_path / ("x" * 200 if left == "a name too long" else "admin.sock")
    if left == "a file":
        path.write_text("")
    if left == "a folder":
        path.mkdir()

    with pytest.raises(Unavailable, match=r"nobody answers at .*; is it running"):
        await ask_tree(path)


async def test_an_answer_may_come_in_pieces(tmp_path: Path) -> None:
    async def answer(stream: trio.SocketStream) -> None:
        raw = line(Reply(answer=msgspec.to_builtins(TREE)))
        for start in range(0, len(raw), 100):
            await stream.send_all(raw[start : start + 100])
            await trio.lowlevel.checkpoint()

    assert await ask(tmp_path / "admin.sock", answer) == TREE


async def test_a_fault_is_refused_with_its_code(tmp_path: Path) -> None:
    async def answer(stream: trio.SocketStream) -> None:
        await stream.send_all(line(Reply(error=Fault(code="unknown_verb", message="no"))))

    error = await refusal(tmp_path / "admin.sock", answer)
    assert isinstance(error, Refused)
    assert error.code == "unknown_verb"


@pytest.mark.parametrize("said", [b"", b'{"version":1,"ans', b"hello\n"])
async def test_a_platform_that_hung_up_in_the_middle_ended_in_a_traceback(
    tmp_path: Path, said: bytes
) -> None:
    async def answer(stream: trio.SocketStream) -> None:
        if said:
            await stream.send_all(said)

    error = await refusal(tmp_path / "admin.sock", answer)
    assert isinstance(error, Unavailable)


async def test_a_platform_that_never_answers_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fluxiq.admin.client.ANSWER_SECONDS_MAX", 0.05)

    async def answer(stream: trio.SocketStream) -> None:
        await trio.sleep_forever()

    error = await refusal(tmp_path / "admin.sock", answer)
    assert isinstance(error, Unavailable)
    assert "no answer within 0.05 s" in str(error)
