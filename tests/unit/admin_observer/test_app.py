"""The observer at a real pseudo-terminal, beside a platform that says what a test wants."""

import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from fluxiq.admin.observer import app as module
from fluxiq.admin.observer.app import observe
from fluxiq.admin.observer.terminal import Terminal, look_of
from fluxiq.admin.observer.text import Look
from fluxiq.admin.protocol import Fault, NodeView
from fluxiq.errors import StartRefused
from tests.support.patience import PATIENCE_SECONDS
from tests.support.terminal_screen import TerminalScreen
from tests.unit.admin_observer.observer_kit import (
    NASTY,
    FakePlatform,
    actor,
    bank,
    diff,
    event,
    inspection,
    node,
    supervisor,
)

Session = tuple[TerminalScreen, FakePlatform, "Ended"]


class Ended:
    """The exit status of an observer, once it has one."""

    def __init__(self) -> None:
        self.status: int | None = None
        self._event = trio.Event()

    async def run(self, observing: Callable[[], Awaitable[int]]) -> None:
        self.status = await observing()
        self._event.set()

    async def wait(self) -> int:
        await self._event.wait()
        assert self.status is not None
        return self.status


@asynccontextmanager
async def observing(
    path: Path, *nodes: NodeView, columns: int = 80, lines: int = 24, read_only: bool = False
) -> AsyncIterator[Session]:
    platform, ended = FakePlatform(*(nodes or bank())), Ended()
    with trio.fail_after(PATIENCE_SECONDS), TerminalScreen.open(columns, lines) as screen:

        async def observe_it() -> int:
            return await observe(
                lambda: path / "admin.sock",
                Look(),
                read_only=read_only,
                terminal_path=screen.path,
            )

        async with platform.serving(path / "admin.sock"), trio.open_nursery() as nursery:
            nursery.start_soon(screen.watch)
            nursery.start_soon(ended.run, observe_it)
            await screen.sees("connected", "root")
            yield screen, platform, ended
            nursery.cancel_scope.cancel()
        assert screen.is_given_back()


# Frames.


async def test_while_nothing_changes_nothing_is_sent(tmp_path: Path) -> None:
    # Days old: no age on screen changes within the test.
    nodes = [supervisor("root", since=9e5), node("root/a", since=9e5)]
    async with observing(tmp_path, *nodes) as (screen, _, _ended):
        await screen.sees("admission queue 0")
        await trio.sleep(0.2)
        before = len(screen.raw)
        await trio.sleep(2.5)

        assert len(screen.raw) == before


async def test_a_change_sends_the_rows_that_differ_and_no_other(tmp_path: Path) -> None:
    nodes = [supervisor("root", since=9e5), *(node(f"root/{n}", since=9e5) for n in range(15))]
    async with observing(tmp_path, *nodes) as (screen, platform, _ended):
        await screen.sees("admission queue 0")
        await trio.sleep(0.2)
        before = len(screen.raw)
        await platform.tell(diff(node("root/7", restarts=3, since=9e5)))
        await screen.sees("revision 2")
        rows = bytes(screen.raw[before:]).count(b"\x1b[K")

        assert rows == 2  # the status, and the process


async def test_a_flood_of_news_makes_at_most_ten_frames_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = 0

    def counted(*arguments: object) -> list[str]:
        nonlocal frames
        frames += 1
        return draw(*arguments)  # type: ignore[arg-type]

    draw = module.draw
    monkeypatch.setattr(module, "draw", counted)
    async with observing(tmp_path) as (screen, platform, _ended):
        begun, before = time.monotonic(), frames
        for revision in range(1, 150):
            change = node("root/http_api", restarts=revision)
            await platform.tell(diff(change, before=revision, after=revision + 1))
            await screen.press("j")
            await trio.sleep(0.01)
        await screen.sees("revision 150")
        seconds = time.monotonic() - begun

        assert frames - before <= seconds * 10 + 2
        assert frames - before >= 5


async def test_thousands_of_processes_are_drawn_in_a_moment(tmp_path: Path) -> None:
    keys = [f"root/institutions/{number:08}" for number in range(1000)]
    nodes = [supervisor("root"), supervisor("root/institutions", "dynamic")]
    for key in keys:
        nodes += [supervisor(key), *(actor(f"{key}/{one}", handled=5) for one in "abcd")]
    async with observing(tmp_path, *nodes) as (screen, platform, _ended):
        await screen.sees("1000 institutions: 1000 running", "5002 processes", "[+4]")
        await screen.press("Z\t")
        await screen.sees("▴PROCESS")
        begun = time.process_time()
        for revision in range(1, 21):
            changed = [actor(f"{key}/a", handled=5 + revision) for key in keys]
            await platform.tell(diff(*changed, before=revision, after=revision + 1))
            await trio.sleep(0.05)
        await screen.sees("revision 21")

        # For 20 diffs of 1,000 processes, sending, emulator and all: 2 s at twice the real pace.
        assert time.process_time() - begun < 4


