"""Crash reports: JSON, whole, bounded, and without secrets."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import trio

from supervisors import (
    Actor,
    Caller,
    ChildSpec,
    Context,
    CrashReport,
    DynamicSpec,
    Event,
    EventKind,
    ProcessDown,
    Restart,
    Tree,
    crash_report,
    is_crash,
)
from supervisors.diagnostics import crash_report as room
from tests.unit.supervisors.supervision_kit import Lab

CPF = "123.456.789-09"


class Reporter:
    """Reports each crash from where it is told, as a platform would."""

    def __init__(self) -> None:
        self.reports: list[CrashReport] = []
        self.tree: Tree

    def attach(self, tree: Tree) -> None:
        self.tree = tree

    def note(self, event: Event) -> None:
        if is_crash(event):
            self.reports.append(crash_report(self.tree, event))

    @property
    def options(self) -> dict[str, Callable[..., None]]:
        return {"on_open": self.attach, "on_event": self.note}


@pytest.fixture
def reporter() -> Reporter:
    return Reporter()


class Teller(Actor):
    """Crashes at every message, by its plain words."""

    async def handle_call(self, message: Any, caller: Caller) -> None:
        raise RuntimeError(message)


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise KeyError("no words")


async def crash_in_call(tree: Tree, name: str, message: object) -> None:
    with pytest.raises(ProcessDown):
        await tree.ref(name).call(message, timeout=1)


async def crash_with(lab: Lab, reporter: Reporter, error: BaseException) -> CrashReport:
    """Let a worker crash with an error and return its report."""

    async def start(context: Context) -> None:
        context.ready()
        raise error

    child = ChildSpec(id="child", start=start, restart=Restart.TEMPORARY)
    async with lab.open(lab.supervisor(child), **reporter.options):
        await trio.testing.wait_all_tasks_blocked()
    [report] = reporter.reports
    return report


def raised(error: Exception) -> Exception:
    """Give an error a traceback, and what is set on it already."""
    with pytest.raises(type(error)):
        raise error
    return error


def made(outer: type[Exception], inner: type[Exception]) -> Exception:
    error = outer("outer")
    error.__cause__ = error.__context__ = raised(inner("inner"))
    return raised(error)


async def test_report_has_all_that_a_stranger_needs(lab: Lab, reporter: Reporter) -> None:
    branch = lab.supervisor(Teller.spec(id="teller"), id="branch")
    async with lab.open(lab.supervisor(branch), **reporter.options) as tree:
        await crash_in_call(tree, "branch/teller", "the first")
        await trio.sleep(5)
        async with trio.open_nursery() as nursery:
            for _ in range(2):
                nursery.start_soon(crash_in_call, tree, "branch/teller", "the second")
    first, second = reporter.reports

    assert (second.path, second.incarnation, second.kind) == ("root/branch/teller", 2, "crashed")
    assert second.headline == "RuntimeError: the second"
    assert second.fingerprint == first.fingerprint
    assert [one["path"] for one in second.ancestors] == ["root", "root/branch"]
    assert second.ancestors[1]["strategy"] == "one_for_one"
    assert second.spec["start"] == f"{__name__}.Teller"
    assert second.spec["restart"] == "permanent"
    assert second.mailbox is not None
    assert second.mailbox["head"] == ["str", "str"]  # in hand, and waiting behind it
    assert second.mailbox["dead_lettered"] == 3
    assert [event["kind"] for event in second.events if event["incarnation"] == 2][-1] == "crashed"
    kinds = [event["kind"] for event in second.events]
    assert kinds.count("crashed") == 2
    assert "restarting" in kinds
    exception = second.exception
    assert exception is not None
    assert exception["type"] == "RuntimeError"
    last: Any = exception["frames"]
    assert last[-1]["function"] == "Teller.handle_call"
    assert last[-1]["file"].endswith("test_crash_report.py")


async def test_report_tells_what_happened_to_the_supervisors_above(
    lab: Lab, reporter: Reporter
) -> None:
    inner = lab.supervisor(lab.worker("a", crash_after=1.0), id="inner", max_restarts=0)
    async with lab.open(lab.supervisor(inner), **reporter.options):
        await trio.sleep(3.5)
    told = [(report.path, report.incarnation) for report in reporter.reports]
    assert told[:3] == [("root/inner/a", 1), ("root/inner", 1), ("root/inner/a", 2)]

    events = reporter.reports[2].events
    assert ("gave_up", "root/inner") in [(one["kind"], one["path"]) for one in events]
    assert [one["id"] for one in events] == sorted(one["id"] for one in events)  # type: ignore[type-var]
    gave_up: Any = reporter.reports[1].exception
    assert gave_up["type"] == "supervisors.errors.BudgetSpent"
    assert gave_up["cause"]["type"].endswith("CrashOnCommand")


async def test_report_is_json(lab: Lab, reporter: Reporter) -> None:
    report = await crash_with(lab, reporter, made(KeyError, ValueError))
    again = json.loads(json.dumps(report._asdict(), allow_nan=False))
    assert again["exception"]["type"] == "KeyError"
    assert again["exception"]["cause"]["type"] == "ValueError"


async def test_group_nested_thrice_is_shown_as_a_tree_without_the_empty_shells(
    lab: Lab, reporter: Reporter
) -> None:
    inner = ExceptionGroup("inner", [ValueError(1), made(RuntimeError, OSError)])
    middle = ExceptionGroup("middle", [inner, KeyError("k")])
    shells = ExceptionGroup("shell", [ExceptionGroup("shell", [middle])])
    report = await crash_with(lab, reporter, shells)

    exception: Any = report.exception
    assert exception["message"] == "middle"
    first, second = exception["members"]
    assert first["message"] == "inner"
    assert [one["type"] for one in first["members"]] == ["ValueError", "RuntimeError"]
    assert first["members"][1]["cause"]["type"] == "OSError"
    assert second["type"] == "KeyError"
    assert report.headline == "2 errors, the first: ExceptionGroup: inner"


async def test_secrets_do_not_appear_anywhere(lab: Lab, reporter: Reporter) -> None:
    first = raised(ValueError(f"password=hunter2 of {CPF}"))
    error = RuntimeError(f"no payer {CPF} in postgres://fluxiq:hunter2@db/x")
    error.add_note(f"was about {CPF}")
    error.__cause__ = ExceptionGroup(f"group of {CPF}", [first, KeyError(CPF)])
    error.__context__ = raised(TypeError(CPF))
    error.__suppress_context__ = False
    report = await crash_with(lab, reporter, error)

    text = json.dumps(report._asdict())
    assert CPF not in text
    assert "hunter2" not in text
    assert "no payer ***" in report.headline


async def test_mask_of_the_platform_is_used_for_every_text(lab: Lab, reporter: Reporter) -> None:
    said: list[str] = []

    def mask(text: str) -> str:
        said.append(text)
        return "masked"

    def note(event: Event) -> None:
        if is_crash(event):
            reporter.reports.append(crash_report(reporter.tree, event, mask=mask))

    child = lab.worker("child", crash_after=1.0, restart=Restart.TEMPORARY)
    async with lab.open(lab.supervisor(child), on_open=reporter.attach, on_event=note):
        await trio.sleep(2)
    [report] = reporter.reports
    assert "child after 1 s" not in json.dumps(report._asdict())
    assert any("child after 1 s" in text for text in said)


async def test_error_that_cannot_say_its_message_is_reported_without_one(
    lab: Lab, reporter: Reporter
) -> None:
    report = await crash_with(lab, reporter, Unspeakable())
    assert report.headline.endswith("Unspeakable: (its __str__ raised KeyError)")


async def test_error_that_cannot_say_its_message_crashes_its_actor_alone(lab: Lab) -> None:
    """It once took the whole tree down: the reason of the exit is made of its message."""

    class Mute(Actor):
        def handle_call(self, message: Any, caller: Caller) -> None:
            raise Unspeakable

    async with lab.open(lab.supervisor(Mute.spec(id="mute"), lab.worker("other"))) as tree:
        with pytest.raises(ProcessDown, match="__str__ raised KeyError"):
            await tree.ref("mute").call("speak", timeout=1)
        await trio.sleep(2)
        assert [node.state for node in tree.snapshot().nodes] == ["running"] * 3


async def test_circle_of_causes_and_contexts_is_shown_once(lab: Lab, reporter: Reporter) -> None:
    error = made(KeyError, ValueError)
    assert error.__cause__ is not None
    error.__cause__.__context__ = error
    report = await crash_with(lab, reporter, error)
    exception: Any = report.exception
    assert exception["cause"]["context"] == {"type": "KeyError", "message": "(shown above)"}


async def test_report_of_endless_errors_is_bounded(lab: Lab, reporter: Reporter) -> None:
    def deep(left: int) -> None:
        if left == 0:
            raise ValueError("x" * 100_000)
        deep(left - 1)

    errors: list[Exception] = []
    for _ in range(200):
        try:
            deep(200)
        except ValueError as error:
            error.add_note("y" * 100_000)
            errors.append(error)
    report = await crash_with(lab, reporter, ExceptionGroup("many", errors))
    exception: Any = report.exception
    assert len(exception["members"]) == room.ERRORS_MAX
    assert len(exception["members"][0]["frames"]) == room.FRAMES_MAX + 1
    assert len(json.dumps(report._asdict())) < 400_000


async def test_child_that_is_forgotten_at_its_crash_is_reported_all_the_same(
    lab: Lab, reporter: Reporter
) -> None:
    def once(key: str) -> ChildSpec:
        return lab.worker(key, crash_after=1.0, restart=Restart.TEMPORARY)

    async with lab.open(DynamicSpec(id="root", template=once, keys=["a"]), **reporter.options) as t:
        await trio.sleep(2)
        assert len(t.snapshot().nodes) == 1
    [report] = reporter.reports
    assert report.spec["id"] == "a"
    assert report.events[-1]["kind"] == EventKind.CRASHED


async def test_crash_during_the_start_of_the_tree_is_reported(lab: Lab, reporter: Reporter) -> None:
    early, late = lab.worker("early", crash_after=1.0), lab.worker("late", init_seconds=3.0)
    async with lab.open(lab.supervisor(early, late), **reporter.options):
        pass
    assert reporter.reports[0].path == "root/early"


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(1)])
async def test_request_to_end_is_no_crash(lab: Lab, error: BaseException) -> None:
    async def start(context: Context) -> None:
        context.ready()
        raise error

    with pytest.raises(type(error)):
        async with lab.open(lab.supervisor(ChildSpec(id="child", start=start))):
            await trio.sleep(1)
    assert lab.told(EventKind.CRASHED)
    assert not any(is_crash(event) for event in lab.events)
