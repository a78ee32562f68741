"""The README's commands, each of them executed, as they stand there.

A command that is added to it fails here until the test knows how to run it. Only what a reader
would see differ is changed: ports that may be in use, a longer benchmark than a test can wait for.
"""

import json
import re
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trio

from actors.addresses import Addresses, read_addresses
from tests.support.commands import COMMAND_SECONDS_MAX, Foreground, environment
from tests.support.patience import PATIENCE_SECONDS
from tests.support.platform import ROOT
from tests.support.terminal_screen import TerminalScreen

README = (ROOT / "README.md").read_text(encoding="utf-8")
LINES_MAX = 150
# Never run pip from a test: the environment that runs the tests is the one that `make` would make.
# Nor npm: the apps are as they are built, or are not there.
MAKE = ("make", "-o", ".venv/installed", "-o", "fluxiq/ui/.built")

pytestmark = pytest.mark.skipif(
    not (ROOT / ".venv" / "bin" / "python").exists(),
    reason="the README's commands are those of a checkout with its .venv",
)


def commands() -> list[str]:
    """Every command in a fenced `sh` block, without its comment, continued lines joined."""
    found = []
    for block in re.findall(r"^```sh\n(.*?)^```$", README, re.DOTALL | re.MULTILINE):
        for line in block.replace("\\\n", " ").splitlines():
            command = re.sub(r"\s+#.*$", "", line).strip()
            if command:
                found.append(re.sub(r"\s+", " ", command))
    return found


@dataclass
class Reader:
    """Somebody who follows the README, with a platform from `make run` in another terminal."""

    folder: Path
    platform: Foreground
    key: str
    br_code: str = ""
    ran: list[str] = field(default_factory=list)

    @property
    def addresses(self) -> Addresses:
        return read_addresses(self.platform.data_dir)

    def run(self, command: str, data_dir: Path | None = None) -> str:
        """What it prints; it must succeed."""
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            cwd=ROOT,
            env=environment(data_dir or self.platform.data_dir, {"KEY": self.key}),
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS_MAX,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done.stdout

    def call(self, command: str) -> dict[str, Any]:
        """A curl of the README, to the ports that this platform has."""
        assert self.addresses.simulator is not None
        for place, real in (
            ("localhost:4000", self.addresses.api),
            ("localhost:4010", self.addresses.simulator),
        ):
            command = command.replace(place, real)
        said: dict[str, Any] = json.loads(self.run(command))
        return said

    def await_money(self) -> None:
        """Until what the simulator paid is on the account."""
        [account] = re.findall(rf"{self.key}\s+account (\w+)", self.platform.output)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self.call(
            f"curl -s localhost:4000/api/v1/accounts/{account}/balance "
            '-H "Authorization: Bearer $KEY"'
        )["data"]["available"]:
            assert time.monotonic() < deadline, "the money never came"
            time.sleep(0.05)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """`make run`, until the last test; Ctrl-C must then end all of it."""
    folder = tmp_path_factory.mktemp("readme")
    with Foreground(folder / "data", command=(*MAKE, "run")) as platform:
        [key, _] = re.findall(r"Authorization: Bearer (\S+)", platform.output)
        yield Reader(folder, platform, key)
        processes = platform.processes
        platform.press_ctrl_c()
        platform.end()
    left = [pid for pid in processes if Path(f"/proc/{pid}").exists()]
    assert left == []
    assert "stopping in order" in platform.output


# How each is run. The key is the beginning of the command.


def make_demo(reader: Reader, command: str) -> None:
    said = reader.run(command.replace("make", shlex.join(MAKE), 1), reader.folder / "demo")
    assert "PIX in" in said
    assert "PIX out" in said
    assert "\nStopped in order.\n" in said


def make_run(reader: Reader, command: str) -> None:
    assert command == "make run"
    said = reader.platform.output
    assert "FluxiQ Core is up" in said
    assert "12345678" in said
    assert "87654321" in said


def make_test(reader: Reader, command: str) -> None:
    """This test is a part of it, so: what it would do."""
    said = reader.run(command.replace("make", shlex.join((*MAKE, "-n")), 1))
    for tool in ("ruff format --check", "ruff check", "mypy", "lint-imports", "pytest"):
        assert tool in said


def make_test_e2e(reader: Reader, command: str) -> None:
    """A browser's quarter of an hour: what it would run is looked at, and CI runs it."""
    planned = reader.run(command.replace("make", shlex.join((*MAKE, "-n")), 1))
    assert "npm run --silent e2e" in planned or "The browser's journeys are skipped" in planned


