"""`run.py observe` at a real terminal, over the admin socket of a real tree."""

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
import trio

from actors.addresses import Addresses
from actors.admin.socket import admin_read_socket, admin_socket
from actors.platform import Platform
from supervisors import (
    Actor,
    Backoff,
    Caller,
    ChildSpec,
    Context,
    DynamicSpec,
    Strategy,
    SupervisorSpec,
    Tree,
    open_tree,
)
from tests.support.commands import environment, fluxiq
from tests.support.platform import ROOT
from tests.support.terminal_screen import TerminalScreen

COMMAND = (sys.executable, "run.py", "observe")
TEST_SECONDS_MAX = 60.0


class Till(Actor):
    """Answers what it is told; one that is suspended answers nobody."""

    def handle_call(self, message: Any, caller: Caller) -> object:
        return message


def sender(key: str) -> ChildSpec:
    """Crashes soon after every start: its budget is spent at once."""

    async def start(context: Context) -> None:
        context.ready()
        await trio.sleep(0.01)
        raise RuntimeError("the merchant's address is no address")

    return ChildSpec(id=key, start=start, backoff=Backoff(initial=0.0))


class House:
    """A data directory, and in it the sockets of a tree that may come and go."""

    def __init__(self, data: Path) -> None:
        self.data = data
        run = data / "run"
        run.mkdir(parents=True)
        self.platform = cast(
            "Platform",
            SimpleNamespace(
                admin_socket_path=run / "admin.sock", admin_read_socket_path=run / "admin-ro.sock"
            ),
        )
        addresses = Addresses(
            pid=os.getpid(), api="", simulator=None, admin_socket=str(run / "admin.sock")
        )
        (run / "platform.json").write_bytes(msgspec.json.encode(addresses))

    @asynccontextmanager
    async def tree(self) -> AsyncIterator[Tree]:
        senders = DynamicSpec(id="senders", template=sender, keys=["whk_1"], child_max_restarts=1)
        institutions = DynamicSpec(id="institutions", template=_institution, keys=["12345678"])
        children = [
            *(Till.spec(id="till"), senders, institutions),
            *(admin_socket(self.platform), admin_read_socket(self.platform)),
        ]
        spec = SupervisorSpec(id="root", strategy=Strategy.ONE_FOR_ONE, children=children)
        async with open_tree(spec, seed=1) as tree:
            yield tree

    @property
    def book(self) -> list[dict[str, Any]]:
        lines = (self.data / "run" / "admin_audit.jsonl").read_bytes().splitlines()
        return [msgspec.json.decode(line) for line in lines]


def _institution(key: str) -> SupervisorSpec:
    return SupervisorSpec(
        id=key, strategy=Strategy.REST_FOR_ONE, children=[Till.spec(id="ledger_writer")]
    )


@asynccontextmanager
async def at_the_terminal(
    folder: Path, *words: str, columns: int = 80, lines: int = 24, **environ: str
) -> AsyncIterator[tuple[TerminalScreen, House, Tree]]:
    """Somebody who has typed `run.py observe` beside a platform that is up."""
    house = House(folder / "data")
    with trio.fail_after(TEST_SECONDS_MAX), TerminalScreen.open(columns, lines) as screen:
        async with house.tree() as tree, trio.open_nursery() as nursery:
            nursery.start_soon(screen.watch)
            screen.start((*COMMAND, *words), ROOT, _environment(house, **environ))
            await screen.sees("connected", "till")
            yield screen, house, tree
            nursery.cancel_scope.cancel()


def _environment(house: House, **environ: str) -> dict[str, str]:
    own = {"TERM": "xterm", "LC_ALL": "C.UTF-8", "NO_COLOR": "", **environ}
    return environment(house.data, own)


def incarnation(tree: Tree, path: str) -> int:
    node = tree.snapshot().find(path)
    assert node is not None
    return node.incarnation


# Looking.


async def test_the_tree_the_table_and_the_help_are_seen(folder: Path) -> None:
    async with at_the_terminal(folder) as (screen, _, _tree):
        await screen.sees("root (one_for_one)", "├─ till", "│  └─ whk_1", "quarantined")
        assert "1 institution: 1 running" in screen.rows[1]
        assert screen.is_selected("root")

        await screen.press("\t")
        await screen.sees("▴PROCESS", "root/senders/whk_1")
        await screen.press(">")
        await screen.sees("▴STATE")
        assert "quarantined" in screen.rows[3]
        await screen.press("?")
        await screen.sees("let it out of quarantine")
        await screen.press("\x1b")
        await screen.sees("▴STATE")
        await screen.press("q")
        assert await screen.ended() == 0
        assert screen.is_given_back()


