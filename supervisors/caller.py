"""One call, seen from both ends: the envelope it travels in and the caller who waits."""

from enum import Enum
from typing import Any, Protocol

import outcome
import trio


class Post(Protocol):
    """What a caller needs of the mailbox that its call went to."""

    def forget(self, caller: "Caller") -> None: ...

    def late_reply(self) -> None: ...

    def double_reply(self) -> None: ...


class Caller:
    """The waiting end of one call, given to the handler. A reply never blocks and never raises.

    `deadline` is absolute, on trio's clock in seconds; `name` is the calling actor, or None.
    """

    __slots__ = (
        "_task",
        "answered",
        "deadline",
        "deferred",
        "error",
        "expired",
        "gone",
        "name",
        "post",
        "value",
    )

    def __init__(self, post: Post, deadline: float, name: str | None = None) -> None:
        self.post = post
        self._task: trio.lowlevel.Task | None = None
        self.value: Any = None
        self.error: Exception | None = None
        self.deadline = deadline
        self.name = name
        self.answered = False
        self.deferred = False
        self.gone = False  # timed out or cancelled
        self.expired = False  # gone because a deadline passed, the call's or the caller's own

    @property
    def waits(self) -> bool:
        return not self.answered and not self.gone

    @property
    def blocks(self) -> bool:
        """Say whether only the callee's handler can free the caller."""
        return self.waits and not self.deferred

    def reply(self, value: object) -> bool:
        """Answer. False if the caller no longer waits (counted as late) or has its answer."""
        if not self._may_answer():
            return False

        self.value = value
        self._wake()
        return True

    def fail(self, error: Exception) -> bool:
        """Answer with an error, raised in the caller; the callee lives on."""
        if not self._may_answer():
            return False

        self.error = error
        self._wake()
        return True

    def defer(self) -> None:
        """Promise an answer after the handler is over."""
        self.deferred = True

    async def wait(self) -> Any:
        """Park until answered. Cancelling the wait harms nobody: the message stays."""
        if not self.answered:
            self._task = trio.lowlevel.current_task()
            await trio.lowlevel.wait_task_rescheduled(self._give_up)
        if self.error is not None:
            raise self.error
        return self.value

    def time_out(self, error: Exception) -> None:
        """Let the deadline pass: the waiting call raises `error`."""
        task = self._task
        self.expired = True
        self.leave()
        if task is not None:
            self.error = error
            trio.lowlevel.reschedule(task)

    def leave(self) -> None:
        """Stop waiting: an answer from now on is late."""
        if not self.answered:
            self.gone = True
            self._task = None
            if self.deferred:
                self.post.forget(self)

    def _give_up(self, raise_cancel: Any) -> trio.lowlevel.Abort:
        cancelled = outcome.capture(raise_cancel)
        if isinstance(cancelled, outcome.Error) and isinstance(cancelled.error, trio.Cancelled):
            self.expired = cancelled.error.source == "deadline"
        self.leave()
        return trio.lowlevel.Abort.SUCCEEDED

    def _wake(self) -> None:
        # The value waits here and not in an outcome, which would cost as much as the wake-up.
        if self._task is not None:
            trio.lowlevel.reschedule(self._task)
            self._task = None

    def _may_answer(self) -> bool:
        if self.gone:
            self.post.late_reply()
            return False
        if self.answered:
            self.post.double_reply()
            return False
        self.answered = True
        if self.deferred:
            self.post.forget(self)
        return True


class Kind(Enum):
    """Which handler takes a message that nobody waits for."""

    CAST = "cast"
    INFO = "info"  # a timer's, a monitor's
    CONTINUE = "continue"


class Envelope:
    """A message in a mailbox. `caller` is None unless it is a call.

    `attempts` counts the crashes it was in hand at; `sent_at` is known only while tracing.
    """

    __slots__ = ("attempts", "caller", "kind", "message", "sent_at")

    def __init__(self, message: Any, caller: Caller | None, kind: Kind = Kind.CAST) -> None:
        self.message = message
        self.caller = caller
        self.kind = kind
        self.attempts = 0
        self.sent_at = 0.0

    @property
    def message_type(self) -> str:
        return type(self.message).__name__
