"""Trees to look at, and a platform that says what a test wants it to say."""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import trio

from fluxiq.admin.observer.control import Control
from fluxiq.admin.observer.model import Model
from fluxiq.admin.observer.screen import draw
from fluxiq.admin.observer.text import Look, cells
from fluxiq.admin.protocol import DiffView, Fault, NodeView, Reply, TreeView, line, read_question

OURS = re.compile(r"\x1b\[[0-9;]*m")  # the only sequences that a painted row may have
NASTY = (
    "bell\x07",
    "esc\x1b[2J\x1b]0;owned\x07",
    "c1\x9b31mred",
    "lines\r\none\ttab",
    "\u202eright to left",
    "漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字",
    "🏦👩‍💻e\u0301a\u0338",
    "x" * 300,
    "",
)


def node(path: str, **changed: Any) -> NodeView:
    """A worker that has run for an hour and a half."""
    plain: dict[str, Any] = {
        "path": path,
        "id": path.rpartition("/")[2],
        "kind": "worker",
        "state": "running",
        "strategy": "",
        "restarts": 0,
        "incarnation": 1,
        "since": 5400.0,
        "mailbox": 0,
        "facts": {},
        "last_exit": "",
    }
    return NodeView(**{**plain, **changed})


def supervisor(path: str, strategy: str = "one_for_one", **changed: Any) -> NodeView:
    return node(path, kind="supervisor", strategy=strategy, **changed)


def actor(path: str, **changed: Any) -> NodeView:
    return node(path, **{"kind": "actor", "handled": 0, **changed})


def bank() -> tuple[NodeView, ...]:
    """Two institutions: one is well, one has a sender in quarantine and one that backs off."""
    top = "root/institutions"
    return (
        supervisor("root", "rest_for_one"),
        supervisor(top, "dynamic"),
        supervisor(f"{top}/11111111", "rest_for_one"),
        actor(f"{top}/11111111/ledger_writer", handled=900, mailbox=4, facts={"ledger": "model"}),
        supervisor(f"{top}/22222222", "rest_for_one"),
        actor(f"{top}/22222222/ledger_writer", handled=100, suspended=True, mailbox=9),
        supervisor(f"{top}/22222222/webhooks", "dynamic"),
        node(f"{top}/22222222/webhooks/whk_1", state="quarantined", reason="no such address"),
        node(
            f"{top}/22222222/webhooks/whk_2",
            state="backing_off",
            due=4.0,
            restarts=2,
            incarnation=3,
            last_exit="ConnectError: refused",
            since=1.0,
        ),
        node("root/http_api", facts={"port": 4000}, since=60.0),
    )


def tree(*nodes: NodeView, revision: int = 1) -> TreeView:
    return TreeView(revision=revision, nodes=nodes)


def diff(
    *changed: NodeView, removed: tuple[str, ...] = (), before: int = 1, after: int = 2
) -> DiffView:
    return DiffView(before_revision=before, revision=after, changed=changed, removed=removed)


def model_of(*nodes: NodeView, now: float = 0.0) -> Model:
    model = Model()
    model.replace(tree(*nodes), now)
    return model


def control_of(*nodes: NodeView, read_only: bool = False) -> Control:
    return Control(model_of(*nodes), read_only=read_only)


def rows_of(
    control: Control,
    width: int = 80,
    height: int = 24,
    look: Look | None = None,
    now: float = 0.0,
) -> list[str]:
    """What is drawn, without tones. It must fit exactly and obey nobody."""
    painted = draw(control, look or Look(), width, height, now)
    plain = [OURS.sub("", row) for row in painted]
    assert len(plain) == height
    assert [cells(row) for row in plain] == [width] * height
    assert all(row.isprintable() for row in plain)
    return plain


# A platform of the tests

Answer = Callable[[dict[str, Any]], object]


class FakePlatform:
    """Answers verbs from `answers`, and tells watchers what `tell` is given."""

    def __init__(self, *nodes: NodeView) -> None:
        self.now = tree(*nodes)
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.watchers = 0
        self.answers: dict[str, Answer] = {
            "statistics": lambda _: {"admission": {"waiting": 0}},
            "inspect": lambda _: inspection(),
            "why": lambda _: [],
        }
        self._told: dict[trio.MemorySendChannel[Reply], None] = {}

    async def tell(self, change: TreeView | DiffView | Fault) -> None:
        """To everybody who watches now."""
        fault = isinstance(change, Fault)
        said = Reply(error=change) if isinstance(change, Fault) else Reply(answer=change)
        assert self._told or not fault
        for channel in self._told:
            await channel.send(said)

    @asynccontextmanager
    async def serving(self, path: Path) -> AsyncIterator[None]:
        bound = trio.socket.socket(trio.socket.AF_UNIX, trio.socket.SOCK_STREAM)
        await trio.Path(path).unlink(missing_ok=True)
        await bound.bind(str(path))
        bound.listen()
        listener = trio.SocketListener(bound)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.serve_listeners, self._converse, [listener])
            yield
            nursery.cancel_scope.cancel()

    async def _converse(self, stream: trio.SocketStream) -> None:
        async with stream:
            try:
                await self._answer(stream)
            except trio.BrokenResourceError:
                return

    async def _answer(self, stream: trio.SocketStream) -> None:
        question = read_question((await stream.receive_some()).rstrip())
        if isinstance(question, Fault):
            raise AssertionError(question)  # noqa: TRY004  what an observer says is well-formed
        self.asked.append((question.verb, question.arguments))
        if question.verb == "watch":
            await self._serve_watcher(stream)
            return
        try:
            answer = self.answers[question.verb](question.arguments)
            if isinstance(answer, float):
                await trio.sleep(answer)  # a platform whose loop is stuck
            reply = Reply(error=answer) if isinstance(answer, Fault) else Reply(answer=answer)
        except KeyError:
            reply = Reply(error=Fault(code="unknown_verb", message=question.verb))
        await stream.send_all(line(reply))

    async def _serve_watcher(self, stream: trio.SocketStream) -> None:
        send, receive = trio.open_memory_channel[Reply](100)
        self._told[send] = None
        self.watchers += 1
        try:
            await stream.send_all(line(Reply(answer=self.now)))
            async for said in receive:
                await stream.send_all(line(said))
        finally:
            del self._told[send]


def inspection(**changed: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "node": msgspec.to_builtins(node("root/till")),
        "spec": {"restart": "permanent", "max_restarts": 3},
        "mailbox": {"sent": 12, "handled": 9},
        "mailbox_head": ["Deposit", "Transfer"],
        "stack": ["till.py:12 in receive"],
        "events": [],
    }
    return {**plain, **changed}


def event(kind: str, path: str, **changed: Any) -> dict[str, Any]:
    plain = {"kind": kind, "path": path, "incarnation": 1, "seconds_ago": 5.0, "reason": ""}
    return {**plain, "exception": [], **changed}
