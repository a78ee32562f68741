"""Bounded mailboxes: every message sent is handled, refused, expired, dead-lettered or waiting."""

from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

import outcome
import trio

from supervisors.chain import Frame
from supervisors.errors import MailboxFull, ProcessDown
from supervisors.events import EventKind

ReportFault = Callable[[EventKind, str], None]


class Overflow(StrEnum):
    """What a full mailbox does: refuse, make the sender wait, or let a cast replace its equal."""

    REJECT = "reject"
    BLOCK = "block"
    COALESCE = "coalesce"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailbox:
    """A mailbox policy. `capacity` counts messages.

    With COALESCE a cast that finds the mailbox full takes the place of the waiting cast with an
    equal `key(message)` (by default the message itself); calls are refused as with REJECT.
    """

    capacity: int = 1024
    overflow: Overflow = Overflow.REJECT
    key: Callable[[Any], Hashable] | None = None

    def __post_init__(self) -> None:
        if self.capacity < 1:
            raise ValueError(f"a mailbox needs a capacity of at least 1, not {self.capacity}")


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxStatistics:
    """Counts over all incarnations. `waiting` includes what is in hand.

    sent = handled + refused + expired + dead_lettered + coalesced + waiting.
    """

    sent: int
    handled: int
    refused: int
    expired: int
    dead_lettered: int
    coalesced: int
    waiting: int
    late_replies: int
    double_replies: int


class Counters:
    """The counts behind MailboxStatistics; one object for all incarnations of a child."""

    __slots__ = tuple(field.name for field in fields(MailboxStatistics) if field.name != "waiting")

    def __init__(self) -> None:
        self.sent = self.handled = self.refused = self.expired = 0
        self.dead_lettered = self.coalesced = self.late_replies = self.double_replies = 0

    def statistics(self, waiting: int) -> MailboxStatistics:
        counts = {name: getattr(self, name) for name in self.__slots__}
        return MailboxStatistics(waiting=waiting, **counts)


class Caller:
    """The waiting end of one call, given to the handler. A reply never blocks and never raises.

    `deadline` is absolute, on trio's clock in seconds; `name` is the calling actor, or None.
    """

    __slots__ = ("_answer", "_queue", "_task", "answered", "deadline", "deferred", "gone", "name")

    def __init__(self, queue: "MailboxQueue", deadline: float, name: str | None = None) -> None:
        self._queue = queue
        self._task: trio.lowlevel.Task | None = None
        self._answer: outcome.Outcome[Any] | None = None
        self.deadline = deadline
        self.name = name
        self.answered = False
        self.deferred = False
        self.gone = False  # timed out or cancelled

    @property
    def waits(self) -> bool:
        return not self.answered and not self.gone

    @property
    def blocks(self) -> bool:
        """Say whether only the callee's handler can free the caller."""
        return self.waits and not self.deferred

    def reply(self, value: object) -> bool:
        """Answer. False if the caller no longer waits (counted as late) or has its answer."""
        return self._resolve(outcome.Value(value))

    def fail(self, error: Exception) -> bool:
        """Answer with an error, raised in the caller; the callee lives on."""
        return self._resolve(outcome.Error(error))

    def defer(self) -> None:
        """Promise an answer after the handler is over."""
        self.deferred = True

    async def wait(self) -> Any:
        """Park until answered. Cancelling the wait harms nobody: the message stays."""
        if self._answer is not None:
            return self._answer.unwrap()

        self._task = trio.lowlevel.current_task()
        return await trio.lowlevel.wait_task_rescheduled(self._give_up)

    def leave(self) -> None:
        """Stop waiting: an answer from now on is late."""
        if not self.answered:
            self.gone = True
            self._task = None
            self._queue.forget(self)

    def _give_up(self, _raise_cancel: Any) -> trio.lowlevel.Abort:
        self.leave()
        return trio.lowlevel.Abort.SUCCEEDED

    def _resolve(self, answer: outcome.Outcome[Any]) -> bool:
        if self.gone:
            self._queue.counters.late_replies += 1
            return False
        if self.answered:
            self._queue.double_reply()
            return False

        self.answered = True
        self._queue.forget(self)
        if self._task is None:
            self._answer = answer
        else:
            trio.lowlevel.reschedule(self._task, answer)
            self._task = None
        return True


