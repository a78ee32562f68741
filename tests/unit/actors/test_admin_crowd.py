"""What a crowd, garbage and slow readers do to a tree at work: nothing.

Real sockets, real time, and a real tree whose actors answer calls all the while.
"""

import gc
import os
import random
import resource
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
import trio
import trio.lowlevel

from actors.admin import socket as module
from actors.admin.askers import Peer
from actors.admin.socket import Limits, admin_socket
from actors.platform import Platform
from fluxiq.admin.client import ask, ask_tree
from supervisors import Actor, Caller, Strategy, SupervisorSpec, Tree, open_tree

CROWD = 1000
QUESTION = b'{"version":1,"verb":"tree"}\n'
WATCH = b'{"version":1,"verb":"watch"}\n'
# Many times what a call takes here, and far below what a stuck loop would cost.
CALL_SECONDS_MAX = 20.0
LEFT_SECONDS_MAX = 20.0


class Clerk(Actor):
    """Somebody at work: every call must be answered in time."""

    def __init__(self) -> None:
        self.served = 0

    async def handle_call(self, message: int, caller: Caller) -> int:
        await trio.lowlevel.checkpoint()
        self.served += 1
        return message + 1


class Office:
    """A tree with clerks and a socket, and what is taken of the process by those who come in."""

    def __init__(self, tree: Tree, path: Path, limits: Limits) -> None:
        gc.collect()  # what an earlier test left open must not close while we count
        self.tree = tree
        self.path = path
        self.limits = limits
        self.answered = 0

    async def work(self) -> None:
        """Ask every clerk in turn, for ever. Raises CallTimeout when one is disturbed."""
        clerks = [self.tree.ref(f"clerk_{number}") for number in range(4)]
        while True:
            for clerk in clerks:
                assert await clerk.call(self.answered, timeout=CALL_SECONDS_MAX)
                self.answered += 1
            await trio.sleep(0.001)

    def taken(self) -> tuple[int, int, int, int]:
        """File descriptors, tasks of the socket, and the places of both kinds."""
        return (
            len(os.listdir("/proc/self/fd")),  # noqa: PTH208  no disk
            len(_tasks_below("admin_socket")),
            int(self.limits.questions.borrowed_tokens),
            int(self.limits.watchers.borrowed_tokens),
        )

    async def until_taken_is(self, before: tuple[int, int, int, int]) -> None:
        """Everybody who came has left, and nothing of them is left here."""
        with trio.move_on_after(LEFT_SECONDS_MAX):
            while self.taken() != before:  # noqa: ASYNC110  the kernel tells nobody
                await trio.sleep(0.01)
        assert self.taken() == before

    def is_untouched(self) -> bool:
        return all(
            node.state == "running" and node.incarnation == 1 for node in self.tree.snapshot().nodes
        )


def _tasks_below(name: str) -> list[trio.lowlevel.Task]:
    root = trio.lowlevel.current_root_task()
    assert root is not None
    found, waiting = [], [(root, False)]
    while waiting:
        task, inside = waiting.pop()
        inside = inside or name in task.name
        found += [task] if inside else []
        waiting += [
            (one, inside) for nursery in task.child_nurseries for one in nursery.child_tasks
        ]
    return found


