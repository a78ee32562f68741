"""What an operator may ask and do: every verb, its refusals, and the book of deeds."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
import trio

from actors.admin.arguments import Arguments, BadArguments
from actors.admin.askers import Peer
from actors.admin.desk import STANDARD, Desk
from actors.admin.diagnostics import verbs_of
from actors.admin.verbs import merged
from actors.audit_verbs import verbs_of as audit_verbs_of
from actors.crash_book import CrashBook
from actors.dead_letters import dead_letter_verbs
from actors.institution_verbs import institution_verbs
from actors.job_verbs import job_verbs
from actors.ledger_board import Board
from actors.ledger_verbs import verbs_of as ledger_verbs_of
from actors.payment_verbs import payment_verbs
from actors.platform import Platform
from actors.privacy_verbs import privacy_verbs
from actors.provider_verbs import provider_verbs
from actors.reconciliation_verbs import reconciliation_verbs
from actors.retention import retention_verbs
from actors.sealing_verbs import sealing_verbs
from actors.settings_verbs import settings_verbs
from actors.simulator_verbs import simulator_verbs
from actors.stream_verbs import stream_verbs
from actors.user_verbs import user_verbs
from actors.webhook_verbs import webhook_verbs
from fluxiq.admin.protocol import VERSION, Question
from fluxiq.services.tenant import Tenants
from fluxiq.settings import load
from supervisors import (
    Actor,
    Backoff,
    Caller,
    ChildSpec,
    Context,
    DynamicSpec,
    Hogs,
    Strategy,
    SupervisorSpec,
    Tree,
    open_tree,
)

PEER = Peer(pid=1, uid=0)
DOCUMENT = Path(__file__).parents[3] / "docs" / "admin-socket.md"


class Till(Actor):
    def __init__(self) -> None:
        self.amount = 5
        self.api_key = "sk_live_1"

    def handle_call(self, message: Any, caller: Caller) -> object:
        return message

    async def handle_cast(self, message: Any) -> None:
        raise RuntimeError("the till is stuck")


def sender(key: str) -> ChildSpec:
    async def start(context: Context) -> None:
        context.ready()
        await trio.sleep(1)
        raise RuntimeError("the merchant's address is no address")

    return ChildSpec(id=key, start=start, backoff=Backoff(initial=0.0))


@asynccontextmanager
async def desk(tmp_path: Path, *, writes: bool = True) -> AsyncIterator[Desk]:
    senders = DynamicSpec(id="senders", template=sender, keys=["whk_1"], child_max_restarts=1)
    spec = SupervisorSpec(
        id="root", strategy=Strategy.ONE_FOR_ONE, children=[Till.spec(id="till"), senders]
    )
    async with open_tree(spec, seed=1) as tree:
        yield Desk(tree, writes=writes, audit=tmp_path / "admin_audit.jsonl")


async def ask(at: Desk, verb: str, **arguments: Any) -> Any:
    reply = await at.answer(Question(version=VERSION, verb=verb, arguments=arguments), PEER)
    return reply.answer if reply.error is None else reply.error.code


def state(tree: Tree, path: str) -> str:
    node = tree.snapshot().find(path)
    assert node is not None
    return node.state


async def test_crashing_sender_is_found_understood_released_and_suspended(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await trio.sleep(5)
        nodes = (await ask(at, "tree"))["nodes"]
        [parked] = [node for node in nodes if node["state"] == "quarantined"]
        assert parked["path"] == "root/senders/whk_1"
        assert "the merchant's address is no address" in parked["reason"]

        chain = await ask(at, "why", name="whk_1")
        assert [event["kind"] for event in chain] == ["quarantined", "crashed"]
        assert chain[1]["exception"][0] == "RuntimeError: the merchant's address is no address"

        released = await ask(at, "release", name="whk_1", reason="address corrected", yes=True)
        assert released == {"path": "root/senders/whk_1"}
        assert state(at.tree, "root/senders/whk_1") == "running"
        assert await ask(at, "release", name="whk_1", yes=True) == "not_quarantined"


async def test_looks_answer_and_mask_secrets(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        assert (await ask(at, "get_state", name="till")) == {"amount": 5, "api_key": "***"}
        inspected = await ask(at, "inspect", name="till")
        assert inspected["node"]["state"] == "running"
        assert inspected["spec"]["restart"] == "permanent"
        assert (await ask(at, "statistics", name="till"))["admission"]["waiting"] == 0
        steps = (await ask(at, "explain", name="till"))["steps"]
        assert steps[0] == "root/till crashes"
        assert state(at.tree, "root/till") == "running"


async def test_deeds_need_yes_and_the_right_socket_and_are_written_down(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        assert await ask(at, "suspend", name="till") == "needs_yes"
        assert await ask(at, "suspend", name="till", yes=True, reason="looking") == {
            "path": "root/till"
        }
        node = at.tree.snapshot().find("root/till")
        assert node is not None
        assert node.suspended
        assert await ask(at, "resume", name="till", yes=True) == {"path": "root/till"}
        changed = {"amount": 7}
        assert await ask(at, "replace_state", name="till", changes=changed, yes=True)
        assert (await ask(at, "get_state", name="till"))["amount"] == 7
        wrong = {"amount": "seven"}
        assert await ask(at, "replace_state", name="till", changes=wrong, yes=True) == "refused"
    book = (tmp_path / "admin_audit.jsonl").read_bytes().splitlines()
    records = [msgspec.json.decode(one) for one in book]
    assert [(one["verb"], one["outcome"].split(":")[0]) for one in records] == [
        ("suspend", "asked"),
        ("suspend", "done"),
        ("resume", "asked"),
        ("resume", "done"),
        ("replace_state", "asked"),
        ("replace_state", "done"),
        ("replace_state", "asked"),
        ("replace_state", "refused"),
    ]
    assert (tmp_path / "admin_audit.jsonl").stat().st_mode & 0o777 == 0o600

    async with desk(tmp_path, writes=False) as at:
        assert await ask(at, "restart", name="till", yes=True) == "read_only"


async def test_limits_are_planned_and_then_changed_without_a_restart(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        changes = {"max_restarts": 9}
        plan = await ask(at, "plan", name="root", changes=changes)
        assert [tuple(one) for one in plan["changes"]] == [("max_restarts", 3, 9)]
        await ask(at, "apply", name="root", changes=changes, yes=True)
        node = at.tree.snapshot().find("root")
        assert node is not None
        assert node.max_restarts == 9
        assert await ask(at, "plan", name="root", changes={"colour": 1}) == "bad_arguments"


@pytest.mark.parametrize(
    ("verb", "arguments", "code"),
    [
        ("dance", {}, "unknown_verb"),
        ("why", {}, "bad_arguments"),
        ("why", {"name": 5}, "bad_arguments"),
        ("why", {"name": "nobody"}, "no_child"),
        ("why", {"name": "till", "extra": 1}, "bad_arguments"),
        ("get_state", {"name": "whk_1"}, "not_an_actor"),
        ("trace", {"name": "till", "size": -1, "yes": True}, "bad_arguments"),
        ("restart", {"name": "till", "yes": "yes"}, "bad_arguments"),
        ("start", {"name": "root", "key": "x", "yes": True}, "refused"),
    ],
)
async def test_wrong_question_is_refused_by_code(
    tmp_path: Path, verb: str, arguments: dict[str, Any], code: str
) -> None:
    async with desk(tmp_path) as at:
        assert await ask(at, verb, **arguments) == code


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ({"institution": "12345678", "limit": "12345678"}, ("12345678", 12345678, False)),
        ({"institution": "true", "all": "true"}, ("true", 5, True)),
        ({"institution": "00000000", "limit": "-1", "all": "false"}, ("00000000", -1, False)),
        ({"institution": "1.5", "limit": 7, "all": True}, ("1.5", 7, True)),
    ],
    ids=str,
)
def test_an_ispb_typed_at_a_shell_is_a_text_and_a_limit_a_number(
    given: dict[str, Any], read: tuple[object, ...]
) -> None:
    arguments = Arguments(given, spelled=True)
    found = arguments.text("institution"), arguments.number("limit", 5), arguments.flag("all")
    assert found == read
    arguments.done()


@pytest.mark.parametrize("limit", ["", "five", "1.5", "1e3", " 1", "true", "9" * 5000])
def test_what_is_typed_and_is_no_number_is_refused_by_name(limit: str) -> None:
    with pytest.raises(BadArguments, match=r"^limit: must be a whole number$"):
        Arguments({"limit": limit}, spelled=True).number("limit", 5)


def test_only_what_was_typed_is_read_as_another_type() -> None:
    with pytest.raises(BadArguments, match=r"^limit: must be a whole number$"):
        Arguments({"limit": "5"}).number("limit", 5)
    with pytest.raises(BadArguments, match=r"^all: must be true or false$"):
        Arguments({"all": "true"}).flag("all")


async def test_a_verb_reads_what_was_typed(tmp_path: Path) -> None:
    typed = {"name": "till", "size": "7", "yes": "true"}
    async with desk(tmp_path) as at:
        for spelled in (False, True):
            question = Question(version=VERSION, verb="trace", arguments=typed, spelled=spelled)
            reply = await at.answer(question, PEER)
            assert (reply.error is None) is spelled
        assert reply.answer == {"path": "root/till", "size": 7}


def test_every_verb_is_documented_with_its_arguments_and_every_documented_one_exists() -> None:
    documented: dict[str, tuple[str, ...]] = {}
    for row in DOCUMENT.read_text(encoding="utf-8").splitlines():
        if row.startswith("| `"):
            _, verbs, arguments, *_ = row.split("|")
            named = tuple(
                re.findall(r"(?:^|, )`(\w+)`", re.sub(r"\([^)]*\)", "", arguments.strip()))
            )
            documented |= dict.fromkeys(re.findall(r"`(\w+)`", verbs), named)

    ledger = ledger_verbs_of(cast("Board", None))
    jobs = job_verbs(cast("Tenants", None))
    letters = dead_letter_verbs(cast("Tenants", None))
    trail = audit_verbs_of(cast("Tenants", None), lambda _ispb: [])
    lives = institution_verbs(cast("Platform", None))
    kept = retention_verbs(cast("Tenants", None))
    people = user_verbs(cast("Tenants", None))
    differences = reconciliation_verbs(cast("Tenants", None))
    rooms = (verbs_of(cast("CrashBook", None), Hogs()), ledger, jobs, letters, trail, lives)
    seals = sealing_verbs(cast("Platform", None))
    asked = privacy_verbs(cast("Tenants", None))
    known = settings_verbs(cast("Platform", None))
    decided = payment_verbs(cast("Tenants", None))
    simulated = SimpleNamespace(settings=load({}))
    outside = simulator_verbs(cast("Platform", simulated))
    bus, links = stream_verbs(cast("Platform", None)), provider_verbs(cast("Platform", None))
    hooks = webhook_verbs(cast("Tenants", None))
    more = (outside, bus, links, hooks)
    every = merged(STANDARD, *rooms, people, kept, differences, seals, asked, known, decided, *more)
    real = {**every.looks, **every.deeds}
    assert documented == {"watch": (), **{name: verb.arguments for name, verb in real.items()}}
