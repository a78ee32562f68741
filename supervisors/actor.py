"""Actors: one message at a time, from a bounded mailbox, under supervision."""

import math
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, ClassVar, Final

import trio

from supervisors.chain import CURRENT, Frame
from supervisors.context import Context
from supervisors.errors import Unanswered, UnknownMessage, collapse, describe
from supervisors.events import EventKind
from supervisors.mailbox import Caller, Envelope, Mailbox, MailboxQueue
from supervisors.spec import Backoff, ChildSpec, Restart

# An actor whose handlers never wait lets the others run after this many messages.
MESSAGES_PER_TURN_MAX = 64
TIMERS_MAX = 10_000
BACKOFF = Backoff()


class Deferred:
    """The type of DEFERRED."""

    def __repr__(self) -> str:
        return "DEFERRED"


DEFERRED: Final = Deferred()


class Timer:
    """A message to oneself, due later; void with the incarnation that set it."""

    __slots__ = ("_cancel", "due")

    def __init__(self, due: float, cancel: Callable[[], None]) -> None:
        self.due = due
        self._cancel = cancel

    def cancel(self) -> None:
        """Take the timer back. Too late is no error."""
        self._cancel()


class Actor:
    """Subclass it; every incarnation is a new instance.

    A handler that raises crashes the actor, as in OTP: callers get ProcessDown, waiting mail is
    dead-lettered, the supervisor decides what follows. To answer an error and live on, use
    `caller.fail(error)`.
    """

    mailbox: ClassVar[Mailbox] = Mailbox()
    batch_max: ClassVar[int] = 1

    context: Context
    _body: "_Body | None" = None

    @classmethod
    def spec(
        cls,
        *args: Any,
        id: str,  # noqa: A002 -- OTP's word
        restart: Restart = Restart.PERMANENT,
        shutdown: float = 5.0,
        start_timeout: float = 30.0,
        backoff: Backoff = BACKOFF,
        significant: bool = False,
        name: str | None = None,
        kind: str = "actor",
        **kwargs: Any,
    ) -> ChildSpec:
        """Return a child spec that makes `cls(*args, **kwargs)` and runs it, each time anew."""

        async def start(context: Context) -> None:
            await run_actor(cls(*args, **kwargs), context)

        return ChildSpec(
            id=id,
            start=start,
            restart=restart,
            shutdown=shutdown,
            start_timeout=start_timeout,
            backoff=backoff,
            significant=significant,
            name=name,
            kind=kind,
        )

    async def init(self, context: Context) -> None:
        """Prepare, before the actor is ready; mail waits meanwhile."""

    async def handle_call(self, message: Any, caller: Caller) -> object | Deferred:
        """Return the answer, or DEFERRED and answer later with caller.reply or caller.fail."""
        caller.fail(UnknownMessage(self.context.name, type(message).__name__))
        return DEFERRED

    async def handle_cast(self, message: Any) -> None:
        """Take a message nobody waits for."""
        self.context.fault(EventKind.UNKNOWN_MESSAGE, f"a cast of type {type(message).__name__}")

    async def handle_batch(self, envelopes: Sequence[Envelope]) -> None:
        """Take up to batch_max messages at once; used instead of the above if batch_max > 1.

        Answer with `envelope.caller.reply`; a caller neither answered nor deferred
        (`envelope.caller.defer()`) gets Unanswered.
        """
        for envelope in envelopes:
            if envelope.caller is None:
                await self.handle_cast(envelope.message)
            else:
                answer = await self.handle_call(envelope.message, envelope.caller)
                _answer(envelope.caller, answer)

    async def terminate(self) -> None:
        """Clean up, after an ordered stop or a handler's crash (not after a failed init).

        The message in hand is finished and the sub-tasks are cancelled before. It shares the
        child's shutdown limit, and is not run if that is spent.
        """

    def start_soon(self, function: Callable[..., Awaitable[Any]], *args: Any) -> None:
        """Run a sub-task owned by this actor: its crash is the actor's, its end the actor's."""
        assert self._body is not None, "start_soon needs a running actor: use it from init on"
        self._body.start_soon(function, *args)

    def call_after(self, seconds: float, message: Any) -> Timer:
        """Cast a message to this incarnation later. It overtakes the mail that then waits."""
        assert self._body is not None, "call_after needs a running actor: use it from init on"
        return self._body.call_after(seconds, message)


async def run_actor(actor: Actor, context: Context) -> None:
    """Run an actor for its whole life, as a child's start."""
    actor.context = context
    actor._body = _Body(actor, context)  # noqa: SLF001 -- the two halves of one actor
    await actor._body.run()  # noqa: SLF001 -- the same


