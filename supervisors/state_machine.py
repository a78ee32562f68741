"""State machines: OTP's gen_statem, as an actor with one table of transitions.

A handler per state takes one event at a time; what it asks for counts from its end:

    class Door(StateMachine):
        INITIAL = State.CLOSED
        TRANSITIONS = {State.CLOSED: {State.OPEN}, State.OPEN: {State.CLOSED}}

        def in_closed(self, event: StateEvent) -> None:
            match event:
                case Call("push", caller):
                    caller.reply("it opens")
                    self.advance(State.OPEN)
                case _:
                    self.in_any_state(event)

        def in_open(self, event: StateEvent) -> None:
            match event:
                case Enter():
                    self.set_state_timeout(10.0)
                case StateTimeout():
                    self.advance(State.CLOSED)
                case _:
                    self.postpone()
"""

from collections.abc import Awaitable, Collection, Hashable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar, Final, TypeAlias

import trio

from supervisors.actor import DEFERRED, Actor, Deferred, Timer
from supervisors.caller import Caller
from supervisors.context import Context
from supervisors.errors import SupervisionError, Unanswered, UnknownMessage
from supervisors.events import EventKind
from supervisors.spec import INFINITY

_PREFIX = "in_"
_COMMON = "in_any_state"


class InvalidMachine(SupervisionError):
    """A state machine's class was refused when it was defined."""

    def __init__(self, machine: str, problem: str) -> None:
        super().__init__(f"state machine {machine}: {problem}")
        self.machine = machine
        self.problem = problem


class IllegalTransition(SupervisionError):
    """A handler wanted a transition that is not in the table: a bug, which ends the actor."""

    def __init__(self, path: str, before: Enum, after: Enum) -> None:
        super().__init__(f"{path}: no transition from {_label(before)} to {_label(after)}")
        self.path = path
        self.before = before
        self.after = after


class IllegalAction(SupervisionError):
    """A machine asked for something that is not possible at this moment: a bug, as above."""

    def __init__(self, path: str, action: str, problem: str) -> None:
        super().__init__(f"{path}: {action} {problem}")
        self.path = path
        self.action = action
        self.problem = problem


class TooManyPostponed(SupervisionError):
    """The machine would have postponed the call, but `limit` others are postponed already.

    Nothing was done for it: a retry is safe.
    """

    def __init__(self, name: str, limit: int) -> None:
        super().__init__(f"{name} has postponed {limit} messages already, and refuses this one")
        self.name = name
        self.limit = limit


# The events, for a handler's `match`.


@dataclass(frozen=True, slots=True)
class Call:
    """Somebody waits: answer with `caller.reply` or `caller.fail`, now or, deferred, later."""

    message: Any
    caller: Caller


@dataclass(frozen=True, slots=True)
class Cast:
    """A message that nobody waits for."""

    message: Any


@dataclass(frozen=True, slots=True)
class Info:
    """What a timer of `call_after` or a monitor sends."""

    message: Any


@dataclass(frozen=True, slots=True)
class Internal:
    """What `continue_with` put before all mail: gen_statem's inserted event."""

    message: Any


@dataclass(frozen=True, slots=True)
class Enter:
    """The state has just been entered, from `before`; None when the machine starts in it."""

    before: Enum | None


@dataclass(frozen=True, slots=True)
class StateTimeout:
    """The machine has been in this state for as long as `set_state_timeout` said."""

    content: Any


@dataclass(frozen=True, slots=True)
class EventTimeout:
    """No event came for as long as `set_event_timeout` said."""

    content: Any


@dataclass(frozen=True, slots=True)
class Timeout:
    """The timeout called `name` is due, whatever happened since it was set."""

    name: Hashable
    content: Any


StateEvent: TypeAlias = (
    Call | Cast | Info | Internal | Enter | StateTimeout | EventTimeout | Timeout
)

_MAIL = (Call, Cast, Info, Internal)
_STATE_TIMEOUT: Final = "state_timeout"
_EVENT_TIMEOUT: Final = "event_timeout"


