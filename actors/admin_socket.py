"""The operators' way in: a unix socket of mode 0600 on which a question gets its answer.

Garbage, long lines and slow readers cost their own connection and nothing else.
"""

import os
import socket
from contextlib import suppress
from pathlib import Path

import msgspec
import trio

from actors.platform import Platform
from fluxiq.admin.protocol import (
    LINE_BYTES_MAX,
    Fault,
    NodeView,
    Reply,
    TreeView,
    line,
    read_question,
)
from supervisors import ChildSpec, Context, Node, Tree

CONNECTIONS_MAX = 64
IDLE_SECONDS_MAX = 60.0
BACKLOG = 16


def admin_socket(platform: Platform) -> ChildSpec:
    path = platform.admin_socket_path

    async def start(context: Context) -> None:
        limit = trio.CapacityLimiter(CONNECTIONS_MAX)

        async def serve(stream: trio.SocketStream) -> None:
            async with stream, limit:
                await _converse(context.tree, stream)

        async with _listen(path) as listener:
            context.report(path=str(path))
            context.ready()
            await trio.serve_listeners(serve, [listener])

    return ChildSpec(id="admin_socket", start=start)


def _listen(path: Path) -> trio.SocketListener:
    """Bind with the mode right from the first moment; a socket file left by a crash is replaced."""
    with suppress(FileNotFoundError):
        os.unlink(path)  # noqa: PTH108  one call, which never waits
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # Not trio's bind, which waits for a thread: the mask is the whole process's meanwhile.
    before = os.umask(0o177)
    try:
        bound.bind(str(path))
    finally:
        os.umask(before)
    bound.listen(BACKLOG)
    return trio.SocketListener(trio.socket.from_stdlib_socket(bound))


async def _converse(tree: Tree, stream: trio.SocketStream) -> None:
    waiting = bytearray()
    try:
        while True:
            with trio.fail_after(IDLE_SECONDS_MAX):
                data = await stream.receive_some()
                if not data:
                    return
                waiting += data
                while (end := waiting.find(b"\n")) >= 0:
                    raw = bytes(waiting[:end])
                    del waiting[: end + 1]
                    await stream.send_all(line(_answer(tree, raw)))
                if len(waiting) > LINE_BYTES_MAX:
                    await stream.send_all(line(_fault("too_long", "a question is at most 64 KiB")))
                    return
    except (trio.BrokenResourceError, trio.TooSlowError):
        return  # they left, or fell asleep


def _answer(tree: Tree, raw: bytes) -> Reply:
    question = read_question(raw)
    if isinstance(question, Fault):
        return Reply(error=question)
    if question.verb != "tree":
        return _fault("unknown_verb", f"there is no verb {question.verb!r}")
    return Reply(answer=msgspec.to_builtins(tree_view(tree)))


def _fault(code: str, message: str) -> Reply:
    return Reply(error=Fault(code=code, message=message))


def tree_view(tree: Tree) -> TreeView:
    """The snapshot in the words of the admin protocol."""
    snapshot, now = tree.snapshot(), trio.current_time()
    return TreeView(
        revision=snapshot.revision, nodes=tuple(_node(node, now) for node in snapshot.nodes)
    )


def _node(node: Node, now: float) -> NodeView:
    return NodeView(
        path=node.path,
        id=node.id,
        kind=node.kind,
        state=str(node.state),
        strategy=node.strategy,
        restarts=node.restarts,
        incarnation=node.incarnation,
        since=now - node.since,
        mailbox=node.mailbox_depth,
        facts=dict(node.facts),
        last_exit=node.last_exit,
    )
