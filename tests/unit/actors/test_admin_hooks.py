"""Verbs about the whole platform, those its rooms add, and answers that cannot be told."""

import io
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import msgspec
import pytest
import structlog
import trio

from actors.admin.arguments import Arguments
from actors.admin.askers import Peer
from actors.admin.desk import STANDARD, Desk
from actors.admin.verbs import Hooks, Verb, VerbTaken, merged
from actors.stopping import INTAKE, PHASES, WORKFLOWS
from fluxiq.admin.protocol import VERSION, Question
from fluxiq.errors import Refused, Unavailable
from fluxiq.telemetry import logs
from supervisors import ChildSpec, Context, Strategy, SupervisorSpec, open_tree
from tests.support.written_logs import written_logs

PEER = Peer(pid=1, uid=0)


def child(name: str, phase: str | None, **facts: object) -> ChildSpec:
    async def start(context: Context) -> None:
        context.report(**facts)
        context.ready()
        await trio.sleep_forever()

    return ChildSpec(id=name, start=start, phase=phase)


@asynccontextmanager
async def desk(
    tmp_path: Path, *, hooks: Hooks | None = None, **facts: object
) -> AsyncIterator[Desk]:
    children = [child("door", INTAKE, **facts), child("worker", WORKFLOWS)]
    spec = SupervisorSpec(id="root", strategy=Strategy.ONE_FOR_ONE, children=children)
    async with open_tree(spec, seed=1, phases=PHASES) as tree:
        yield Desk(tree, writes=True, audit=tmp_path / "admin_audit.jsonl", hooks=hooks)


async def ask(at: Desk, verb: str, **arguments: Any) -> Any:
    question = Question(version=VERSION, verb=verb, arguments=arguments)
    reply = msgspec.json.decode(await at.answer_line(question, PEER))
    return reply["answer"] if "answer" in reply else reply["error"]["code"]


def book(tmp_path: Path) -> list[dict[str, Any]]:
    lines = (tmp_path / "admin_audit.jsonl").read_bytes().splitlines()
    return [msgspec.json.decode(one) for one in lines]


# Draining.


async def test_drained_platform_takes_nothing_in_works_on_and_says_so(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        told = await ask(at, "drain", reason="a new version", yes=True)
        assert told == {"drained": True, "children": [{"path": "root/door", "state": "done"}]}
        tree = await ask(at, "tree")
        assert tree["closed_phases"] == [INTAKE]
        assert [node["state"] for node in tree["nodes"]] == ["running", "done", "running"]
        assert await ask(at, "drain", yes=True) == told

        told = await ask(at, "undrain", yes=True)
        assert told == {"drained": False, "children": [{"path": "root/door", "state": "running"}]}
        assert (await ask(at, "tree"))["closed_phases"] == []
        assert await ask(at, "undrain", yes=True) == told
        assert await ask(at, "drain") == "needs_yes"

    [first, done, *_] = book(tmp_path)
    assert (first["verb"], first["reason"], first["outcome"]) == ("drain", "a new version", "asked")
    assert done["outcome"] == "done"


async def test_platform_that_stops_is_not_drained_any_more(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        at.tree.stop("over")
        assert await ask(at, "drain", yes=True) == "refused"


# The level of the log.


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    with written_logs() as written:
        yield written


async def test_log_is_louder_for_a_while_and_the_book_says_who_asked(
    tmp_path: Path, stream: io.StringIO
) -> None:
    async with desk(tmp_path) as at:
        assert (await ask(at, "log_level"))["changes"] == []
        structlog.get_logger("weather").debug("before")
        told = await ask(at, "set_log_level", level="debug", logger="weather", yes=True)
        structlog.get_logger("weather").debug("during")

        assert told["settings"] == "info"
        [change] = told["changes"]
        assert (change["logger"], change["level"]) == ("weather", "debug")
        assert 890 < change["seconds_left"] <= 900
        assert {"admin", "weather"} <= set(told["loggers"])
        assert (await ask(at, "log_level"))["changes"] == [{**change, "seconds_left": ANY}]

        ended = await ask(at, "set_log_level", level="settings", logger="weather", yes=True)
        structlog.get_logger("weather").debug("after")
        assert ended["changes"] == []
    said = [msgspec.json.decode(line)["event"] for line in stream.getvalue().splitlines()]
    assert [one for one in said if one in ("before", "during", "after")] == ["during"]
    assert book(tmp_path)[0]["arguments"] == {"level": "debug", "logger": "weather"}


@pytest.mark.usefixtures("stream")
@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"level": "loud"},
        {"level": "debug", "seconds": 0},
        {"level": "debug", "seconds": 86_401},
        {"level": "debug", "seconds": 1.5},
        {"level": "debug", "logger": ""},
        {"level": "debug", "extra": 1},
    ],
)
async def test_wrong_level_changes_nothing(tmp_path: Path, arguments: dict[str, Any]) -> None:
    async with desk(tmp_path) as at:
        assert await ask(at, "set_log_level", yes=True, **arguments) == "bad_arguments"
        assert (await ask(at, "log_level"))["changes"] == []


