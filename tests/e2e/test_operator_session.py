"""The recorded session of an operator is what really happens: docs/operator-session.md is run.

A real fault (a privilege taken away), the real commands of the page in its order, its answers.
"""

import re
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import trio

from fluxiq.admin.client import ask_tree
from fluxiq.asyncio_host import open_asyncio_host
from fluxiq.couriers.sink import Sink
from tests.support.commands import Foreground, fluxiq
from tests.support.house import merchants_endpoint
from tests.support.merchants import Inside
from tests.support.platform import PlatformProcess

DOCUMENT = Path(__file__).parents[2] / "docs" / "operator-session.md"
ISPB = "12345678"
COMMAND = "$ python run.py "
LEFT_OUT = "…"
SECONDS_MAX = 30.0
AMOUNT = 12_50

# What is different every night. Everything else is to be the same to the letter.
VOLATILE = (
    (re.compile(r"\bwhk_\w+"), "whk"),
    (re.compile(r"127\.0\.0\.1:\d+"), "ADDRESS"),
    (re.compile(r"\b\d+(\.\d+)?[smhd]\b"), "TIME"),
    (re.compile(r"\b\d+\.\d+ s\b"), "TIME"),
    (re.compile(r"(\.pyx?):\d+"), r"\1:LINE"),
    (re.compile(r"watching \d+ processes"), "watching N processes"),
    (re.compile(r"admitted \d+"), "admitted N"),
)


@dataclass(frozen=True)
class Block:
    """One fenced block of the page, or an HTML comment (kind "then") that says what happens."""

    kind: str
    lines: list[str]

    def commands(self) -> Iterator[tuple[str, list[str]]]:
        """Each command of a console block and the answer that the page gives."""
        command, answer = "", []
        for line in self.lines:
            if line.startswith(COMMAND):
                if command:
                    yield command, answer
                command, answer = line.removeprefix(COMMAND), []
            else:
                answer.append(line)
        yield command, answer


def blocks() -> list[Block]:
    text = DOCUMENT.read_text(encoding="utf-8")
    found = re.finditer(r"^```(\w+)\n(.*?)^```$|^<!-- (.*?) -->$", text, re.MULTILINE | re.DOTALL)
    return [
        Block("then", [one[3]]) if one[3] else Block(one[1], one[2].splitlines()) for one in found
    ]


class Night:
    """A platform with one merchant's endpoint, somebody who watches it, and those of the page."""

    watching: Foreground

    def __init__(self, platform: PlatformProcess, sink: Sink) -> None:
        self.platform = platform
        self.sink = sink
        self.login = platform.logins[ISPB]
        hook = {"url": sink.url, "events": ["pix.*"]}
        made = _data(self._call("POST", "/webhooks", hook))
        sink.trust(made["secret"])
        self.sender: str = made["id"]
        until(lambda: self._node().get("state") == "running")

    def run(self, block: Block) -> None:
        getattr(self, f"_{block.kind}")(block)

    def _console(self, block: Block) -> None:
        for command, answer in block.commands():
            words = [re.sub(r"^whk_\w+$", self.sender, one) for one in shlex.split(command)]
            done = fluxiq(*words, data_dir=self.platform.data_dir)
            said = [*done.stdout.splitlines(), *done.complaints]
            assert_said(command, said, answer)

    def _sql(self, block: Block) -> None:
        inside = Inside(self.platform.data_dir)

        async def execute() -> None:
            async with (
                open_asyncio_host() as host,
                inside.servers.open_postgres(host, size=1, seconds_max=10) as postgres,
            ):
                await postgres.run(lambda connection: connection.execute("\n".join(block.lines)))

        trio.run(execute)
        if block.lines[0].startswith("REVOKE"):
            until(lambda: self._node().get("state") == "quarantined")

    def _then(self, block: Block) -> None:
        [what] = block.lines
        if what == "a customer pays":
            self._pay()
        else:
            count = int(what.removeprefix("until ").removesuffix(" delivered"))
            until(lambda: self._node()["facts"].get("delivered") == count)
            assert (self.sink.verified, self.sink.refused) == (count, 0)

    def _watch(self, block: Block) -> None:
        """It has been watching from before the first line."""
        assert block.lines == [f"{COMMAND}watch"]

    def _watched(self, block: Block) -> None:
        until(lambda: self.watching.output.count("running ") >= 2)
        self.watching.press_ctrl_c()
        self.watching.end()
        assert_said("watch", self.watching.output.splitlines(), [*block.lines, LEFT_OUT])

    def _audit(self, block: Block) -> None:
        book = self.platform.data_dir / "run" / "admin_audit.jsonl"
        records = [msgspec.json.decode(line) for line in book.read_bytes().splitlines()]
        said = [f"{one['verb']} {one['outcome']}: {one['reason']}" for one in records]
        assert_said("the book", said, block.lines)

    def _pay(self) -> None:
        """The money arrives, whatever the senders do."""
        before = self._balance()
        assert before is not None
        paid = httpx.post(
            f"{self.platform.addresses.simulator}/pay-key",
            json={"ispb": ISPB, "pix_key": self.login.pix_key, "amount": AMOUNT},
            trust_env=False,
        )
        assert paid.status_code == 200, paid.text
        until(lambda: self._balance() == before + AMOUNT)

    def _balance(self) -> int | None:
        """None where a busy machine asks to try again later."""
        answer = self._call("GET", f"/accounts/{self.login.account_id}/balance")
        if answer.status_code == 503:
            return None
        available: int = _data(answer)["available"]
        return available

    def _call(self, method: str, path: str, body: object = None) -> httpx.Response:
        return httpx.request(
            method,
            f"{self.platform.addresses.api}/api/v1{path}",
            headers={"Authorization": f"Bearer {self.login.api_key}"},
            json=body,
            trust_env=False,
        )

    def _node(self) -> dict[str, Any]:
        """The sender, as it is now. In this process: a command takes a second to start."""

        async def look() -> dict[str, Any]:
            socket = Path(self.platform.addresses.admin_socket)
            nodes = (await ask_tree(socket)).nodes
            return next((msgspec.to_builtins(one) for one in nodes if one.id == self.sender), {})

        return trio.run(look)


