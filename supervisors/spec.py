"""Child specs: what to run and what to do when it ends. Plain data, refused early if wrong."""

import math
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, TypeAlias

from supervisors.errors import InvalidSpec

if TYPE_CHECKING:
    from supervisors.context import Context

INFINITY = math.inf


class Restart(Enum):
    """When an ended child is started again: always, if it crashed, or never."""

    PERMANENT = "permanent"
    TRANSIENT = "transient"
    TEMPORARY = "temporary"


class Strategy(Enum):
    """Who is restarted with a failed child: nobody, every sibling, or the later siblings."""

    ONE_FOR_ONE = "one_for_one"
    ONE_FOR_ALL = "one_for_all"
    REST_FOR_ONE = "rest_for_one"


class AutoShutdown(Enum):
    """Whether a supervisor ends when a significant child, or all of them, ended by itself."""

    NEVER = "never"
    ANY = "any"
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """The wait before a restart, in seconds: initial * factor^n, capped, +- jitter (a share).

    A run of at least `stable_after` seconds starts the series over.
    """

    initial: float = 0.05
    factor: float = 2.0
    cap: float = 30.0
    jitter: float = 0.2
    stable_after: float = 10.0


BACKOFF = Backoff()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildSpec:
    """One worker. Times in seconds; `shutdown` may be INFINITY.

    `start` runs the child for its whole life and must call `context.ready()`.
    """

    id: str
    start: "Callable[[Context], Awaitable[None]]"
    restart: Restart = Restart.PERMANENT
    shutdown: float = 5.0
    start_timeout: float = 30.0
    backoff: Backoff = BACKOFF
    significant: bool = False
    name: str | None = None
    phase: str | None = None  # of the shutdown
    kind: str = "worker"


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisorSpec:
    """A supervisor with fixed children, started in order and stopped in reverse order.

    More than `max_restarts` restarts within `max_seconds` (inclusive) make it give up.
    """

    id: str
    strategy: Strategy
    children: "Sequence[Spec]"
    max_restarts: int = 3
    max_seconds: float = 5.0
    auto_shutdown: AutoShutdown = AutoShutdown.NEVER
    restart: Restart = Restart.PERMANENT
    shutdown: float = INFINITY
    start_timeout: float = INFINITY
    backoff: Backoff = BACKOFF
    significant: bool = False
    name: str | None = None
    phase: str | None = None  # of the shutdown
    kind: str = "supervisor"


@dataclass(frozen=True, slots=True, kw_only=True)
class DynamicSpec:
    """A supervisor of many children of one template, each restarted alone, stopped together.

    `keys` are started with the supervisor, in order. With `child_max_restarts` every child has
    its own budget (within `child_max_seconds`): when it is spent the child is quarantined and
    the siblings never notice; without it the children share the supervisor's budget.
    """

    id: str
    template: "Callable[[str], ChildSpec | SupervisorSpec]"
    keys: Sequence[str] = ()
    max_children: int = 1000
    child_max_restarts: int | None = None
    child_max_seconds: float = 60.0
    max_restarts: int = 3
    max_seconds: float = 5.0
    restart: Restart = Restart.PERMANENT
    shutdown: float = INFINITY
    start_timeout: float = INFINITY
    backoff: Backoff = BACKOFF
    significant: bool = False
    name: str | None = None
    phase: str | None = None  # of the shutdown
    kind: str = "supervisor"


Spec: TypeAlias = ChildSpec | SupervisorSpec | DynamicSpec

_ID = re.compile(r"[A-Za-z0-9_.:-]+")
_NAME = re.compile(r"[A-Za-z0-9_.:-]+(/[A-Za-z0-9_.:-]+)*")


def validate(spec: Spec, path: str | None = None) -> None:
    """Refuse a wrong spec and everything below it.

    `path` is the spec's own place; a root needs none. Raises InvalidSpec with child and field.
    """
    place = str(getattr(spec, "id", spec)) if path is None else path
    if not isinstance(spec, ChildSpec | SupervisorSpec | DynamicSpec):
        raise InvalidSpec(place, "spec", f"is a {type(spec).__name__}, not a child spec")

    for field, problem in _problems(spec):
        raise InvalidSpec(place, field, problem)

    if isinstance(spec, SupervisorSpec):
        _validate_children(spec, place)
    if path is None:
        if spec.significant:
            raise InvalidSpec(place, "significant", "means nothing at the root: nobody is above it")
        _validate_names(spec)


def registered_name(spec: Spec, path: str) -> str:
    """The name a child is called by: its own, or its path without the root."""
    return spec.name or path.partition("/")[2] or path


def _problems(spec: Spec) -> Iterator[tuple[str, str]]:
    yield from _problems_of_identity(spec)
    yield from _problems_of_times(spec)
    if isinstance(spec, ChildSpec):
        if not callable(spec.start):
            yield "start", "is not callable"
    else:
        yield from _problems_of_budget(spec)
    if isinstance(spec, DynamicSpec):
        yield from _problems_of_dynamic(spec)
    if isinstance(spec, SupervisorSpec) and not _is_sequence(spec.children):
        yield "children", f"is a {type(spec.children).__name__}, not a list or tuple"


