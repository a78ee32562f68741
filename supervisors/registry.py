"""Names of processes, resolved at each send, so that a reference survives restarts."""

from collections.abc import Callable
from typing import Any

import trio

from supervisors.body import Body
from supervisors.caller import Caller, Envelope
from supervisors.chain import CURRENT, Frame, find_cycle
from supervisors.deadlines import Deadlines
from supervisors.errors import CallCycle, CallTimeout, NameTaken, ProcessDown, SupervisionError
from supervisors.groups import Groups
from supervisors.idle_tasks import IdleTasks
from supervisors.mailbox import Overflow
from supervisors.monitors import Monitors

CAST_WAIT_SECONDS_MAX = 5.0
_FOR_EVER = float("inf")

# A caller whose calls are all handled in its own step lets the others run after this many.
INLINE_CALLS_PER_TURN_MAX = 64


class Registry:
    """Who holds which name now, and the mailboxes behind the names.

    `explain` says why a name has no mailbox: the error a sender then gets.
    """

    def __init__(self, explain: Callable[[str], SupervisionError]) -> None:
        self._explain = explain
        self._holders: dict[str, str] = {}
        self._last_paths: dict[str, str] = {}
        self.actors: dict[str, Body] = {}
        self.monitors = Monitors(self._holders.__contains__)
        self.groups = Groups()
        self.deadlines = Deadlines()
        self.idle_tasks = IdleTasks()
        self.inline_calls = 0  # of this turn
        # trio.current_time() by way of three functions costs a call a twentieth of its time.
        self.now = trio.lowlevel.current_clock().current_time

    def claim(self, name: str, path: str) -> None:
        """Take a name for the child at `path`. Raises NameTaken."""
        holder = self._holders.setdefault(name, path)
        if holder != path:
            raise NameTaken(name, holder, path)
        if not path.endswith(f"/{name}"):
            self._last_paths[name] = path  # a name of its own does not tell where its holder was

    def release(self, name: str, path: str) -> bool:
        """Give a name back. False for whoever does not hold it."""
        if self._holders.get(name) != path:
            return False
        del self._holders[name]
        return True

    def open(self, name: str, actor: Body) -> None:
        """Deliver mail for the name to `actor` from now on."""
        self.actors[name] = actor

    def close(self, name: str, actor: Body) -> None:
        if self.actors.get(name) is actor:
            del self.actors[name]

    def resolve(self, name: str) -> Body:
        """Return the actor. Raises NoProcess or Quarantined."""
        actor = self.actors.get(name)
        if actor is None:
            raise self._explain(name)
        return actor

    def frame_of(self, name: str) -> Frame | None:
        """Return the handler at work in the named actor."""
        actor = self.actors.get(name)
        return None if actor is None else actor.queue.frame

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
        return self.name in self._registry.actors

    async def call(self, message: Any, *, timeout: float) -> Any:  # noqa: ASYNC109, C901 -- OTP's call, on one hot path
        """Send a message and return its answer, within `timeout` seconds.

        The time limit travels with the message; a message that expired in the mailbox, by that
        limit or by a deadline of the caller's own, is not handled. Raises CallTimeout,
        NoProcess, ProcessDown, MailboxFull, Quarantined, CallCycle, or what the callee failed
        the call with. Only CallTimeout, and ProcessDown with `in_hand`, leave the outcome
        unknown.

        A plain `def` handler of an idle actor runs here and now, in this task's own step.
        """
        if not 0 < timeout < _FOR_EVER:
            raise ValueError(f"a call needs a time limit in seconds > 0, not {timeout!r}")
        registry = self._registry
        registry.inline_calls += 1
        if registry.inline_calls < INLINE_CALLS_PER_TURN_MAX:
            await trio.lowlevel.checkpoint_if_cancelled()
        else:
            registry.inline_calls = 0
            await trio.lowlevel.checkpoint()

        frame = CURRENT.get()
        if frame is not None and not frame.active:
            frame = None
        actor = registry.actors.get(self.name)
        if actor is None:
            actor = registry.resolve(self.name)
        deadline = registry.now() + timeout
        name = None if frame is None else frame.name

        if actor.takes_inline and not actor.busy and actor.queue.is_empty:
            caller = actor.handle_inline(message, deadline, name)
            if caller.answered:
                if caller.error is not None:
                    raise caller.error
                return caller.value
            registry.deadlines.watch(caller, self.name, timeout, actor.slot.call_at)
            return await caller.wait()

        if frame is not None:
            self._refuse_cycle(frame)
        caller = Caller(actor.queue, deadline, name)
        if actor.queue.policy.overflow is Overflow.BLOCK:
            await self._put_when_room(actor, Envelope(message, caller), timeout, frame)
        elif not actor.queue.put(Envelope(message, caller)):
            raise actor.queue.full()

        # No cancel scope per call, which would cost more than the call: the registry has a clock.
        registry.deadlines.watch(caller, self.name, timeout, actor.slot.call_at)
        if frame is None:
            return await caller.wait()
        return await self._wait_framed(caller, frame)

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
        actor = self._registry.actors.get(self.name)
        if actor is None or actor.queue.policy.overflow is not Overflow.BLOCK:
            return self.cast_nowait(message)

        with trio.move_on_after(timeout):
            try:
                await actor.queue.put_when_room(Envelope(message, None))
            except ProcessDown:
                return False
            return True
        return False

    def cast_nowait(self, message: Any) -> bool:
        """Send a message now or not at all; False if refused or nobody is there."""
        actor = self._registry.actors.get(self.name)
        return actor is not None and actor.queue.put(Envelope(message, None))

    def _refuse_cycle(self, frame: Frame) -> None:
        cycle = find_cycle(frame, self.name, self._registry.frame_of)
        if cycle is not None:
            raise CallCycle(cycle)

    async def _put_when_room(
        self, actor: Body, envelope: Envelope, limit: float, frame: Frame | None
    ) -> None:
        caller = envelope.caller
        assert caller is not None
        with trio.CancelScope(deadline=caller.deadline) as scope:
            if frame is not None:
                frame.begin(caller, self.name)
            try:
                await actor.queue.put_when_room(envelope)
            except trio.Cancelled:
                caller.leave()
                raise
            finally:
                if frame is not None:
                    frame.end(caller)
        if scope.cancelled_caught:
            raise CallTimeout(self.name, limit)

    async def _wait_framed(self, caller: Caller, frame: Frame) -> Any:
        """Wait as an actor's handler at work, which somebody may wait for in turn."""
        frame.begin(caller, self.name)
        try:
            return await caller.wait()
        finally:
            frame.end(caller)
