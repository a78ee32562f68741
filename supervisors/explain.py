"""What would happen if a child crashed now: the same `decide`, on copies, touching nothing."""

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

import trio

from supervisors.branch import Branch, exit_of
from supervisors.decide import step
from supervisors.events import EventKind
from supervisors.state import (
    ArmRestart,
    BecameReady,
    Effect,
    Exit,
    Exited,
    ExitKind,
    Finish,
    KillTask,
    OutcomeKind,
    Report,
    RestartDue,
    StartTask,
    State,
    StopTask,
)

STEPS_MAX = 10_000


class Explanation(NamedTuple):
    """A dry run. `steps` are sentences in order; the paths are those of children it would touch.

    `delay` is the wait before the restart in seconds, None if nothing restarts; `gives_up` are
    the supervisors whose budget would be spent, innermost first.
    """

    path: str
    steps: tuple[str, ...]
    stops: tuple[str, ...]
    restarts: tuple[str, ...]
    delay: float | None
    gives_up: tuple[str, ...]
    quarantines: bool


def explain(branch: Branch, child_id: str) -> Explanation:
    """Let a copy of the child crash, and follow what the supervisors would do."""
    return _DryRun(branch.child_path(child_id)).crash(branch, child_id)


def explain_root(root: Branch) -> Explanation:
    """Say what the root's own end means."""
    run = _DryRun(root.path)
    run.stops = list(_below(root))
    run.steps.append(f"{root.path} is the root: if it gives up, the whole platform stops")
    return run.result()


class _DryRun:
    def __init__(self, path: str) -> None:
        self.path = path
        self.now = trio.current_time()
        self.began = self.now
        self.steps: list[str] = []
        self.stops: list[str] = []
        self.restarts: list[str] = []
        self.delay: float | None = None
        self.gives_up: list[str] = []
        self.quarantines = False

    def crash(self, branch: Branch, child_id: str) -> Explanation:
        child = branch.state.children[child_id]
        if not child.live:
            self.steps.append(f"{self.path} is {child.state}: there is nothing that could crash")
            return self.result()

        self.steps.append(f"{self.path} crashes")
        end = Exit(ExitKind.CRASHED, "it crashed")
        above: Branch | None = branch
        while above is not None:
            finished = self.run(above, child_id, end)
            if finished is None:
                return self.result()
            if above.parent is None:
                self.steps.append(f"{above.path} is the root: the whole platform stops")
                return self.result()

            end = exit_of(above, finished.outcome, self.now)
            assert above.slot is not None
            child_id, above = above.slot.spec.id, above.parent
        return self.result()

    def run(self, branch: Branch, child_id: str, end: Exit) -> Finish | None:
        """Follow one supervisor until it is at peace; its Finish if it would end."""
        state = branch.state.copy()
        timers: list[ArmRestart] = []
        incarnation = state.children[child_id].incarnation
        effects = deque(step(state, Exited(self.now, child_id, incarnation, end)))
        for _ in range(STEPS_MAX):
            if not effects:
                if not timers:
                    return None
                effects.extend(self.fire(branch, state, timers.pop()))
                continue
            effect = effects.popleft()
            if isinstance(effect, Finish):
                self.say_end(branch, effect)
                return effect
            if isinstance(effect, ArmRestart):
                timers.append(effect)
            effects.extend(self.carry_out(branch, state, effect))
        return None

    def carry_out(self, branch: Branch, state: State, effect: Effect) -> tuple[Effect, ...]:
        if isinstance(effect, StopTask | KillTask):
            path = branch.child_path(effect.child_id)
            self.steps.append(f"{path} is stopped: {effect.reason}")
            self.stops += [path, *_below(branch.branches.get(effect.child_id))]
            stopped = Exit(ExitKind.NORMAL, "stopped")
            return step(state, Exited(self.now, effect.child_id, effect.incarnation, stopped))
        if isinstance(effect, StartTask):
            path = branch.child_path(effect.child_id)
            self.steps.append(f"{path} starts, incarnation {effect.incarnation}")
            self.restarts += [path, *_below(branch.branches.get(effect.child_id))]
            return step(state, BecameReady(self.now, effect.child_id, effect.incarnation))
        if isinstance(effect, Report):
            self.take_note(branch, effect)
        return ()

    def take_note(self, branch: Branch, report: Report) -> None:
        path = branch.child_path(report.child_id)
        if report.kind is EventKind.QUARANTINED:
            self.quarantines = True
            self.steps.append(f"{path} is quarantined until an operator releases it")
        elif report.kind is EventKind.GAVE_UP:
            self.gives_up.append(path)
            self.steps.append(f"{path} gives up: {report.reason}")
        elif report.kind is EventKind.EXITED or (
            report.kind is EventKind.CRASHED and branch.path != self.path.rpartition("/")[0]
        ):
            self.steps.append(f"{path} ends: {report.reason}")

    def fire(self, branch: Branch, state: State, timer: ArmRestart) -> tuple[Effect, ...]:
        waits = timer.due - self.now
        whose = branch.child_path(timer.child_id) if timer.child_id else "the group"
        self.steps.append(f"{whose} waits {waits:.3f} s before the restart")
        self.now = max(self.now, timer.due)
        self.delay = self.now - self.began
        return step(state, RestartDue(self.now, timer.child_id, timer.due))

    def say_end(self, branch: Branch, finish: Finish) -> None:
        if finish.outcome.kind is OutcomeKind.STOPPED:
            self.steps.append(f"{branch.path} shuts down: {finish.outcome.reason}")

    def result(self) -> Explanation:
        if len(self.steps) == 1 and not self.restarts and self.steps[0].endswith("crashes"):
            self.steps.append("nothing restarts it")
        return Explanation(
            self.path,
            tuple(self.steps),
            tuple(self.stops),
            tuple(self.restarts),
            self.delay,
            tuple(self.gives_up),
            self.quarantines,
        )


def _below(branch: Branch | None) -> Iterator[str]:
    """Yield the paths of all that stands below a supervisor now."""
    if branch is None:
        return
    for child_id in branch.state.children:
        yield branch.child_path(child_id)
        yield from _below(branch.branches.get(child_id))