async def test_nothing_that_a_platform_says_reaches_the_terminal_as_a_command(
    tmp_path: Path,
) -> None:
    nodes = [supervisor("root"), *(node(f"root/{n}{t}", reason=t) for n, t in enumerate(NASTY))]
    async with observing(tmp_path, *nodes, columns=120) as (screen, platform, _ended):
        said = event("crashed", NASTY[1], reason=NASTY[1], exception=list(NASTY))
        platform.answers["inspect"] = lambda _: inspection(events=[said], stack=list(NASTY))
        platform.answers["restart"] = lambda _: Fault(code="refused", message=NASTY[1])
        await screen.press("jj\r")
        await screen.sees("Last events")
        await screen.press("Ry\r")
        await screen.sees("restart root/1esc")

        assert b"owned\x07" not in screen.raw
        assert b"\x07" not in screen.raw
        assert "\x9b".encode() not in screen.raw
        assert "\u202e".encode() not in screen.raw


# Detail.


async def test_the_detail_is_asked_for_again_when_its_process_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ASK_SECONDS", 0.05)
    async with observing(tmp_path) as (screen, platform, _ended):
        await screen.press("G\r")
        await screen.sees("till.py:12 in receive")
        said = event("crashed", "root/http_api", reason="boom", exception=["RuntimeError: boom"])
        platform.answers["inspect"] = lambda _: inspection(events=[said])
        await platform.tell(diff(node("root/http_api", restarts=1)))
        await screen.sees("RuntimeError: boom")
        assert platform.asked.count(("inspect", {"name": "root/http_api"})) == 2


async def test_another_process_opened_while_one_is_asked_about_is_asked_about_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ASK_SECONDS", 0.3)
    async with observing(tmp_path) as (screen, platform, _ended):
        await screen.press("\r")
        await screen.sees("till.py:12 in receive")
        await screen.press("\x1b")
        await screen.sees("Enter:open")
        await screen.press("G\r")
        await screen.sees("root/http_api  Esc: back", "till.py:12 in receive")
        assert ("inspect", {"name": "root/http_api"}) in platform.asked


@pytest.mark.parametrize(
    "answer", [Fault(code="no_child", message="there is no such child"), {"node": 7}, []]
)
async def test_a_detail_that_is_not_answered_says_so(tmp_path: Path, answer: object) -> None:
    async with observing(tmp_path) as (screen, platform, _ended):
        platform.answers["inspect"] = lambda _: answer
        await screen.press("\r")
        await screen.sees("not answered: ")


# Deeds.


async def test_a_deed_is_sent_as_the_admin_socket_wants_it(tmp_path: Path) -> None:
    async with observing(tmp_path) as (screen, platform, _ended):
        platform.answers["restart"] = lambda arguments: {"path": arguments["name"]}
        await screen.press("GRyhangs\r")
        await screen.sees("restart root/http_api: done")

        told = {"name": "root/http_api", "reason": "hangs", "yes": True}
        assert ("restart", told) in platform.asked


async def test_a_deed_that_is_refused_says_why(tmp_path: Path) -> None:
    async with observing(tmp_path) as (screen, platform, _ended):
        platform.answers["stop"] = lambda _: Fault(code="refused", message="not during a drain")
        await screen.press("GXy\r")
        await screen.sees("stop root/http_api: not during a drain")


async def test_deeds_that_hang_keep_nobody_from_the_next_but_are_not_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "DEEDS_MAX", 2)
    async with observing(tmp_path) as (screen, platform, _ended):
        platform.answers["stop"] = lambda _: 60.0
        await screen.press("GXy\r")
        await screen.sees("stop root/http_api: asked ...")
        await screen.press("kXy\r")
        await screen.sees("whk_2: asked ...")
        await screen.press("kXy\r")
        await screen.sees("2 deeds are under way already")


# Ends.


async def test_q_ends_with_zero(tmp_path: Path) -> None:
    async with observing(tmp_path) as (screen, _, ended):
        await screen.press("q")
        assert await ended.wait() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
async def test_a_signal_ends_it_with_the_status_that_shells_know(
    tmp_path: Path, number: signal.Signals
) -> None:
    async with observing(tmp_path) as (_screen, _, ended):
        os.kill(os.getpid(), number)
        assert await ended.wait() == 128 + number


