"""Asking a running platform over its admin socket."""

from pathlib import Path

import msgspec
import trio

from fluxiq.admin.protocol import VERSION, Question, TreeView, line, read_reply
from fluxiq.errors import Refused, Unavailable

ANSWER_SECONDS_MAX = 5.0
ANSWER_BYTES_MAX = 64 * 1024 * 1024


async def ask_tree(socket: Path) -> TreeView:
    """The live tree. Raises Unavailable when no platform answers at `socket`."""
    return msgspec.convert(await _ask(socket, "tree"), TreeView)


async def _ask(socket: Path, verb: str) -> object:
    try:
        with trio.fail_after(ANSWER_SECONDS_MAX):
            async with await trio.open_unix_socket(socket) as stream:
                await stream.send_all(line(Question(version=VERSION, verb=verb)))
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
