"""Shutdown in phases: what takes work in stops first, what others still need stops last."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import trio

from supervisors.branch import Branch
from supervisors.errors import InvalidSpec, SupervisionError
from supervisors.events import EventKind
from supervisors.spec import Spec, SupervisorSpec, is_finite_above_zero
from supervisors.state import Stop, StopChild
from supervisors.waiters import Waiter

if TYPE_CHECKING:
    from supervisors.supervisor import Runtime


@dataclass(frozen=True, slots=True, kw_only=True)
class ShutdownPhases:
    """Phases by name in order, each with its limit in seconds, and a limit for all together.

    The children of one phase, anywhere in the tree, stop together. Those without a phase follow
    in reverse start order. When `total` has passed, everything stops at once.
    """

    phases: tuple[tuple[str, float], ...]
    total: float

    def __post_init__(self) -> None:
        names = [name for name, _ in self.phases]
        if len(set(names)) != len(names):
            raise InvalidSpec("phases", "phases", f"has a name twice: {', '.join(names)}")
        for name, limit in self.phases:
            if not is_finite_above_zero(limit):
                raise InvalidSpec("phases", name, f"needs a limit in seconds > 0, not {limit!r}")
        if not is_finite_above_zero(self.total):
            raise InvalidSpec("phases", "total", f"{self.total!r} must be seconds > 0")

    def check(self, spec: Spec, path: str = "") -> None:
        """Refuse a spec that names a phase which is not there. Raises InvalidSpec."""
        path = path or spec.id
        names = [name for name, _ in self.phases]
        if spec.phase is not None and spec.phase not in names:
            raise InvalidSpec(path, "phase", f"{spec.phase!r} is none of {', '.join(names)}")
        if isinstance(spec, SupervisorSpec):
            for child in spec.children:
                self.check(child, f"{path}/{child.id}")


class PhasedStop:
    """One ordered stop under way."""

    def __init__(self, runtime: "Runtime", plan: ShutdownPhases, reason: str, cause: int) -> None:
        self.runtime = runtime
        self.plan = plan
        self.reason = reason
        self.cause = cause

    def begin(self) -> None:
        now = trio.current_time()
        self.runtime.call_at(now + self.plan.total, self.out_of_time)
        if self.runtime.is_up:
            self.runtime.nursery.start_soon(self.run, name=f"{self.runtime.root.path}: shutdown")
        else:
            self.stop_the_rest()

    async def run(self) -> None:
        for name, limit in self.plan.phases:
            await self.stop_phase(name, limit)
        self.stop_the_rest()

    async def stop_phase(self, name: str, limit: float) -> None:
        self.runtime.close_phase(name)
        now, waiters = trio.current_time(), {}
        members = [one for one in phase_children(self.runtime.root, name) if _is_up(*one)]
        for branch, child_id in reversed(members):
            waiter = waiters[branch.child_path(child_id)] = Waiter(child_id, "down")
            reason = f"{self.reason} ({name})"
            self.runtime.post(branch, StopChild(now, child_id, reason, self.cause), waiter)
        if not waiters:
            return

        self.tell(f"{name} begins: {len(waiters)} to stop within {limit:g} s")
        with trio.move_on_after(limit):
            for waiter in waiters.values():
                await _gone(waiter)
        late = sorted(path for path, waiter in waiters.items() if not waiter.done.is_set())
        if late:
            self.tell(f"{name} ran out of time: {', '.join(late)} did not stop in {limit:g} s")

    def stop_the_rest(self) -> None:
        stop = Stop(trio.current_time(), self.reason, cause=self.cause)
        self.runtime.post(self.runtime.root, stop)

    def out_of_time(self) -> None:
        reason = f"not stopped within {self.plan.total:g} s"
        self.tell(f"{reason}: everything stops at once")
        stop = Stop(trio.current_time(), reason, at_once=True, cause=self.cause)
        self.runtime.post(self.runtime.root, stop)

    def tell(self, text: str) -> None:
        root = self.runtime.root
        self.runtime.tell(
            EventKind.PHASE, root.path, 1, text, history=root.history, cause=self.cause
        )


def phase_children(branch: Branch, phase: str) -> Iterator[tuple[Branch, str]]:
    """Yield the children of a phase, in start order; nothing below them."""
    for child_id, child in branch.state.children.items():
        if child.spec.phase == phase:
            yield branch, child_id
        elif child_id in branch.branches:
            yield from phase_children(branch.branches[child_id], phase)


def _is_up(branch: Branch, child_id: str) -> bool:
    child = branch.state.children[child_id]
    return child.live or child.wanted


async def _gone(waiter: Waiter) -> None:
    try:
        await waiter.wait()
    except SupervisionError:
        return  # it is not there any more
