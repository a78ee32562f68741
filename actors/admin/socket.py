"""The operators' way in: two unix sockets of mode 0600, one for looking and one for acting.

Garbage, long lines, slow readers and a thousand watchers cost their own connections and nothing
else. What the verbs do is in looks.py and deeds.py.
"""

import os
import resource
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import structlog
import trio

from actors.admin.approvals import Approvals
from actors.admin.askers import Peer
from actors.admin.desk import Desk, fault
from actors.admin.tree_watch import WATCH_SECONDS
from actors.admin.verbs import Hooks
from actors.platform import DEED_BOOK, Platform
from fluxiq.admin.protocol import LINE_BYTES_MAX, Fault, Reply, line, read_question
from supervisors import ChildSpec, Context

CONNECTIONS_MAX = 64  # answered at the same time
WAITING_MAX = 128  # let in until one of those leaves
WAIT_SECONDS_MAX = 10.0
WATCHERS_MAX = 1000
IDLE_SECONDS_MAX = 60.0  # for one whole question
SEND_SECONDS_MAX = 10.0
# Telling one watcher takes some 0.1 ms of the loop that moves the money: a thousand are told
# about once a second, so that all together never take more than a tenth of it.
WATCH_SECONDS_PER_WATCHER = 0.001
BACKLOG = 128
# A watcher is a file descriptor, of which the payments need some too: at most this part of them.
DESCRIPTORS_PART = 4

_log = structlog.get_logger("admin")


def admin_socket(
    platform: Platform, hooks: Hooks | None = None, approvals: Approvals | None = None
) -> ChildSpec:
    """For every verb; `hooks` are those that the platform's rooms contribute. With `approvals`
    deeds for two need two people.
    """
    return _socket("admin_socket", platform.admin_socket_path, hooks, approvals, writes=True)


def admin_read_socket(platform: Platform, hooks: Hooks | None = None) -> ChildSpec:
    """For looking only: dashboards and those on watch need no more."""
    return _socket("admin_read_socket", platform.admin_read_socket_path, hooks, None, writes=False)


def _socket(
    own_id: str, path: Path, hooks: Hooks | None, approvals: Approvals | None, *, writes: bool
) -> ChildSpec:
    audit = path.with_name(DEED_BOOK)

    async def start(context: Context) -> None:
        desk = Desk(context.tree, writes=writes, audit=audit, hooks=hooks, approvals=approvals)
        limits = Limits.of_this_process()

        async def serve(stream: trio.SocketStream) -> None:
            async with stream:
                try:
                    await _converse(desk, stream, limits)
                except (trio.BrokenResourceError, trio.TooSlowError):
                    return  # they left, or fell asleep
                except Exception:  # noqa: BLE001  our bug with one client hangs up on no other
                    _log.exception("admin_connection_failed")

        async with _listen(path) as listener:
            context.report(path=str(path))
            context.ready()
            await trio.serve_listeners(serve, [listener])

    return ChildSpec(id=own_id, start=start)


@dataclass(frozen=True, slots=True)
class Limits:
    """Watchers are many and wait long: they must not keep an operator with a question out."""

    questions: trio.CapacityLimiter
    watchers: trio.CapacityLimiter

    @classmethod
    def of_this_process(cls) -> "Limits":
        descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        watchers = WATCHERS_MAX
        if descriptors != resource.RLIM_INFINITY:
            watchers = min(watchers, max(1, descriptors // DESCRIPTORS_PART))
        return cls(trio.CapacityLimiter(CONNECTIONS_MAX), trio.CapacityLimiter(watchers))

    @asynccontextmanager
    async def place_to_ask(self) -> AsyncIterator[bool]:
        """False when too many wait for one already, or it took too long."""
        if self.questions.statistics().tasks_waiting >= WAITING_MAX:
            yield False
            return

        with trio.move_on_after(WAIT_SECONDS_MAX) as waiting:
            await self.questions.acquire()
        if waiting.cancelled_caught:
            yield False
            return

        try:
            yield True
        finally:
            self.questions.release()

    def watch_seconds(self) -> float:
        """Between two changes that a watcher is told, now."""
        return WATCH_SECONDS + WATCH_SECONDS_PER_WATCHER * self.watchers.borrowed_tokens


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


async def _converse(desk: Desk, stream: trio.SocketStream, limits: Limits) -> None:
    peer = _peer(stream)
    if peer.uid not in (0, os.geteuid()):
        _log.warning("admin_peer_refused", uid=peer.uid, pid=peer.pid)
        await _say(stream, line(fault("not_allowed", f"not for uid {peer.uid}")))
        return

    watches = False
    async with limits.place_to_ask() as has_place:
        if has_place:
            watches = await _answer_questions(desk, peer, stream)
    if not has_place:
        await _say(stream, line(fault("too_many", "too many ask at the same time")))
    if watches:
        await _serve_watcher(desk, stream, limits)


async def _answer_questions(desk: Desk, peer: Peer, stream: trio.SocketStream) -> bool:
    """Answer until they leave; True when they want to watch from now on."""
    waiting = bytearray()
    while True:
        # For a whole question: one byte a minute would keep a place for ever.
        with trio.fail_after(IDLE_SECONDS_MAX):
            while (end := waiting.find(b"\n")) < 0:
                if len(waiting) > LINE_BYTES_MAX:
                    await _say(stream, line(fault("too_long", "a question is at most 64 KiB")))
                    return False
                data = await stream.receive_some()
                if not data:
                    return False
                waiting += data

        raw = bytes(waiting[:end])
        del waiting[: end + 1]
        question = read_question(raw)
        if isinstance(question, Fault):
            await _say(stream, line(Reply(error=question)))
        elif question.verb == "watch":
            return True
        else:
            await _say(stream, await desk.answer_line(question, peer))


async def _serve_watcher(desk: Desk, stream: trio.SocketStream, limits: Limits) -> None:
    """The tree, then its changes, at the watcher's own speed: who is slow gets them as one."""
    try:
        limits.watchers.acquire_on_behalf_of_nowait(stream)
    except trio.WouldBlock:
        watching = limits.watchers.borrowed_tokens
        await _say(stream, line(fault("too_many", f"{watching} watch already")))
        return

    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_until_gone, stream, nursery.cancel_scope)
            async for change in desk.tree.watch(interval=WATCH_SECONDS):
                await _say(stream, desk.encoded(change))
                pause = limits.watch_seconds() - WATCH_SECONDS
                if pause > 0:
                    await trio.sleep(pause)
            nursery.cancel_scope.cancel(reason="the tree has ended")
    except* (trio.BrokenResourceError, trio.TooSlowError):
        pass  # they left, or fell asleep
    finally:
        limits.watchers.release_on_behalf_of(stream)


async def _say(stream: trio.SocketStream, said: bytes) -> None:
    """Raises TooSlowError for one who does not read, BrokenResourceError for one who left."""
    with trio.fail_after(SEND_SECONDS_MAX):
        await stream.send_all(said)


async def _until_gone(stream: trio.SocketStream, scope: trio.CancelScope) -> None:
    """A watcher has nothing more to say: hearing anything, or its end, ends the watch."""
    with suppress(trio.BrokenResourceError):
        await stream.receive_some()
    scope.cancel(reason="the watcher left")


def _peer(stream: trio.SocketStream) -> Peer:
    raw = stream.socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    pid, uid, _gid = struct.unpack("3i", raw)
    return Peer(pid, uid)
