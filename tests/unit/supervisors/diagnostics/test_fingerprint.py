"""Fingerprints: the same bug has the same one, another place has another."""

from collections.abc import Callable
from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from supervisors import (
    Actor,
    Caller,
    ChildSpec,
    DynamicSpec,
    ProcessDown,
    StartFailed,
    fingerprint_of,
    is_crash,
)
from supervisors.diagnostics.fingerprint import fingerprint
from tests.unit.supervisors.supervision_kit import Lab

VALUES = st.one_of(st.integers(), st.text(), st.binary(), st.none())

MODULE = """
def helper():
    return 1

def broken(value):
    total = helper()
    raise ValueError(f"{value} of {total}")
"""


def raised(function: Callable[..., Any], *args: Any) -> BaseException:
    with pytest.raises(BaseException) as caught:  # noqa: PT011 -- whatever it raises
        function(*args)
    return caught.value


def run(code: str, name: str = "till") -> Callable[[Any], None]:
    """Make a module of a text and return its `broken`."""
    names: dict[str, Any] = {"__name__": name}
    exec(compile(code, f"{name}.py", "exec"), names)
    broken: Callable[[Any], None] = names["broken"]
    return broken


def fail(value: object) -> None:
    raise ValueError(value)


def fail_twice(value: object, *, first: bool) -> None:
    if first:
        raise ValueError(value)
    raise ValueError(value)


def fail_deep(depth: int) -> None:
    if depth == 0:
        raise ValueError(depth)
    fail_deep(depth - 1)


def fail_because(cause: Callable[[object], None]) -> None:
    try:
        cause(1)
    except Exception as error:
        raise RuntimeError("as a consequence") from error


def fail_while_handling(other: Callable[[object], None]) -> None:
    try:
        other(1)
    except Exception:  # noqa: BLE001 -- whatever it is
        raise RuntimeError("by itself") from None


@given(VALUES, VALUES)
def test_values_change_nothing(one: object, other: object) -> None:
    assert fingerprint(raised(fail, one)) == fingerprint(raised(fail, other))


@given(st.integers(0, 50), st.integers(0, 50))
def test_depth_of_a_recursion_changes_nothing(one: int, other: int) -> None:
    assert fingerprint(raised(fail_deep, one + 1)) == fingerprint(raised(fail_deep, other + 1))


@given(st.integers(0, 40), st.sampled_from(["", "import os", "# why", "def other():\n    pass"]))
def test_edit_elsewhere_in_the_file_changes_nothing(lines: int, text: str) -> None:
    moved = f"{text}\n" + "\n" * lines + MODULE.replace("return 1", "one = 1\n    return one")
    assert fingerprint(raised(run(moved), 1)) == fingerprint(raised(run(MODULE), 1))


def test_other_line_of_the_same_function_is_another_bug() -> None:
    first = raised(lambda: fail_twice(1, first=True))
    second = raised(lambda: fail_twice(1, first=False))
    assert first.args == second.args
    assert fingerprint(first) != fingerprint(second)


def test_other_type_module_or_function_is_another_bug() -> None:
    prints = {
        fingerprint(raised(run(MODULE), 1)),
        fingerprint(raised(run(MODULE, name="vault"), 1)),
        fingerprint(raised(run(MODULE.replace("ValueError", "TypeError")), 1)),
        fingerprint(raised(run(MODULE.replace("helper", "other_helper")), 1)),
        fingerprint(raised(fail, 1)),
    }
    assert len(prints) == 4  # the name of what was called is not in the stack of the error


@given(st.lists(st.integers(0, 4), max_size=6))
def test_groups_around_a_single_error_change_nothing(nesting: list[int]) -> None:
    error: BaseException = raised(fail, 1)
    alone = fingerprint(error)
    for number in nesting:
        error = BaseExceptionGroup(f"nursery {number}", [error])
        error.__cause__ = OSError("of the shell, and not of the bug")
    assert fingerprint(error) == alone


@given(st.permutations(range(4)), st.integers(1, 3))
def test_order_and_nesting_of_the_members_of_a_group_change_nothing(
    order: list[int], cut: int
) -> None:
    leaves = [raised(fail, 1), raised(fail_deep, 1), raised(run(MODULE), 1), raised(fail, 2)]
    flat = BaseExceptionGroup("all", leaves)
    shuffled = [leaves[number] for number in order]
    nested = BaseExceptionGroup(
        "some", [BaseExceptionGroup("inner", shuffled[:cut]), *shuffled[cut:]]
    )
    assert fingerprint(nested) == fingerprint(flat)


def test_same_bug_in_several_tasks_at_once_is_that_bug() -> None:
    one, other = raised(fail, 1), raised(fail, 2)
    assert fingerprint(BaseExceptionGroup("both", [one, other])) == fingerprint(one)


def test_several_bugs_at_once_are_none_of_them() -> None:
    one, other = raised(fail, 1), raised(fail_deep, 1)
    both = fingerprint(BaseExceptionGroup("both", [one, other]))
    assert both not in {fingerprint(one), fingerprint(other)}


def test_other_cause_is_another_bug_but_not_what_was_being_handled() -> None:
    assert fingerprint(raised(fail_because, fail)) != fingerprint(raised(fail_because, fail_cause))
    handling = {fingerprint(raised(fail_while_handling, one)) for one in (fail, fail_cause)}
    assert len(handling) == 1


def fail_cause(_value: object) -> None:
    raise KeyError("cause")


def test_circle_of_causes_ends() -> None:
    error = raised(fail_because, fail)
    assert error.__cause__ is not None
    error.__cause__.__cause__ = error
    assert len(fingerprint(error)) == 16


def test_shared_cause_does_not_depend_on_who_is_first() -> None:
    cause = raised(fail, 1)
    one, other = raised(fail_deep, 1), raised(run(MODULE), 1)
    one.__cause__ = other.__cause__ = cause
    groups = (BaseExceptionGroup("g", [one, other]), BaseExceptionGroup("g", [other, one]))
    assert fingerprint(groups[0]) == fingerprint(groups[1])


class Fragile(Actor):
    def handle_call(self, message: Any, caller: Caller) -> None:
        fail(message)


async def test_call_in_the_callers_step_and_one_from_the_mailbox_crash_alike(lab: Lab) -> None:
    async with lab.open(lab.supervisor(Fragile.spec(id="fragile"))) as tree:

        async def call(message: object) -> None:
            with pytest.raises(ProcessDown):
                await tree.ref("fragile").call(message, timeout=1)

        await call("inline")
        await trio.sleep(10)
        tree.suspend("root/fragile")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(call, "mailed")
            await trio.testing.wait_all_tasks_blocked()
            tree.resume("root/fragile")
        await trio.sleep(10)

    first, second = filter(is_crash, lab.events)
    assert fingerprint_of(first) == fingerprint_of(second)


async def test_crash_without_an_exception_has_the_fingerprint_of_its_place(lab: Lab) -> None:
    def late(key: str) -> ChildSpec:
        return lab.worker(key, init_seconds=5, start_timeout=1)

    async with lab.open(DynamicSpec(id="root", template=late)) as tree:
        for key in ("a", "b", "a"):
            with pytest.raises(StartFailed):
                await tree.start_child("root", key)

    crashes = [event for event in lab.events if is_crash(event)]
    assert [event.exception for event in crashes] == [None, None, None]
    first, other, again = map(fingerprint_of, crashes)
    assert first == again
    assert first != other