async def test_a_bug_ends_it_with_its_error_after_the_terminal_is_given_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> list[str]:
        raise ZeroDivisionError("a bug")

    with trio.fail_after(PATIENCE_SECONDS), TerminalScreen.open() as screen:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(screen.watch)
            monkeypatch.setattr(module, "draw", broken)
            with pytest.raises(ExceptionGroup, match="Exceptions from"):
                await observe(lambda: tmp_path, Look(), read_only=True, terminal_path=screen.path)
            await trio.sleep(0.05)
            assert screen.is_given_back()
            assert b"?1049l" in screen.raw
            nursery.cancel_scope.cancel()


async def test_a_new_size_is_drawn_and_coming_back_from_a_stop_draws_all(tmp_path: Path) -> None:
    async with observing(tmp_path) as (screen, _, _ended):
        screen.resize(130, 40)
        os.kill(os.getpid(), signal.SIGWINCH)
        await screen.sees("NOTES", "no such address")
        before = len(screen.raw)
        os.kill(os.getpid(), signal.SIGCONT)
        await screen.until(lambda: b"?1049h" in screen.raw[before:], "the screen taken again")


async def test_ctrl_l_draws_everything_again(tmp_path: Path) -> None:
    async with observing(tmp_path) as (screen, _, _ended):
        await trio.sleep(0.2)
        before = len(screen.raw)
        await screen.press("\x0c")
        await screen.until(
            lambda: bytes(screen.raw[before:]).count(b"\x1b[K") >= 24, "every row again"
        )
        assert b"\x1b[2J" in screen.raw[before:]


async def test_a_terminal_that_takes_nothing_does_not_keep_the_observer_from_ending(
    tmp_path: Path,
) -> None:
    """As over an ssh connection that is dead and does not know it yet."""
    nodes = [supervisor("root"), *(node(f"root/{n}") for n in range(200))]
    ended, platform = Ended(), FakePlatform(*nodes)
    with trio.fail_after(PATIENCE_SECONDS), TerminalScreen.open(200, 100) as screen:

        async def observe_it() -> int:
            return await observe(
                lambda: tmp_path / "admin.sock",
                Look(),
                read_only=True,
                terminal_path=screen.path,
            )

        async with platform.serving(tmp_path / "admin.sock"), trio.open_nursery() as nursery:
            nursery.start_soon(ended.run, observe_it)
            await trio.sleep(1.0)  # nobody reads: 100 lines of 200 columns do not fit
            os.kill(os.getpid(), signal.SIGTERM)
            assert await ended.wait() == 143
            assert screen.modes() == screen.modes_before
            nursery.cancel_scope.cancel()


# Terminals.


def test_what_is_no_terminal_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path, Path("/dev/null")):
        with (
            pytest.raises(StartRefused, match="observe needs a terminal"),
            Terminal.open(str(path)),
        ):
            pass


@pytest.mark.parametrize(
    ("environ", "look"),
    [
        ({"TERM": "xterm", "LANG": "pt_BR.UTF-8"}, Look()),
        ({"TERM": "xterm", "LANG": "pt_BR.utf8", "NO_COLOR": "1"}, Look(colours=False)),
        ({"TERM": "xterm", "LANG": "C.UTF-8", "NO_COLOR": ""}, Look()),
        ({"TERM": "screen", "LANG": "C.UTF-8", "LC_ALL": "C"}, Look(unicode=False)),
        ({"TERM": "linux", "LANG": "pt_BR.ISO-8859-1"}, Look(unicode=False)),
        ({"TERM": "vt100"}, Look(unicode=False, colours=False)),
    ],
)
def test_a_terminal_gets_what_it_can_show(environ: dict[str, str], look: Look) -> None:
    assert look_of(environ, ascii_only=False) == look
    assert not look_of(environ, ascii_only=True).unicode


@pytest.mark.parametrize("kind", ["dumb", "", "unknown"])
def test_a_terminal_that_cannot_be_drawn_on_is_refused(kind: str) -> None:
    with pytest.raises(StartRefused, match="use `tree` or `watch`"):
        look_of({"TERM": kind}, ascii_only=False)


async def test_a_terminal_is_asked_for_its_size_and_one_without_is_80_by_24() -> None:
    with TerminalScreen.open(100, 30) as screen, Terminal.open(screen.path) as terminal:
        assert terminal.size() == (100, 30)
        screen._set_size(0, 0)
        assert terminal.size() == (80, 24)