def _data(answer: httpx.Response) -> dict[str, Any]:
    assert answer.is_success, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


def until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS_MAX
    while not what():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.1)


def assert_said(command: str, said: list[str], expected: list[str]) -> None:
    """Line by line, but for what is different every night and for what the page leaves out."""
    lines, position = list(map(steady, said)), 0
    page = list(map(steady, expected))
    may_skip = False
    for line in page:
        if line == LEFT_OUT:
            may_skip = True
            continue
        matches = [one for one in range(position, len(lines)) if is_same(lines[one], line)]
        where = matches[0] if matches else -1
        assert matches, f"`{command}` did not say\n{line}\nbut\n" + "\n".join(lines[position:])
        assert may_skip or where == position, (
            f"`{command}` said {lines[position]!r} before {line!r}"
        )
        position, may_skip = where + 1, False
    assert may_skip or position == len(lines), f"`{command}` said more: {lines[position:]}"


def is_same(said: str, line: str) -> bool:
    """A line of the page may end in what it leaves out."""
    return said.startswith(line[:-1]) if line.endswith(LEFT_OUT) else said == line


def steady(line: str) -> str:
    for pattern, word in VOLATILE:
        line = pattern.sub(word, line)
    return line.rstrip()


def test_the_recorded_session_of_an_operator_is_what_really_happens(folder: Path) -> None:
    platform = PlatformProcess(folder / "data")
    try:
        platform.start()
        with merchants_endpoint() as sink:
            night = Night(platform, sink)
            watch = (sys.executable, "run.py", "watch")
            with Foreground(folder / "data", watch, ready="Ctrl-C ends it") as night.watching:
                for block in blocks():
                    night.run(block)
    finally:
        platform.close()


def test_the_page_shows_every_command_that_an_operator_needs() -> None:
    used = {
        command.split()[0]
        for block in blocks()
        if block.kind == "console"
        for command, _ in block.commands()
    }

    assert used >= {"tree", "why", "inspect", "explain", "suspend", "resume", "release"}
    assert used >= {"statistics"}
    assert {block.kind for block in blocks()} >= {"watch", "watched", "sql", "audit"}


@pytest.mark.parametrize(
    ("said", "page"),
    [
        (["a", "b"], ["a"]),
        (["a"], ["a", "b"]),
        (["a", "b"], ["b", "a"]),
        (["a", "b", "c"], ["a", "c"]),
        (["crashed #4 1.0s ago"], ["crashed #5 1.0s ago"]),
        (["a", "b"], ["…", "a"]),
    ],
)
def test_a_page_that_says_something_else_is_noticed(said: list[str], page: list[str]) -> None:
    with pytest.raises(AssertionError):
        assert_said("tree", said, page)


def test_what_is_different_every_night_and_what_is_left_out_is_no_difference() -> None:
    said = ["root running 3m", "x", "whk_1 at 127.0.0.1:1 — why", "spec: a, b", "end"]
    page = ["root running 1.5s", "…", "whk_2 at 127.0.0.1:2 — why", "spec: a, …", "…"]
    assert_said("tree", said, page)
