"""Names of processes, resolved at each send, so that a reference survives restarts."""

import math
from collections.abc import Callable
from typing import Any

import trio

from supervisors.chain import CURRENT, Frame, find_cycle
from supervisors.errors import CallCycle, CallTimeout, NameTaken, ProcessDown, SupervisionError
from supervisors.mailbox import Caller, Envelope, MailboxQueue, Overflow

CAST_WAIT_SECONDS_MAX = 5.0


class Registry:
    """Who holds which name now, and the mailboxes behind the names.

    `explain` says why a name has no mailbox: the error a sender then gets.
    """

    def __init__(self, explain: Callable[[str], SupervisionError]) -> None:
        self._explain = explain
        self._holders: dict[str, str] = {}
        self._queues: dict[str, MailboxQueue] = {}
        self._last_paths: dict[str, str] = {}

    def claim(self, name: str, path: str) -> None:
        """Take a name for the child at `path`. Raises NameTaken."""
        holder = self._holders.setdefault(name, path)
        if holder != path:
            raise NameTaken(name, holder, path)
        if not path.endswith(f"/{name}"):
            self._last_paths[name] = path  # a name of its own does not tell where its holder was

    def release(self, name: str, path: str) -> None:
        if self._holders.get(name) == path:
            del self._holders[name]

    def open(self, name: str, queue: MailboxQueue) -> None:
        """Deliver mail for the name into `queue` from now on."""
        self._queues[name] = queue

    def close(self, name: str, queue: MailboxQueue) -> None:
        if self._queues.get(name) is queue:
            del self._queues[name]

    def find(self, name: str) -> MailboxQueue | None:
        return self._queues.get(name)

    def resolve(self, name: str) -> MailboxQueue:
        """Return the mailbox. Raises NoProcess or Quarantined."""
        queue = self._queues.get(name)
        if queue is None:
            raise self._explain(name)
        return queue

    def frame_of(self, name: str) -> Frame | None:
        """Return the handler at work in the named actor."""
        queue = self._queues.get(name)
        return None if queue is None else queue.frame

    def holder(self, name: str) -> str | None:
        """Return the path of the running child that holds the name."""
        return self._holders.get(name)

    def last_path(self, name: str) -> str | None:
        """Return where the last holder of a name of its own was."""
        return self._last_paths.get(name)

    def forget(self, name: str, path: str) -> None:
        """Drop what is known of a removed child."""
        if self._last_paths.get(name) == path:
            del self._last_paths[name]

    def ref(self, name: str) -> "Ref":
        return Ref(name, self)


class Ref:
    """A process by name. Whoever holds the name at the moment of sending gets the message."""

    __slots__ = ("_registry", "name")

    def __init__(self, name: str, registry: Registry) -> None:
        self.name = name
        self._registry = registry

    def __repr__(self) -> str:
        return f"Ref({self.name!r})"

    def is_alive(self) -> bool:
        """Say whether somebody with a mailbox holds the name now."""
        return self._registry.find(self.name) is not None

    async def call(self, message: Any, *, timeout: float) -> Any:  # noqa: ASYNC109 -- OTP's call
        """Send a message and return its answer, within `timeout` seconds.

        The time limit travels with the message, with the caller's own deadline if that is
        sooner: a message that expired in the mailbox is not handled. Raises CallTimeout,
        NoProcess, ProcessDown, MailboxFull, Quarantined, CallCycle, or what the callee failed
        the call with. Only CallTimeout, and ProcessDown with `in_hand`, leave the outcome
        unknown.
        """
        if not math.isfinite(timeout) or timeout <= 0:
            raise ValueError(f"a call needs a time limit in seconds > 0, not {timeout!r}")
        await trio.lowlevel.checkpoint_if_cancelled()

        frame = CURRENT.get()
        if frame is not None and not frame.active:
            frame = None
        if frame is not None:
            self._refuse_cycle(frame)
        queue = self._registry.resolve(self.name)

        deadline = trio.current_time() + timeout
        sooner = min(deadline, trio.current_effective_deadline())
        caller = Caller(queue, sooner, None if frame is None else frame.name)
        if frame is not None:
            frame.calls[caller] = self.name
        try:
            with trio.CancelScope(deadline=deadline):
                return await self._exchange(queue, Envelope(message, caller, sooner), caller)
        finally:
            if frame is not None:
                del frame.calls[caller]
        raise CallTimeout(self.name, timeout)

    async def cast(
        self,
        message: Any,
        *,
        timeout: float = CAST_WAIT_SECONDS_MAX,  # noqa: ASYNC109 -- as in call
    ) -> bool:
        """Send a message without waiting for an answer; False if refused or nobody is there.

        Waits only for room in a BLOCK mailbox, at most `timeout` seconds.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        queue = self._registry.find(self.name)
        if queue is None or queue.policy.overflow is not Overflow.BLOCK:
            return self.cast_nowait(message)

        with trio.move_on_after(timeout):
            try:
                await queue.put_when_room(Envelope(message, None, math.inf))
            except ProcessDown:
                return False
            return True
        return False

    def cast_nowait(self, message: Any) -> bool:
        """Send a message now or not at all; False if refused or nobody is there."""
        queue = self._registry.find(self.name)
        return queue is not None and queue.put(Envelope(message, None, math.inf))

    def _refuse_cycle(self, frame: Frame) -> None:
        cycle = find_cycle(frame, self.name, self._registry.frame_of)
        if cycle is not None:
            raise CallCycle(cycle)

    async def _exchange(self, queue: MailboxQueue, envelope: Envelope, caller: Caller) -> Any:
        if queue.policy.overflow is Overflow.BLOCK:
            try:
                await queue.put_when_room(envelope)
            except trio.Cancelled:
                caller.leave()
                raise
        elif not queue.put(envelope):
            raise queue.full()
        return await caller.wait()
