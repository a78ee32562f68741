"""The running side of one child: its task or actor, what it told about itself, how it ends."""

from collections.abc import Callable, Mapping
from contextvars import Context as Variables
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import trio

from supervisors.actor import Incarnation
from supervisors.body import Body
from supervisors.context import Context
from supervisors.errors import CallTimeout, Ignore, NoProcess, SupervisionError, collapse, describe
from supervisors.events import EventKind
from supervisors.mailbox import Counters, MailboxQueue
from supervisors.monitors import Down
from supervisors.spec import ChildSpec, Spec, registered_name
from supervisors.state import Exit, ExitKind
from supervisors.tracing import Trace, TraceEntry

if TYPE_CHECKING:
    from supervisors.events import Event
    from supervisors.tree import Tree

STACK_LINES_MAX = 30
FLIGHT_EVENTS_MAX = 16


class NotAnActor(SupervisionError):
    """An operation that needs a mailbox named a child without one."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path} is no actor: it has no mailbox, and no state to look at")
        self.path = path


class History:
    """What outlives a child's incarnations, and those of the supervisors above it."""

    __slots__ = ("children", "counters", "events", "incarnation", "last_exit", "queue")

    def __init__(self, incarnation: int = 0) -> None:
        self.incarnation = incarnation
        self.last_exit = ""
        self.counters = Counters()
        self.queue: MailboxQueue | None = None  # of the last incarnation
        self.events: list[Event] | None = None  # the flight recorder, oldest first
        self.children: dict[str, History] = {}

    def of(self, child_id: str) -> "History":
        history = self.children.get(child_id)
        if history is None:
            history = self.children[child_id] = History()
        return history

    def note(self, event: "Event") -> None:
        """Keep an event in the flight recorder."""
        if self.events is None:
            self.events = []
        self.events.append(event)
        if len(self.events) > FLIGHT_EVENTS_MAX:
            del self.events[0]

    def abandon(self, reason: str) -> None:
        """Give up mail that was kept for an incarnation which does not come."""
        if self.queue is not None:
            self.queue.abandon(reason)


class Owner(Protocol):
    """What a slot needs of the runtime."""

    tree: "Tree"
    nursery: trio.Nursery
    context: Variables  # the tree's own variables, for tasks that a message starts

    def became_ready(self, slot: "Slot") -> None: ...

    def changed(self) -> None: ...

    def tell(
        self,
        kind: EventKind,
        path: str,
        incarnation: int,
        reason: str,
        *,
        history: History,
    ) -> int: ...

    def call_at(self, when: float, action: Callable[[], None]) -> Callable[[], bool]: ...

    def interrupt(self, error: BaseException) -> None: ...


_NO_FACTS: dict[str, object] = {}


