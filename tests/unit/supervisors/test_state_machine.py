"""gen_statem's documented behaviour: entering, postponing, replies, and what is refused."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import trio

from supervisors import (
    CallTimeout,
    EventKind,
    ProcessDown,
    Restart,
    Unanswered,
)
from supervisors.state_machine import (
    Call,
    IllegalAction,
    IllegalTransition,
    InvalidMachine,
    StateEvent,
    StateMachine,
    TooManyPostponed,
)
from tests.unit.supervisors.state_machine_kit import (
    Diary,
    Script,
    Stage,
    State,
    postpone,
    send,
    statistics,
    to,
)
from tests.unit.supervisors.supervision_kit import CrashOnCommand, Lab, settle, states


@pytest.fixture
def stage(lab: Lab) -> Stage:
    return Stage(lab)


async def test_initial_state_is_entered_before_the_machine_is_ready(stage: Stage) -> None:
    async with stage.lab.open(stage.spec({})):
        assert stage.written == ["a: enter from nowhere"]


async def test_entering_comes_after_the_handler_and_names_the_state_before(stage: Stage) -> None:
    def advance(machine: Diary, _event: StateEvent) -> None:
        machine.advance(State.B)
        machine.written.append(f"still in {machine.state.name}")

    async with stage.lab.open(stage.spec({("a", "go"): advance})) as tree:
        await send(tree, "go", "next")
    assert stage.written[1:] == ["a: go", "still in A", "b: enter from a", "b: next"]


async def test_state_that_may_follow_itself_is_left_and_entered_again(stage: Stage) -> None:
    script: Script = {("a", "again"): to(State.A), ("a", "later"): postpone}
    async with stage.lab.open(stage.spec(script)) as tree:
        await send(tree, "later", "again")
    assert stage.written[1:] == ["a: later", "a: again", "a: enter from a", "a: later"]


async def test_postponed_events_come_again_in_order_and_before_newer_mail(stage: Stage) -> None:
    script: Script = {("a", "1"): postpone, ("a", "2"): postpone, ("a", "go"): to(State.B)}
    async with stage.lab.open(stage.spec(script)) as tree:
        await send(tree, "1", "2", "go", "3")
        assert statistics(tree).handled == 4
    assert stage.written[1:] == [
        *("a: 1", "a: 2", "a: go"),
        *("b: enter from a", "b: 1", "b: 2", "b: 3"),
    ]


async def test_event_postponed_again_keeps_its_place(stage: Stage) -> None:
    script: Script = {
        **{(state, "1"): postpone for state in "ab"},
        ("a", "back"): postpone,
        ("a", "2"): postpone,
        ("a", "go"): to(State.B),
        ("b", "back"): to(State.C),
    }
    async with stage.lab.open(stage.spec(script)) as tree:
        await send(tree, "1", "back", "2", "go", "3")
        await settle(10)
    assert stage.written[4:] == [
        *("a: go", "b: enter from a", "b: 1", "b: back"),
        *("c: enter from b", "c: 1", "c: 2", "c: 3"),
    ]


async def test_event_may_be_postponed_by_the_handler_that_changes_the_state(stage: Stage) -> None:
    def both(machine: Diary, _event: StateEvent) -> None:
        machine.advance(State.B)
        machine.postpone()

    async with stage.lab.open(stage.spec({("a", "go"): both})) as tree:
        await send(tree, "go")
    assert stage.written[1:] == ["a: go", "b: enter from a", "b: go"]


async def test_postponed_events_wait_as_long_as_the_state_stays(stage: Stage) -> None:
    script: Script = {("a", "later"): postpone}
    async with stage.lab.open(stage.spec(script)) as tree:
        await send(tree, "later", "x", "y")
        counts = statistics(tree)
        assert (counts.handled, counts.waiting) == (2, 1)
    dead = stage.lab.told(EventKind.DEAD_LETTERS)
    assert [event.path for event in dead] == ["root/a"]
    assert stage.written[1:] == ["a: later", "a: x", "a: y"]


async def test_message_over_the_limit_of_postponed_ones_is_refused_and_counted(
    stage: Stage,
) -> None:
    script: Script = {("a", "later"): postpone}
    async with stage.lab.open(stage.spec(script)) as tree:
        await send(tree, *["later"] * Diary.postponed_max)
        with pytest.raises(TooManyPostponed, match="has postponed 3 messages already"):
            await tree.ref("a").call("later", timeout=1)
        await send(tree, "later")
        counts = statistics(tree)
        assert (counts.waiting, counts.dead_lettered, counts.handled) == (3, 2, 0)
        assert len(stage.lab.told(EventKind.DEAD_LETTERS)) == 2
        assert states(tree) == {"a": "running"}


async def test_postponed_call_that_expired_is_skipped_and_counted(stage: Stage) -> None:
    script: Script = {("a", "later"): postpone, ("a", "go"): to(State.B)}
    async with stage.lab.open(stage.spec(script)) as tree:
        with pytest.raises(CallTimeout):
            await tree.ref("a").call("later", timeout=5)
        await send(tree, "go")
        counts = statistics(tree)
        assert (counts.expired, counts.handled, counts.waiting) == (1, 1, 0)
    assert stage.written[1:] == ["a: later", "a: go", "b: enter from a"]


async def test_crash_tells_postponed_callers_that_the_machine_is_down(stage: Stage) -> None:
    def crash(_machine: Diary, _event: StateEvent) -> None:
        raise CrashOnCommand("as told")

    script: Script = {("a", "later"): postpone, ("a", "crash"): crash}
    async with stage.lab.open(stage.spec(script)) as tree, trio.open_nursery() as nursery:

        async def wait() -> None:
            with pytest.raises(ProcessDown, match="CrashOnCommand") as raised:
                await tree.ref("a").call("later", timeout=5)
            assert not raised.value.in_hand

        nursery.start_soon(wait)
        await settle()
        await send(tree, "crash")
        await settle(2)
        counts = statistics(tree)
        assert (counts.dead_lettered, counts.waiting) == (2, 0)
    assert stage.written[-1] == "a: enter from nowhere"  # a new incarnation, in its first state


async def test_internal_event_comes_before_mail_that_waits(stage: Stage) -> None:
    script: Script = {("a", "x"): lambda machine, _: machine.continue_with("inserted")}
    async with stage.lab.open(stage.spec(script)) as tree:
        await send(tree, "x", "y")
    assert stage.written[1:] == ["a: x", "a: inserted", "a: y"]


async def test_deferred_reply_may_come_from_a_later_state(stage: Stage) -> None:
    def hold(machine: Diary, event: StateEvent) -> None:
        assert isinstance(event, Call)
        event.caller.defer()
        machine.held.append(event.caller)

    def answer(machine: Diary, _event: StateEvent) -> None:
        machine.held.pop().reply("from b")

    script: Script = {
        ("a", "question"): hold,
        ("a", "go"): to(State.B),
        ("b", "answer"): answer,
    }
    async with stage.lab.open(stage.spec(script)) as tree, trio.open_nursery() as nursery:

        async def question() -> None:
            assert await tree.ref("a").call("question", timeout=10) == "from b"

        nursery.start_soon(question)
        await settle()
        await send(tree, "go", "answer")
        assert statistics(tree).handled == 3


async def test_handler_that_forgets_a_caller_fails_the_call(stage: Stage) -> None:
    async with stage.lab.open(stage.spec({})) as tree:
        with pytest.raises(Unanswered):
            await tree.ref("a").call("hello", timeout=1)
        assert states(tree) == {"a": "running"}


async def test_handler_that_forgets_a_postponed_caller_fails_the_call_too(stage: Stage) -> None:
    script: Script = {("a", "later"): postpone, ("a", "go"): to(State.B)}
    async with stage.lab.open(stage.spec(script)) as tree, trio.open_nursery() as nursery:

        async def call() -> None:
            with pytest.raises(Unanswered):
                await tree.ref("a").call("later", timeout=10)

        nursery.start_soon(call)
        await settle()
        await send(tree, "go")
        assert stage.lab.now() == 0
        assert statistics(tree).handled == 2


async def test_transition_outside_the_table_crashes_and_names_both_states(stage: Stage) -> None:
    async with stage.lab.open(stage.spec({("a", "jump"): to(State.C)})) as tree:
        with pytest.raises(ProcessDown, match="no transition from a to c"):
            await tree.ref("a").call("jump", timeout=1)
        await settle()
        [crash] = stage.lab.told(EventKind.CRASHED)
        assert isinstance(crash.exception, IllegalTransition)
        assert (crash.exception.before, crash.exception.after) == (State.A, State.C)


@pytest.mark.parametrize(
    ("key", "act", "problem"),
    [
        (("a", "x"), lambda m, _: [m.advance(State.B), m.advance(State.A)], "advance twice"),
        (("a", "x"), lambda m, e: e.caller.reply(1) and m.postpone(), "has its answer"),
        (("a", "x"), lambda _m, _e: State.B, "in_a returned a State; handlers return nothing"),
        (("b", "enter from a"), to(State.A), "advance while a state is being entered"),
        (("b", "enter from a"), postpone, "postpone of Enter: only messages"),
    ],
)
async def test_impossible_action_crashes_with_its_name(
    stage: Stage, key: tuple[str, str], act: Callable[[Any, Any], object], problem: str
) -> None:
    script: Script = {("a", "go"): to(State.B), key: act}
    async with stage.lab.open(stage.spec(script)) as tree:
        with suppress(ProcessDown):  # a caller may have its answer before
            await tree.ref("a").call("go" if key[0] == "b" else "x", timeout=1)
        await settle()
        [crash] = stage.lab.told(EventKind.CRASHED)
        assert isinstance(crash.exception, IllegalAction)
        assert problem in str(crash.exception)


# Definition of a class


def define(**changes: Any) -> None:
    handlers = {f"in_{name}": lambda _self, _event: None for name in "abc"}
    body = {**Diary.__dict__, **handlers, **changes}
    kept = {name: value for name, value in body.items() if value is not None}
    for name in ("__dict__", "__weakref__", "_handlers"):
        kept.pop(name, None)
    type("Machine", (StateMachine,), kept)


def rows(**changes: Any) -> dict[object, set[object]]:
    table: dict[str, set[object]] = {"A": {State.B}, "B": {State.C}, "C": set()}
    return {State[name]: row for name, row in {**table, **changes}.items() if row is not None}


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"INITIAL": None}, "INITIAL is None, which is no member of an Enum"),
        ({"INITIAL": "a"}, "INITIAL is 'a', which is no member of an Enum"),
        ({"TRANSITIONS": None}, "TRANSITIONS is None, which is no table"),
        ({"TRANSITIONS": rows(C=None)}, "has no row for c; a final state has an empty one"),
        ({"TRANSITIONS": rows(C={Restart.PERMANENT})}, "names .*PERMANENT.*, which is no State"),
        ({"TRANSITIONS": {**rows(), "d": set()}}, "names 'd', which is no State"),
        ({"TRANSITIONS": rows(B=set())}, "c cannot be reached from a"),
        ({"in_b": None}, "there is no handler in_b"),
        ({"in_d": print}, "the handler in_d is for no state of State"),
        ({"batch_max": 2}, "batch_max is 2, but events are handled one by one"),
        ({"postponed_max": -1}, "postponed_max is -1"),
    ],
)
def test_machine_that_does_not_fit_together_is_refused_at_its_definition(
    changes: dict[str, Any], problem: str
) -> None:
    with pytest.raises(InvalidMachine, match=problem) as refused:
        define(**changes)
    assert refused.value.machine == "Machine"


def test_machine_that_fits_together_is_accepted() -> None:
    define(TRANSITIONS=rows())