async def test_messages_per_second_are_what_the_actor_handles(folder: Path) -> None:
    async with at_the_terminal(folder) as (screen, _, tree):
        with trio.move_on_after(4):
            while True:
                await tree.ref("till").call("hello", timeout=1)
                await trio.sleep(0.02)
        rate = float(screen.row(" till").split()[-2])
        assert 20 <= rate <= 50
        await screen.sees("│ 0 msg/s")  # and stands still again, without any news


async def test_why_a_process_crashed_is_seen_in_its_detail(folder: Path) -> None:
    async with at_the_terminal(folder) as (screen, _, _tree):
        await screen.press("n")
        await screen.sees_selected("whk_1")
        await screen.press("\r")
        await screen.sees("Why", "RuntimeError: the merchant's address is no address", "because")
        await screen.press("G")
        await screen.sees("Spec", "restart=permanent")


# Acting.


async def test_an_actor_is_restarted_after_a_yes_and_with_a_reason(folder: Path) -> None:
    async with at_the_terminal(folder) as (screen, house, tree):
        await screen.press("j")
        await screen.sees_selected("till")
        await screen.press("R")
        await screen.sees("restart root/till (running)? y: yes")
        await screen.press("n")
        await screen.sees("nothing was done")
        assert incarnation(tree, "root/till") == 1

        await screen.press("R")
        await screen.sees("y: yes")
        await screen.press("y")
        await screen.sees("why?")
        await screen.press("it looks stuck\r")
        await screen.sees("restart root/till: done")
        assert incarnation(tree, "root/till") == 2
        await screen.press("\r")
        await screen.sees("incarnation 2", "it looks stuck")
        assert [(one["verb"], one["reason"]) for one in house.book] == [
            ("restart", "it looks stuck")
        ] * 2


async def test_an_actor_is_suspended_and_resumed(folder: Path) -> None:
    async with at_the_terminal(folder) as (screen, _, _tree):
        await screen.press("j")
        await screen.sees("S:suspend")
        await screen.press("Sy\r")
        await screen.sees("suspend root/till: done", "1 suspended")
        await screen.press("Uy\r")
        await screen.sees("resume root/till: done", without="1 suspended")


async def test_a_quarantined_sender_is_released(folder: Path) -> None:
    async with at_the_terminal(folder) as (screen, house, tree):
        await screen.press("n")
        await screen.sees("L:release")
        before = incarnation(tree, "root/senders/whk_1")
        await screen.press("Lyaddress corrected\r")
        await screen.sees("release root/senders/whk_1: done")
        assert incarnation(tree, "root/senders/whk_1") > before
        assert house.book[-1]["reason"] == "address corrected"


async def test_who_only_looks_has_no_deeds(folder: Path) -> None:
    async with at_the_terminal(folder, "--read-only") as (screen, house, _tree):
        await screen.sees("READ ONLY", without="R:restart")
        await screen.press("jRy\r")
        await screen.sees("this observer only looks")
        assert not (house.data / "run" / "admin_audit.jsonl").exists()


# The platform comes and goes.


async def test_a_platform_that_is_gone_leaves_its_last_picture_grey_and_comes_back(
    folder: Path,
) -> None:
    house = House(folder / "data")
    with trio.fail_after(TEST_SECONDS_MAX), TerminalScreen.open() as screen:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(screen.watch)
            async with house.tree():
                screen.start(COMMAND, ROOT, _environment(house))
                await screen.sees("connected", "till")
                assert screen.colour("till") == "default"
            await screen.sees("LOST for", "till")
            assert screen.colour("till") == "brightblack"
            await screen.press("jR")
            await screen.sees("no restart of till: the platform is lost")

            async with house.tree():
                await screen.sees("connected")
                assert screen.colour("till") == "default"
            nursery.cancel_scope.cancel()


# The terminal.


async def test_the_screen_follows_the_size_of_the_terminal(folder: Path) -> None:
    async with at_the_terminal(folder) as (screen, _, _tree):
        screen.resize(120, 40)
        await screen.sees("NOTES")
        await screen.sees_at(39, "?:help")
        screen.resize(60, 12)
        await screen.sees("PROCESS", without="NOTES")
        await screen.sees_at(11, "?:help")
        screen.resize(20, 5)
        await screen.sees("needs 60x10")