class Slot:
    """One incarnation of one child; the Host behind its Context."""

    __slots__ = (
        "_ended",
        "_killed",
        "_killed_event",
        "_monitors",
        "_scope",
        "_stop_hook",
        "_suspension",
        "_takes_turns",
        "_task",
        "body",
        "branch",
        "context",
        "end",
        "facts",
        "history",
        "incarnation",
        "name",
        "owner",
        "path",
        "said_ready",
        "shutdown",
        "spec",
        "value",
        "withdraw_start_limit",
        "withdraw_stop_limit",
    )

    def __init__(self, owner: Owner, spec: Spec, path: str, history: History) -> None:
        self.owner = owner
        self.spec = spec
        self.path = path
        self.name = registered_name(spec, path)
        self.history = history
        self.incarnation = history.incarnation
        self.shutdown = spec.shutdown
        self.context = Context(self)
        self.branch: Any = None  # for the runtime: the supervisor above
        self.body: Body | None = None
        self.facts = _NO_FACTS
        self.value: object = None
        self.end: Exit | None = None
        self.said_ready = False
        self.withdraw_start_limit: Callable[[], bool] | None = None
        self.withdraw_stop_limit: Callable[[], bool] | None = None
        self._ended: Callable[[Exit], None] | None = None
        self._task: trio.lowlevel.Task | None = None
        self._scope: trio.CancelScope | None = None
        self._killed = False
        self._killed_event: trio.Event | None = None
        self._stop_hook: Callable[[str], None] | None = None
        self._monitors: list[Callable[[], None]] | None = None  # how to take them back
        self._takes_turns = False
        self._suspension: trio.Event | None = None  # set when it is over

    # For the runtime

    def launch(self, nursery: trio.Nursery, ended: Callable[[Exit], None]) -> None:
        """Start the child. `ended` is called once, from here or from any task."""
        assert isinstance(self.spec, ChildSpec)
        self._ended = ended
        start = self.spec.start
        if not isinstance(start, Incarnation):
            self._scope = trio.CancelScope()
            nursery.start_soon(self._run, start, name=self.path)
            return

        try:
            actor = start.make()
        except Exception as error:  # noqa: BLE001 -- a constructor that fails is a failed start
            self.finish(self.crashed(error))
            return
        actor.context = self.context
        actor.body = self.body = Body(self, actor)
        self.tree.registry.open(self.name, self.body)
        before, self.history.queue = self.history.queue, self.body.queue
        if before is not None:
            self.body.queue.inherit(before)
        self.body.start()

    def ask_to_stop(self, reason: str) -> None:
        if self._ended is None:
            return  # its end is known, and on its way to the supervisor
        if self.body is not None:
            self.body.stop(reason)
        elif self._stop_hook is not None:
            self._stop_hook(reason)
        elif self._scope is not None:
            self._scope.cancel(reason=reason)

    def kill(self, reason: str) -> None:
        if self._ended is None:
            return
        self._killed = True
        if self._killed_event is not None:
            self._killed_event.set()
        if self.body is not None:
            self.body.kill(reason)
        elif self._scope is not None:
            self._scope.cancel(reason=reason)

    def finish(self, end: Exit) -> None:
        """Say that the child has ended, to all who care."""
        assert self._ended is not None, f"{self.path} ended twice"
        ended, self._ended = self._ended, None
        self.close_mailbox()
        for take_back in self._monitors or ():
            take_back()
        ended(end)

    def crashed(self, error: BaseException) -> Exit:
        if isinstance(error, Ignore) and not self.said_ready:
            return Exit(ExitKind.IGNORED, describe(error))
        return Exit(ExitKind.CRASHED, describe(error), error)

    def down(self, end: Exit) -> Down:
        return Down(self.name, self.incarnation, end.reason, end.exception)

    # For operators

    @property
    def queue(self) -> MailboxQueue | None:
        return None if self.body is None else self.body.queue

    @property
    def suspended(self) -> bool:
        return self._suspension is not None or (self.body is not None and self.body.suspended)

    def suspend(self) -> None:
        """Let an actor take no mail, or a worker no turn, after the one in hand.

        Raises NotAnActor for a worker that never called `context.turn`.
        """
        if self.body is not None:
            self.body.suspend()
        elif not self._takes_turns:
            raise NotAnActor(self.path)
        elif self._suspension is None:
            self._suspension = trio.Event()

    def resume(self) -> None:
        if self.body is not None:
            self.body.resume()
        elif self._suspension is not None:
            self._suspension.set()
            self._suspension = None

    async def get_state(self, timeout: float) -> dict[str, object]:  # noqa: ASYNC109 -- as in call
        """Return the actor's state between two messages, masked.

        Raises NotAnActor, and CallTimeout when the message in hand takes longer than `timeout`.
        """
        body = self._actor()
        state: dict[str, object] = await self._between(body, body.actor.inspect, timeout)
        return state

    async def replace_state(
        self,
        changes: Mapping[str, object],
        timeout: float,  # noqa: ASYNC109 -- as in call
    ) -> None:
        """Change the actor's state between two messages. Raises StateRefused, and as above."""
        body = self._actor()
        await self._between(body, partial(body.actor.replace_state, changes), timeout)

    def trace(self, size: int) -> None:
        """Keep the last `size` messages from now on; 0 ends the trace."""
        self._actor().queue.trace = Trace(size) if size else None

    def traced(self) -> tuple[TraceEntry, ...]:
        trace = self._actor().queue.trace
        return () if trace is None else trace.entries()

    def stack(self) -> list[str]:
        tasks = [self._task] if self.body is None else self.body.stack_tasks()
        lines = [line for task in tasks if task is not None for line in _stack(task)]
        return lines[:STACK_LINES_MAX]

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
        self.owner.tell(kind, self.path, self.incarnation, reason, history=self.history)

    async def turn(self) -> None:
        self._takes_turns = True
        await trio.lowlevel.checkpoint_if_cancelled()
        while self._suspension is not None:
            await self._suspension.wait()

    def on_stop(self, hook: Callable[[str], None]) -> None:
        self._stop_hook = hook

    def close_mailbox(self) -> None:
        if self.body is not None:
            self.tree.registry.close(self.name, self.body)
        self.tree.registry.groups.leave_all(self.name)

    def call_at(self, when: float, action: Callable[[], None]) -> Callable[[], bool]:
        return self.owner.call_at(when, action)

    def monitor(self, name: str) -> None:
        body = self._actor()
        take_back = self.tree.registry.monitors.add(
            name, lambda down: void(body.queue.put_control(down))
        )
        self._monitors = [*(self._monitors or ()), take_back]

    def join(self, group: str) -> None:
        self.tree.registry.groups.join(self.name, group)

    def leave(self, group: str) -> None:
        self.tree.registry.groups.leave(self.name, group)

    # A child that is no actor

    async def _run(self, start: Callable[[Context], Any]) -> None:
        self.finish(await self._live(start))

    async def _live(self, start: Callable[[Context], Any]) -> Exit:
        self._task = trio.lowlevel.current_task()
        assert self._scope is not None
        try:
            with self._scope:
                await start(self.context)
        except BaseException as raised:
            error = collapse(raised)
            if isinstance(error, trio.Cancelled):
                raise  # not ours: the runtime itself is being cancelled
            if isinstance(error, KeyboardInterrupt | SystemExit):
                self.owner.interrupt(error)
            return self.crashed(error)
        reason = "cancelled" if self._scope.cancelled_caught else "returned"
        return Exit(ExitKind.NORMAL, reason)

    def _actor(self) -> Body:
        if self.body is None:
            raise NotAnActor(self.path)
        return self.body

    async def _between(self, body: Body, action: Callable[[], Any], limit: float) -> Any:
        if self.end is not None:
            raise NoProcess(self.name, "it has ended")
        done = trio.Event()
        answers: list[Any] = []
        errors: list[Exception] = []
        gave_up = False

        def act() -> None:
            if gave_up:
                return  # whoever asked was told that nothing came of it
            try:
                answers.append(action())
            except Exception as error:  # noqa: BLE001 -- raised again, in whoever asked
                errors.append(error)
            done.set()

        body.handle_between(act)
        try:
            with trio.move_on_after(limit):
                await done.wait()
        finally:
            gave_up = True
        if errors:
            raise errors[0]
        if not answers:
            raise CallTimeout(self.name, limit)
        return answers[0]


def void(_: object) -> None:
    """Drop a value."""


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
