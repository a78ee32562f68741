"""What an operator may ask and do, verb by verb, and the book in which deeds are written."""

import os
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import structlog
import trio

from fluxiq.admin.protocol import DiffView, Fault, NodeView, Question, Reply, TreeView, line
from supervisors import (
    AmbiguousName,
    CallTimeout,
    ChildRefused,
    Diff,
    Event,
    InvalidSpec,
    NoChild,
    Node,
    NoProcess,
    NotAnActor,
    NotQuarantined,
    Snapshot,
    SupervisionError,
    Tree,
    describe,
)

TRACE_ENTRIES = 100
REASON_CHARACTERS_MAX = 500

_log = structlog.get_logger("admin")

_CODES: tuple[tuple[type[SupervisionError], str], ...] = (
    (AmbiguousName, "ambiguous_name"),
    (NoChild, "no_child"),
    (NotAnActor, "not_an_actor"),
    (NotQuarantined, "not_quarantined"),
    (NoProcess, "not_running"),
    (CallTimeout, "timeout"),
    (InvalidSpec, "bad_arguments"),
    (ChildRefused, "refused"),
)


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end, as the kernel says."""

    pid: int
    uid: int


class BadArguments(Exception):
    """An argument is missing or wrong; the message names it."""


Verb = Callable[["Desk", "Arguments"], Awaitable[object]]


class Arguments:
    """The arguments of one question; each one read must be there and of its type."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = dict(given)

    def text(self, field: str) -> str:
        value = self._given.pop(field, None)
        if not isinstance(value, str) or not value:
            raise BadArguments(f"{field}: must be a text")
        return value

    def number(self, field: str, default: int) -> int:
        value = self._given.pop(field, default)
        if not isinstance(value, int) or isinstance(value, bool):
            raise BadArguments(f"{field}: must be a whole number")
        return value

    def mapping(self, field: str) -> dict[str, object]:
        value = self._given.pop(field, None)
        if not isinstance(value, dict) or not value:
            raise BadArguments(f"{field}: must be an object with at least one field")
        return value

    def flag(self, field: str) -> bool:
        value = self._given.pop(field, False)
        if not isinstance(value, bool):
            raise BadArguments(f"{field}: must be true or false")
        return value

    def reason(self) -> str:
        value = self._given.pop("reason", "")
        if not isinstance(value, str) or len(value) > REASON_CHARACTERS_MAX:
            raise BadArguments(f"reason: a text of at most {REASON_CHARACTERS_MAX} characters")
        return value

    def done(self) -> None:
        if self._given:
            raise BadArguments(f"{min(self._given)}: unknown argument")


class Desk:
    """Answers questions about one tree; `writes` says whether its deeds are allowed here."""

    def __init__(self, tree: Tree, *, writes: bool, audit: Path) -> None:
        self.tree = tree
        self.writes = writes
        self._audit = audit
        self._encoded: tuple[Snapshot | Diff, bytes] | None = None

    async def answer(self, question: Question, peer: Peer) -> Reply:  # noqa: PLR0911  a table
        """Never raises for what was asked; a verb that breaks is told and logged as our bug."""
        look, act = LOOKS.get(question.verb), DEEDS.get(question.verb)
        if look is None and act is None:
            return fault("unknown_verb", f"there is no verb {question.verb!r}")
        arguments = Arguments(question.arguments)
        try:
            if look is not None:
                return Reply(answer=await look(self, arguments))
            assert act is not None
            return await self._act(act, question, arguments, peer)
        except BadArguments as error:
            return fault("bad_arguments", str(error))
        except SupervisionError as error:
            return fault(_code(error), str(error))
        except ValueError as error:
            return fault("bad_arguments", str(error))
        except Exception as error:  # noqa: BLE001  no verb may end the socket
            _log.exception("admin_verb_failed", verb=question.verb)
            return fault("internal", f"{question.verb} failed: {type(error).__name__}")

    async def _act(self, verb: Verb, question: Question, arguments: Arguments, peer: Peer) -> Reply:
        if not self.writes:
            return fault("read_only", f"{question.verb} is not for this socket")
        if not arguments.flag("yes"):
            return fault("needs_yes", f'{question.verb} changes something: say "yes": true')

        # The intent is on paper before the deed, and the outcome after it, whatever that is.
        self._write_down(question, peer, "asked")
        outcome = "failed"
        try:
            reply = Reply(answer=await verb(self, arguments))
            outcome = "done"
        except (SupervisionError, BadArguments, ValueError) as error:
            outcome = f"refused: {error}"
            raise
        finally:
            self._write_down(question, peer, outcome)
        return reply

    def _write_down(self, question: Question, peer: Peer, outcome: str) -> None:
        given = question.arguments
        record = {
            "at": time.time(),
            "uid": peer.uid,
            "pid": peer.pid,
            "verb": question.verb,
            "name": given.get("name"),
            "reason": given.get("reason", ""),
            "outcome": outcome,
        }
        _log.warning("admin_verb_used", **record)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        descriptor = os.open(self._audit, flags, 0o600)
        try:
            os.write(descriptor, msgspec.json.encode(record) + b"\n")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def path(self, arguments: Arguments) -> str:
        return self.tree.resolve(arguments.text("name"))

    def encoded(self, change: Snapshot | Diff) -> bytes:
        """A change as a line; many watchers share one encoding."""
        if self._encoded is None or self._encoded[0] is not change:
            self._encoded = (change, line(Reply(answer=msgspec.to_builtins(_change_view(change)))))
        return self._encoded[1]


