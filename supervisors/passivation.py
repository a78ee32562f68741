"""Passivation: idle dynamic actors are stopped, and woken by the next message.

A `passivator` beside a dynamic supervisor looks now and then who has had no mail, which costs
nothing per message. A `WakingRef` lets a message to a sleeping key start its actor first: however
many senders come at once, there is one start. A message waits with its sender until the actor is
up, so it is in one mailbox or in none, and the mailbox's counts tell the whole story.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import trio

from supervisors.actor import DEFERRED, Actor, Deferred
from supervisors.caller import Caller
from supervisors.context import Context
from supervisors.errors import (
    CallTimeout,
    ChildRefused,
    InvalidSpec,
    MailboxFull,
    NoChild,
    ProcessDown,
    StartFailed,
    SupervisionError,
    UnknownMessage,
    describe,
)
from supervisors.events import EventKind
from supervisors.mailbox import Mailbox
from supervisors.registry import CAST_WAIT_SECONDS_MAX
from supervisors.spec import INFINITY, ChildSpec

if TYPE_CHECKING:
    from supervisors.tree import Tree

# Idle actors are looked for this often, so they sleep after 1 to 1.25 times their limit.
SWEEPS_PER_PERIOD = 4
SLEEPS_PER_SWEEP_MAX = 1000
WAKES_MAX = 1000
WAITING_PER_KEY_MAX = 10_000
CHILDREN_PER_TURN_MAX = 1000
# A sender whose actor was up and went down again in between has it woken once more, then gives up.
ATTEMPTS_MAX = 2


class WakeTimeout(CallTimeout):
    """The actor was not up within the sender's time limit. Not sent: a retry is safe."""

    def __init__(self, name: str, timeout: float) -> None:
        super().__init__(name, timeout)
        self.args = (f"{name} was not awake within {timeout:g} s; the message was not sent",)


def passivator(
    supervisor_path: str,
    *,
    passivate_after: float,
    id: str = "passivator",  # noqa: A002 -- OTP's word
    **fields: Any,
) -> ChildSpec:
    """Return the child that stops idle actors of a dynamic supervisor and wakes sleeping ones.

    Put it behind that supervisor in the tree. An actor is idle after `passivate_after` seconds
    without mail, if it then has no sub-task, no timer and no caller to answer. `fields` are
    ChildSpec's. Raises InvalidSpec.
    """
    if not 0 < passivate_after < INFINITY:
        problem = f"{passivate_after!r} must be seconds > 0, and finite"
        raise InvalidSpec(id, "passivate_after", problem)
    name = _passivator_of(supervisor_path)
    return Passivator.spec(supervisor_path, passivate_after, id=id, name=name, **fields)


def waking_ref(
    tree: "Tree", supervisor_path: str, key: str, *, name: str | None = None
) -> "WakingRef":
    """Return a reference to a dynamic child that may sleep.

    `name` is needed only if the child's template gives it a name of its own.
    """
    return WakingRef(tree, supervisor_path, key, name)


class WakingRef:
    """A dynamic actor by key; a message to it wakes it first if it sleeps."""

    __slots__ = ("_key", "_passivator", "_ref")

    def __init__(self, tree: "Tree", supervisor_path: str, key: str, name: str | None) -> None:
        self._key = key
        self._ref = tree.ref(name or f"{supervisor_path}/{key}".partition("/")[2])
        self._passivator = tree.ref(_passivator_of(supervisor_path))

    def __repr__(self) -> str:
        return f"WakingRef({self.name!r})"

    @property
    def name(self) -> str:
        return self._ref.name

    def is_awake(self) -> bool:
        return self._ref.is_alive()

    async def call(self, message: Any, *, timeout: float) -> Any:  # noqa: ASYNC109 -- as Ref.call
        """Send a message and return its answer, within `timeout` seconds, the waking included.

        Raises what Ref.call raises, and if the actor did not come up: WakeTimeout, StartFailed,
        ChildRefused (the supervisor is full) or NoChild (it is not there). Then nothing was sent.
        """
        deadline = trio.current_time() + timeout
        await self._wake(deadline, timeout)
        left = deadline - trio.current_time()
        if left <= 0 < timeout:
            raise WakeTimeout(self.name, timeout)
        return await self._ref.call(message, timeout=min(left, timeout))

    async def cast(
        self,
        message: Any,
        *,
        timeout: float = CAST_WAIT_SECONDS_MAX,  # noqa: ASYNC109 -- as Ref.cast
    ) -> bool:
        """Send a message without waiting for an answer; False if refused, or nobody came up.

        Waits at most `timeout` seconds for the actor to be up and to have room.
        """
        deadline = trio.current_time() + timeout
        try:
            await self._wake(deadline, timeout)
        except SupervisionError:
            return False
        left = max(0.0, deadline - trio.current_time())
        return await self._ref.cast(message, timeout=left)

    async def _wake(self, deadline: float, timeout: float) -> None:  # noqa: ASYNC109 -- to tell
        for _ in range(ATTEMPTS_MAX):
            if self._ref.is_alive():
                return

            left = deadline - trio.current_time()
            if left <= 0:
                raise WakeTimeout(self.name, timeout)
            try:
                await self._passivator.call(Wake(self._key), timeout=left)
            except CallTimeout:
                raise WakeTimeout(self.name, timeout) from None
            except ProcessDown as down:
                raise ProcessDown(self.name, f"asleep: {down}", in_hand=False) from down


@dataclass(frozen=True, slots=True)
class Wake:
    """The call to a passivator that is answered once the key's actor is up."""

    key: str