async def _ctrl_c(screen: TerminalScreen) -> None:
    await screen.press("\x03")


async def _terminate(screen: TerminalScreen) -> None:
    screen.send(signal.SIGTERM)


async def _hup(screen: TerminalScreen) -> None:
    screen.send(signal.SIGHUP)


@pytest.mark.parametrize(("end", "status"), [(_ctrl_c, 130), (_terminate, 143), (_hup, 129)])
async def test_a_signal_gives_the_terminal_back(folder: Path, end: Any, status: int) -> None:
    async with at_the_terminal(folder) as (screen, _, _tree):
        assert screen.modes() != screen.modes_before
        await end(screen)
        assert await screen.ended() == status
        await screen.sees("", without="Traceback")
        assert screen.is_given_back()


async def test_a_terminal_that_hangs_up_ends_the_observer(folder: Path) -> None:
    house = House(folder / "data")
    with trio.fail_after(TEST_SECONDS_MAX), TerminalScreen.open() as screen:
        async with house.tree():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(screen.watch)
                screen.start(COMMAND, ROOT, _environment(house))
                await screen.sees("connected")
                nursery.cancel_scope.cancel()
            screen.hang_up()
            # The kernel may tell it twice, and the second one ends it as it ends any process.
            assert await screen.ended() in (129, -signal.SIGHUP)


async def test_ctrl_z_does_not_leave_the_shell_with_the_screen(folder: Path) -> None:
    async with at_the_terminal(folder) as (screen, _, _tree):
        await screen.press("\x1a\x1c\x13j")  # also Ctrl-\ and Ctrl-S
        await screen.sees_selected("till")


async def test_a_bug_of_the_observer_gives_the_terminal_back_before_it_is_told(
    folder: Path,
) -> None:
    house = House(folder / "data")
    broken = (
        "import fluxiq.admin.observer.app as app\n"
        "app.draw = lambda *_: 1 / 0\n"
        "import sys; sys.argv = ['fluxiq', 'observe']\n"
        "from fluxiq.commands import main; main()\n"
    )
    with trio.fail_after(TEST_SECONDS_MAX), TerminalScreen.open() as screen:
        async with house.tree(), trio.open_nursery() as nursery:
            nursery.start_soon(screen.watch)
            screen.start((sys.executable, "-c", broken), ROOT, _environment(house))
            assert await screen.ended() == 1
            await screen.sees("ZeroDivisionError")
            assert screen.is_given_back()
            assert screen.raw.rfind(b"?1049l") < screen.raw.find(b"ZeroDivisionError")
            nursery.cancel_scope.cancel()


async def test_without_colours_and_without_utf_8_plain_ascii_is_drawn(folder: Path) -> None:
    async with at_the_terminal(folder, NO_COLOR="1", LC_ALL="C") as (screen, _, _tree):
        await screen.sees("|- till", "`- whk_1")
        assert bytes(screen.raw).isascii()
        assert b"\x1b[1;31m" not in screen.raw


async def test_a_terminal_that_cannot_be_drawn_on_is_told_what_to_use(folder: Path) -> None:
    house = House(folder / "data")
    with trio.fail_after(TEST_SECONDS_MAX), TerminalScreen.open() as screen:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(screen.watch)
            screen.start(COMMAND, ROOT, _environment(house, TERM="dumb"))
            assert await screen.ended() == 1
            await screen.sees("use `tree` or `watch`")
            assert b"?1049" not in screen.raw
            nursery.cancel_scope.cancel()


def test_without_a_terminal_it_says_so_in_one_line(folder: Path) -> None:
    done = fluxiq("observe", data_dir=folder / "data")

    assert (done.status, done.stdout) == (1, "")
    assert done.stderr == "fluxiq: observe needs a terminal; use `tree` or `watch` here\n"


def test_where_no_platform_has_run_it_says_so(folder: Path) -> None:
    (folder / "data").mkdir()
    with TerminalScreen.open() as screen:
        done = subprocess.run(
            COMMAND,
            cwd=ROOT,
            env={**environment(folder / "data"), "TERM": "xterm"},
            stdin=screen._slave,
            stdout=screen._slave,
            stderr=subprocess.PIPE,
            timeout=TEST_SECONDS_MAX,
            check=False,
        )

    assert done.returncode == 1
    assert done.stderr.startswith(b"fluxiq: no platform has run in")