@pytest.fixture
def _descriptors() -> Iterator[None]:
    """As many as this process may have: both ends of a thousand conversations are here."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 5 * CROWD:
        pytest.skip(f"needs {5 * CROWD} file descriptors, and {hard} are allowed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@asynccontextmanager
async def office(path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Office]:
    limits = Limits.of_this_process()
    monkeypatch.setattr(Limits, "of_this_process", lambda: limits)
    platform = cast("Platform", SimpleNamespace(admin_socket_path=path))
    children = [
        *(Clerk.spec(id=f"clerk_{number}", name=f"clerk_{number}") for number in range(4)),
        admin_socket(platform),
    ]
    spec = SupervisorSpec(id="root", strategy=Strategy.ONE_FOR_ONE, children=children)
    with trio.fail_after(60):
        async with open_tree(spec) as tree, trio.open_nursery() as nursery:
            here = Office(tree, path, limits)
            nursery.start_soon(here.work)
            await trio.sleep(0.05)
            worked = here.answered
            yield here
            assert here.answered > worked
            assert here.is_untouched()
            nursery.cancel_scope.cancel()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "admin.sock"


@pytest.mark.usefixtures("_descriptors")
async def test_thousand_watchers_half_of_whom_never_read_disturb_nobody(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with office(path, monkeypatch) as here:
        before = here.taken()
        heard: list[int] = [0] * CROWD

        async def read(number: int, stream: trio.SocketStream) -> None:
            while data := await stream.receive_some():
                heard[number] += data.count(b"\n")

        async with AsyncExitStack() as stack, trio.open_nursery() as nursery:
            streams = []
            for _ in range(CROWD):
                stream = await trio.open_unix_socket(path)
                await stream.send_all(WATCH)
                streams.append(await stack.enter_async_context(stream))
            for number in range(0, CROWD, 2):
                nursery.start_soon(read, number, streams[number])

            # Every reader has its tree, and then change after change.
            worked = here.answered
            while min(heard[::2]) < 3:  # noqa: ASYNC110  other ends of sockets
                await trio.sleep(0.05)
            assert here.answered > worked
            assert here.limits.watchers.borrowed_tokens == CROWD

            # Bounded: two tasks a watcher, no place of an operator, no queue anywhere.
            _, tasks, places, _ = here.taken()
            assert places == 0
            assert tasks - before[1] == 2 * CROWD

            with trio.fail_after(CALL_SECONDS_MAX):
                assert (await ask(path, "statistics", name="clerk_0"))["state"] == "running"

            # One more is told that it is one too many.
            async with await trio.open_unix_socket(path) as late:
                await late.send_all(WATCH)
                assert b"too_many" in await late.receive_some()

            nursery.cancel_scope.cancel()
        await here.until_taken_is(before)


async def test_watcher_who_never_reads_is_left_when_it_hears_no_more(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SEND_SECONDS_MAX", 0.2)
    monkeypatch.setattr(module, "WATCH_SECONDS", 0.005)
    async with office(path, monkeypatch) as here:
        before = here.taken()
        async with await trio.open_unix_socket(path) as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            await deaf.send_all(WATCH)
            while here.limits.watchers.borrowed_tokens == 0:  # noqa: ASYNC110  the other end
                await trio.sleep(0.01)
            with trio.fail_after(20):
                while here.limits.watchers.borrowed_tokens:  # noqa: ASYNC110  the other end
                    await trio.sleep(0.05)
        await here.until_taken_is(before)


async def test_crowd_beyond_the_places_is_told_so_and_an_operator_gets_in_when_it_goes(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CONNECTIONS_MAX", 4)
    monkeypatch.setattr(module, "WAITING_MAX", 8)
    monkeypatch.setattr(module, "WAIT_SECONDS_MAX", 0.3)
    async with office(path, monkeypatch) as here:
        before = here.taken()
        async with AsyncExitStack() as stack:
            crowd = [
                await stack.enter_async_context(await trio.open_unix_socket(path))
                for _ in range(30)
            ]
            # Four have a place and hold it, eight wait their time, and all others hear it at once.
            told = [await stream.receive_some() for stream in crowd[4:]]
            assert all(b"too_many" in one for one in told)
            assert here.limits.questions.borrowed_tokens == 4
        assert (await ask_tree(path)).nodes
        await here.until_taken_is(before)


async def test_one_byte_a_minute_keeps_no_place(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "IDLE_SECONDS_MAX", 0.3)
    async with office(path, monkeypatch) as here, await trio.open_unix_socket(path) as slow:
        with trio.fail_after(5), suppress(trio.BrokenResourceError):
            while True:
                await slow.send_all(b"x")
                await trio.sleep(0.05)
        assert here.limits.questions.borrowed_tokens == 0


async def test_half_a_line_and_then_silence_is_left(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "IDLE_SECONDS_MAX", 0.1)
    async with office(path, monkeypatch) as here:
        before = here.taken()
        async with await trio.open_unix_socket(path) as half:
            await half.send_all(QUESTION[:10])
            with trio.fail_after(5):
                assert await half.receive_some() == b""
        await here.until_taken_is(before)


async def test_line_of_ten_megabytes_is_cut_off_after_the_first_kilobytes(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with office(path, monkeypatch) as here:
        before = here.taken()
        async with await trio.open_unix_socket(path) as stream:
            sent = 0
            with suppress(trio.BrokenResourceError):
                while sent < 10_000_000:
                    await stream.send_all(b"x" * 8192)
                    sent += 8192
            assert sent < 10_000_000
            assert b"too_long" in await stream.receive_some()
        await here.until_taken_is(before)


async def test_storm_of_those_who_come_and_go_leaves_nothing_behind(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with office(path, monkeypatch) as here:
        before = here.taken()

        async def come_and_go(said: bytes) -> None:
            for _ in range(50):
                async with await trio.open_unix_socket(path) as stream:
                    with suppress(trio.BrokenResourceError):
                        await stream.send_all(said)

        async with trio.open_nursery() as nursery:
            for said in (b"", b"{", QUESTION, QUESTION * 20, WATCH, b"\0" * 1000, WATCH + QUESTION):
                nursery.start_soon(come_and_go, said)
        await here.until_taken_is(before)


async def test_many_questions_in_one_write_are_answered_one_by_one(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with office(path, monkeypatch) as here, await trio.open_unix_socket(path) as stream:
        count = 500
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stream.send_all, QUESTION * count)
            replies = b""
            while replies.count(b"\n") < count:
                replies += await stream.receive_some()
        assert here.limits.questions.borrowed_tokens == 1
        assert all(b'"nodes"' in line for line in replies.splitlines())


Draw = Callable[[random.Random], bytes]

GARBAGE: dict[str, Draw] = {
    "bytes": lambda r: r.randbytes(r.randrange(1, 3000)),
    "no UTF-8": lambda r: b'{"version":1,"verb":"' + r.randbytes(20) + b'"}',
    "half a surrogate": lambda r: b'{"version":1,"verb":"\\ud8%02x"}' % r.randrange(256),
    "deep": lambda r: (
        b'{"version":1,"verb":"why","arguments":{"name":' + b"[" * r.randrange(60_000)
    ),
    "deep and whole": lambda r: _deep(r.randrange(1, 5000)),
    "wide": lambda r: msgspec.json.encode(
        {"version": 1, "verb": "why", "arguments": {str(n): n for n in range(r.randrange(3000))}}
    ),
    "numbers": lambda r: (
        b'{"version":1,"verb":"trace","arguments":{"size":%s}}'
        % r.choice([b"1e999", b"NaN", b"9" * 400, b"-0", b"1.5", b"true"])
    ),
    "arguments": lambda r: msgspec.json.encode(
        {
            "version": 1,
            "verb": r.choice(["why", "plan", "apply", "replace_state", "stop", "start", "trace"]),
            "arguments": {
                r.choice(["name", "changes", "yes", "size", "reason", "key"]): r.choice(
                    [None, True, 0, -1, 2**62, "", "root", "x" * 5000, [], {}, {"": {"": []}}]
                )
                for _ in range(r.randrange(5))
            },
        }
    ),
}


def _deep(depth: int) -> bytes:
    return (
        b'{"version":1,"verb":"apply","arguments":{"yes":true,"name":"clerk_0","changes":{"a":'
        + b"[" * depth
        + b"]" * depth
        + b"}}}"
    )


@pytest.mark.parametrize("kind", GARBAGE)
async def test_garbage_gets_a_fault_and_the_next_question_its_answer(
    path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    draw = random.Random(kind)
    async with office(path, monkeypatch) as here:
        before = here.taken()
        for _ in range(40):
            said = GARBAGE[kind](draw).replace(b"\n", b" ")
            async with await trio.open_unix_socket(path) as stream:
                await stream.send_all(said + b"\n" + QUESTION)
                replies = b""
                while replies.count(b"\n") < 2:
                    data = await stream.receive_some()
                    assert data, f"hung up on {said[:200]!r}"
                    replies += data
            fault, answer = map(_decoded, replies.splitlines())
            assert set(fault["error"]) == {"code", "message"}, said[:200]
            assert fault["error"]["code"] != "internal", said[:200]
            assert answer["answer"]["nodes"]
        await here.until_taken_is(before)


def _decoded(line: bytes) -> dict[str, Any]:
    return msgspec.json.decode(line, type=dict[str, Any])


@pytest.mark.parametrize(("uid", "is_let_in"), [(0, True), (os.geteuid(), True), (4242, False)])
async def test_only_root_and_the_own_user_are_let_in(
    path: Path, monkeypatch: pytest.MonkeyPatch, uid: int, is_let_in: bool
) -> None:
    monkeypatch.setattr(module, "_peer", lambda _stream: Peer(pid=7, uid=uid))
    async with office(path, monkeypatch) as here:
        before = here.taken()
        async with await trio.open_unix_socket(path) as stream:
            with suppress(trio.BrokenResourceError):
                await stream.send_all(QUESTION)
            reply = await stream.receive_some()
            assert (b'"nodes"' in reply) is is_let_in
            assert (b"not_allowed" in reply) is not is_let_in
        await here.until_taken_is(before)


async def test_a_bug_with_one_client_hangs_up_on_no_other(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = module._peer
    monkeypatch.setattr(module, "_peer", lambda _stream: 1 / 0)
    async with office(path, monkeypatch) as here:
        before = here.taken()
        async with await trio.open_unix_socket(path) as stream:
            assert await stream.receive_some() == b""
        monkeypatch.setattr(module, "_peer", honest)
        assert (await ask_tree(path)).nodes
        await here.until_taken_is(before)


def test_watchers_take_at_most_a_quarter_of_the_file_descriptors(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (1024, 4096))
    assert Limits.of_this_process().watchers.total_tokens == 256
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (1_000_000, 1_000_000))
    assert Limits.of_this_process().watchers.total_tokens == module.WATCHERS_MAX
