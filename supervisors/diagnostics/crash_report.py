"""A crash as plain data: what a person needs who was not there, and nothing that is secret.

Making one never waits, asks no actor and never raises for what it finds: an error whose own
`__str__` raises is said to have no message.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from supervisors.actor import Incarnation
from supervisors.diagnostics.fingerprint import bare, digest, fingerprint, type_name
from supervisors.diagnostics.masking import masked_text
from supervisors.diagnostics.places import Place, places_of
from supervisors.errors import message_of
from supervisors.events import Event, EventKind
from supervisors.spec import ChildSpec, Spec

if TYPE_CHECKING:
    from supervisors.branch import Branch
    from supervisors.slot import Slot
    from supervisors.tree import Tree

ERRORS_MAX = 30
FRAMES_MAX = 40
OUTER_FRAMES = 10  # kept of a longer stack; the rest of FRAMES_MAX are the innermost
NOTES_MAX = 5

CRASHES = frozenset({EventKind.CRASHED, EventKind.START_FAILED})

Mask = Callable[[str], str]


class CrashReport(NamedTuple):
    """Everything in it is JSON: `_asdict()` is the report as an object.

    `exception` is a tree: type, message, notes, frames (outermost first), cause, context and,
    for a group, members; None when a child just ran out of time. `mailbox` is None for what is no
    actor. `events` are the last of the node and of its ancestors, oldest first, in seconds before
    the crash.
    """

    fingerprint: str
    headline: str
    kind: str
    path: str
    incarnation: int
    reason: str
    exception: dict[str, object] | None
    ancestors: Sequence[Mapping[str, object]]
    spec: Mapping[str, object]
    mailbox: Mapping[str, object] | None
    events: Sequence[Mapping[str, object]]


def is_crash(event: Event) -> bool:
    """Say whether an event is a crash of somebody, and no Ctrl-C."""
    interrupted = isinstance(event.exception, KeyboardInterrupt | SystemExit)
    return event.kind in CRASHES and not interrupted


def fingerprint_of(event: Event) -> str:
    """Return the fingerprint of a crash; one without an exception has its place in the tree."""
    if event.exception is None:
        return digest(f"{event.kind} {event.path}")
    return fingerprint(event.exception)


def crash_report(tree: "Tree", event: Event, *, mask: Mask = masked_text) -> CrashReport:
    """Report a crash from where it is told: `on_event`. `mask` takes the secrets out of texts."""
    error, slot = event.exception, _slot(tree, event.path)
    return CrashReport(
        fingerprint=fingerprint_of(event),
        headline=mask(headline(event)),
        kind=event.kind.value,
        path=event.path,
        incarnation=event.incarnation,
        reason=mask(event.reason),
        exception=None if error is None else _Exceptions(mask).tree(bare(error)),
        ancestors=[_ancestor(branch) for branch in _branches(tree, event.path)],
        spec={} if slot is None else spec_view(slot.spec),
        mailbox=None if slot is None else _mailbox(slot),
        events=list(_events(tree, event, slot, mask)),
    )


def headline(event: Event) -> str:
    """Say in one line what happened; not masked yet."""
    error = event.exception
    if error is None:
        return f"{event.kind}: {event.reason}".partition("\n")[0]
    error = bare(error)
    if isinstance(error, BaseExceptionGroup):
        return f"{len(error.exceptions)} errors, the first: {_line(bare(error.exceptions[0]))}"
    return _line(error)


def spec_view(spec: Spec) -> dict[str, object]:
    """Return a spec as plain data: what is started by its name, arguments not shown."""
    view: dict[str, object] = {}
    for name in (field.name for field in fields(spec)):
        value = getattr(spec, name)
        if name == "backoff":
            view[name] = asdict(value)
        elif isinstance(value, Enum):
            view[name] = value.value
        elif value == float("inf"):
            view[name] = "infinity"
        elif value is None or isinstance(value, str | int | float):
            view[name] = value
    if isinstance(spec, ChildSpec):
        view["start"] = _started(spec)
    return view


def _started(spec: ChildSpec) -> str:
    start: object = spec.start
    if isinstance(start, Incarnation):
        return type_name(start.kind)
    function = getattr(start, "func", start)  # of a partial
    named = getattr(function, "__qualname__", None)
    return f"{function.__module__}.{named}" if named else type_name(type(function))


# Around the node. A child may be forgotten by its supervisor already: its slot is the last to go.


def _slot(tree: "Tree", path: str) -> "Slot | None":
    parent, _, child_id = path.rpartition("/")
    branch = tree.runtime.find_branch(parent)
    return None if branch is None else branch.slots.get(child_id)


def _branches(tree: "Tree", path: str) -> "Iterator[Branch]":
    """Yield the supervisors above that still run, the root first."""
    names = path.split("/")
    for length in range(1, len(names)):
        branch = tree.runtime.find_branch("/".join(names[:length]))
        if branch is not None:
            yield branch


def _ancestor(branch: "Branch") -> dict[str, object]:
    spec = spec_view(branch.state.spec)
    shown = ("kind", "strategy", "max_restarts", "max_seconds", "child_max_restarts")
    of_spec = {name: spec[name] for name in shown if name in spec}
    return {"path": branch.path, "incarnation": branch.incarnation, **of_spec}


def _mailbox(slot: "Slot") -> dict[str, object] | None:
    queue = slot.queue
    return None if queue is None else {"head": list(queue.left), **queue.statistics()._asdict()}


def _events(
    tree: "Tree", crash: Event, slot: "Slot | None", mask: Mask
) -> Iterator[dict[str, object]]:
    told = {crash.id: crash}
    histories = [branch.history for branch in _branches(tree, crash.path)]
    if slot is not None:
        histories.append(slot.history)
    for history in histories:
        told.update((event.id, event) for event in history.events or ())
    for _, event in sorted(told.items()):
        yield {
            "id": event.id,
            "cause": event.cause,
            "kind": event.kind.value,
            "path": event.path,
            "incarnation": event.incarnation,
            "seconds_before": round(crash.at - event.at, 6),
            "reason": mask(event.reason),
        }


# The exception


class _Exceptions:
    """Walks the tree of one exception: each error once, at most ERRORS_MAX."""

    def __init__(self, mask: Mask) -> None:
        self._mask = mask
        self._seen: set[int] = set()

    def tree(self, error: BaseException) -> dict[str, object]:
        kind = type_name(type(error))
        if id(error) in self._seen:
            return {"type": kind, "message": "(shown above)"}
        if len(self._seen) >= ERRORS_MAX:
            return {"type": kind, "message": f"(not shown: more than {ERRORS_MAX} errors)"}

        self._seen.add(id(error))
        cause, context = error.__cause__, error.__context__
        if error.__suppress_context__ or context is cause:
            context = None
        view: dict[str, object] = {
            "type": kind,
            "message": self._mask(_text(error)),
            "notes": [self._mask(note) for note in _notes(error)],
            "frames": _frames(error),
        }
        if isinstance(error, BaseExceptionGroup):
            view["members"] = [self.tree(bare(one)) for one in error.exceptions[:ERRORS_MAX]]
        view["cause"] = None if cause is None else self.tree(bare(cause))
        view["context"] = None if context is None else self.tree(bare(context))
        return view


def _notes(error: BaseException) -> list[str]:
    notes = getattr(error, "__notes__", ())
    some = notes[:NOTES_MAX] if isinstance(notes, list) else ()
    return [note for note in some if isinstance(note, str)]


def _frames(error: BaseException) -> list[dict[str, object]]:
    places = list(places_of(error.__traceback__))
    if len(places) <= FRAMES_MAX:
        return list(map(_frame, places))
    inner = places[OUTER_FRAMES - FRAMES_MAX :]
    left_out: dict[str, object] = {"function": f"… {len(places) - FRAMES_MAX} frames left out"}
    return [*map(_frame, places[:OUTER_FRAMES]), left_out, *map(_frame, inner)]


def _frame(place: Place) -> dict[str, object]:
    return {"function": place.function, "file": place.file, "line": place.line}


def _text(error: BaseException) -> str:
    return error.message if isinstance(error, BaseExceptionGroup) else message_of(error)


def _line(error: BaseException) -> str:
    text = _text(error).partition("\n")[0]
    return f"{type_name(type(error))}: {text}" if text else type_name(type(error))