class StateMachine(Actor):
    """Subclass it with INITIAL, TRANSITIONS and a handler `in_<state>(event)` for each state.

    TRANSITIONS gives for every member of one Enum the states that may follow; a state that may
    follow itself is left and entered again. Handlers may be `async def`; they return nothing.
    Raises InvalidMachine, when the class is defined, for a table or handlers that do not fit.
    """

    INITIAL: ClassVar[Enum]
    TRANSITIONS: ClassVar[Mapping[Enum, Collection[Enum]]]
    postponed_max: ClassVar[int] = 1000

    state: Enum

    _handlers: ClassVar[Mapping[Enum, str]] = {}
    _turn: "_Turn | None" = None
    _timeouts: "dict[Hashable, _Due] | None" = None  # by name; None until the machine is in a state

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for problem in _problems(cls):
            raise InvalidMachine(cls.__qualname__, problem)
        cls._handlers = {state: _handler_name(state) for state in type(cls.INITIAL)}

    async def init(self, context: Context) -> None:  # noqa: ARG002 -- Actor's
        """Enter the initial state. An `init` of your own awaits `super().init(context)` last."""
        self.state = self.INITIAL
        self._timeouts = {}
        self._arm(await self._run(Enter(None)))

    def in_any_state(self, event: StateEvent) -> None:
        """Take what a handler passes on because its state has no answer of its own.

        By default a call fails with UnknownMessage, a cast or info is reported, the rest ignored.
        """
        match event:
            case Call(message, caller):
                caller.fail(UnknownMessage(self.context.name, type(message).__name__))
            case Cast(message) | Info(message) | Internal(message):
                what = f"a message of type {type(message).__name__} in state {_label(self.state)}"
                self.context.fault(EventKind.UNKNOWN_MESSAGE, what)

    # What a handler may ask for

    def advance(self, state: Enum) -> None:
        """Change the state when this handler is over; then postponed events are tried again.

        The state timeout is cancelled, unless this handler sets one: that is the new state's.
        Raises IllegalTransition, and IllegalAction in Enter, or if asked for twice.
        """
        turn = self._at_work("advance")
        if state not in self.TRANSITIONS[self.state]:
            raise IllegalTransition(self.context.path, self.state, state)
        if isinstance(turn.event, Enter):
            raise IllegalAction(self.context.path, "advance", "while a state is being entered")
        if turn.next is not None:
            raise IllegalAction(self.context.path, "advance", "twice in one handler")
        turn.next = state

    def postpone(self) -> None:
        """Let this message wait, in its order and before newer mail, until the state changes.

        Beyond `postponed_max` it is dead-lettered, and a caller told TooManyPostponed.
        """
        turn = self._at_work("postpone")
        if not isinstance(turn.event, _MAIL):
            what = f"of {type(turn.event).__name__}: only messages can be postponed"
            raise IllegalAction(self.context.path, "postpone", what)
        turn.postpones = True

    def set_state_timeout(self, seconds: float, content: Any = None) -> None:
        """Get StateTimeout(content) then, if the state has not changed. INFINITY cancels."""
        self._set(_STATE_TIMEOUT, seconds, StateTimeout(content))

    def set_event_timeout(self, seconds: float, content: Any = None) -> None:
        """Get EventTimeout(content) then, if no other event came first. INFINITY cancels."""
        self._set(_EVENT_TIMEOUT, seconds, EventTimeout(content))

    def set_timeout(self, name: Hashable, seconds: float, content: Any = None) -> None:
        """Get Timeout(name, content) then, in whatever state. INFINITY cancels."""
        self._set((name,), seconds, Timeout(name, content))

    # For operators

    def inspect(self) -> dict[str, object]:
        """Return the data, the state, the seconds left of each timeout, and what is postponed."""
        now = trio.current_time()
        due = {
            key if isinstance(key, str) else str(one.event.name): round(one.timer.due - now, 3)
            for key, one in (self._timeouts or {}).items()
            if one.timer is not None
        }
        own = {"state": _label(self.state), "timeouts": due, "postponed": self.body.queue.postponed}
        return {**super().inspect(), **own}

    def _fields(self) -> Iterator[tuple[str, object]]:
        return ((name, value) for name, value in super()._fields() if not name.startswith("_"))

    # The actor underneath

    async def handle_call(self, message: Any, caller: Caller) -> Deferred:
        """Let the state's handler answer; one that forgets to fails the call with Unanswered."""
        caller.deferred = False  # it is set if this was postponed
        await self._take(Call(message, caller))
        if caller.waits and not caller.deferred:
            caller.fail(Unanswered(self.context.name))
        return DEFERRED

    async def handle_cast(self, message: Any) -> None:
        await self._take(Cast(message))

    async def handle_continue(self, message: Any) -> None:
        await self._take(Internal(message))

    async def handle_info(self, message: Any) -> None:
        if not isinstance(message, _Due):
            await self._take(Info(message))
            return

        timeouts = self._timeouts or {}
        if timeouts.get(message.key) is not message:
            return  # cancelled when its message was already under way
        if message.key == _EVENT_TIMEOUT and not self.body.queue.is_empty:
            # Timers overtake mail, but mail that waits was an event before it.
            self._start_timer(message.key, 0.0, message.event)
            return
        del timeouts[message.key]
        await self._take(message.event)

    async def _take(self, event: StateEvent) -> None:
        if self._timeouts is None:
            problem = "before the first state: an init of your own awaits super().init(context)"
            raise IllegalAction(self.context.path, f"a {type(event).__name__}", problem)

        self._cancel(_EVENT_TIMEOUT)
        turn = await self._run(event)
        if turn.postpones:
            self._set_aside(event)
        if turn.next is None:
            self._arm(turn)
            return

        before, self.state = self.state, turn.next
        self._cancel(_STATE_TIMEOUT)
        self._arm(turn)
        self.body.queue.retry_postponed()
        self._arm(await self._run(Enter(before)))

    async def _run(self, event: StateEvent) -> "_Turn":
        turn = self._turn = _Turn(event)
        handler = self._handlers[self.state]
        try:
            waiting = getattr(self, handler)(event)
            if isinstance(waiting, Awaitable):
                waiting = await waiting
            if waiting is not None:
                problem = f"returned a {type(waiting).__name__}; handlers return nothing"
                raise IllegalAction(self.context.path, handler, problem)
        finally:
            self._turn = None
        return turn

    def _set_aside(self, event: StateEvent) -> None:
        caller = event.caller if isinstance(event, Call) else None
        if caller is not None and caller.answered:
            raise IllegalAction(self.context.path, "postpone", "of a call that has its answer")

        kept = self.body.queue.postpone(self.postponed_max)
        if caller is not None and caller.waits:
            if kept:
                caller.defer()
            else:
                caller.fail(TooManyPostponed(self.context.name, self.postponed_max))

    # Timeouts

    def _set(self, key: Hashable, seconds: float, event: StateEvent) -> None:
        assert seconds >= 0, "a timeout is due now or later"
        self._at_work("set a timeout").timeouts[key] = (seconds, event)

    def _arm(self, turn: "_Turn") -> None:
        for key, (seconds, event) in turn.timeouts.items():
            self._cancel(key)
            if seconds != INFINITY:
                self._start_timer(key, seconds, event)

    def _start_timer(self, key: Hashable, seconds: float, event: StateEvent) -> None:
        assert self._timeouts is not None
        due = self._timeouts[key] = _Due(key, event)
        due.timer = self.call_after(seconds, due)

    def _cancel(self, key: Hashable) -> None:
        due = self._timeouts.pop(key, None) if self._timeouts else None
        if due is not None and due.timer is not None:
            due.timer.cancel()

    def _at_work(self, action: str) -> "_Turn":
        if self._turn is None:
            raise IllegalAction(self.context.path, action, "outside of a handler")
        return self._turn


