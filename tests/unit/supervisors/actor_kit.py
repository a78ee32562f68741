"""Actors that crash, sleep, defer and call each other as a message says."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, ClassVar

import pytest
import trio

from supervisors import (
    DEFERRED,
    Actor,
    Caller,
    ChildSpec,
    Context,
    Deferred,
    Envelope,
    MailboxStatistics,
    Ref,
    Timer,
    Tree,
)
from tests.unit.supervisors.supervision_kit import EXACT, CrashOnCommand


class Worker(Actor):
    """Does what a call says, waiting where it must: a function of the message and the caller."""

    def __init__(self) -> None:
        self.seen: list[object] = []
        self.kept: list[Caller] = []

    async def handle_call(  # noqa: PLR0911 -- a dictionary of messages
        self, message: Any, caller: Caller
    ) -> object | Deferred:
        self.seen.append(message)
        match message:
            case "crash":
                raise CrashOnCommand("in a call")
            case "fail":
                caller.fail(LookupError("no such thing"))
                return DEFERRED
            case "keep":
                self.kept.append(caller)
                return DEFERRED
            case "answer kept":
                return [kept.reply("kept") for kept in self.kept]
            case "twice":
                caller.reply("first")
                return "second"
            case "seen":
                return list(self.seen)
            case ("sleep", seconds):
                await trio.sleep(seconds)
                return f"slept {seconds}"
            case ("call", name, inner):
                return await self.context.ref(name).call(inner, timeout=60)
            case ("sub-task calls", name):
                self.start_soon(self.call_from_sub_task, name, caller)
                await trio.sleep(1)  # the sub-task calls while this handler is at work
                return DEFERRED
        return message

    async def call_from_sub_task(self, name: str, caller: Caller) -> None:
        caller.reply(await self.context.ref(name).call("from a sub-task", timeout=60))


class Diary(Actor):
    """Writes down what is cast to it, after doing what it says."""

    written: ClassVar[list[object]]  # a fresh one from the fixture of the same name

    def __init__(self, first_word: str = "") -> None:
        self.first_word = first_word
        self.timers: list[Timer] = []

    async def init(self, context: Context) -> None:
        self.write(f"init {context.incarnation}")

    async def handle_call(self, message: Any, caller: Caller) -> object:
        if message == "crash":
            raise CrashOnCommand("as told")
        return message

    async def handle_cast(self, message: Any) -> None:
        match message:
            case ("sleep", seconds):
                await trio.sleep(seconds)
            case ("later", seconds, inner):
                self.timers.append(self.call_after(seconds, inner))
            case "forget":
                self.timers[-1].cancel()
            case "sub-task":
                self.start_soon(self.sub_task)
            case "sub-task crashes":
                self.start_soon(self.crashing_sub_task)
            case "crash":
                raise CrashOnCommand("as told")
        self.write(message)

    async def terminate(self) -> None:
        self.write("terminate")

    async def sub_task(self) -> None:
        try:
            await trio.sleep_forever()
        finally:
            self.write("sub-task ended")

    async def crashing_sub_task(self) -> None:
        await trio.sleep(1)
        raise CrashOnCommand("in a sub-task")

    def write(self, what: object) -> None:
        self.written.append(what)


class Batcher(Actor):
    """Takes up to three messages at once, a second for each batch."""

    batch_max = 3

    def __init__(self, batches: list[list[object]]) -> None:
        self.batches = batches

    async def handle_batch(self, envelopes: Sequence[Envelope]) -> None:
        self.batches.append([envelope.message for envelope in envelopes])
        await trio.sleep(1)
        for envelope in envelopes:
            if envelope.message == "crash":
                raise CrashOnCommand("in a batch")
            if envelope.caller is not None and envelope.message != "silence":
                envelope.caller.reply(len(envelopes))


class Plain(Actor):
    """Answers a call in a plain `def`, which can run in the caller's own step."""

    def __init__(self) -> None:
        self.seen: list[object] = []
        self.kept: list[Caller] = []

    def handle_call(self, message: Any, caller: Caller) -> object:
        self.seen.append(message)
        match message:
            case "crash":
                raise CrashOnCommand("in a call")
            case "keep":
                self.kept.append(caller)
                return DEFERRED
            case "answer kept":
                return [kept.reply("kept") for kept in self.kept]
            case "twice":
                caller.reply("first")
                return "second"
            case "seen":
                return list(self.seen)
            case "task":
                return trio.lowlevel.current_task()
        return message

    async def handle_cast(self, message: Any) -> None:
        self.seen.append(message)
        match message:
            case ("sleep", seconds):
                await trio.sleep(seconds)
            case ("call", name, inner):
                await self.context.ref(name).call(inner, timeout=60)


class Mailed(Plain):
    """Handles the same messages the same way, in an `async def`, which is always mailed."""

    async def handle_call(self, message: Any, caller: Caller) -> object:
        return super().handle_call(message, caller)


def worker(id: str, **fields: Any) -> ChildSpec:  # noqa: A002 -- as in the spec
    return Worker.spec(**{"id": id, "backoff": EXACT, **fields})


def plain(id: str = "a", **fields: Any) -> ChildSpec:  # noqa: A002 -- as in the spec
    return Plain.spec(**{"id": id, "backoff": EXACT, **fields})


def diary(**fields: Any) -> ChildSpec:
    return Diary.spec(**{"id": "a", "backoff": EXACT, **fields})


def statistics(tree: Tree, path: str = "root/a") -> MailboxStatistics:
    """Return the counts of an actor's mailbox, which must add up whenever somebody looks."""
    counts = tree.statistics(path).mailbox
    assert counts is not None
    accounted = counts.handled + counts.refused + counts.expired + counts.dead_lettered
    assert counts.sent == accounted + counts.coalesced + counts.waiting
    return counts


async def failure_of(call: Callable[[], Awaitable[object]]) -> BaseException:
    with pytest.raises(Exception) as raised:  # noqa: PT011 -- returned to be looked at
        await call()
    return raised.value


def calling(ref: Ref, message: object, timeout: float = 60.0) -> Callable[[], Awaitable[Any]]:
    return lambda: ref.call(message, timeout=timeout)
