"""The admin socket's language: one JSON object a line, a question and its answer, versioned.

{"version": 1, "verb": "tree"}
{"version": 1, "answer": {"revision": 7, "nodes": […]}}
{"version": 1, "verb": "restart", "arguments": {"name": "…", "reason": "…", "yes": true}}
{"version": 1, "error": {"code": "unknown_verb", "message": "…"}}

Every verb is described in docs/admin-socket.md.
"""

from typing import Any

import msgspec

VERSION = 1
LINE_BYTES_MAX = 64 * 1024  # of a question; an answer may be as long as the tree is wide


class Question(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True
):
    """`spelled`: numbers and flags among the arguments are texts, as somebody typed them; the verb
    reads them as what it wants there.
    """

    version: int
    verb: str
    arguments: dict[str, Any] = {}
    spelled: bool = False


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """Why there is no answer: `code` is stable."""

    code: str
    message: str


class Reply(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Either an answer or an error."""

    version: int = msgspec.field(default_factory=lambda: VERSION)  # a plain default is left out
    answer: Any = None
    error: Fault | None = None


class NodeView(msgspec.Struct, frozen=True, kw_only=True):
    """One node of the tree. `since` is seconds ago; `mailbox` the letters waiting in it; a
    supervisor gives up after `max_restarts` within `max_seconds`, None for any other node.
    """

    path: str
    id: str
    kind: str
    state: str
    strategy: str | None
    restarts: int
    incarnation: int
    since: float
    mailbox: int | None
    facts: dict[str, Any]
    last_exit: str | None
    suspended: bool = False
    reason: str = ""  # of a quarantine
    due: float | None = None  # seconds until a restart
    handled: int | None = None  # messages, over all incarnations
    name: str = ""  # by which others reach it
    restart: str = ""  # when it is started again: permanent, transient or temporary
    max_restarts: int | None = None
    max_seconds: float | None = None


class TreeView(msgspec.Struct, frozen=True, kw_only=True):
    """The whole tree, parents before children, siblings in start order.

    `closed_phases` are the shutdown phases that are kept down: by `drain`, or by a stop.
    """

    revision: int
    nodes: tuple[NodeView, ...]
    closed_phases: tuple[str, ...] = ()


class DiffView(msgspec.Struct, frozen=True, kw_only=True):
    """What a watcher gets after its first tree: changed and new nodes, and paths that are gone."""

    before_revision: int
    revision: int
    changed: tuple[NodeView, ...]
    removed: tuple[str, ...]
    closed_phases: tuple[str, ...] = ()


def line(message: Question | Reply) -> bytes:
    """One line. What JSON has no word for is told as Python shows it."""
    return msgspec.json.encode(message, enc_hook=repr) + b"\n"


def read_question(raw: bytes) -> Question | Fault:
    """The question on a line, or what is wrong with it."""
    try:
        question = msgspec.json.decode(raw, type=Question)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        # A text that is no UTF-8 and brackets ten thousand deep have errors of their own.
        return Fault(code="malformed", message=str(error))
    if question.version != VERSION:
        return Fault(code="wrong_version", message=f"this platform speaks version {VERSION}")
    return question


def read_reply(raw: bytes) -> Reply:
    """Raises msgspec.DecodeError."""
    return msgspec.json.decode(raw, type=Reply)
