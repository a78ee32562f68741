"""State machines by the example of a circuit breaker."""

from enum import Enum

import pytest
import trio

from supervisors import (
    ChildSpec,
    Context,
    EventKind,
    ProcessDown,
    Tree,
    UnknownMessage,
)
from supervisors.state_machine import (
    Call,
    Cast,
    Enter,
    StateEvent,
    StateMachine,
    StateTimeout,
)
from tests.unit.supervisors.state_machine_kit import (
    send,
    statistics,
)
from tests.unit.supervisors.supervision_kit import EXACT, Lab, settle

FAILURES_MAX = 3
SUSPICION_SECONDS = 10.0
OPEN_SECONDS = 30.0
PROBE_SECONDS = 5.0


class Circuit(Enum):
    CLOSED = 1
    SUSPECT = 2
    OPEN = 3
    HALF_OPEN = 4
    RECOVERING = 5
    FORCED = 6


class Refused(Exception):
    pass


class Breaker(StateMachine):
    """Keeps callers from a service that fails; lets one of them probe it now and then."""

    INITIAL = Circuit.CLOSED
    TRANSITIONS = {  # noqa: RUF012 -- StateMachine declares it a ClassVar
        Circuit.CLOSED: {Circuit.SUSPECT, Circuit.FORCED},
        Circuit.SUSPECT: {Circuit.CLOSED, Circuit.OPEN, Circuit.FORCED},
        Circuit.OPEN: {Circuit.HALF_OPEN, Circuit.FORCED},
        Circuit.HALF_OPEN: {Circuit.RECOVERING, Circuit.OPEN, Circuit.FORCED},
        Circuit.RECOVERING: {Circuit.CLOSED, Circuit.OPEN, Circuit.FORCED},
        Circuit.FORCED: {Circuit.HALF_OPEN},
    }

    def __init__(self, entered: list[str]) -> None:
        self.entered = entered
        self.failures = 0
        self.probing = False

    def in_closed(self, event: StateEvent) -> None:
        match event:
            case Enter():
                self.failures = 0
            case Call("ask", caller):
                caller.reply("go")
            case Cast("failed"):
                self.failures = 1
                self.advance(Circuit.SUSPECT)
            case _:
                self.in_any_state(event)

    def in_suspect(self, event: StateEvent) -> None:
        match event:
            case Enter():
                self.set_state_timeout(SUSPICION_SECONDS)
            case Call("ask", caller):
                caller.reply("go")
            case Cast("failed"):
                self.failures += 1
                if self.failures >= FAILURES_MAX:
                    self.advance(Circuit.OPEN)
            case StateTimeout():
                self.advance(Circuit.CLOSED)
            case _:
                self.in_any_state(event)

    def in_open(self, event: StateEvent) -> None:
        match event:
            case Enter():
                self.set_state_timeout(OPEN_SECONDS)
            case Call("ask", caller):
                caller.fail(Refused("the circuit is open"))
            case StateTimeout():
                self.advance(Circuit.HALF_OPEN)
            case _:
                self.in_any_state(event)

    def in_half_open(self, event: StateEvent) -> None:
        match event:
            case Enter():
                self.probing = False
            case Call("ask", caller) if not self.probing:
                self.probing = True
                self.set_state_timeout(PROBE_SECONDS)
                caller.reply("probe")
            case Call("ask"):
                self.postpone()
            case Cast("succeeded"):
                self.advance(Circuit.RECOVERING)
            case Cast("failed") | StateTimeout():
                self.advance(Circuit.OPEN)
            case _:
                self.in_any_state(event)

    def in_recovering(self, event: StateEvent) -> None:
        match event:
            case Call("ask", caller):
                caller.reply("go gently")
            case Cast("succeeded"):
                self.advance(Circuit.CLOSED)
            case Cast("failed"):
                self.advance(Circuit.OPEN)
            case _:
                self.in_any_state(event)

    def in_forced(self, event: StateEvent) -> None:
        match event:
            case Call("ask", caller):
                caller.fail(Refused("closed by an operator"))
            case Cast("release"):
                self.advance(Circuit.HALF_OPEN)
            case Cast("failed" | "succeeded"):
                pass
            case _:
                self.in_any_state(event)

    def in_any_state(self, event: StateEvent) -> None:
        match event:
            case Enter(before):
                self.entered.append(f"{before} -> {self.state}")
            case Cast("force"):
                self.advance(Circuit.FORCED)
            case Cast("succeeded"):
                pass
            case _:
                super().in_any_state(event)


