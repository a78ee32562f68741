"""Whose code runs on the loop right now, found from another thread."""

import sys
from types import FrameType
from typing import NamedTuple

import trio

from supervisors.actor import Actor
from supervisors.body import Body
from supervisors.diagnostics.places import place_of
from supervisors.slot import Slot

FRAMES_MAX = 40
FRAMES_WALKED_MAX = 2000
NOBODY = "(nobody in the tree)"


class Culprit(NamedTuple):
    """`path` is the node's, or the task's name for what is not in the tree.

    `stack` is the Python stack, outermost first, without the event loop's own frames.
    """

    path: str
    stack: tuple[str, ...]


def find_culprit(thread: int, root_task: trio.lowlevel.Task, root_path: str) -> Culprit:
    """Look at what a thread (by its `threading.get_ident`) that runs a trio loop does now.

    A call that is handled inline runs in its caller's step: the innermost actor is the one.
    """
    frame = sys._current_frames().get(thread)  # noqa: SLF001 -- there is no other way to ask
    frames: list[FrameType] = []
    while frame is not None and len(frames) < FRAMES_WALKED_MAX:
        frames.append(frame)
        frame = frame.f_back

    task = _running(root_task)
    path = next((found for one in frames if (found := _node_of(one)) is not None), None)
    if path is None and task is not None:
        path = owner_of(task, root_path) or task.name
    return Culprit(path or NOBODY, _shown(frames, task))


def owner_of(task: trio.lowlevel.Task, root_path: str) -> str | None:
    """Return the path of the node whose task this is, or whose task started it; None if none's.

    The tasks of a node are called by its path, its sub-tasks by path and function.
    """
    one: trio.lowlevel.Task | None = task
    while one is not None:
        path, _, what = one.name.partition(":")
        if path.startswith(f"{root_path}/") or (path == root_path and what):
            return path
        nursery = one.parent_nursery
        one = None if nursery is None else nursery.parent_task
    return None


def _node_of(frame: FrameType) -> str | None:
    """Return the path of the actor, or child, that a frame is a method of."""
    code = frame.f_code
    if not code.co_argcount or code.co_varnames[0] != "self":
        return None  # f_locals builds a dictionary: only where it is of use
    myself = frame.f_locals.get("self")
    if isinstance(myself, Body):
        return myself.slot.path
    if isinstance(myself, Slot):
        return myself.path
    if isinstance(myself, Actor):
        context = getattr(myself, "context", None)  # none yet in its constructor
        return None if context is None else context.path
    return None


def _running(root_task: trio.lowlevel.Task) -> trio.lowlevel.Task | None:
    """Return the task whose step is being taken.

    The loop may go on while we look: each look at a nursery is a copy, made in one go.
    """
    waiting = [root_task]
    while waiting:
        task = waiting.pop()
        if getattr(task.coro, "cr_running", False):
            return task
        for nursery in list(task.child_nurseries):
            waiting.extend(nursery.child_tasks)
    return None


def _shown(frames: list[FrameType], task: trio.lowlevel.Task | None) -> tuple[str, ...]:
    """Return the innermost frames, outermost first, from the task's own first frame on."""
    first = None if task is None else getattr(task.coro, "cr_frame", None)
    ours = frames[: frames.index(first) + 1] if first in frames else frames
    return tuple(str(place_of(one)) for one in reversed(ours[:FRAMES_MAX]))
