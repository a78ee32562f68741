"""One incarnation of one supervisor, as the runtime keeps it, and the specs of its children."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from supervisors.errors import BudgetSpent, InvalidSpec, StartFailed, SupervisionError
from supervisors.slot import History, Slot
from supervisors.spec import ChildSpec, DynamicSpec, Restart, Spec, SupervisorSpec, validate
from supervisors.state import Exit, ExitKind, Outcome, OutcomeKind, Report, State
from supervisors.waiters import Waiter

if TYPE_CHECKING:
    from supervisors.context import Context


CheckSpec: TypeAlias = Callable[[Spec, str], None]


@dataclass(slots=True, eq=False)
class Branch:
    """A running supervisor: its state, its children's slots, and the supervisors below it."""

    path: str
    state: State
    history: History
    parent: "Branch | None"
    slot: Slot | None  # its own, in the parent
    since: float  # of its phase
    slots: dict[str, Slot] = field(default_factory=dict)
    branches: "dict[str, Branch]" = field(default_factory=dict)
    waiters: dict[str, list[Waiter]] = field(default_factory=dict)

    @property
    def incarnation(self) -> int:
        return 1 if self.slot is None else self.slot.incarnation

    def child_path(self, child_id: str) -> str:
        return f"{self.path}/{child_id}" if child_id else self.path

    def specs(self, check: CheckSpec) -> list[Spec]:
        """Return what its children are to be, in start order; `check` may refuse a template's."""
        spec = self.state.spec
        if isinstance(spec, SupervisorSpec):
            return list(spec.children)

        # Children that came by start_child come back with their restarted supervisor, but for
        # the temporary ones: those are never restarted.
        again = self.history.incarnation > 1
        keys = list(self.history.children) if again else list(spec.keys)
        made = [self._from_template_or_failing(spec, key, check) for key in keys]
        return [one for one in made if one.restart is not Restart.TEMPORARY or one.id in spec.keys]

    def _from_template_or_failing(self, spec: DynamicSpec, key: str, check: CheckSpec) -> Spec:
        """Let a key whose template raises fail its own start, like any other child."""
        try:
            made = from_template(spec, self.path, key)
            check(made, self.child_path(key))
        except Exception as error:  # noqa: BLE001 -- it is raised again, by the child's start
            return ChildSpec(id=key, start=partial(_raise, error))
        return made


def from_template(spec: DynamicSpec, path: str, key: str) -> Spec:
    """Make and check the spec for a key. Raises InvalidSpec, or what the template raises."""
    made = spec.template(key)
    place = f"{path}/{key}"
    validate(made, place)
    if made.id != key:
        raise InvalidSpec(place, "id", f"{made.id!r} is not the key its template was given")
    if made.significant:
        raise InvalidSpec(place, "significant", "needs auto_shutdown, which no dynamic one has")
    return made


def exit_of(branch: Branch, outcome: Outcome, now: float) -> Exit:
    """Say to the supervisor above how this one ended."""
    cause = outcome.exception
    error: SupervisionError
    match outcome.kind:
        case OutcomeKind.STOPPED:
            return Exit(ExitKind.NORMAL, outcome.reason, cause=event_of(outcome.cause))
        case OutcomeKind.START_FAILED if isinstance(cause, StartFailed):
            error = cause
        case OutcomeKind.START_FAILED:
            error = StartFailed(branch.child_path(outcome.child_id), outcome.reason, cause)
        case OutcomeKind.GAVE_UP:
            error = BudgetSpent(branch.path, outcome.reason, cause)
    lingered = now - outcome.at
    return Exit(ExitKind.CRASHED, str(error), error, lingered, event_of(outcome.cause))


def event_of(cause: Report | int | None) -> int:
    """Return the id of the event that was a cause; 0 if there is none."""
    return cause.event if isinstance(cause, Report) else cause or 0


def _raise(error: Exception, _context: "Context") -> Awaitable[None]:
    raise error
