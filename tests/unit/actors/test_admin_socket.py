"""The operators' way in, on a real socket: private, patient with nobody, harmed by nothing."""

import os
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from actors.admin import socket as module
from actors.admin.socket import admin_socket
from actors.platform import Platform
from fluxiq.admin.client import ask_tree
from fluxiq.admin.protocol import LINE_BYTES_MAX
from fluxiq.errors import Unavailable
from supervisors import Strategy, SupervisorSpec, Tree, open_tree

QUESTION = b'{"version":1,"verb":"tree"}\n'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "admin.sock"


@asynccontextmanager
async def serving(path: Path) -> AsyncIterator[Tree]:
    platform = cast("Platform", SimpleNamespace(admin_socket_path=path))
    spec = SupervisorSpec(
        id="root", strategy=Strategy.ONE_FOR_ONE, children=[admin_socket(platform)]
    )
    with trio.fail_after(30):
        async with open_tree(spec) as tree:
            yield tree


async def converse(path: Path, *sent: bytes) -> list[dict[str, Any]]:
    """Every line that comes back until the platform has said as many as were asked, or hung up."""
    raw = b""
    async with await trio.open_unix_socket(path) as stream:
        for chunk in sent:
            await stream.send_all(chunk)
        wanted = b"".join(sent).count(b"\n") or 1
        while raw.count(b"\n") < wanted:
            data = await stream.receive_some()
            if not data:
                break
            raw += data
    return [msgspec.json.decode(one) for one in raw.splitlines()]


async def test_the_tree_is_told_as_it_stands(path: Path) -> None:
    async with serving(path) as tree:
        told = await ask_tree(path)

        assert [node.path for node in told.nodes] == ["root", "root/admin_socket"]
        assert told.revision == tree.snapshot().revision
        [root, own] = told.nodes
        assert (root.strategy, own.state, own.incarnation) == ("one_for_one", "running", 1)
        assert own.facts == {"path": str(path)}
        assert 0 <= own.since < 30


async def test_only_the_owner_may_come_in(path: Path) -> None:
    async with serving(path):
        assert stat.S_IMODE((await trio.Path(path).stat()).st_mode) == 0o600


async def test_while_the_socket_was_made_others_made_their_files_with_its_mask(path: Path) -> None:
    """A directory of mode 0600 is no use to anybody: the mask must not outlive one call."""
    seen: set[int] = set()

    async def look() -> None:
        while True:
            mask = os.umask(0o022)
            os.umask(mask)
            seen.add(mask)
            await trio.lowlevel.checkpoint()

    before = os.umask(0o022)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(look)
            for number in range(20):
                async with serving(path.with_name(f"{number}.sock")):
                    pass
            nursery.cancel_scope.cancel()
    finally:
        os.umask(before)

    assert seen == {0o022}


@pytest.mark.parametrize("left", ["a socket", "a file"])
async def test_what_a_crash_left_at_the_socket_is_replaced(path: Path, left: str) -> None:
    if left == "a socket":
        listener = module._listen(path)
        await listener.aclose()
    else:
        await trio.Path(path).write_text("something")

    async with serving(path):
        assert (await ask_tree(path)).nodes


async def test_after_a_stop_nobody_answers_and_a_new_start_does(path: Path) -> None:
    async with serving(path):
        pass
    with pytest.raises(Unavailable, match="nobody answers"):
        await ask_tree(path)

    async with serving(path):
        assert (await ask_tree(path)).nodes


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (b"hello\n", "malformed"),
        (b"\n", "malformed"),
        (b"\xff\xfe\n", "malformed"),
        (b"[]\n", "malformed"),
        (b'{"version":1}\n', "malformed"),
        (b'{"version":1,"verb":"tree","extra":1}\n', "malformed"),
        (b'{"version":2,"verb":"tree"}\n', "wrong_version"),
        (b'{"version":1,"verb":"reboot"}\n', "unknown_verb"),
    ],
)
async def test_a_question_that_makes_no_sense_gets_a_fault_and_the_next_its_answer(
    path: Path, said: bytes, code: str
) -> None:
    async with serving(path):
        fault, answer = await converse(path, said, QUESTION)

        assert fault["error"]["code"] == code
        assert "answer" not in fault
        assert answer["answer"]["nodes"]


async def test_questions_may_come_in_pieces_and_together(path: Path) -> None:
    async with serving(path):
        replies = await converse(path, QUESTION[:5], QUESTION[5:] + QUESTION + QUESTION[:9])

        assert len(replies) == 2
        assert all(reply["answer"]["nodes"] for reply in replies)


async def test_a_question_without_an_end_is_cut_off(path: Path) -> None:
    async with serving(path):
        async with await trio.open_unix_socket(path) as stream:
            await stream.send_all(b"x" * (LINE_BYTES_MAX + 1))
            raw = b""
            while data := await stream.receive_some():
                raw += data

        assert msgspec.json.decode(raw)["error"]["code"] == "too_long"
        assert (await ask_tree(path)).nodes


async def test_clients_that_leave_in_the_middle_are_forgotten(path: Path) -> None:
    async with serving(path) as tree:
        for said in (b"", b"{", QUESTION, QUESTION * 50):
            stream = await trio.open_unix_socket(path)
            await stream.send_all(said or b" ")
            await stream.aclose()

        assert (await ask_tree(path)).nodes
        node = tree.snapshot().find("root/admin_socket")
        assert node is not None
        assert node.incarnation == 1


async def test_a_client_that_asks_and_never_reads_delays_nobody_and_is_left(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "IDLE_SECONDS_MAX", 1.0)
    async with serving(path), await trio.open_unix_socket(path) as slow:
        with suppress(trio.BrokenResourceError):
            while True:  # until the platform has hung up
                await slow.send_all(QUESTION * 100)
                assert (await ask_tree(path)).nodes

        assert (await ask_tree(path)).nodes


async def test_a_client_that_says_nothing_is_left(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "IDLE_SECONDS_MAX", 0.05)
    async with serving(path), await trio.open_unix_socket(path) as silent:
        assert await silent.receive_some() == b""


async def test_a_crowd_is_served_a_few_at_a_time(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CONNECTIONS_MAX", 1)
    async with serving(path):
        first = await trio.open_unix_socket(path)
        await first.send_all(QUESTION)
        await first.receive_some()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask_tree, path)
            await wait_all_tasks_blocked(0.05)
            assert nursery.child_tasks
            await first.aclose()
