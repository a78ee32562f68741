"""A state machine that writes everything down, and does what a script says."""

from collections.abc import Callable
from enum import Enum
from typing import Any

import trio

from supervisors import (
    Caller,
    MailboxStatistics,
    Tree,
)
from supervisors.state_machine import (
    Call,
    Cast,
    Enter,
    EventTimeout,
    Info,
    Internal,
    StateEvent,
    StateMachine,
    StateTimeout,
    Timeout,
)
from tests.unit.supervisors.supervision_kit import EXACT, Lab, settle


class State(Enum):
    A = 1
    B = 2
    C = 3


Script = dict[tuple[str, str], Callable[["Diary", StateEvent], object]]


class Diary(StateMachine):
    """Notes every event as "<state>: <event>", then does what the script says for it."""

    INITIAL = State.A
    TRANSITIONS = {  # noqa: RUF012 -- StateMachine declares it a ClassVar
        State.A: {State.A, State.B},
        State.B: {State.A, State.C},
        State.C: set[State](),
    }
    postponed_max = 3

    def __init__(self, script: Script, written: list[str]) -> None:
        self.script = script
        self.written = written
        self.held: list[Caller] = []

    def in_a(self, event: StateEvent) -> object:
        return self.act("a", event)

    def in_b(self, event: StateEvent) -> object:
        return self.act("b", event)

    async def in_c(self, event: StateEvent) -> None:
        await trio.sleep(1)
        self.act("c", event)

    def act(self, state: str, event: StateEvent) -> object:
        match event:
            case Enter(before):
                what = f"enter from {before.name.lower() if before else 'nowhere'}"
            case Timeout(name, content):
                what = f"timeout {name} {content}"
            case StateTimeout(content) | EventTimeout(content):
                kind = "state" if isinstance(event, StateTimeout) else "event"
                what = f"{kind} timeout {content}"
            case Call(message) | Cast(message) | Info(message) | Internal(message):
                what = str(message)
        self.written.append(f"{state}: {what}")
        return self.script.get((state, what), lambda _machine, _event: None)(self, event)


class Stage:
    """One Diary in a tree."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.written: list[str] = []

    def spec(self, script: Script) -> Any:
        return self.lab.supervisor(Diary.spec(script, self.written, id="a", backoff=EXACT))


def to(state: State) -> Callable[[Diary, StateEvent], object]:
    return lambda machine, _event: machine.advance(state)


def postpone(machine: Diary, _event: StateEvent) -> object:
    return machine.postpone()


async def send(tree: Tree, *messages: object) -> None:
    for message in messages:
        assert await tree.ref("a").cast(message)
    await settle()


def statistics(tree: Tree) -> MailboxStatistics:
    node = tree.snapshot().find("root/a")
    assert node is not None
    assert node.mailbox is not None
    counts = node.mailbox
    accounted = counts.handled + counts.refused + counts.expired + counts.dead_lettered
    assert counts.sent == accounted + counts.coalesced + counts.waiting
    return counts