async def test_process_that_writes_no_log_has_no_level(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "_levels", None)
    async with desk(tmp_path) as at:
        assert await ask(at, "log_level") == "refused"


# Verbs of a room.


def room() -> Hooks:
    """A breaker, as a room would contribute it: what it works on is in the closures."""
    states = {"mode": "auto"}

    async def breaker(_: Desk, arguments: Arguments) -> object:
        arguments.done()
        return dict(states)

    async def set_breaker(_: Desk, arguments: Arguments) -> object:
        mode = arguments.text("mode")
        arguments.reason()
        arguments.done()
        match mode:
            case "away":
                raise Unavailable("tigerbeetle", "no session")
            case "never":
                raise Refused("breaker_unconfigured", "there is no TigerBeetle")
            case "broken":
                raise KeyError(mode)
        states["mode"] = mode
        return dict(states)

    return Hooks(
        looks={"breaker": Verb(breaker)},
        deeds={"set_breaker": Verb(set_breaker, ("mode", "reason"))},
    )


async def test_room_adds_verbs_that_are_asked_audited_and_listed_like_any_other(
    tmp_path: Path,
) -> None:
    async with desk(tmp_path, hooks=room()) as at:
        assert await ask(at, "breaker") == {"mode": "auto"}
        assert await ask(at, "set_breaker", mode="open") == "needs_yes"
        assert await ask(at, "set_breaker", mode="open", yes=True) == {"mode": "open"}
        listed = {one["verb"]: one for one in await ask(at, "verbs")}
        assert listed["set_breaker"] == {
            "verb": "set_breaker",
            "kind": "deed",
            "arguments": ["mode", "reason"],
        }
        assert listed.keys() == {*STANDARD.looks, *STANDARD.deeds, "breaker", "set_breaker"}
    assert [one["outcome"] for one in book(tmp_path)] == ["asked", "done"]


@pytest.mark.parametrize(
    ("mode", "code", "outcome"),
    [
        ("away", "unavailable", "refused: tigerbeetle: no session"),
        ("never", "breaker_unconfigured", "refused: there is no TigerBeetle"),
        ("broken", "internal", "failed"),
    ],
)
async def test_what_a_room_refuses_cannot_reach_or_breaks_on_has_a_code_and_is_in_the_book(
    tmp_path: Path, mode: str, code: str, outcome: str
) -> None:
    async with desk(tmp_path, hooks=room()) as at:
        assert await ask(at, "set_breaker", mode=mode, yes=True) == code
        assert await ask(at, "breaker") == {"mode": "auto"}
    assert [one["outcome"] for one in book(tmp_path)] == ["asked", outcome]


@pytest.mark.parametrize("name", ["tree", "stop", "watch", "breaker"])
async def test_no_name_is_taken_twice(tmp_path: Path, name: str) -> None:
    again = Hooks(deeds={name: room().looks["breaker"]})
    with pytest.raises(VerbTaken, match=repr(name)):
        merged(STANDARD, room(), again)
    if name != "breaker":
        async with desk(tmp_path) as at:
            with pytest.raises(VerbTaken):
                Desk(at.tree, writes=True, audit=tmp_path / "book", hooks=again)


# Answers that JSON has no word for.


class Strange:
    def __repr__(self) -> str:
        return "<strange>"


async def test_fact_that_json_has_no_word_for_ended_the_admin_socket(tmp_path: Path) -> None:
    async with desk(tmp_path, port=Strange()) as at:
        nodes = (await ask(at, "tree"))["nodes"]
        assert nodes[1]["facts"] == {"port": "<strange>"}
        watched = msgspec.json.decode(at.encoded(at.tree.snapshot()))
        assert watched["answer"]["nodes"] == [{**node, "since": ANY} for node in nodes]


async def test_fact_that_cannot_be_written_at_all_is_our_bug_and_told_so(tmp_path: Path) -> None:
    async with desk(tmp_path, said="\ud800") as at:
        assert await ask(at, "tree") == "internal"
        assert (await ask(at, "statistics", name="door"))["state"] == "running"
        assert msgspec.json.decode(at.encoded(at.tree.snapshot()))["error"]["code"] == "internal"


async def test_secrets_in_the_arguments_of_a_deed_stay_out_of_the_book(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        changes = {"api_key": "sk_live_12345678abc"}
        await ask(at, "replace_state", name="door", changes=changes, yes=True)
    assert "sk_live" not in (tmp_path / "admin_audit.jsonl").read_text()
    assert book(tmp_path)[0]["arguments"] == {"changes": {"api_key": "***"}}