async def fail_often(tree: Tree) -> None:
    for _ in range(FAILURES_MAX):
        assert await tree.ref("a").cast("failed")
    await settle()


def breaker() -> ChildSpec:
    return Breaker.spec([], id="a", backoff=EXACT)


async def ask(tree: Tree) -> object:
    return await tree.ref("a").call("ask", timeout=100)


async def test_breaker_opens_probes_and_recovers(lab: Lab) -> None:
    async with lab.open(lab.supervisor(breaker())) as tree:
        assert await ask(tree) == "go"
        await fail_often(tree)
        with pytest.raises(Refused, match="the circuit is open"):
            await ask(tree)
        await settle(OPEN_SECONDS)
        assert await ask(tree) == "probe"
        await tree.ref("a").cast("succeeded")
        assert await ask(tree) == "go gently"
        await tree.ref("a").cast("succeeded")
        assert await ask(tree) == "go"
        assert statistics(tree).handled == 5 + FAILURES_MAX + 2 + 1  # and one timeout


async def test_postponed_calls_wait_for_the_probe_and_are_then_answered(lab: Lab) -> None:
    answers: list[object] = []

    async def asker() -> None:
        answers.append(await ask(tree))

    async with lab.open(lab.supervisor(breaker())) as tree:
        await fail_often(tree)
        await settle(OPEN_SECONDS)
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(asker)
            await settle()
            assert answers == ["probe"]
            assert statistics(tree).waiting == 2
            await tree.ref("a").cast("succeeded")
        assert answers == ["probe", "go gently", "go gently"]
        assert statistics(tree).waiting == 0


async def test_forced_breaker_stays_so_until_released(lab: Lab) -> None:
    async with lab.open(lab.supervisor(breaker())) as tree:
        await tree.ref("a").cast("force")
        await settle(1000)
        with pytest.raises(Refused, match="by an operator"):
            await ask(tree)
        await tree.ref("a").cast("release")
        assert await ask(tree) == "probe"


async def test_state_without_an_answer_refuses_calls_and_reports_casts(lab: Lab) -> None:
    async with lab.open(lab.supervisor(breaker())) as tree:
        with pytest.raises(UnknownMessage, match="messages of type float"):
            await tree.ref("a").call(1.5, timeout=1)
        await send(tree, 2)
        [event] = lab.told(EventKind.UNKNOWN_MESSAGE)
        assert event.reason == "a message of type int in state closed"


async def test_init_that_enters_no_state_is_named_at_the_first_event(lab: Lab) -> None:
    class Forgetful(Breaker):
        async def init(self, context: Context) -> None:
            self.failures = 1

    async with lab.open(lab.supervisor(Forgetful.spec([], id="a", backoff=EXACT))) as tree:
        with pytest.raises(ProcessDown, match=r"awaits super\(\).init\(context\)"):
            await ask(tree)


async def test_inspect_shows_state_data_timeouts_and_what_is_postponed(lab: Lab) -> None:
    seen: list[dict[str, object]] = []

    class Seen(Breaker):
        def in_any_state(self, event: StateEvent) -> None:
            if event == Cast("look"):
                seen.append(self.inspect())

    async with lab.open(lab.supervisor(Seen.spec(["hello"], id="a"))) as tree:
        await send(tree, "failed")
        await settle(4)
        await send(tree, "look")
    assert seen == [
        {
            "state": "suspect",
            "timeouts": {"state_timeout": SUSPICION_SECONDS - 4},
            "postponed": 0,
            "entered": ["hello"],
            "failures": 1,
            "probing": False,
        }
    ]