class Envelope:
    """A message in a mailbox. `caller` is None for a cast; `deadline` is absolute."""

    __slots__ = ("caller", "deadline", "message")

    def __init__(self, message: Any, caller: Caller | None, deadline: float) -> None:
        self.message = message
        self.caller = caller
        self.deadline = deadline


class MailboxQueue:
    """The mailbox of one incarnation: closed with it, its waiting mail dead-lettered."""

    def __init__(
        self, name: str, policy: Mailbox, counters: Counters, report_fault: ReportFault
    ) -> None:
        self.name = name
        self.policy = policy
        self.counters = counters
        self.in_hand: list[Envelope] = []
        self.frame: Frame | None = None  # the handler at work
        self._report_fault = report_fault
        self._mail: deque[Envelope] = deque()
        self._control: deque[Envelope] = deque()
        self._by_key: dict[Hashable, Envelope] = {}
        self._callers: dict[Caller, None] = {}  # without their answer, in order of arrival
        self._senders: deque[_BlockedSender] = deque()
        self._reader: trio.lowlevel.Task | None = None
        self._closed: str | None = None

    def __len__(self) -> int:
        return len(self._mail) + len(self._control)

    def statistics(self) -> MailboxStatistics:
        return self.counters.statistics(len(self) + len(self.in_hand))

    # The senders' side

    def put(self, envelope: Envelope) -> bool:
        """Accept, coalesce or refuse a message, at once."""
        if self._closed is None and not self.is_full():
            self._accept(envelope)
            return True
        if self._closed is None and self._coalesce(envelope):
            return True

        self.refuse()
        return False

    async def put_when_room(self, envelope: Envelope) -> None:
        """Accept a message, waiting for room in order of arrival (BLOCK).

        Raises ProcessDown if the actor ends first. A cancelled wait counts as refused.
        """
        if self.put_if_room(envelope):
            return

        sender = _BlockedSender(envelope, trio.lowlevel.current_task())
        self._senders.append(sender)

        def give_up(_raise_cancel: Any) -> trio.lowlevel.Abort:
            self._senders.remove(sender)
            self.refuse()
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(give_up)

    def put_if_room(self, envelope: Envelope) -> bool:
        if self._closed is not None or self.is_full():
            return False
        self._accept(envelope)
        return True

    def put_control(self, message: Any) -> bool:
        """Accept a message that overtakes the mail and needs no room, such as a timer's.

        Its sender bounds how many there can be.
        """
        if self._closed is not None:
            return False

        self.counters.sent += 1
        self._control.append(Envelope(message, None, float("inf")))
        self.wake()
        return True

    def is_full(self) -> bool:
        return len(self._mail) >= self.policy.capacity or bool(self._senders)

    def refuse(self) -> None:
        self.counters.sent += 1
        self.counters.refused += 1

    def full(self) -> MailboxFull:
        return MailboxFull(self.name, self.policy.capacity)

    def forget(self, caller: Caller) -> None:
        self._callers.pop(caller, None)

    def double_reply(self) -> None:
        self.counters.double_replies += 1
        self._report_fault(EventKind.DOUBLE_REPLY, "a call was answered twice; the first counts")

    # The actor's side

    def take(self) -> Envelope | None:
        """Take the next message in hand, control first; what expired is skipped and counted."""
        if self._control:
            return self._in_hand(self._control.popleft())

        while self._mail:
            envelope = self._mail.popleft()
            if self._by_key:
                self._forget_key(envelope)
            self._admit_sender()
            if envelope.deadline > trio.current_time():
                return self._in_hand(envelope)
            self.counters.expired += 1
        return None

    def settle(self) -> None:
        """Count what is in hand as handled."""
        self.counters.handled += len(self.in_hand)
        self.in_hand.clear()

    async def wait(self) -> None:
        """Park until wake() or a message."""
        self._reader = trio.lowlevel.current_task()
        await trio.lowlevel.wait_task_rescheduled(self._abort_wait)

    def wake(self) -> None:
        if self._reader is not None:
            trio.lowlevel.reschedule(self._reader)
            self._reader = None

    def seal(self, reason: str, error: BaseException | None = None) -> None:
        """Take no more mail; dead-letter what waits; tell its callers and the blocked senders.

        Callers whose message is in hand or deferred may still be answered, until close().
        """
        if self._closed is not None:
            return

        self._closed = reason
        waiting = [*self._control, *self._mail]
        self._control.clear()
        self._mail.clear()
        self._by_key.clear()
        self._dead_letter(waiting, "waiting")
        for envelope in waiting:
            if envelope.caller is not None and envelope.caller.waits:
                envelope.caller.fail(self._down(error, in_hand=False))
        while self._senders:
            self.refuse()
            down = self._down(error, in_hand=False)
            trio.lowlevel.reschedule(self._senders.popleft().task, outcome.Error(down))

    def close(self, reason: str, error: BaseException | None = None) -> None:
        """Seal, dead-letter what is in hand, and wake every caller with the reason."""
        self.seal(reason, error)
        self._dead_letter(self.in_hand, "in hand")
        self.in_hand.clear()
        for caller in list(self._callers):
            caller.fail(self._down(error, in_hand=True))

    def _accept(self, envelope: Envelope) -> None:
        self.counters.sent += 1
        self._mail.append(envelope)
        if envelope.caller is not None:
            self._callers[envelope.caller] = None
        elif self.policy.overflow is Overflow.COALESCE:
            self._by_key[self._key(envelope)] = envelope
        if self._reader is not None:
            self.wake()

    def _coalesce(self, envelope: Envelope) -> bool:
        if self.policy.overflow is not Overflow.COALESCE or envelope.caller is not None:
            return False

        waiting = self._by_key.get(self._key(envelope))
        if waiting is None:
            return False
        self.counters.sent += 1
        self.counters.coalesced += 1
        waiting.message = envelope.message
        return True

    def _key(self, envelope: Envelope) -> Hashable:
        key: Hashable = envelope.message
        return key if self.policy.key is None else self.policy.key(envelope.message)

    def _forget_key(self, envelope: Envelope) -> None:
        if envelope.caller is None:
            key = self._key(envelope)
            if self._by_key.get(key) is envelope:
                del self._by_key[key]

    def _admit_sender(self) -> None:
        if self._senders and len(self._mail) < self.policy.capacity:
            sender = self._senders.popleft()
            self._accept(sender.envelope)
            trio.lowlevel.reschedule(sender.task)

    def _in_hand(self, envelope: Envelope) -> Envelope:
        self.in_hand.append(envelope)
        return envelope

    def _dead_letter(self, envelopes: list[Envelope], where: str) -> None:
        if not envelopes:
            return

        # Types only: a message may hold documents and keys.
        self.counters.dead_lettered += len(envelopes)
        types = sorted({type(envelope.message).__name__ for envelope in envelopes})
        text = f"{len(envelopes)} {where} ({', '.join(types)}): {self._closed}"
        self._report_fault(EventKind.DEAD_LETTERS, text)

    def _down(self, error: BaseException | None, *, in_hand: bool) -> ProcessDown:
        down = ProcessDown(self.name, self._closed or "it ended", in_hand=in_hand)
        down.__cause__ = error
        return down

    def _abort_wait(self, _raise_cancel: Any) -> trio.lowlevel.Abort:
        self._reader = None
        return trio.lowlevel.Abort.SUCCEEDED


class _BlockedSender:
    __slots__ = ("envelope", "task")

    def __init__(self, envelope: Envelope, task: trio.lowlevel.Task) -> None:
        self.envelope = envelope
        self.task = task