def _problems_of_identity(spec: Spec) -> Iterator[tuple[str, str]]:
    if not isinstance(spec.id, str) or not _ID.fullmatch(spec.id):
        yield "id", f"{spec.id!r} must be letters, digits and . _ : - only"
    if spec.name is not None and not (isinstance(spec.name, str) and _NAME.fullmatch(spec.name)):
        yield "name", f"{spec.name!r} must be ids joined by /"
    if spec.phase is not None and not (isinstance(spec.phase, str) and _ID.fullmatch(spec.phase)):
        yield "phase", f"{spec.phase!r} must be letters, digits and . _ : - only"
    if not isinstance(spec.restart, Restart):
        yield "restart", f"{spec.restart!r} is not a Restart"
    if spec.significant and spec.restart is Restart.PERMANENT:
        yield "significant", "needs restart TRANSIENT or TEMPORARY: a permanent child never ends"


def _problems_of_times(spec: Spec) -> Iterator[tuple[str, str]]:
    if not _at_least(spec.shutdown, 0):
        yield "shutdown", f"{spec.shutdown!r} must be seconds >= 0 or INFINITY"
    if not _at_least(spec.start_timeout, 0) or spec.start_timeout == 0:
        yield "start_timeout", f"{spec.start_timeout!r} must be seconds > 0"
    if not isinstance(spec.backoff, Backoff):
        yield "backoff", f"{spec.backoff!r} is not a Backoff"
    elif spec.backoff is not BACKOFF:  # which most children share, and is right
        yield from _problems_of_backoff(spec.backoff)


def _problems_of_backoff(backoff: Backoff) -> Iterator[tuple[str, str]]:
    for field, least in (("initial", 0), ("factor", 1), ("cap", 0), ("stable_after", 0)):
        value = getattr(backoff, field)
        if not _at_least(value, least) or value == INFINITY:
            yield f"backoff.{field}", f"{value!r} must be a finite number >= {least}"
    if not _at_least(backoff.jitter, 0) or backoff.jitter > 1:
        yield "backoff.jitter", f"{backoff.jitter!r} must be a share between 0 and 1"
    if backoff.cap < backoff.initial:
        yield "backoff.cap", f"{backoff.cap!r} is below backoff.initial"


def _problems_of_budget(spec: SupervisorSpec | DynamicSpec) -> Iterator[tuple[str, str]]:
    if not is_count(spec.max_restarts, 0):
        yield "max_restarts", f"{spec.max_restarts!r} must be a whole number >= 0"
    if not _at_least(spec.max_seconds, 0) or spec.max_seconds == 0:
        yield "max_seconds", f"{spec.max_seconds!r} must be seconds > 0"
    if isinstance(spec, SupervisorSpec):
        if not isinstance(spec.strategy, Strategy):
            yield "strategy", f"{spec.strategy!r} is not a Strategy"
        if not isinstance(spec.auto_shutdown, AutoShutdown):
            yield "auto_shutdown", f"{spec.auto_shutdown!r} is not an AutoShutdown"


def _problems_of_dynamic(spec: DynamicSpec) -> Iterator[tuple[str, str]]:
    if not callable(spec.template):
        yield "template", "is not callable"
    if not is_count(spec.max_children, 1):
        yield "max_children", f"{spec.max_children!r} must be a whole number >= 1"
    if not _is_sequence(spec.keys) or not all(isinstance(key, str) for key in spec.keys):
        yield "keys", f"{spec.keys!r} must be a list or tuple of texts"
        return
    if len(spec.keys) > spec.max_children:
        yield "keys", f"are {len(spec.keys)}, more than max_children {spec.max_children}"
    if len(set(spec.keys)) != len(spec.keys):
        yield "keys", "has duplicates"
    if spec.child_max_restarts is not None and not is_count(spec.child_max_restarts, 0):
        yield "child_max_restarts", f"{spec.child_max_restarts!r} must be >= 0 or None"
    if not _at_least(spec.child_max_seconds, 0) or spec.child_max_seconds == 0:
        yield "child_max_seconds", f"{spec.child_max_seconds!r} must be seconds > 0"


def _validate_children(spec: SupervisorSpec, place: str) -> None:
    seen: set[str] = set()
    for child in spec.children:
        child_id = str(getattr(child, "id", child))
        validate(child, f"{place}/{child_id}")
        if child_id in seen:
            raise InvalidSpec(place, "children", f"has two children with id {child_id!r}")
        if child.significant and spec.auto_shutdown is AutoShutdown.NEVER:
            raise InvalidSpec(
                f"{place}/{child_id}", "significant", "needs auto_shutdown ANY or ALL above it"
            )
        seen.add(child_id)


def _validate_names(root: Spec) -> None:
    holders: dict[str, str] = {}
    for path, spec in _walk(root, root.id):
        name = registered_name(spec, path)
        if name in holders:
            raise InvalidSpec(path, "name", f"{name!r} is also the name of {holders[name]}")
        holders[name] = path


def _walk(spec: Spec, path: str) -> Iterator[tuple[str, Spec]]:
    yield path, spec
    if isinstance(spec, SupervisorSpec):
        for child in spec.children:
            yield from _walk(child, f"{path}/{child.id}")


def is_count(value: object, least: int) -> bool:
    """Say whether a value is a whole number of at least `least`; True and False are none."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def is_finite_above_zero(value: object) -> bool:
    """Say whether a value is a number that a limit can be."""
    return _at_least(value, 0) and value not in (0, INFINITY)


def _is_sequence(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _at_least(value: object, least: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= least
