"""Bounded mailboxes: every message sent is handled, refused, expired, dead-lettered or waiting."""

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain, islice
from typing import Any, NamedTuple, Protocol

import outcome
import trio

from supervisors.caller import Caller, Envelope, Kind
from supervisors.chain import Frame
from supervisors.errors import MailboxFull, ProcessDown
from supervisors.events import EventKind
from supervisors.tracing import Trace


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

    A message in hand at a crash is given to the next incarnation up to `redeliver_max` times,
    alone and before all other mail; then, or with 0 at once, it is dead-lettered. Mail that only
    waited is always dead-lettered with its actor, and its callers told that it was not looked at.
    """

    capacity: int = 1024
    overflow: Overflow = Overflow.REJECT
    key: Callable[[Any], Hashable] | None = None
    redeliver_max: int = 0

    def __post_init__(self) -> None:
        if self.capacity < 1:
            raise ValueError(f"a mailbox needs a capacity of at least 1, not {self.capacity}")
        if self.redeliver_max < 0:
            raise ValueError(f"redeliver_max counts redeliveries, not {self.redeliver_max}")


class MailboxStatistics(NamedTuple):
    """Counts over all incarnations. `waiting` includes what is in hand or to be redelivered.

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
    redelivered: int


# Shared by all that never got a message: a snapshot of ten thousand makes no record for each.
_NO_MAIL_YET = MailboxStatistics(0, 0, 0, 0, 0, 0, 0, 0, 0, 0)


class Counters:
    """The counts behind MailboxStatistics; one object for all incarnations of a child."""

    __slots__ = (
        "coalesced",
        "dead_lettered",
        "double_replies",
        "expired",
        "handled",
        "late_replies",
        "redelivered",
        "refused",
        "sent",
    )

    def __init__(self) -> None:
        self.sent = self.handled = self.refused = self.expired = self.dead_lettered = 0
        self.coalesced = self.late_replies = self.double_replies = self.redelivered = 0


class Owner(Protocol):
    """The actor's side of its mailbox."""

    def wake(self) -> None:
        """Hear that there is mail, or a reason to look up."""

    def fault(self, kind: EventKind, reason: str) -> None: ...


LEFT_MAX = 10  # remembered of a closed mailbox, for the crash report

# What an empty queue is until it is needed: a deque costs 624 bytes, and most actors are idle.
_NO_MAIL: Any = ()


