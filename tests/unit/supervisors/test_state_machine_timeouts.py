"""The timeouts of a state machine: of a state, between events, and by name."""

import pytest
import trio

from supervisors import (
    INFINITY,
)
from supervisors.state_machine import (
    StateEvent,
)
from tests.unit.supervisors.state_machine_kit import (
    Diary,
    Script,
    Stage,
    State,
    send,
    statistics,
    to,
)
from tests.unit.supervisors.supervision_kit import CrashOnCommand, Lab, settle


@pytest.fixture
def stage(lab: Lab) -> Stage:
    return Stage(lab)


async def test_state_timeout_comes_when_the_state_stayed(stage: Stage) -> None:
    script: Script = {
        ("a", "enter from nowhere"): lambda machine, _: machine.set_state_timeout(5, "late"),
    }
    async with stage.lab.open(stage.spec(script)) as tree:
        await send(tree, "x")
        await settle(4)
        assert stage.written[1:] == ["a: x"]
        await settle(1)
        assert stage.written[1:] == ["a: x", "a: state timeout late"]
        await settle(100)
        assert len(stage.written) == 3


async def test_state_timeout_does_not_outlive_its_state(stage: Stage) -> None:
    script: Script = {
        ("a", "enter from nowhere"): lambda machine, _: machine.set_state_timeout(5, "old"),
        ("a", "go"): to(State.B),
        ("b", "back"): to(State.A),
    }
    async with stage.lab.open(stage.spec(script)) as tree:
        await send(tree, "go", "back")
        await settle(100)
    assert not [line for line in stage.written if "timeout" in line]


async def test_state_timeout_set_with_a_change_belongs_to_the_state_entered(stage: Stage) -> None:
    def go(machine: Diary, _event: StateEvent) -> None:
        machine.set_state_timeout(5, "new")
        machine.advance(State.B)

    async with stage.lab.open(stage.spec({("a", "go"): go})) as tree:
        await send(tree, "go")
        await settle(5)
    assert stage.written[1:] == ["a: go", "b: enter from a", "b: state timeout new"]


async def test_timeout_under_way_when_its_state_ends_is_void(stage: Stage) -> None:
    async def slow(machine: Diary, _event: StateEvent) -> None:
        await trio.sleep(10)
        machine.advance(State.B)

    script: Script = {
        ("a", "enter from nowhere"): lambda machine, _: machine.set_state_timeout(5, "old"),
        ("a", "slow"): slow,
    }

    class Slow(Diary):
        async def in_a(self, event: StateEvent) -> None:
            waiting = self.act("a", event)
            if waiting is not None:
                await waiting  # type: ignore[misc]

    spec = stage.lab.supervisor(Slow.spec(script, stage.written, id="a"))
    async with stage.lab.open(spec) as tree:
        await send(tree, "slow")
        await settle(20)
        assert statistics(tree).waiting == 0
    assert stage.written[1:] == ["a: slow", "b: enter from a"]


async def test_infinity_cancels_a_timeout_and_a_new_time_replaces_the_old(stage: Stage) -> None:
    script: Script = {
        ("a", "set"): lambda machine, _: machine.set_state_timeout(5, "first"),
        ("a", "reset"): lambda machine, _: machine.set_state_timeout(7, "second"),
        ("a", "cancel"): lambda machine, _: machine.set_state_timeout(INFINITY),
    }
    async with stage.lab.open(stage.spec(script)) as tree:
        await send(tree, "set", "reset")
        await settle(6)
        assert stage.written[-1] == "a: reset"
        await settle(1)
        assert stage.written[-1] == "a: state timeout second"
        await send(tree, "set", "cancel")
        await settle(100)
    assert stage.written[-1] == "a: cancel"


async def test_event_timeout_comes_if_nothing_else_does(stage: Stage) -> None:
    script: Script = {("a", "x"): lambda machine, _: machine.set_event_timeout(5, "idle")}
    async with stage.lab.open(stage.spec(script)) as tree:
        await send(tree, "x")
        await settle(5)
    assert stage.written[1:] == ["a: x", "a: event timeout idle"]


async def test_any_event_cancels_the_event_timeout(stage: Stage) -> None:
    script: Script = {("a", "x"): lambda machine, _: machine.set_event_timeout(5, "idle")}
    async with stage.lab.open(stage.spec(script)) as tree:
        await send(tree, "x")
        await settle(4)
        await send(tree, "y")
        await settle(100)
    assert stage.written[1:] == ["a: x", "a: y"]


async def test_event_timeout_of_no_time_comes_only_if_no_mail_waits(stage: Stage) -> None:
    script: Script = {("a", "x"): lambda machine, _: machine.set_event_timeout(0, "idle")}
    async with stage.lab.open(stage.spec(script)) as tree:
        await send(tree, "x", "y")
        assert stage.written[1:] == ["a: x", "a: y"]
        await send(tree, "x")
    assert stage.written[3:] == ["a: x", "a: event timeout idle"]


async def test_mail_that_comes_at_the_moment_of_an_event_timeout_cancels_it(stage: Stage) -> None:
    script: Script = {("a", "x"): lambda machine, _: machine.set_event_timeout(5, "idle")}
    async with stage.lab.open(stage.spec(script)) as tree:
        await send(tree, "x")
        await trio.sleep(5)
        await send(tree, "y")
        await settle(100)
    assert stage.written[1:] == ["a: x", "a: y"]


async def test_named_timeouts_run_side_by_side_and_over_state_changes(stage: Stage) -> None:
    def set_two(machine: Diary, _event: StateEvent) -> None:
        machine.set_timeout("slow", 9, 1)
        machine.set_timeout("quick", 3, 2)

    def cancel(machine: Diary, _event: StateEvent) -> None:
        machine.set_timeout("slow", INFINITY)

    script: Script = {("a", "set"): set_two, ("a", "go"): to(State.B), ("b", "cancel"): cancel}
    async with stage.lab.open(stage.spec(script)) as tree:
        await send(tree, "set", "go")
        await settle(3)
        assert stage.written[-1] == "b: timeout quick 2"
        await settle(6)
        assert stage.written[-1] == "b: timeout slow 1"
        await settle(100)
    assert len(stage.written) == 6


async def test_timeouts_do_not_outlive_the_incarnation(stage: Stage) -> None:
    def crash(_machine: Diary, _event: StateEvent) -> None:
        raise CrashOnCommand("as told")

    script: Script = {
        ("a", "set"): lambda machine, _: machine.set_timeout("late", 5),
        ("a", "crash"): crash,
    }
    async with stage.lab.open(stage.spec(script)) as tree:
        await send(tree, "set", "crash")
        await settle(100)
    assert stage.written[1:] == ["a: set", "a: crash", "a: enter from nowhere"]
