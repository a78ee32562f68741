"""The operators' way in: two unix sockets of mode 0600, one for looking and one for acting.

Garbage, long lines, slow readers and a thousand watchers cost their own connections and nothing
else. What the verbs do is in admin_verbs.py.
"""

import os
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import structlog
import trio

from actors.admin_verbs import Desk, Peer, fault, tree_view
from actors.platform import Platform
from fluxiq.admin.protocol import LINE_BYTES_MAX, Fault, Reply, line, read_question
from supervisors import ChildSpec, Context

CONNECTIONS_MAX = 64
WATCHERS_MAX = 1000
IDLE_SECONDS_MAX = 60.0
SEND_SECONDS_MAX = 10.0
WATCH_SECONDS = 0.25  # between two changes a watcher is told
BACKLOG = 128

__all__ = ["admin_read_socket", "admin_socket", "tree_view"]

_log = structlog.get_logger("admin")


def admin_socket(platform: Platform) -> ChildSpec:
    """For every verb."""
    return _socket("admin_socket", platform.admin_socket_path, writes=True)


def admin_read_socket(platform: Platform) -> ChildSpec:
    """For looking only: dashboards and those on watch need no more."""
    return _socket("admin_read_socket", platform.admin_read_socket_path, writes=False)


def _socket(own_id: str, path: Path, *, writes: bool) -> ChildSpec:
    async def start(context: Context) -> None:
        desk = Desk(context.tree, writes=writes, audit=path.with_name("admin_audit.jsonl"))
        limits = _Limits(trio.CapacityLimiter(CONNECTIONS_MAX), trio.CapacityLimiter(WATCHERS_MAX))

        async def serve(stream: trio.SocketStream) -> None:
            async with stream:
                await _converse(desk, stream, limits)

        async with _listen(path) as listener:
            context.report(path=str(path))
            context.ready()
            await trio.serve_listeners(serve, [listener])

    return ChildSpec(id=own_id, start=start)


@dataclass(frozen=True, slots=True)
class _Limits:
    """Watchers are many and wait long: they must not keep an operator with a question out."""

    questions: trio.CapacityLimiter
    watchers: trio.CapacityLimiter


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


async def _converse(desk: Desk, stream: trio.SocketStream, limits: _Limits) -> None:
    peer = _peer(stream)
    if peer.uid not in (0, os.geteuid()):
        _log.warning("admin_peer_refused", uid=peer.uid, pid=peer.pid)
        with suppress(trio.BrokenResourceError):
            await stream.send_all(line(fault("not_allowed", f"not for uid {peer.uid}")))
        return

    try:
        async with limits.questions:
            watches = await _answer_questions(desk, peer, stream)
        if watches:
            await _serve_watcher(desk, stream, limits.watchers)
    except (trio.BrokenResourceError, trio.TooSlowError):
        return  # they left, or fell asleep


async def _answer_questions(desk: Desk, peer: Peer, stream: trio.SocketStream) -> bool:
    """Answer until they leave; True when they want to watch from now on."""
    waiting = bytearray()
    while True:
        with trio.fail_after(IDLE_SECONDS_MAX):
            data = await stream.receive_some()
        if not data:
            return False
        waiting += data
        while (end := waiting.find(b"\n")) >= 0:
            raw = bytes(waiting[:end])
            del waiting[: end + 1]
            question = read_question(raw)
            if isinstance(question, Fault):
                reply = Reply(error=question)
            elif question.verb == "watch":
                return True
            else:
                reply = await desk.answer(question, peer)
            with trio.fail_after(SEND_SECONDS_MAX):
                await stream.send_all(line(reply))
        if len(waiting) > LINE_BYTES_MAX:
            with trio.fail_after(SEND_SECONDS_MAX):
                await stream.send_all(line(fault("too_long", "a question is at most 64 KiB")))
            return False


async def _serve_watcher(
    desk: Desk, stream: trio.SocketStream, watchers: trio.CapacityLimiter
) -> None:
    """The tree, then its changes, at the watcher's own speed: who is slow gets them as one."""
    try:
        watchers.acquire_on_behalf_of_nowait(stream)
    except trio.WouldBlock:
        await stream.send_all(line(fault("too_many", f"{WATCHERS_MAX} watch already")))
        return

    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_until_gone, stream, nursery.cancel_scope)
            async for change in desk.tree.watch(interval=WATCH_SECONDS):
                with trio.fail_after(SEND_SECONDS_MAX):
                    await stream.send_all(desk.encoded(change))
    except* (trio.BrokenResourceError, trio.TooSlowError):
        pass  # they left, or fell asleep
    finally:
        watchers.release_on_behalf_of(stream)


async def _until_gone(stream: trio.SocketStream, scope: trio.CancelScope) -> None:
    """A watcher has nothing more to say: hearing anything, or its end, ends the watch."""
    with suppress(trio.BrokenResourceError):
        await stream.receive_some()
    scope.cancel(reason="the watcher left")


def _peer(stream: trio.SocketStream) -> Peer:
    raw = stream.socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    pid, uid, _gid = struct.unpack("3i", raw)
    return Peer(pid, uid)
