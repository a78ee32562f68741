"""Acting: verbs that change something. The desk asks for `yes` and writes them down."""

from typing import TYPE_CHECKING

from actors.admin.arguments import Arguments
from actors.admin.verbs import Verb

if TYPE_CHECKING:
    from actors.admin.desk import Desk

TRACE_ENTRIES = 100


async def _restart(desk: "Desk", arguments: Arguments) -> object:
    path, reason = desk.path(arguments), arguments.reason()
    arguments.done()
    await desk.tree.restart_child(path, reason=reason)
    return {"path": path}


async def _stop(desk: "Desk", arguments: Arguments) -> object:
    path, reason = desk.path(arguments), arguments.reason()
    arguments.done()
    await desk.tree.stop_child(path, reason=reason)
    return {"path": path}


async def _start(desk: "Desk", arguments: Arguments) -> object:
    path, key, reason = desk.path(arguments), arguments.text("key"), arguments.reason()
    arguments.done()
    await desk.tree.start_child(path, key, reason=reason)
    return {"path": f"{path}/{key}"}


async def _release(desk: "Desk", arguments: Arguments) -> object:
    path, reason = desk.path(arguments), arguments.reason()
    arguments.done()
    await desk.tree.release(path, reason=reason)
    return {"path": path}


async def _suspend(desk: "Desk", arguments: Arguments) -> object:
    path, reason = desk.path(arguments), arguments.reason()
    arguments.done()
    desk.tree.suspend(path, reason=reason)
    return {"path": path}


async def _resume(desk: "Desk", arguments: Arguments) -> object:
    path, reason = desk.path(arguments), arguments.reason()
    arguments.done()
    desk.tree.resume(path, reason=reason)
    return {"path": path}


async def _replace_state(desk: "Desk", arguments: Arguments) -> object:
    path, reason = desk.path(arguments), arguments.reason()
    changes = arguments.mapping("changes")
    arguments.done()
    await desk.tree.replace_state(path, changes, reason=reason)
    return {"path": path}


async def _trace(desk: "Desk", arguments: Arguments) -> object:
    path, size = desk.path(arguments), arguments.number("size", TRACE_ENTRIES)
    arguments.reason()  # for the book alone: a trace leaves no event
    arguments.done()
    desk.tree.trace(path, size)
    return {"path": path, "size": size}


async def _apply(desk: "Desk", arguments: Arguments) -> object:
    path, reason = desk.path(arguments), arguments.reason()
    changes = arguments.mapping("changes")
    arguments.done()
    plan = desk.tree.plan(path, changes)
    await desk.tree.apply(plan, reason=reason)
    return {"path": path, "changes": plan.changes, "effects": plan.effects}


DEEDS: dict[str, Verb] = {
    "restart": Verb(_restart, ("name", "reason")),
    "stop": Verb(_stop, ("name", "reason")),
    "start": Verb(_start, ("name", "key", "reason")),
    "release": Verb(_release, ("name", "reason")),
    "suspend": Verb(_suspend, ("name", "reason")),
    "resume": Verb(_resume, ("name", "reason")),
    "replace_state": Verb(_replace_state, ("name", "changes", "reason")),
    "trace": Verb(_trace, ("name", "size", "reason")),
    "apply": Verb(_apply, ("name", "changes", "reason")),
}