def fault(code: str, message: str) -> Reply:
    return Reply(error=Fault(code=code, message=message))


def tree_view(tree: Tree) -> TreeView:
    """The snapshot in the words of the admin protocol."""
    return _tree_view(tree.snapshot())


# Looking


async def _tree(desk: Desk, arguments: Arguments) -> object:
    arguments.done()
    return msgspec.to_builtins(tree_view(desk.tree))


async def _inspect(desk: Desk, arguments: Arguments) -> object:
    path = desk.path(arguments)
    arguments.done()
    tree, now = desk.tree, trio.current_time()
    node = tree.snapshot().find(path)
    assert node is not None
    return {
        "node": msgspec.to_builtins(_node(node, now)),
        "spec": _spec_view(tree, path),
        "mailbox": None if node.mailbox is None else node.mailbox._asdict(),
        "mailbox_head": tree.mailbox_head(path) if node.mailbox is not None else (),
        "stack": tree.stack(path),
        "events": [_event(event, now) for event in tree.flight(path)],
    }


async def _statistics(desk: Desk, arguments: Arguments) -> object:
    path = desk.path(arguments)
    arguments.done()
    counts = desk.tree.statistics(path)
    mailbox = None if counts.mailbox is None else counts.mailbox._asdict()
    return {**counts._asdict(), "mailbox": mailbox, "admission": desk.tree.admission()._asdict()}


async def _why(desk: Desk, arguments: Arguments) -> object:
    path = desk.path(arguments)
    arguments.done()
    return [_event(event, trio.current_time()) for event in desk.tree.why(path)]


async def _explain(desk: Desk, arguments: Arguments) -> object:
    path = desk.path(arguments)
    arguments.done()
    return desk.tree.explain(path)._asdict()


async def _get_state(desk: Desk, arguments: Arguments) -> object:
    path = desk.path(arguments)
    arguments.done()
    return await desk.tree.get_state(path)


async def _traced(desk: Desk, arguments: Arguments) -> object:
    path = desk.path(arguments)
    arguments.done()
    return [entry._asdict() for entry in desk.tree.traced(path)]


async def _plan(desk: Desk, arguments: Arguments) -> object:
    path = desk.path(arguments)
    changes = arguments.mapping("changes")
    arguments.done()
    plan = desk.tree.plan(path, changes)
    return {"path": path, "changes": plan.changes, "effects": plan.effects}


# Acting


async def _restart(desk: Desk, arguments: Arguments) -> object:
    path, reason = desk.path(arguments), arguments.reason()
    arguments.done()
    await desk.tree.restart_child(path, reason=reason)
    return {"path": path}


async def _stop(desk: Desk, arguments: Arguments) -> object:
    path, reason = desk.path(arguments), arguments.reason()
    arguments.done()
    await desk.tree.stop_child(path, reason=reason)
    return {"path": path}


async def _start(desk: Desk, arguments: Arguments) -> object:
    path, key, reason = desk.path(arguments), arguments.text("key"), arguments.reason()
    arguments.done()
    await desk.tree.start_child(path, key, reason=reason)
    return {"path": f"{path}/{key}"}


async def _release(desk: Desk, arguments: Arguments) -> object:
    path, reason = desk.path(arguments), arguments.reason()
    arguments.done()
    await desk.tree.release(path, reason=reason)
    return {"path": path}


async def _suspend(desk: Desk, arguments: Arguments) -> object:
    path, reason = desk.path(arguments), arguments.reason()
    arguments.done()
    desk.tree.suspend(path, reason=reason)
    return {"path": path}


