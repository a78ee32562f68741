"""docs/integrate.md, as a merchant's engineer types it: every block in its order, every answer.

`sh` goes to one shell, `python` to one interpreter, `python NAME` into a file; a `json` or `text`
block is what the one before it printed, with `…` for what differs each time. Only ports are
changed: those of the page may be in use.
"""

import json
import os
import re
import shutil
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import environment
from tests.support.platform import ROOT, PlatformProcess
from tests.support.sessions import Python, Shell

PAGE = (ROOT / "docs" / "integrate.md").read_text(encoding="utf-8")
ISPB = "12345678"
LEFT_OUT = "…"

pytestmark = [
    pytest.mark.embedded,
    pytest.mark.skipif(
        not (ROOT / ".venv" / "bin" / "activate").exists(),
        reason="the page's commands are those of a checkout with its .venv",
    ),
    pytest.mark.skipif(
        shutil.which("jq") is None or shutil.which("curl") is None,
        reason="the page's commands need curl and jq",
    ),
]


@dataclass(frozen=True)
class Block:
    kind: str
    name: str
    text: str
    line: int

    def __str__(self) -> str:
        return f"line {self.line}: {self.kind} {self.name}".rstrip()


def blocks() -> list[Block]:
    found = re.finditer(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return [Block(m[1], m[2] or "", m[3], PAGE[: m.start()].count("\n") + 1) for m in found]


class Reader:
    """Somebody who follows the page, with a platform in another terminal."""

    def __init__(self, shell: Shell, python: Python, ports: dict[str, str]) -> None:
        self._shell = shell
        self._python = python
        self._ports = ports
        self._printed = ""

    def follow(self, block: Block) -> None:
        text = block.text
        for place, real in self._ports.items():
            text = text.replace(place, real)
        match block.kind, block.name:
            case "sh", "":
                self._printed = self._shell.run(text)
            case "python", "":
                self._printed = self._python.run(text)
            case "python", name:
                folder = Path(self._shell.run("pwd").strip())
                (folder / name).write_text(text, encoding="utf-8")
            case "json", "":
                said = self._printed
                assert objections(json.loads(text), json.loads(said)) == [], f"{block}: {said}"
            case "text", "":
                assert re.fullmatch(_pattern(text), self._printed), f"{block}: {self._printed}"
            case _:
                pytest.fail(f"nobody knows what to do with {block}")


def objections(shown: Any, said: Any, at: str = "$") -> list[str]:
    """Where an answer is not what the page shows of it; it may say more."""
    if isinstance(shown, dict) and isinstance(said, dict):
        return [
            found
            for name, one in shown.items()
            for found in (
                objections(one, said[name], f"{at}.{name}") if name in said else [f"no {at}.{name}"]
            )
        ]
    if isinstance(shown, list) and isinstance(said, list) and len(shown) == len(said):
        pairs = enumerate(zip(shown, said, strict=True))
        return [found for i, (a, b) in pairs for found in objections(a, b, f"{at}[{i}]")]
    if isinstance(shown, str) and isinstance(said, str):
        return [] if re.fullmatch(_pattern(shown), said, re.DOTALL) else [f"{at} is {said!r}"]
    return [] if shown == said else [f"{at} is {said!r}"]


def _pattern(text: str) -> str:
    return ".+".join(re.escape(part) for part in text.split(LEFT_OUT))


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """A fresh platform, so that the page's balances are those of its own payments."""
    folder = tmp_path_factory.mktemp("integrate")
    platform = PlatformProcess(folder / "data")
    with ExitStack() as stack:
        stack.callback(platform.close)
        platform.start()
        addresses = platform.addresses
        assert addresses.simulator is not None
        ports = {
            "http://localhost:4000": addresses.api,
            "http://localhost:4010": addresses.simulator,
            "8080": str(_free_port()),
        }
        environ = environment(
            folder / "data",
            {"KEY": platform.logins[ISPB].api_key, "ISPB": ISPB, "TMPDIR": str(folder)},
        )
        shell, python = Shell(ROOT, environ), Python(folder, environ)
        for session in (shell, python):
            stack.callback(session.join)
            stack.enter_context(session)
            # With what it left in the background: the receiver.
            stack.callback(_interrupt, session.pid)
        yield Reader(shell, python, ports)


def _interrupt(group: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGTERM)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@pytest.mark.parametrize("block", blocks(), ids=str)
def test_a_block_of_the_page_does_what_the_page_says(reader: Reader, block: Block) -> None:
    reader.follow(block)


def test_the_page_shows_both_ways_and_what_comes_back() -> None:
    kinds = [block.kind for block in blocks()]

    assert {"sh", "python", "json", "text"} == set(kinds)
    assert kinds.count("json") >= 8
    assert kinds.count("text") >= 6


def test_an_answer_that_is_not_what_the_page_shows_is_noticed() -> None:
    shown = {"data": [{"id": "chg_…", "amount": 1}]}

    assert (
        objections(shown, {"data": [{"id": "chg_1", "amount": 1, "more": True}], "meta": {}}) == []
    )
    assert objections(shown, {"data": [{"id": "pay_1", "amount": 1}]}) == [
        "$.data[0].id is 'pay_1'"
    ]
    assert objections(shown, {"data": [{"id": "chg_1"}]}) == ["no $.data[0].amount"]
    assert objections(shown, {"data": []}) == ["$.data is []"]
    assert objections(shown, {}) == ["no $.data"]