class _Turn:
    """What the handler at work has asked for so far."""

    __slots__ = ("event", "next", "postpones", "timeouts")

    def __init__(self, event: StateEvent) -> None:
        self.event = event
        self.next: Enum | None = None
        self.postpones = False
        self.timeouts: dict[Hashable, tuple[float, StateEvent]] = {}


class _Due:
    """A timeout that is set; valid while it is the one of its key."""

    __slots__ = ("event", "key", "timer")

    def __init__(self, key: Hashable, event: Any) -> None:
        self.key = key
        self.event = event
        self.timer: Timer | None = None


def _label(state: Enum) -> str:
    return state.name.lower() if isinstance(state, Enum) else repr(state)


def _handler_name(state: Enum) -> str:
    return f"{_PREFIX}{state.name.lower()}"


# Whether a class fits together


def _problems(machine: type[StateMachine]) -> Iterator[str]:
    initial = getattr(machine, "INITIAL", None)
    table = getattr(machine, "TRANSITIONS", None)
    if not isinstance(initial, Enum):
        yield f"INITIAL is {initial!r}, which is no member of an Enum"
    elif not isinstance(table, Mapping):
        yield f"TRANSITIONS is {table!r}, which is no table of states and their followers"
    else:
        yield from _problems_of_table(initial, table)
        yield from _problems_of_handlers(machine, type(initial))
    if machine.batch_max != 1:
        yield f"batch_max is {machine.batch_max}, but events are handled one by one"
    if machine.postponed_max < 0:
        yield f"postponed_max is {machine.postponed_max}, but counts messages"


def _problems_of_table(initial: Enum, table: Mapping[Any, Collection[Any]]) -> Iterator[str]:
    states = type(initial)
    for state, followers in table.items():
        for named in (state, *followers):
            if not isinstance(named, states):
                yield f"TRANSITIONS names {named!r}, which is no {states.__name__}"
    for state in states:
        if state not in table:
            yield f"TRANSITIONS has no row for {_label(state)}; a final state has an empty one"

    reached: set[Enum] = set()
    todo = [initial]
    while todo:
        state = todo.pop()
        if state not in reached:
            reached.add(state)
            todo.extend(table.get(state, ()))
    for state in states:
        if state not in reached:
            yield f"{_label(state)} cannot be reached from {_label(initial)}"


def _problems_of_handlers(machine: type[StateMachine], states: type[Enum]) -> Iterator[str]:
    wanted = {_handler_name(state) for state in states}
    found = {name for name in dir(machine) if name.startswith(_PREFIX) and name != _COMMON}
    for name in sorted(wanted - found):
        yield f"there is no handler {name}"
    for name in sorted(found - wanted):
        yield f"the handler {name} is for no state of {states.__name__}"
    if _COMMON in wanted:
        yield f"a state cannot be called {_COMMON.removeprefix(_PREFIX)}"