class MailboxQueue:
    """The mailbox of one incarnation: closed with it, its waiting mail dead-lettered."""

    __slots__ = (
        "_by_key",
        "_closed",
        "_control",
        "_deferred",
        "_kept",
        "_mail",
        "_postponed",
        "_senders",
        "counters",
        "frame",
        "in_hand",
        "left",
        "name",
        "now",
        "owner",
        "policy",
        "trace",
    )

    def __init__(
        self,
        name: str,
        policy: Mailbox,
        counters: Counters,
        owner: Owner,
        now: Callable[[], float],
    ) -> None:
        self.name = name
        self.policy = policy
        self.counters = counters
        self.owner = owner
        self.now = now
        self.in_hand: list[Envelope] = []
        self.frame: Frame | None = None  # the handler at work
        self.trace: Trace | None = None
        self._mail: deque[Envelope] = _NO_MAIL
        self._control: deque[Envelope] = _NO_MAIL
        self._postponed: deque[Envelope] = _NO_MAIL
        self._kept: Sequence[Envelope] = ()  # in hand at the crash, for the next incarnation
        self.left: Sequence[str] = ()  # the types of what was in hand, and waited, at the end
        self._senders: deque[_BlockedSender] = _NO_MAIL
        self._by_key: dict[Hashable, Envelope] | None = None
        self._deferred: dict[Caller, None] | None = None  # promised an answer after the handler
        self._closed: str | None = None

    def __len__(self) -> int:
        return len(self._mail) + len(self._control) + len(self._postponed)

    @property
    def is_empty(self) -> bool:
        """Say whether there is nothing to handle now: what is postponed waits for a change."""
        return not self._mail and not self._control

    @property
    def is_owed_nothing(self) -> bool:
        """Say whether nobody waits: no mail, no answer due, no sender held up."""
        return not (len(self) or self.in_hand or self._deferred or self._senders)

    @property
    def postponed(self) -> int:
        return len(self._postponed)

    @property
    def is_open(self) -> bool:
        return self._closed is None

    def statistics(self) -> MailboxStatistics:
        counts = self.counters
        if not counts.sent:
            return _NO_MAIL_YET
        return MailboxStatistics(
            counts.sent,
            counts.handled,
            counts.refused,
            counts.expired,
            counts.dead_lettered,
            counts.coalesced,
            len(self) + len(self.in_hand) + len(self._kept),
            counts.late_replies,
            counts.double_replies,
            counts.redelivered,
        )

    def head(self, limit: int) -> tuple[str, ...]:
        """Return the types of the first waiting messages: they may hold documents and keys."""
        waiting = islice(chain(self._control, self._postponed, self._mail), limit)
        return tuple(envelope.message_type for envelope in waiting)

    # The senders' side

    def put(self, envelope: Envelope) -> bool:
        """Accept, coalesce or refuse a message, at once."""
        if self._closed is None:
            if len(self._mail) < self.policy.capacity and not self._senders:
                self._accept(envelope)
                return True
            if self._coalesce(envelope):
                return True

        self._refuse(envelope)
        return False

    async def put_when_room(self, envelope: Envelope) -> None:
        """Accept a message, waiting for room in order of arrival (BLOCK).

        Raises ProcessDown if the actor ends first. A cancelled wait counts as refused.
        """
        if self._closed is None and not self._is_full():
            self._accept(envelope)
            return

        sender = _BlockedSender(envelope, trio.lowlevel.current_task())
        if self._senders is _NO_MAIL:
            self._senders = deque()
        self._senders.append(sender)

        def give_up(_raise_cancel: Any) -> trio.lowlevel.Abort:
            self._senders.remove(sender)
            self._refuse(envelope)
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(give_up)

    def put_control(self, message: Any, kind: Kind = Kind.INFO) -> bool:
        """Accept a message that overtakes the mail and needs no room; a continuation, all.

        Its sender bounds how many there can be.
        """
        if self._closed is not None:
            return False

        if self._control is _NO_MAIL:
            self._control = deque()
        self.counters.sent += 1
        envelope = self._stamped(Envelope(message, None, kind))
        if kind is Kind.CONTINUE:
            self._control.appendleft(envelope)
        else:
            self._control.append(envelope)
        self.owner.wake()
        return True

    def full(self) -> MailboxFull:
        return MailboxFull(self.name, self.policy.capacity)

    def expect(self, caller: Caller) -> None:
        """Remember who waits for a deferred answer, to be told if the actor ends first."""
        if self._deferred is None:
            self._deferred = {}
        self._deferred[caller] = None

    def forget(self, caller: Caller) -> None:
        if self._deferred is not None:
            self._deferred.pop(caller, None)

    def late_reply(self) -> None:
        self.counters.late_replies += 1
        if self.trace is not None:
            self.trace.note("replied_late")

    def double_reply(self) -> None:
        self.counters.double_replies += 1
        self.owner.fault(EventKind.DOUBLE_REPLY, "a call was answered twice; the first counts")

    # The actor's side

    def take(self) -> Envelope | None:
        """Take in hand the next timer, monitor or continuation, or else the next mail."""
        if not self._control:
            return self.take_mail()
        if self.trace is not None:
            self.trace.took_in_hand()
        envelope = self._control.popleft()
        self.in_hand.append(envelope)
        return envelope

    def take_mail(self) -> Envelope | None:
        """Take the next message in hand; what expired is skipped and counted."""
        mail = self._mail
        while mail:
            envelope = mail.popleft()
            if self._by_key:
                self._forget_key(envelope)
            if self._senders:
                self._admit_sender()
            caller = envelope.caller
            if caller is None or not (caller.expired or caller.deadline <= self.now()):
                if self.trace is not None:
                    self.trace.took_in_hand()
                self.in_hand.append(envelope)
                return envelope
            self.counters.expired += 1
            if self.trace is not None:
                self.trace.add("expired", envelope)
        return None

    def settle(self) -> None:
        """Count what is in hand as handled."""
        in_hand = self.in_hand
        for envelope in in_hand:
            caller = envelope.caller
            if caller is not None and caller.deferred and caller.waits:
                self.expect(caller)
            if self.trace is not None:
                self.trace.add("handled", envelope)
        self.counters.handled += len(in_hand)
        in_hand.clear()

    def postpone(self, limit: int) -> bool:
        """Set the message in hand aside: it waits, counted, until retry_postponed.

        If `limit` messages already are, it is dead-lettered instead: False.
        """
        envelope = self.in_hand.pop()
        if len(self._postponed) >= limit:
            self._dead_letter([envelope], "to be postponed", f"{limit} are postponed already")
            return False

        if self._postponed is _NO_MAIL:
            self._postponed = deque()
        self._postponed.append(envelope)
        return True

    def retry_postponed(self) -> None:
        """Put what was postponed before all mail, in order of arrival."""
        if self._postponed:
            self._mail = deque(chain(self._postponed, self._mail))
            self._postponed = _NO_MAIL

    def rest(self) -> None:
        """Give back the memory of an empty queue."""
        if not self._mail:
            self._mail = _NO_MAIL
        if not self._control:
            self._control = _NO_MAIL
        if not self._deferred:
            self._deferred = None

    def seal(self, reason: str, error: BaseException | None = None) -> None:
        """Take no more mail; dead-letter what waits; tell its callers and the blocked senders.

        Callers whose message is in hand or deferred may still be answered, until close().
        """
        if self._closed is not None:
            return

        self._closed = reason
        in_hand = [one.message_type for one in self.in_hand[:LEFT_MAX]]
        self.left = (*in_hand, *self.head(LEFT_MAX - len(in_hand)))
        waiting = [*self._control, *self._postponed, *self._mail]
        self._control = self._postponed = self._mail = _NO_MAIL
        self._by_key = None
        self._dead_letter(waiting, "waiting", reason)
        for envelope in waiting:
            if envelope.caller is not None and envelope.caller.waits:
                envelope.caller.fail(self._down(error, in_hand=False))
        while self._senders:
            sender = self._senders.popleft()
            self._refuse(sender.envelope)
            down = self._down(error, in_hand=False)
            trio.lowlevel.reschedule(sender.task, outcome.Error(down))

    def close(
        self, reason: str, error: BaseException | None = None, *, crashed: bool = False
    ) -> None:
        """Seal, keep or dead-letter what is in hand, and wake every other caller."""
        self.seal(reason, error)
        if crashed and self.trace is not None:
            for envelope in self.in_hand:
                self.trace.add("crashed", envelope)
        again = [one for one in self.in_hand if crashed and self._may_come_again(one)]
        lost = [one for one in self.in_hand if one not in again]
        self._dead_letter(lost, "in hand", reason)
        self.in_hand.clear()
        self._kept = again
        for caller in [*(self._deferred or ()), *(one.caller for one in lost)]:
            if caller is not None and caller.waits:
                caller.fail(self._down(error, in_hand=True))

    # Between two incarnations

    def inherit(self, ended: "MailboxQueue") -> None:
        """Put what the crashed incarnation had in hand before all mail, to be tried again."""
        again = ended.take_kept()
        if not again:
            return

        self._mail = deque(chain(again, self._mail))
        self.counters.redelivered += len(again)
        for envelope in again:
            envelope.attempts += 1
            if envelope.caller is not None:
                envelope.caller.post = self
        self.owner.fault(EventKind.REDELIVERED, _described(again))

    def take_kept(self) -> Sequence[Envelope]:
        kept, self._kept = self._kept, ()
        return kept

    def abandon(self, reason: str) -> None:
        """Dead-letter what was kept for an incarnation that does not come."""
        again = self.take_kept()
        self._closed = reason
        self._dead_letter(again, "kept for redelivery", reason)
        for envelope in again:
            if envelope.caller is not None and envelope.caller.waits:
                envelope.caller.fail(self._down(None, in_hand=True))

    # Small tools

    def _accept(self, envelope: Envelope) -> None:
        if self._mail is _NO_MAIL:
            self._mail = deque()
        self.counters.sent += 1
        self._mail.append(envelope)
        if envelope.caller is None and self.policy.overflow is Overflow.COALESCE:
            self._by_key = self._by_key or {}
            self._by_key[self._key(envelope)] = envelope
        if self.trace is not None:
            self._stamped(envelope)
        self.owner.wake()

    def _refuse(self, envelope: Envelope) -> None:
        self.counters.sent += 1
        self.counters.refused += 1
        if self.trace is not None:
            self.trace.add("refused", self._stamped(envelope))

    def _stamped(self, envelope: Envelope) -> Envelope:
        if self.trace is not None:
            envelope.sent_at = trio.current_time()
        return envelope

    def _is_full(self) -> bool:
        return len(self._mail) >= self.policy.capacity or bool(self._senders)

    def _coalesce(self, envelope: Envelope) -> bool:
        if self.policy.overflow is not Overflow.COALESCE or envelope.caller is not None:
            return False

        waiting = (self._by_key or {}).get(self._key(envelope))
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
        assert self._by_key is not None
        if envelope.caller is None:
            key = self._key(envelope)
            if self._by_key.get(key) is envelope:
                del self._by_key[key]

    def _admit_sender(self) -> None:
        if len(self._mail) < self.policy.capacity:
            sender = self._senders.popleft()
            self._accept(sender.envelope)
            trio.lowlevel.reschedule(sender.task)

    def _may_come_again(self, envelope: Envelope) -> bool:
        caller = envelope.caller
        gone = caller is not None and caller.gone
        return envelope.attempts < self.policy.redeliver_max and not gone

    def _dead_letter(self, envelopes: Sequence[Envelope], where: str, reason: str) -> None:
        if not envelopes:
            return

        self.counters.dead_lettered += len(envelopes)
        if self.trace is not None:
            for envelope in envelopes:
                self.trace.add("dead_lettered", envelope)
        text = f"{len(envelopes)} {where} ({_described(envelopes)}): {reason}"
        self.owner.fault(EventKind.DEAD_LETTERS, text)

    def _down(self, error: BaseException | None, *, in_hand: bool) -> ProcessDown:
        down = ProcessDown(self.name, self._closed or "it ended", in_hand=in_hand)
        down.__cause__ = error
        return down


class _BlockedSender:
    __slots__ = ("envelope", "task")

    def __init__(self, envelope: Envelope, task: trio.lowlevel.Task) -> None:
        self.envelope = envelope
        self.task = task


def _described(envelopes: Iterable[Envelope]) -> str:
    # Types only: a message may hold documents and keys.
    return ", ".join(sorted({envelope.message_type for envelope in envelopes}))
