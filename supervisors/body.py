"""The running half of an actor: who handles its mail, and what its end needs.

An idle actor is data. A task exists only while it starts, works, runs sub-tasks or ends, and
goes home when there has been no mail for a while; so a hundred thousand idle actors fit into a
process. A plain `def` handler needs no task at all: see `handle_inline`.
"""

import math
from collections.abc import Awaitable, Callable
from contextvars import Context as Variables
from functools import partial
from types import CoroutineType
from typing import TYPE_CHECKING, Any

import trio

from supervisors.caller import Caller, Envelope, Kind
from supervisors.chain import CURRENT, Frame
from supervisors.errors import Unanswered, collapse, describe
from supervisors.events import EventKind
from supervisors.mailbox import MailboxQueue
from supervisors.state import Exit, ExitKind

if TYPE_CHECKING:
    from supervisors.actor import Actor
    from supervisors.slot import Slot

# An actor whose handlers never wait lets the others run after this many messages.
MESSAGES_PER_TURN_MAX = 64
TIMERS_MAX = 10_000


class Deferred:
    """The type of DEFERRED."""

    def __repr__(self) -> str:
        return "DEFERRED"


DEFERRED = Deferred()


class Body:
    """One incarnation of one actor."""

    __slots__ = (
        "_between",
        "_dismissed",
        "_end_scope",
        "_errors",
        "_has_task",
        "_killed",
        "_live_scope",
        "_parked",
        "_stopping",
        "_sub_tasks",
        "_subs_gone",
        "_task",
        "_timers",
        "_variables",
        "actor",
        "busy",
        "initialised",
        "queue",
        "slot",
        "suspended",
        "takes_inline",
        "turns",
    )

    def __init__(self, slot: "Slot", actor: "Actor") -> None:
        self.slot = slot
        self.actor = actor
        now = slot.tree.registry.now
        self.queue = MailboxQueue(slot.name, actor.mailbox, slot.history.counters, self, now)
        self.initialised = False
        self.suspended = False
        self.busy = False  # a handler is at work
        self.takes_inline = False  # when it is not busy and has no mail
        self.turns = 0  # messages handled
        self._task: trio.lowlevel.Task | None = None
        self._has_task = False  # or will have in a moment
        self._parked = False
        self._dismissed = False
        self._variables: Variables | None = None  # if init or a handler set any
        self._live_scope: trio.CancelScope | None = None
        self._end_scope: trio.CancelScope | None = None
        self._stopping: str | None = None
        self._killed = False
        self._errors: list[BaseException] = []
        self._sub_tasks: dict[trio.CancelScope, trio.lowlevel.Task | None] | None = None
        self._subs_gone: trio.Event | None = None
        self._timers = 0
        self._between: list[Callable[[], None]] | None = None  # wait for the message in hand

    # The life of an incarnation, driven by the slot

    def start(self) -> None:
        """Begin: at once if init does not wait, else in a task."""
        if type(self.actor).init_waits:
            self._spawn()
            return

        self.busy = True
        try:
            self._run_apart(self.actor.init, self.slot.context)
        except BaseException as error:  # noqa: BLE001 -- it is the actor's, and ends it
            self.busy = False
            self.fail(error)
            return
        self.busy = False
        self._initialise()
        if not self.queue.is_empty:
            self.wake()

    def stop(self, reason: str) -> None:
        """Finish the message in hand, then terminate and end."""
        self._stopping = self._stopping or reason
        self.takes_inline = False
        if not self.initialised and self._live_scope is not None:
            self._live_scope.cancel(reason=reason)
        self._look_up()

    def kill(self, reason: str) -> None:
        """End now: cancel everything, the cleanup too."""
        self._killed = True
        self._stopping = self._stopping or reason
        self.takes_inline = False
        scopes = [self._live_scope, self._end_scope, *(self._sub_tasks or ())]
        for scope in scopes:
            if scope is not None:
                scope.cancel(reason=reason)
        self._look_up()

    def fail(self, error: BaseException) -> None:
        """Crash, wherever the error arose: in a handler, a sub-task, or a caller's own step."""
        error = collapse(error)
        if isinstance(error, KeyboardInterrupt | SystemExit):
            self.slot.owner.interrupt(error)
        self._errors.append(error)
        self.takes_inline = False
        if self._live_scope is not None:
            self._live_scope.cancel(reason=f"{self.slot.path} crashed")
        self._look_up()

    def stack_tasks(self) -> list[trio.lowlevel.Task]:
        """Return the tasks that exist for it now."""
        tasks = [self._task, *(self._sub_tasks or {}).values()]
        return [task for task in tasks if task is not None]

    @property
    def is_idle(self) -> bool:
        """Say whether it runs, has nothing to do and has set nothing going."""
        at_work = self.busy or self._sub_tasks or self._timers
        return (
            self.initialised
            and not (self._stopping or self._errors or self.suspended)
            and (not at_work and self.queue.is_owed_nothing)
        )

    # Mail

    def wake(self) -> None:
        """Hear of mail."""
        if self._parked:
            self._parked = False
            assert self._task is not None
            trio.lowlevel.reschedule(self._task)
        elif self._has_task or self.busy or self.suspended or not self.initialised:
            return  # whoever is at work, or makes it able to work, looks for mail afterwards
        else:
            self._spawn()

    def dismiss(self) -> None:
        """Let a parked task go home."""
        if self._parked:
            self._dismissed = True
            self.wake()

    def handle_inline(self, message: Any, deadline: float, name: str | None) -> Caller:
        """Handle a call in the caller's own step; only if `takes_inline`, idle and without mail.

        Counted, traced and crashing as if it had been mailed.
        """
        queue = self.queue
        caller = Caller(queue, deadline, name)
        queue.counters.sent += 1
        envelope = None
        if queue.trace is not None:
            envelope = Envelope(message, caller)
            queue.trace.took_in_hand()
        self.busy = True
        try:
            answer = self._run_apart(self.actor.handle_call, message, caller)
            if answer is DEFERRED or answer is None or caller.answered:
                answer_with(caller, answer)
            elif type(answer) is CoroutineType:
                raise _not_plain(self.actor, answer)  # noqa: TRY301 -- a crash like any other
            else:
                caller.answered = True
                caller.value = answer
        except BaseException as error:  # noqa: BLE001 -- the callee crashes, never the caller
            self._crashed_inline(envelope or Envelope(message, caller), error)
            return caller

        self.busy = False
        self.turns += 1
        queue.counters.handled += 1
        if queue.trace is not None and envelope is not None:
            queue.trace.add("handled", envelope)
        if caller.deferred and caller.waits:
            queue.expect(caller)
        if self._between is not None:
            self._run_between()
        if not queue.is_empty or self._errors or self._stopping is not None:
            self._look_up()
        return caller

    def handle_between(self, action: Callable[[], None]) -> None:
        """Run a short action when no message is in hand: now, or after this one."""
        if not self.busy:
            action()
        elif self._between is None:
            self._between = [action]
        else:
            self._between.append(action)

    def suspend(self) -> None:
        self.suspended = True
        self.takes_inline = False

    def resume(self) -> None:
        self.suspended = False
        self._open_inline()
        if not self.queue.is_empty:
            self.wake()

    # What the actor asks for

    def start_soon(self, function: Callable[..., Awaitable[Any]], *args: Any) -> None:
        scope = trio.CancelScope()
        if self._sub_tasks is None:
            self._sub_tasks = {}
        self._sub_tasks[scope] = None
        name = f"{self.slot.path}:{getattr(function, '__qualname__', repr(function))}"
        self.slot.owner.nursery.start_soon(self._sub_task, scope, function, *args, name=name)

    def call_after(self, seconds: float, message: Any) -> tuple[float, Callable[[], None]]:
        assert seconds >= 0, "a timer is due now or later"
        assert math.isfinite(seconds), "a timer has a due time"
        assert self._timers < TIMERS_MAX, f"{self.slot.path} has {TIMERS_MAX} timers already"
        self._timers += 1
        due = trio.current_time() + seconds

        def fire() -> None:
            self._timers -= 1
            self.queue.put_control(message)

        withdraw = self.slot.call_at(due, fire)

        def cancel() -> None:
            if withdraw():
                self._timers -= 1

        return due, cancel

    def fault(self, kind: EventKind, reason: str) -> None:
        self.slot.fault(kind, reason)

    # The task

    async def _work(self) -> None:
        self._task = task = trio.lowlevel.current_task()
        token = CURRENT.set(None)  # a frame per message follows; taken back once, at the end
        with trio.CancelScope() as self._live_scope:
            try:
                if self._stopping is None and not self.initialised:
                    await self._init()
                await self._serve()
            except BaseException as error:  # noqa: BLE001 -- it is the actor's, and ends it
                cancelled, crash = _without_cancellation(error)
                if crash is not None:
                    self.fail(crash)
                if cancelled is not None:
                    raise cancelled from None
        self._live_scope = None
        self.busy = False
        if self._stopping is not None or self._errors:
            await self._end()
        CURRENT.reset(token)
        self._leave(task)

    async def _init(self) -> None:
        waiting = self.actor.init(self.slot.context)
        assert waiting is not None
        await waiting
        self._initialise()

    def _initialise(self) -> None:
        if self._stopping is None and not self._errors:
            self.initialised = True
            self._open_inline()
            self.slot.ready(None)

    async def _serve(self) -> None:
        """Handle mail until asked to stop, or sent home; a stop overtakes all mail."""
        queue, batches = self.queue, self.actor.batch_max > 1
        handled = 0
        lingers = False  # a task that only initialised goes home at once
        while self._stopping is None and not self._errors:
            envelope = None if self.suspended else queue.take()
            if envelope is None:
                if not lingers or self.suspended:
                    return
                await self._park()
                if self._dismissed and queue.is_empty:
                    return
                self._dismissed = False
                handled = 0
                continue

            lingers = self.busy = True
            if batches and envelope.kind is Kind.CAST:
                await self._handle_batch(envelope)
            else:
                await self._handle(envelope)
            queue.settle()
            self.busy = False
            self.turns += 1
            if self._between is not None:
                self._run_between()
            handled += 1
            if handled >= MESSAGES_PER_TURN_MAX:
                await trio.lowlevel.checkpoint()
                handled = 0

    async def _park(self) -> None:
        registry = self.slot.tree.registry
        registry.idle_tasks.add(self, self.slot.call_at)
        self._parked = True
        await trio.lowlevel.wait_task_rescheduled(self._abort_parking)

    def _abort_parking(self, _raise_cancel: Any) -> trio.lowlevel.Abort:
        self._parked = False
        return trio.lowlevel.Abort.SUCCEEDED

    async def _handle(self, envelope: Envelope) -> None:
        actor, caller, message = self.actor, envelope.caller, envelope.message
        if caller is not None and not actor.call_waits:
            answer = actor.handle_call(message, caller)
            if type(answer) is CoroutineType:
                raise _not_plain(actor, answer)
            answer_with(caller, answer)
            return

        # At work, for whoever looks for a cycle of calls.
        frame = self.queue.frame = Frame(self.queue.name)
        CURRENT.set(frame)
        try:
            if caller is not None:
                answer_with(caller, await actor.handle_call(message, caller))
                return
            if envelope.kind is Kind.CAST:
                waiting = actor.handle_cast(message)
            elif envelope.kind is Kind.INFO:
                waiting = actor.handle_info(message)
            else:
                waiting = actor.handle_continue(message)
            if waiting is not None:
                await waiting
        finally:
            # It stays the task's current one until the next, and says itself that it is over.
            frame.active = False
            self.queue.frame = None

    async def _handle_batch(self, first: Envelope) -> None:
        """Handle what else waits, too, up to batch_max; what was in hand at a crash, alone."""
        in_hand = self.queue.in_hand
        while len(in_hand) < self.actor.batch_max and not first.attempts:
            if self.queue.take_mail() is None:
                break
        batch = tuple(in_hand)
        frame = self.queue.frame = Frame(self.queue.name)
        CURRENT.set(frame)
        try:
            await self.actor.handle_batch(batch)
        finally:
            frame.active = False
            self.queue.frame = None
        for envelope in batch:
            caller = envelope.caller
            if caller is not None and caller.waits and not caller.deferred:
                caller.fail(Unanswered(self.slot.name))

    async def _sub_task(
        self, scope: trio.CancelScope, function: Callable[..., Awaitable[Any]], *args: Any
    ) -> None:
        assert self._sub_tasks is not None
        self._sub_tasks[scope] = trio.lowlevel.current_task()
        CURRENT.set(None)  # nobody's call: it may call whom its starter is answering
        with scope:
            try:
                await function(*args)
            except BaseException as error:  # noqa: BLE001 -- it is the actor's, and ends it
                cancelled, crash = _without_cancellation(error)
                if crash is not None:
                    self.fail(crash)
                if cancelled is not None:
                    raise cancelled from None
        del self._sub_tasks[scope]
        if not self._sub_tasks and self._subs_gone is not None:
            self._subs_gone.set()

    # The end

    def _look_up(self) -> None:
        """Let the stop or the crash be seen by a task, or end at once if none is needed."""
        if self._parked:
            self.wake()
        elif self._has_task or self.busy:
            return
        elif (self._stopping is not None or self._errors) and not self._ends_at_once():
            self._spawn()
        elif self._stopping is not None or self._errors:
            self._end_now()
        else:
            self.wake()

    def _ends_at_once(self) -> bool:
        terminates = type(self.actor).terminates and self.initialised and not self._killed
        return not self._sub_tasks and not terminates

    def _end_now(self) -> None:
        self.slot.close_mailbox()
        self._close(self._crash())

    async def _end(self) -> None:
        self.slot.close_mailbox()
        await self._end_sub_tasks()
        crash = self._crash()
        self.queue.seal(self._reason(crash), crash)
        cleans_up = self.initialised and not self._killed and type(self.actor).terminates
        if cleans_up and (crash is None or isinstance(crash, Exception)):
            crash = await self._terminate(crash)
        self._close(crash)

    async def _end_sub_tasks(self) -> None:
        """Cancel them and wait for all: the supervisor above has the limit, and names the stuck."""
        if not self._sub_tasks:
            return

        self._subs_gone = trio.Event()
        for scope in self._sub_tasks:
            scope.cancel(reason=f"{self.slot.path} ends")
        with trio.CancelScope(shield=True):
            await self._subs_gone.wait()

    async def _terminate(self, crash: BaseException | None) -> BaseException | None:
        """Run the cleanup. After a crash it has the stop limit, and cannot hide the crash."""
        limit = math.inf if crash is None else self.slot.shutdown
        with trio.CancelScope(deadline=trio.current_time() + limit) as self._end_scope:
            try:
                waiting = self.actor.terminate()
                if waiting is not None:
                    await waiting
            except Exception as error:  # noqa: BLE001 -- the first error is the one to tell
                second = collapse(error)
                if crash is None:
                    crash = second
                else:
                    text = f"in terminate too: {describe(second)}"
                    self.fault(EventKind.CRASHED, text)
        if self._end_scope.cancelled_caught and not self._killed:
            self.fault(EventKind.OVERDUE, f"terminate did not end within {limit:g} s")
        return crash

    def _close(self, crash: BaseException | None) -> None:
        if crash is None:
            self.queue.close(self._reason(None))
            cut_short = self._killed or not self.initialised
            end = Exit(ExitKind.NORMAL, "cancelled" if cut_short else "returned")
        else:
            self.queue.close(self._reason(crash), crash, crashed=self.initialised)
            end = self.slot.crashed(crash)
        if self._between is not None:
            self._run_between()
        self.slot.finish(end)

    def _crash(self) -> BaseException | None:
        if len(self._errors) > 1:
            return BaseExceptionGroup("several tasks of one actor crashed", self._errors)
        return self._errors[0] if self._errors else None

    def _reason(self, crash: BaseException | None) -> str:
        if crash is not None:
            return f"crashed: {describe(crash)}"
        if self._killed:
            return "cancelled: not stopped in time, or at once"
        return f"stopped: {self._stopping}"

    # Small tools

    def _spawn(self) -> None:
        self._has_task = True
        self._dismissed = False
        owner = self.slot.owner
        variables = self._variables or owner.context
        variables.run(partial(owner.nursery.start_soon, self._work, name=self.slot.path))

    def _leave(self, task: trio.lowlevel.Task) -> None:
        self._has_task = False
        self._task = None
        self.slot.tree.registry.idle_tasks.discard(self)
        self.queue.rest()
        if task.context != self.slot.owner.context:
            self._variables = task.context

    def _run_apart(self, function: Callable[..., Any], *args: Any) -> Any:
        """Run a plain handler with the actor's context variables, not its caller's."""
        if self._task is not None:
            return self._task.context.run(function, *args)
        if self._variables is None:
            self._variables = self.slot.owner.context.copy()
        return self._variables.run(function, *args)

    def _open_inline(self) -> None:
        kind = type(self.actor)
        fit = not kind.call_waits and self.actor.batch_max == 1
        able = self.initialised and not self.suspended and self._stopping is None
        self.takes_inline = fit and able and not self._errors

    def _run_between(self) -> None:
        actions, self._between = self._between or [], None
        for action in actions:
            action()

    def _crashed_inline(self, envelope: Envelope, error: BaseException) -> None:
        self.queue.in_hand.append(envelope)
        self.busy = False
        self.fail(error)


def answer_with(caller: Caller, answer: object) -> None:
    """Reply with a handler's return value, unless it deferred or answered by itself."""
    if answer is DEFERRED:
        caller.deferred = True
    elif answer is None and caller.deferred:
        return
    elif answer is not None or caller.waits or caller.gone:
        caller.reply(answer)


def _without_cancellation(
    error: BaseException,
) -> tuple[BaseException | None, BaseException | None]:
    """Part an error into the cancellation in it, which belongs to a scope, and the rest."""
    if isinstance(error, trio.Cancelled):
        return error, None
    if isinstance(error, BaseExceptionGroup):
        return error.split(trio.Cancelled)
    return None, error


def _not_plain(actor: "Actor", answer: Any) -> TypeError:
    answer.close()
    name = f"{type(actor).__name__}.handle_call"
    return TypeError(f"{name} is a plain def that returned a coroutine: make it an async def")