class _Body:
    """The running half of an actor: mailbox, sub-tasks, timers."""

    def __init__(self, actor: Actor, context: Context) -> None:
        self.actor = actor
        self.context = context
        self.queue = context.open_mailbox(actor.mailbox)
        self.stopping: str | None = None
        self.initialised = False
        self.terminating = False
        self.timers = 0
        self.nursery: trio.Nursery | None = None

    async def run(self) -> None:
        reason, error = "it returned", None
        try:
            await self.live()
            reason = f"stopped: {self.stopping}"
            self.context.close_mailbox(self.queue)
            self.queue.seal(reason)
            self.terminating = True
            await self.actor.terminate()
        except BaseException as crash:
            error = collapse(crash)
            reason = f"crashed: {describe(error)}"
            if isinstance(error, trio.Cancelled):
                error, reason = None, "cancelled: not stopped in time, or at once"
            elif self.initialised and not self.terminating and isinstance(crash, Exception):
                await self.clean_up_after(error, reason)
            raise
        finally:
            self.context.close_mailbox(self.queue)
            self.queue.close(reason, error)

    async def live(self) -> None:
        async with trio.open_nursery() as self.nursery:
            await self.actor.init(self.context)
            self.initialised = True
            self.context.on_stop(self.stop)
            self.context.ready()
            await self.serve()
            self.nursery.cancel_scope.cancel(reason=f"{self.context.path} stops")

    async def clean_up_after(self, crash: BaseException, reason: str) -> None:
        """Run terminate after a crash: it has the stop limit, and cannot hide the crash."""
        self.terminating = True
        self.context.close_mailbox(self.queue)
        self.queue.seal(reason, crash)
        try:
            with trio.move_on_after(self.context.shutdown) as scope:
                await self.actor.terminate()
            if scope.cancelled_caught:
                limit = f"terminate did not end within {self.context.shutdown:g} s"
                self.context.fault(EventKind.OVERDUE, limit)
        except Exception as second:  # noqa: BLE001 -- the first error is the one to tell
            self.context.fault(EventKind.CRASHED, f"in terminate too: {describe(collapse(second))}")

    async def serve(self) -> None:
        """Handle mail until asked to stop; a stop overtakes all mail."""
        handled = 0
        while self.stopping is None:
            envelope = self.queue.take()
            if envelope is None:
                await self.queue.wait()
                handled = 0
                continue

            if self.actor.batch_max > 1:
                await self.handle_batch()
            else:
                await self.handle(envelope)
            self.queue.settle()
            handled += 1
            if handled >= MESSAGES_PER_TURN_MAX:
                await trio.lowlevel.checkpoint()
                handled = 0

    async def handle(self, envelope: Envelope) -> None:
        caller = envelope.caller
        with self.framed():
            if caller is None:
                await self.actor.handle_cast(envelope.message)
            else:
                _answer(caller, await self.actor.handle_call(envelope.message, caller))

    async def handle_batch(self) -> None:
        """Handle what is in hand and what else waits, up to batch_max."""
        while len(self.queue.in_hand) < self.actor.batch_max and self.queue.take() is not None:
            pass
        batch = tuple(self.queue.in_hand)
        callers = [envelope.caller for envelope in batch if envelope.caller is not None]

        with self.framed():
            await self.actor.handle_batch(batch)
        for caller in callers:
            if caller.waits and not caller.deferred:
                caller.fail(Unanswered(self.context.name))

    def framed(self) -> "_Framed":
        return _Framed(self.queue)

    def stop(self, reason: str) -> None:
        self.stopping = reason
        self.queue.wake()

    def start_soon(self, function: Callable[..., Awaitable[Any]], *args: Any) -> None:
        assert self.nursery is not None
        self.nursery.start_soon(_detached, function, *args, name=_name(self.context, function))

    def call_after(self, seconds: float, message: Any) -> Timer:
        assert seconds >= 0, "a timer is due now or later"
        assert math.isfinite(seconds), "a timer has a due time"
        assert self.timers < TIMERS_MAX, f"{self.context.path} has {TIMERS_MAX} timers already"
        self.timers += 1
        due = trio.current_time() + seconds

        def fire() -> None:
            self.timers -= 1
            self.queue.put_control(message)

        return Timer(due, self.cancellation(self.context.call_at(due, fire)))

    def cancellation(self, withdraw: Callable[[], bool]) -> Callable[[], None]:
        def cancel() -> None:
            if withdraw():
                self.timers -= 1

        return cancel


class _Framed:
    """Marks the actor's handler as at work, so that call cycles can be seen."""

    __slots__ = ("frame", "queue", "token")

    def __init__(self, queue: MailboxQueue) -> None:
        self.queue = queue
        self.frame = queue.frame = Frame(queue.name)

    def __enter__(self) -> None:
        self.token = CURRENT.set(self.frame)

    def __exit__(self, *_exit: object) -> None:
        self.frame.active = False
        self.queue.frame = None
        CURRENT.reset(self.token)


async def _detached(function: Callable[..., Awaitable[Any]], *args: Any) -> None:
    # A sub-task is nobody's call: it may call whom its starter is answering.
    CURRENT.set(None)
    await function(*args)


def _answer(caller: Caller, answer: object) -> None:
    """Reply with a handler's return value, unless it deferred or answered by itself."""
    if answer is DEFERRED:
        caller.defer()
    elif answer is None and caller.deferred:
        return
    elif answer is not None or caller.waits or caller.gone:
        caller.reply(answer)


def _name(context: Context, function: Callable[..., Awaitable[Any]]) -> str:
    return f"{context.path}:{getattr(function, '__qualname__', repr(function))}"
