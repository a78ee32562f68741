"""Changing the limits of a running spec: validate, plan, apply."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from supervisors.errors import InvalidSpec, SupervisionError
from supervisors.spec import (
    ChildSpec,
    DynamicSpec,
    Restart,
    Spec,
    Strategy,
    SupervisorSpec,
    validate,
)

if TYPE_CHECKING:
    from supervisors.branch import Branch
    from supervisors.supervisor import Runtime

_OF_ALL = ("restart", "shutdown", "start_timeout")
_OF_BACKOFF = ("initial", "factor", "cap", "jitter", "stable_after")
_OF_SUPERVISORS = ("max_restarts", "max_seconds")
_OF_DYNAMIC = ("max_children", "child_max_restarts", "child_max_seconds")
_ENUMS: dict[str, type[Enum]] = {"restart": Restart, "strategy": Strategy}


class StalePlan(SupervisionError):
    """A spec was changed after the plan was made: plan again."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path}: its spec has changed since the plan was made")
        self.path = path


class FieldChange(NamedTuple):
    """One field, as it is and as it would be."""

    field: str
    before: object
    after: object


@dataclass(frozen=True, slots=True)
class SpecPlan:
    """A change that was checked and not made yet. `effects` are sentences; nothing restarts."""

    path: str
    before: Spec
    after: Spec
    changes: tuple[FieldChange, ...]
    effects: tuple[str, ...]

    def summary(self) -> str:
        return ", ".join(f"{one.field}: {one.before} -> {one.after}" for one in self.changes)


def plan_change(path: str, spec: Spec, changes: Mapping[str, object]) -> SpecPlan:
    """Check new values for plain fields of a spec. Raises InvalidSpec, naming the field."""
    after = spec
    for field, value in changes.items():
        if field not in _fields_of(spec):
            known = ", ".join(_fields_of(spec))
            raise InvalidSpec(path, field, f"cannot be changed while running (only: {known})")
        after = _with(after, field, _read(path, field, value))
    validate(after, path)
    made = tuple(
        FieldChange(field, _shown(_get(spec, field)), _shown(_get(after, field)))
        for field in changes
        if _get(spec, field) != _get(after, field)
    )
    return SpecPlan(path, spec, after, made, tuple(_effects(made)))


def apply_change(runtime: "Runtime", plan: SpecPlan) -> None:
    """Put the new spec in force, here and in the specs of all supervisors above.

    A spec is read at each decision, so nothing restarts and no timer is moved.
    """
    branch = runtime.find_branch(plan.path)
    if branch is not None:
        assert not isinstance(plan.after, ChildSpec)
        branch.state.spec = plan.after
    parent, _, child_id = plan.path.rpartition("/")
    above = runtime.find_branch(parent) if parent else None
    if above is not None:
        _record(above, child_id, plan.after)


def _record(branch: "Branch", child_id: str, after: Spec) -> None:
    """Let a supervisor, and those above it, make the child by its new spec from now on."""
    branch.state.children[child_id].spec = after
    slot = branch.slots.get(child_id)
    if slot is not None:
        slot.shutdown = after.shutdown
    spec = branch.state.spec
    own: SupervisorSpec | DynamicSpec
    if isinstance(spec, SupervisorSpec):
        children = [after if child.id == child_id else child for child in spec.children]
        own = replace(spec, children=children)
    else:
        own = replace(spec, template=_Changed(spec.template, child_id, after))
    branch.state.spec = own
    if branch.parent is not None:
        assert branch.slot is not None
        _record(branch.parent, branch.slot.spec.id, own)


class _Changed:
    """A template whose child of one key has other limits than the rest."""

    def __init__(
        self, template: Callable[[str], ChildSpec | SupervisorSpec], key: str, spec: Spec
    ) -> None:
        self.template: Callable[[str], ChildSpec | SupervisorSpec] = template
        self.changed: dict[str, Spec] = {key: spec}
        if isinstance(template, _Changed):
            self.template = template.template
            self.changed = {**template.changed, key: spec}

    def __call__(self, key: str) -> ChildSpec | SupervisorSpec:
        made = self.template(key)
        changed = self.changed.get(key)
        if changed is None:
            return made
        for field in _fields_of(made):
            made = _with(made, field, _get(changed, field))  # type: ignore[assignment]
        return made


def _fields_of(spec: Spec) -> tuple[str, ...]:
    backoff = tuple(f"backoff.{field}" for field in _OF_BACKOFF)
    if isinstance(spec, ChildSpec):
        return (*_OF_ALL, *backoff)
    if isinstance(spec, DynamicSpec):
        return (*_OF_ALL, *_OF_SUPERVISORS, *_OF_DYNAMIC, *backoff)
    return (*_OF_ALL, *_OF_SUPERVISORS, "strategy", *backoff)


def _get(spec: Spec, field: str) -> object:
    head, _, tail = field.partition(".")
    value: object = getattr(spec, head)
    return getattr(value, tail) if tail else value


def _with(spec: Spec, field: str, value: object) -> Spec:
    head, _, tail = field.partition(".")
    if tail:
        value = replace(spec.backoff, **{tail: value})  # type: ignore[arg-type]
    return replace(spec, **{head: value})  # type: ignore[arg-type]


def _read(path: str, field: str, value: object) -> object:
    kind = _ENUMS.get(field)
    if kind is not None and isinstance(value, str):
        try:
            return kind(value)
        except ValueError:
            known = ", ".join(str(one.value) for one in kind)
            raise InvalidSpec(path, field, f"{value!r} is none of {known}") from None
    return math.inf if value == "infinity" else value


def _shown(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    return "infinity" if value == math.inf else value


def _effects(changes: tuple[FieldChange, ...]) -> list[str]:
    if not changes:
        return ["nothing changes"]
    said = ["takes effect at the next decision; nothing restarts"]
    if any(one.field.startswith("backoff.") for one in changes):
        said.append("a restart that is already due keeps its time")
    if any(one.field in ("shutdown", "start_timeout") for one in changes):
        said.append("a stop or start that is under way keeps its limit")
    return said
