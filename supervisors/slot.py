"""The running side of one child: its task, its cancel scope, what it told about itself."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import trio

from supervisors.context import Context
from supervisors.errors import Ignore, collapse, describe
from supervisors.events import EventKind
from supervisors.mailbox import Counters, Mailbox, MailboxQueue
from supervisors.spec import ChildSpec, Spec, registered_name
from supervisors.state import Exit, ExitKind

if TYPE_CHECKING:
    from supervisors.tree import Tree

STACK_LINES_MAX = 30


@dataclass(slots=True)
class History:
    """What outlives a child's incarnations, and those of the supervisors above it."""

    incarnation: int = 0
    last_exit: str = ""
    counters: Counters = field(default_factory=Counters)
    children: "dict[str, History]" = field(default_factory=dict)

    def of(self, child_id: str) -> "History":
        return self.children.setdefault(child_id, History())


class Owner(Protocol):
    """What a slot needs of the runtime."""

    tree: "Tree"

    def became_ready(self, slot: "Slot") -> None: ...

    def changed(self) -> None: ...

    def tell(
        self,
        kind: EventKind,
        path: str,
        incarnation: int,
        reason: str,
        exception: BaseException | None = None,
    ) -> None: ...

    def call_at(self, when: float, action: Callable[[], None]) -> Callable[[], bool]: ...

    def interrupt(self, error: BaseException) -> None: ...


class Slot:
    """One incarnation of one child; the Host behind its Context."""

    def __init__(self, owner: Owner, spec: Spec, path: str, history: History) -> None:
        self.owner = owner
        self.spec = spec
        self.path = path
        self.name = registered_name(spec, path)
        self.history = history
        self.incarnation = history.incarnation
        self.shutdown = spec.shutdown
        self.scope = trio.CancelScope()
        self.task: trio.lowlevel.Task | None = None
        self.queue: MailboxQueue | None = None
        self.facts: dict[str, object] = {}
        self.value: object = None
        self.end: Exit | None = None
        self.said_ready = False
        self.withdraw_start_limit: Callable[[], bool] | None = None
        self.withdraw_stop_limit: Callable[[], bool] | None = None
        self._killed = False
        self._killed_event: trio.Event | None = None
        self._stop_hook: Callable[[str], None] | None = None

    # For the runtime

    async def run(self) -> Exit:
        """Run the child's start to its end, and say what that end was."""
        assert isinstance(self.spec, ChildSpec)
        self.task = trio.lowlevel.current_task()
        try:
            with self.scope:
                await self.spec.start(Context(self))
        except BaseException as raised:
            error = collapse(raised)
            if isinstance(error, trio.Cancelled):
                raise  # not ours: the runtime itself is being cancelled
            if isinstance(error, KeyboardInterrupt | SystemExit):
                self.owner.interrupt(error)
            if isinstance(error, Ignore) and not self.said_ready:
                return Exit(ExitKind.IGNORED, describe(error))
            return Exit(ExitKind.CRASHED, describe(error), error)
        else:
            reason = "cancelled" if self.scope.cancelled_caught else "returned"
            return Exit(ExitKind.NORMAL, reason)
        finally:
            if self.queue is not None:
                self.close_mailbox(self.queue)
                self.queue.close("it ended")

    def ask_to_stop(self, reason: str) -> None:
        if self._stop_hook is None:
            self.scope.cancel(reason=reason)
        else:
            self._stop_hook(reason)

    def kill(self, reason: str) -> None:
        self._killed = True
        if self._killed_event is not None:
            self._killed_event.set()
        self.scope.cancel(reason=reason)

    def stack(self) -> list[str]:
        return [] if self.task is None else _stack(self.task)[:STACK_LINES_MAX]

    # The Host behind the child's Context

    @property
    def tree(self) -> "Tree":
        return self.owner.tree

    @property
    def killed(self) -> trio.Event:
        if self._killed_event is None:
            self._killed_event = trio.Event()
            if self._killed:
                self._killed_event.set()
        return self._killed_event

    def ready(self, value: object) -> None:
        if not self.said_ready:
            self.said_ready = True
            self.value = value
            self.owner.became_ready(self)

    def report(self, facts: dict[str, object]) -> None:
        self.facts = {**self.facts, **facts}
        self.owner.changed()

    def fault(self, kind: EventKind, reason: str) -> None:
        self.owner.tell(kind, self.path, self.incarnation, reason)

    def on_stop(self, hook: Callable[[str], None]) -> None:
        self._stop_hook = hook

    def open_mailbox(self, policy: Mailbox) -> MailboxQueue:
        self.queue = MailboxQueue(self.name, policy, self.history.counters, self.fault)
        self.tree.registry.open(self.name, self.queue)
        return self.queue

    def close_mailbox(self, queue: MailboxQueue) -> None:
        self.tree.registry.close(self.name, queue)

    def call_at(self, when: float, action: Callable[[], None]) -> Callable[[], bool]:
        return self.owner.call_at(when, action)


def _stack(task: trio.lowlevel.Task) -> list[str]:
    """Return where a task waits, outermost first, then the tasks it waits for."""
    lines = [
        f"{task.name}: {frame.f_code.co_qualname} ({frame.f_code.co_filename}:{line})"
        for frame, line in task.iter_await_frames()
    ]
    for nursery in task.child_nurseries:
        for child in sorted(nursery.child_tasks, key=lambda task: task.name):
            lines.extend(_stack(child))
    return lines