class Passivator(Actor):
    """Stops and starts the children of one dynamic supervisor; see `passivator`."""

    mailbox = Mailbox(capacity=10_000)

    def __init__(self, supervisor_path: str, passivate_after: float) -> None:
        self.supervisor_path = supervisor_path
        self.passivate_after = passivate_after
        self.slept = 0
        self.woken = 0
        self.failed = 0
        self._idle: dict[str, tuple[int, float]] = {}  # messages handled, and since when so many
        self._going_to_sleep: dict[str, trio.Event] = {}
        self._waking: dict[str, list[Caller]] = {}

    async def init(self, context: Context) -> None:  # noqa: ARG002 -- Actor's
        self._sweep_later()

    async def handle_call(self, message: Any, caller: Caller) -> Deferred:
        if isinstance(message, Wake):
            self._let_wait(message.key, caller)
        else:
            caller.fail(UnknownMessage(self.context.name, type(message).__name__))
        return DEFERRED

    async def handle_cast(self, message: Any) -> None:
        if message is _SWEEP:
            await self._sweep()
            self._sweep_later()
        else:
            what = f"a cast of type {type(message).__name__}"
            self.context.fault(EventKind.UNKNOWN_MESSAGE, what)

    def inspect(self) -> dict[str, object]:
        """Return the counts since its start, and how many are on their way down or up now."""
        return {
            "supervisor_path": self.supervisor_path,
            "passivate_after": self.passivate_after,
            "slept": self.slept,
            "woken": self.woken,
            "failed": self.failed,
            "idle": len(self._idle),
            "going_to_sleep": len(self._going_to_sleep),
            "waking": {key: len(waiting) for key, waiting in self._waking.items()},
        }

    # Waking

    def _let_wait(self, key: str, caller: Caller) -> None:
        waiting = self._waking.get(key)
        if waiting is None:
            if len(self._waking) >= WAKES_MAX:
                problem = f"{WAKES_MAX} others are being woken"
                caller.fail(ChildRefused(self._path(key), problem))
                return
            waiting = self._waking[key] = []
            self.start_soon(self._wake, key)
        if len(waiting) >= WAITING_PER_KEY_MAX:
            waiting[:] = [other for other in waiting if other.waits]
        if len(waiting) >= WAITING_PER_KEY_MAX:
            caller.fail(MailboxFull(self._path(key), WAITING_PER_KEY_MAX))
        else:
            waiting.append(caller)

    async def _wake(self, key: str) -> None:
        """Start one actor, once, and tell all who wait for it what came of it."""
        if key in self._going_to_sleep:
            await self._going_to_sleep[key].wait()

        failure = await self._start(key)
        if failure is None:
            self.woken += 1
        else:
            self.failed += 1
        for caller in self._waking.pop(key):
            if failure is None:
                caller.reply(None)
            elif caller.waits:
                caller.fail(failure())  # each its own: a raised error collects its raiser's frames

    async def _start(self, key: str) -> Callable[[], SupervisionError] | None:
        tree, path = self.context.tree, self._path(key)
        try:
            await tree.start_child(self.supervisor_path, key)
        except ChildRefused as refused:
            if _exists(tree, path):
                return None  # up, or down for a reason of its own: a call to it tells which
            return partial(ChildRefused, path, refused.problem)
        except NoChild:
            return partial(NoChild, path, f"there is no supervisor {self.supervisor_path}")
        except Exception as error:  # noqa: BLE001 -- also what the template raises; told to callers
            return partial(StartFailed, path, describe(error), error)
        return None

    # Going to sleep

    def _sweep_later(self) -> None:
        self.call_after(self.passivate_after / SWEEPS_PER_PERIOD, _SWEEP)

    async def _sweep(self) -> None:
        """Note who is idle; put to sleep who has been so, without a message, for long enough."""
        now = trio.current_time()
        idle: dict[str, tuple[int, float]] = {}
        sleepy: list[str] = []
        try:
            for number, (key, handled) in enumerate(
                self.context.tree.idle_children(self.supervisor_path), start=1
            ):
                before, since = self._idle.get(key, (-1, now))
                idle[key] = (handled, since if before == handled else now)
                if now - idle[key][1] >= self.passivate_after:
                    sleepy.append(key)
                if number % CHILDREN_PER_TURN_MAX == 0:
                    await trio.lowlevel.checkpoint()
        except NoChild:
            idle = {}  # the supervisor is down: nobody is idle

        self._idle = idle
        for key in sleepy[:SLEEPS_PER_SWEEP_MAX]:
            if key not in self._going_to_sleep:
                self._going_to_sleep[key] = trio.Event()
                self.start_soon(self._put_to_sleep, key)
        self.context.report(slept=self.slept, woken=self.woken, failed=self.failed)

    async def _put_to_sleep(self, key: str) -> None:
        reason = f"no mail for {self.passivate_after:g} s"
        try:
            if await self.context.tree.stop_child_if_idle(self._path(key), reason=reason):
                self.slept += 1
        except NoChild:
            pass  # it is gone already
        finally:
            self._going_to_sleep.pop(key).set()

    def _path(self, key: str) -> str:
        return f"{self.supervisor_path}/{key}"


_SWEEP = object()


def _passivator_of(supervisor_path: str) -> str:
    return f"passivator/{supervisor_path.partition('/')[2] or supervisor_path}"


def _exists(tree: "Tree", path: str) -> bool:
    try:
        tree.statistics(path)
    except NoChild:
        return False
    return True