def open_charge(reader: Reader, command: str) -> None:
    made = reader.call(command)["data"]
    assert made["status"] == "pending"
    assert made["amount"] == 15_000
    assert made["qr_code_image"].startswith("data:image/png;base64,")
    reader.br_code = made["qr_code"]


def pay(reader: Reader, command: str) -> None:
    assert reader.br_code, "the README opens a charge first"
    paid = reader.call(re.sub(r"00020126[^\"]*", lambda _: reader.br_code, command))
    assert paid["amount"] == 15_000
    reader.await_money()


def open_payout(reader: Reader, command: str) -> None:
    made = reader.call(command)["data"]
    assert made["amount"] == 4_000
    assert made["status"] == "processing"


def tree(reader: Reader, command: str) -> None:
    assert reader.run(command).startswith("root (rest_for_one) running")


def observe(reader: Reader, command: str) -> None:
    async def look() -> None:
        env = {**environment(reader.platform.data_dir), "TERM": "xterm"}
        with TerminalScreen.open() as screen:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(screen.watch)
                screen.start(("/bin/sh", "-c", command), ROOT, env)
                await screen.sees("connected", "root (rest_for_one)", "2 institutions")
                await screen.press("q")
                assert await screen.ended() == 0
                assert screen.is_given_back()
                nursery.cancel_scope.cancel()

    trio.run(look)


def explain(reader: Reader, command: str) -> None:
    assert reader.run(command).startswith("root/gateway/http_api crashes")


def simulate(reader: Reader, command: str) -> None:
    few = command.partition("#")[0].replace("--seeds 200", "--seeds 5")
    assert reader.run(few).startswith("5 seeds from 0, each twice:")


def show_help(reader: Reader, command: str) -> None:
    assert reader.run(command).startswith("Usage: fluxiq")


def openapi(reader: Reader, command: str) -> None:
    assert json.loads(reader.run(command))["openapi"].startswith("3.1")


def verify(reader: Reader, command: str) -> None:
    # The data directory of `make run` is in use: the books of the demo are as good.
    assert reader.run(command, reader.folder / "demo").count("the books balance") == 2


def bench(reader: Reader, command: str) -> None:
    file = reader.folder / "out.json"
    assert "--json out.json" in command
    short = command.replace("--json out.json", f"--json {file} --quick --only transfers")
    said = reader.run(short)
    report = json.loads(file.read_text())
    assert set(report) == {"machine", "figures"}
    for figure in report["figures"]:
        assert set(figure) == {"name", "value", "unit", "aim", "holds", "note"}
        assert figure["value"] > 0, figure
    names = {figure["name"] for figure in report["figures"]}
    assert {"transfer, p99", "bare echo, beside transfer, p99"} <= names
    assert "bare echo" in said


KNOWN: dict[str, Callable[[Reader, str], None]] = {
    "make demo": make_demo,
    "make run": make_run,
    "make test": make_test,
    "make test-e2e": make_test_e2e,
    "curl -s localhost:4000/api/v1/pix/charges ": open_charge,
    "curl -s localhost:4010/pay ": pay,
    "curl -s localhost:4000/api/v1/pix/payouts ": open_payout,
    ".venv/bin/python run.py tree": tree,
    ".venv/bin/python run.py observe": observe,
    ".venv/bin/python run.py explain http_api": explain,
    ".venv/bin/python run.py simulate runtime ": simulate,
    ".venv/bin/python run.py --help": show_help,
    ".venv/bin/python run.py institution --help": show_help,
    ".venv/bin/python run.py openapi": openapi,
    ".venv/bin/python run.py verify": verify,
    ".venv/bin/python run.py bench payments ": bench,
}


def begins(command: str, start: str) -> bool:
    """With these words: `make test` does not begin `make test-e2e`."""
    return f"{command} ".startswith(f"{start.rstrip()} ")


def test_every_kind_of_command_is_there_once() -> None:
    begun = [start for command in commands() for start in KNOWN if begins(command, start)]

    assert sorted(begun) == sorted(KNOWN)


@pytest.mark.parametrize("command", commands())
def test_a_command_of_the_readme_works(reader: Reader, command: str) -> None:
    runs = [run for start, run in KNOWN.items() if begins(command, start)]
    assert runs, f"the README has a command that nobody tests: {command}"

    runs[0](reader, command)


def test_every_file_that_the_readme_names_is_there() -> None:
    named = re.findall(r"`((?:[\w.-]+/)+[\w.-]*|[\w-]+\.(?:py|toml|md))`", README)

    assert len(named) > 5
    missing = [name for name in named if not (ROOT / name).exists()]
    assert [name for name in missing if name not in {".fluxiq/", ".venv/"}] == []


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) < LINES_MAX