async def _resume(desk: Desk, arguments: Arguments) -> object:
    path, reason = desk.path(arguments), arguments.reason()
    arguments.done()
    desk.tree.resume(path, reason=reason)
    return {"path": path}


async def _replace_state(desk: Desk, arguments: Arguments) -> object:
    path, reason = desk.path(arguments), arguments.reason()
    changes = arguments.mapping("changes")
    arguments.done()
    await desk.tree.replace_state(path, changes, reason=reason)
    return {"path": path}


async def _trace(desk: Desk, arguments: Arguments) -> object:
    path, size = desk.path(arguments), arguments.number("size", TRACE_ENTRIES)
    arguments.done()
    desk.tree.trace(path, size)
    return {"path": path, "size": size}


async def _apply(desk: Desk, arguments: Arguments) -> object:
    path, reason = desk.path(arguments), arguments.reason()
    changes = arguments.mapping("changes")
    arguments.done()
    plan = desk.tree.plan(path, changes)
    await desk.tree.apply(plan, reason=reason)
    return {"path": path, "changes": plan.changes, "effects": plan.effects}


LOOKS: dict[str, Verb] = {
    "tree": _tree,
    "inspect": _inspect,
    "statistics": _statistics,
    "why": _why,
    "explain": _explain,
    "get_state": _get_state,
    "traced": _traced,
    "plan": _plan,
}
DEEDS: dict[str, Verb] = {
    "restart": _restart,
    "stop": _stop,
    "start": _start,
    "release": _release,
    "suspend": _suspend,
    "resume": _resume,
    "replace_state": _replace_state,
    "trace": _trace,
    "apply": _apply,
}


# In the words of the protocol


def _change_view(change: Snapshot | Diff) -> TreeView | DiffView:
    if isinstance(change, Snapshot):
        return _tree_view(change)
    return DiffView(
        before_revision=change.before_revision,
        revision=change.revision,
        changed=tuple(map(partial(_node, now=change.at), change.changed)),
        removed=change.removed,
    )


def _tree_view(snapshot: Snapshot) -> TreeView:
    nodes = tuple(_node(node, snapshot.at) for node in snapshot.nodes)
    return TreeView(revision=snapshot.revision, nodes=nodes)


def _node(node: Node, now: float) -> NodeView:
    return NodeView(
        path=node.path,
        id=node.id,
        kind=node.kind,
        state=node.state,
        strategy=node.strategy,
        restarts=node.restarts,
        incarnation=node.incarnation,
        since=now - node.since,
        mailbox=node.mailbox_depth,
        facts=dict(node.facts),
        last_exit=node.last_exit,
        suspended=node.suspended,
        reason=node.reason,
        due=None if node.due is None else max(0.0, node.due - now),
        handled=None if node.mailbox is None else node.mailbox.handled,
    )


def _event(event: Event, now: float) -> dict[str, object]:
    """An event with its exception tree: types and messages, not values."""
    return {
        "id": event.id,
        "cause": event.cause,
        "kind": event.kind.value,
        "path": event.path,
        "incarnation": event.incarnation,
        "seconds_ago": now - event.at,
        "reason": event.reason,
        "exception": _exceptions(event.exception),
    }


def _exceptions(error: BaseException | None) -> list[str]:
    """The error and what caused it, one line each, and where the innermost was raised."""
    lines: list[str] = []
    while error is not None and len(lines) < 10:  # noqa: PLR2004  a chain that long says nothing
        lines.append(describe(error))
        frames = error.__traceback__
        while frames is not None and frames.tb_next is not None:
            frames = frames.tb_next
        if frames is not None:
            code = frames.tb_frame.f_code
            lines.append(f"  in {code.co_qualname} ({code.co_filename}:{frames.tb_lineno})")
        error = error.__cause__
    return lines


def _spec_view(tree: Tree, path: str) -> dict[str, object]:
    spec = tree.spec_of(path)
    fields = ("restart", "shutdown", "start_timeout", "significant", "phase", "kind")
    more = ("strategy", "max_restarts", "max_seconds", "max_children", "child_max_restarts")
    view = {field: getattr(spec, field) for field in (*fields, *more) if hasattr(spec, field)}
    view["restart"] = spec.restart.value
    if "strategy" in view:
        view["strategy"] = view["strategy"].value
    shown = {name: "infinity" if value == float("inf") else value for name, value in view.items()}
    return {**shown, "backoff": msgspec.to_builtins(spec.backoff)}


def _code(error: SupervisionError) -> str:
    return next((code for kind, code in _CODES if isinstance(error, kind)), "refused")
