"""Actors: one message at a time, from a bounded mailbox, under supervision."""

import inspect
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from supervisors.body import DEFERRED, Body, Deferred, answer_with
from supervisors.caller import Caller, Envelope, Kind
from supervisors.context import Context
from supervisors.errors import UnknownMessage
from supervisors.events import EventKind
from supervisors.mailbox import Mailbox
from supervisors.redaction import SECRET_WORDS, redacted
from supervisors.spec import BACKOFF, Backoff, ChildSpec, Restart
from supervisors.state_change import checked_changes


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

    Each handler may be an `async def` or, where it never waits, a plain `def`. A call whose
    `handle_call` is a plain `def` is handled in the caller's own step when the actor is idle.

    A handler that raises crashes the actor, as in OTP: callers get ProcessDown, waiting mail is
    dead-lettered, the supervisor decides what follows. To answer an error and live on, use
    `caller.fail(error)`.
    """

    mailbox: ClassVar[Mailbox] = Mailbox()
    batch_max: ClassVar[int] = 1
    secrets: ClassVar[frozenset[str]] = frozenset()  # attributes to mask, beside the usual ones

    # Which handlers wait, and whether there is a cleanup: read from the class, once.
    init_waits: ClassVar[bool] = False
    call_waits: ClassVar[bool] = False
    terminates: ClassVar[bool] = False

    context: Context
    body: Body

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.init_waits = inspect.iscoroutinefunction(cls.init)
        cls.call_waits = inspect.iscoroutinefunction(cls.handle_call)
        cls.terminates = cls.terminate is not Actor.terminate

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
        phase: str | None = None,
        kind: str = "actor",
        **kwargs: Any,
    ) -> ChildSpec:
        """Return a child spec that makes `cls(*args, **kwargs)` and runs it, each time anew."""
        return ChildSpec(
            id=id,
            start=Incarnation(cls, args, kwargs),
            restart=restart,
            shutdown=shutdown,
            start_timeout=start_timeout,
            backoff=backoff,
            significant=significant,
            name=name,
            phase=phase,
            kind=kind,
        )

    # Handlers. Each may be an `async def`.

    def init(self, context: Context) -> Awaitable[None] | None:
        """Prepare, before the actor is ready; mail waits meanwhile."""

    def handle_call(self, message: Any, caller: Caller) -> Any:
        """Return the answer, or DEFERRED and answer later with caller.reply or caller.fail."""
        caller.fail(UnknownMessage(self.context.name, type(message).__name__))
        return DEFERRED

    def handle_cast(self, message: Any) -> Awaitable[None] | None:
        """Take a message nobody waits for."""
        self.context.fault(EventKind.UNKNOWN_MESSAGE, f"a cast of type {type(message).__name__}")
        return None

    def handle_info(self, message: Any) -> Awaitable[None] | None:
        """Take what a timer or a monitor sends; by default as a cast."""
        return self.handle_cast(message)

    def handle_continue(self, message: Any) -> Awaitable[None] | None:
        """Take what `continue_with` put before all mail; by default as a cast."""
        return self.handle_cast(message)

    async def handle_batch(self, envelopes: Sequence[Envelope]) -> None:
        """Take up to batch_max messages at once; used for calls and casts if batch_max > 1.

        Answer with `envelope.caller.reply`; a caller neither answered nor deferred
        (`envelope.caller.defer()`) gets Unanswered.
        """
        for envelope in envelopes:
            if envelope.caller is None:
                waiting = self.handle_cast(envelope.message)
                if waiting is not None:
                    await waiting
            else:
                answer = self.handle_call(envelope.message, envelope.caller)
                answer_with(envelope.caller, await answer if self.call_waits else answer)

    def terminate(self) -> Awaitable[None] | None:
        """Clean up, after an ordered stop or a handler's crash (not after a failed init).

        The message in hand is finished and the sub-tasks are cancelled before. It shares the
        child's shutdown limit, and is not run if that is spent.
        """

    # For the handlers

    def start_soon(self, function: Callable[..., Awaitable[Any]], *args: Any) -> None:
        """Run a sub-task owned by this actor: its crash is the actor's, its end the actor's."""
        self.body.start_soon(function, *args)

    def call_after(self, seconds: float, message: Any) -> Timer:
        """Send `message` to this incarnation's handle_info later. It overtakes waiting mail."""
        return Timer(*self.body.call_after(seconds, message))

    def continue_with(self, message: Any) -> None:
        """Let handle_continue take `message` next, before timers and mail."""
        self.body.queue.put_control(message, Kind.CONTINUE)

    def monitor(self, name: str) -> None:
        """Send a Down to handle_info when the process called `name` ends; exactly once."""
        self.context.monitor(name)

    def join(self, group: str) -> None:
        """Be a member of a group of processes until the end, or `leave`."""
        self.context.join(group)

    def leave(self, group: str) -> None:
        self.context.leave(group)

    # For operators

    def inspect(self) -> dict[str, object]:
        """Return what an operator may see: plain data, secrets masked."""
        return redacted(dict(self._fields()), SECRET_WORDS | self.secrets)

    def replace_state(self, changes: Mapping[str, object]) -> None:
        """Set attributes that exist, each to a value of its own type; all or none.

        Raises StateRefused, which names the attribute.
        """
        fields = dict(self._fields())
        for key, value in checked_changes(self.context.path, fields, changes).items():
            setattr(self, key, value)

    def _fields(self) -> Iterator[tuple[str, object]]:
        for name, value in vars(self).items():
            if name not in ("context", "body"):
                yield name, value


class Incarnation:
    """The `start` of an actor's child spec: makes a new instance for each incarnation."""

    __slots__ = ("args", "kind", "kwargs")

    def __init__(self, kind: type[Actor], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.kind = kind
        self.args = args
        self.kwargs = kwargs

    def make(self) -> Actor:
        return self.kind(*self.args, **self.kwargs)

    async def __call__(self, context: Context) -> None:
        raise TypeError(f"{context.path}: an actor is started by its supervisor, not called")


__all__ = ["DEFERRED", "Actor", "Deferred", "Incarnation", "Timer"]
