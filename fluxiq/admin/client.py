"""Asking a running platform over its admin socket."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import msgspec
import trio

from fluxiq.admin.protocol import VERSION, DiffView, Question, TreeView, line, read_reply
from fluxiq.errors import Refused, Unavailable

ANSWER_SECONDS_MAX = 30.0  # a stop or restart takes as long as the child's limits
ANSWER_BYTES_MAX = 64 * 1024 * 1024
RECEIVE_BYTES = 256 * 1024


async def ask_tree(socket: Path) -> TreeView:
    """The live tree. Raises Unavailable when no platform answers at `socket`."""
    return msgspec.convert(await _ask(socket, "tree", {}), TreeView)


async def ask(socket: Path, verb: str, **arguments: Any) -> Any:
    """The answer to any verb, as plain data. Raises Unavailable, and Refused with the code."""
    return await _ask(socket, verb, arguments)


async def ask_spelled(socket: Path, verb: str, arguments: dict[str, Any]) -> Any:
    """As `ask`, with arguments as they were typed: the verb knows their types."""
    return await _ask(socket, verb, arguments, spelled=True)


async def watch(socket: Path) -> AsyncGenerator[TreeView | DiffView, None]:
    """The live tree, then what changes. Raises Refused, and Unavailable when the platform is gone.

    Close it (`aclosing`) to stop watching.
    """
    question = Question(version=VERSION, verb="watch")
    try:
        async with await trio.open_unix_socket(socket) as stream:
            await stream.send_all(line(question))
            waiting = bytearray()
            while data := await stream.receive_some(RECEIVE_BYTES):
                # Only what is new can hold the end of a line: a wide tree comes in many pieces.
                searched = len(waiting)
                waiting += data
                while (end := waiting.find(b"\n", searched)) >= 0:
                    yield _change(bytes(waiting[:end]))
                    del waiting[: end + 1]
                    searched = 0
                if len(waiting) > ANSWER_BYTES_MAX:
                    raise Unavailable("platform", f"a line of over {ANSWER_BYTES_MAX} bytes")
    except (OSError, trio.BrokenResourceError):
        raise Unavailable("platform", f"nobody answers at {socket}; is it running?") from None
    raise Unavailable("platform", "it hung up; is it stopping?")


def _change(raw: bytes) -> TreeView | DiffView:
    try:
        reply = read_reply(raw)
        if reply.error is not None:
            raise Refused(reply.error.code, reply.error.message)
        if isinstance(reply.answer, dict) and "changed" in reply.answer:
            return msgspec.convert(reply.answer, DiffView)
        return msgspec.convert(reply.answer, TreeView)
    except msgspec.DecodeError as error:  # of which a ValidationError is one
        raise Unavailable("platform", f"what it says makes no sense: {error}") from None


async def _ask(
    socket: Path, verb: str, arguments: dict[str, Any], *, spelled: bool = False
) -> object:
    question = Question(version=VERSION, verb=verb, arguments=arguments, spelled=spelled)
    try:
        with trio.fail_after(ANSWER_SECONDS_MAX):
            async with await trio.open_unix_socket(socket) as stream:
                await stream.send_all(line(question))
                raw = await _read_line(stream)
    except (OSError, trio.BrokenResourceError):
        raise Unavailable("platform", f"nobody answers at {socket}; is it running?") from None
    except trio.TooSlowError:
        raise Unavailable("platform", f"no answer within {ANSWER_SECONDS_MAX:g} s") from None

    try:
        reply = read_reply(raw)
    except msgspec.DecodeError:
        raise Unavailable("platform", f"no whole answer from {socket}; is it stopping?") from None
    if reply.error is not None:
        raise Refused(reply.error.code, reply.error.message)
    return reply.answer


async def _read_line(stream: trio.SocketStream) -> bytes:
    raw = bytearray()
    while not raw.endswith(b"\n") and len(raw) < ANSWER_BYTES_MAX:
        data = await stream.receive_some()
        if not data:
            break
        raw += data
    return bytes(raw)
