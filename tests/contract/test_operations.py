"""The running system over HTTP: the desk's own answers, on a small tree, in typed clothes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio

from fluxiq.domain.records import Payout, PayoutStage, Recipient, Room, Step
from fluxiq.domain.roles import Role
from fluxiq.services.messages.operations.tree import TreePatchTold, TreeTold
from supervisors import Tree
from tests.support.api_people import OTHER_CPF, Person
from tests.support.api_twin import ISPB, World, serving
from tests.support.patience import PATIENCE_SECONDS
from tests.support.web_desk import BRANCH, OTHER, SLUGGISH_SECONDS, THEIRS, web_desk
from tests.support.window import refused_window, said, window

OPERATIONS = "/api/v1/operations"
TILL = f"{BRANCH}/till"


@asynccontextmanager
async def people(
    tmp_path: Path,
    *,
    of_platform: bool = True,
    role: Role = Role.OWNER,
    patience_seconds: float = 30.0,
) -> AsyncIterator[tuple[World, Person, Tree]]:
    """A person of the institution, at a desk with a tree."""
    world = World()
    operators = msgspec.structs.replace(
        world.settings.operators, institutions=(ISPB,) if of_platform else (THEIRS,)
    )
    settings = msgspec.structs.replace(world.settings, operators=operators)
    world.tenant = world.tenants.known[ISPB] = replace(world.tenant, settings=settings)
    async with web_desk(tmp_path, patience_seconds=patience_seconds) as (desk, tree):
        world.desk = desk  # type: ignore[assignment]
        person = await Person.of(world, role=role, merchant_id=None)
        await person.log_in()
        yield world, person, tree


async def read(person: Person, path: str) -> Any:
    response = await person.get(f"{OPERATIONS}{path}")
    body = await response.get_json()
    assert response.status_code == 200, body
    return body["data"]


async def done(person: Person, path: str, body: Any) -> Any:
    response = await person.post(f"{OPERATIONS}{path}", body)
    told = await response.get_json()
    assert response.status_code == 200, told
    return told["data"]


async def refused(person: Person, path: str, body: Any = None) -> tuple[int, str]:
    """The status and the code."""
    url = f"{OPERATIONS}{path}"
    response = await (person.get(url) if body is None else person.post(url, body))
    return response.status_code, (await response.get_json())["error"]["code"]


def paths(tree: Any) -> list[str]:
    return [node["path"] for node in tree["nodes"]]


# The tree, and a process of it.


async def test_operators_of_the_platform_see_the_tree_and_others_their_branch(
    tmp_path: Path,
) -> None:
    async with people(tmp_path) as (_, person, _tree):
        assert {"root", BRANCH, OTHER} < set(paths(await read(person, "/tree")))
    async with people(tmp_path, of_platform=False) as (_, person, _tree):
        assert paths(await read(person, "/tree")) == [BRANCH, f"{BRANCH}/desk", TILL]


async def test_a_process_is_told_whole(tmp_path: Path) -> None:
    async with people(tmp_path) as (_, person, _tree):
        told = await read(person, f"/processes?name={TILL}")
        assert (told["node"]["path"], told["node"]["state"]) == (TILL, "running")
        assert told["spec"]["restart"] == "permanent"
        assert told["mailbox"]["waiting"] == 0
        assert told["statistics"]["seconds_up"] > 0
        assert told["explain"]["restarts"] == [TILL]
        assert told["why"][0]["kind"] == "started"
        assert (await read(person, f"/processes/state?name={TILL}"))["state"] == {"api_key": "***"}


async def test_a_process_is_suspended_resumed_stopped_and_restarted_with_a_reason(
    tmp_path: Path,
) -> None:
    said_why = {"name": TILL, "reason": "a leak"}
    async with people(tmp_path) as (_, person, tree):
        for deed in ("suspend", "resume", "stop", "restart"):
            assert await done(person, f"/processes/{deed}", said_why) == {"path": TILL}
        found = tree.snapshot().find(TILL)
        assert found is not None
        assert (found.state, found.incarnation) == ("running", 2)
        assert await refused(person, "/processes/release", said_why) == (409, "not_quarantined")
        assert await refused(person, "/processes/apply", said_why) == (422, "validation_failed")
        for lacking in ({"name": TILL}, {"reason": "x"}, {"name": TILL, "reason": ""}):
            assert await refused(person, "/processes/stop", lacking) == (422, "validation_failed")


async def test_a_deed_that_outlasts_its_request_answered_503(tmp_path: Path) -> None:
    async with people(tmp_path, patience_seconds=0.1) as (_, person, tree):
        slow = {"name": "sloth", "reason": "a leak"}
        assert await refused(person, "/processes/restart", slow) == (409, "still_running")
        await trio.sleep(SLUGGISH_SECONDS)
        found = tree.snapshot().find("root/gateway/sloth")
        assert found is not None
        assert found.incarnation == 2


async def test_a_name_that_is_nobodys_or_somebody_elses(tmp_path: Path) -> None:
    async with people(tmp_path) as (_, person, _tree):
        assert await refused(person, "/processes?name=nobody") == (404, "no_child")
        assert await refused(person, "/processes?name=till") == (409, "ambiguous_name")
        assert await refused(person, f"/processes/state?name={BRANCH}/desk") == (
            409, "not_an_actor",
        )  # fmt: skip
        door = {"name": "http_api", "reason": "x"}
        assert await refused(person, "/processes/restart", door) == (409, "not_over_http")
    async with people(tmp_path, of_platform=False) as (_, person, _tree):
        for name in (f"{OTHER}/till", "nobody", "root"):
            assert await refused(person, f"/processes?name={name}") == (403, "not_an_operator")
            there = {"name": name, "reason": "x"}
            assert await refused(person, "/processes/restart", there) == (403, "not_an_operator")


async def test_only_owners_act(tmp_path: Path) -> None:
    async with people(tmp_path, role=Role.MANAGER) as (_, person, _tree):
        assert paths(await read(person, "/tree"))
        body = {"name": TILL, "reason": "x"}
        assert await refused(person, "/processes/restart", body) == (403, "forbidden")
        assert await refused(person, "/verbs/tree", {}) == (403, "forbidden")


# What went wrong.


async def test_the_crash_book_is_read_by_those_it_is_about(tmp_path: Path) -> None:
    async with people(tmp_path) as (_, person, tree):
        tree.ref(f"institutions/{THEIRS}/till").cast_nowait("jam")
        with trio.fail_after(PATIENCE_SECONDS):
            # Over HTTP there is nothing else to wait for.
            while not (pages := await read(person, "/crashes"))["crashes"]:  # noqa: ASYNC110
                await trio.sleep(0.01)
        [page] = pages["crashes"]
        told = await read(person, f"/crashes/{page['fingerprint']}")
        assert (told["count"], told["path"]) == (1, f"{OTHER}/till")
        assert told["report"]["exception"]["type"] == "RuntimeError"
        assert await refused(person, "/crashes/0123456789abcdef") == (404, "no_child")


# The platform's.


async def test_what_is_the_platforms_is_its_operators(tmp_path: Path) -> None:
    async with people(tmp_path, of_platform=False) as (_, person, _tree):
        doubts = f"/payments/in-doubt?institution={THEIRS}"
        for path in ("/settings", "/log-level", "/ledger", doubts):
            assert await refused(person, path) == (403, "not_an_operator"), path
        level = {"level": "debug", "reason": "x"}
        assert await refused(person, "/log-level", level) == (403, "not_an_operator")


async def test_the_views_are_what_the_verbs_answer(tmp_path: Path) -> None:
    """Of rooms that this small tree has not: as docs/admin-socket.md says them."""
    writer = {
        "institution": ISPB, "mode": "tigerbeetle", "epoch": 3, "fenced": False, "is_back": True,
        "refused": [], "waiting": 0, "in_flight": 1, "unknown": 0, "mirror_behind": 2,
        "batches": 9, "transfers": 80, "fallbacks": 1, "recoveries": 1, "last_report": "back",
    }  # fmt: skip
    breaker = {
        "state": "closed", "seconds": 5.0, "due": None, "reason": "", "failures": 0, "probes": 0,
        "returns": 0, "pinned": False, "waits_for": [], "institutions": [writer],
        "history": [{"seconds_ago": 5.0, "before": "open", "after": "closed", "reason": "back"}],
    }  # fmt: skip
    world = World()
    person = await Person.of(world, merchant_id=None)
    await person.log_in()
    world.desk.answers = {
        "breaker": breaker,
        "breaker_open": breaker | {"state": "forced_open"},
        "ledger_verify": {"number": 2, "deep": True, "is_over": False, "report": []},
        "settings": {"http": {"port": 4000}},
        "log_level": {
            "settings": "info",
            "changes": [{"logger": "all", "level": "debug", "seconds_left": 3.5}],
            "loggers": ["fluxiq.api"],
        },
        "set_log_level": {"settings": "info", "changes": [], "loggers": []},
    }
    assert (await read(person, "/ledger"))["institutions"][0]["mirror_behind"] == 2
    turned = await done(person, "/ledger/breaker/open", {"reason": "a leak"})
    assert turned["state"] == "forced_open"
    began = await person.post(f"{OPERATIONS}/ledger/verifications", {"deep": True})
    assert (began.status_code, (await began.get_json())["data"]["number"]) == (202, 2)
    assert not (await read(person, "/ledger/verifications/2"))["is_over"]
    assert (await read(person, "/settings"))["settings"] == {"http": {"port": 4000}}
    assert (await read(person, "/log-level"))["changes"][0]["level"] == "debug"
    level = {"level": "debug", "seconds": 60, "reason": "x"}
    assert (await done(person, "/log-level", level))["changes"] == []
    asked = [(verb, said) for _, verb, said in world.desk.asked]
    assert asked[1:4] == [
        ("breaker_open", {"reason": "a leak"}),
        ("ledger_verify", {"deep": True}),
        ("ledger_verify", {"run": 2}),
    ]
    assert asked[-1] == ("set_log_level", level)
    assert {one.request_id[:4] for one, _, _ in world.desk.asked} == {"req_"}


# Two people.


async def test_a_proposal_is_approved_by_another_person(tmp_path: Path) -> None:
    async with people(tmp_path) as (world, one, _tree):
        response = await one.post(f"{OPERATIONS}/verbs/turn", {"reason": "a leak"})
        error = (await response.get_json())["error"]
        assert (response.status_code, error["code"]) == (409, "needs_approval")
        path = f"/approvals/{error['details']['approval_id']}"
        [waiting] = (await read(one, "/approvals"))["approvals"]
        assert (waiting["action"], waiting["proposed_by"]) == ("turn", one.user_id)
        assert await refused(one, f"{path}/approve", {"reason": "x"}) == (403, "maker_is_checker")

        two = await Person.of(world, document=OTHER_CPF, merchant_id=None, client=one.client)
        await two.log_in()
        answer = (await done(two, f"{path}/approve", {"reason": "seen"}))["answer"]
        assert answer == {"institution": ISPB, "reason": "a leak", "by": two.user_id}
        assert await refused(two, f"{path}/reject", {"reason": "x"}) == (409, "approval_over")
        assert (await read(one, "/approvals"))["approvals"][0]["state"] == "approved"
        assert await refused(one, "/approvals/apr_1/reject", {"reason": "x"}) == (
            404, "approval_not_found",
        )  # fmt: skip


# The console.


async def test_any_verb_is_asked_at_the_console(tmp_path: Path) -> None:
    async with people(tmp_path) as (_, person, _tree):
        verbs = {one["verb"]: one for one in await read(person, "/verbs")}
        assert verbs["vault"] == {"verb": "vault", "kind": "look", "arguments": ["institution"]}
        looked = await done(person, "/verbs/vault", {"arguments": {"institution": THEIRS}})
        assert looked == {"answer": {"institution": THEIRS}}
        assert (await done(person, "/verbs/valve", {"reason": "x"}))["answer"] == {}
        for verb, body, answer in (
            ("nonsense", {}, (404, "unknown_verb")),
            ("valve", {}, (422, "validation_failed")),
            ("vault", {"arguments": {"reason": "x"}}, (422, "validation_failed")),
            ("turn", {"arguments": {"alone": True}, "reason": "x"}, (422, "validation_failed")),
            ("drain", {"reason": "x"}, (409, "not_over_http")),
        ):
            assert await refused(person, f"/verbs/{verb}", body) == answer, verb


async def test_the_console_of_others_has_their_verbs(tmp_path: Path) -> None:
    async with people(tmp_path, of_platform=False) as (_, person, _tree):
        assert await refused(person, "/verbs/valve", {"reason": "x"}) == (404, "unknown_verb")
        mine = (await done(person, "/verbs/vault", {}))["answer"]
        assert mine == {"institution": ISPB}


# Payments without an end.


def payout(world: World, stage: PayoutStage, seconds: float) -> Payout:
    at = world.clock.at - timedelta(seconds=seconds)
    made = Payout(
        id=world.ids.new("pay"),
        merchant_id=world.merchant_id,
        account_id=world.account_id(),
        end_to_end_id=f"E12345678202611221200{len(world.store.payouts):011d}",
        amount=10_00,
        description="",
        recipient=Recipient(pix_key="a@b.example", pix_key_type="EMAIL", name="A", ispb="0" * 8),
        stage=stage,
        created_at=at,
        updated_at=at,
    )
    world.store.payouts[made.id] = made
    return made


async def test_payouts_in_doubt_are_listed_with_what_was_tried_last(tmp_path: Path) -> None:
    async with people(tmp_path) as (world, person, _tree):
        silent = payout(world, PayoutStage.IN_DOUBT, 5)
        accepted = payout(world, PayoutStage.SENT, 3600)
        payout(world, PayoutStage.SENT, 3)
        payout(world, PayoutStage.CONFIRMED, 3600)
        for one, detail in ((silent, "send in_doubt"), (accepted, "ask accepted")):
            now = world.clock.at
            world.store.steps.append(Step(one.end_to_end_id, Room.GATE, now, now, detail))
        found = await read(person, "/payments/in-doubt")
    assert [(one["id"], one["tried"], one["answered"]) for one in found] == [
        (accepted.id, "ask", "accepted"),
        (silent.id, "send", None),
    ]
    assert found[0]["decidable_at"] == "2026-11-22T12:00:00Z"
    assert "recipient" not in found[0]


async def test_a_payout_is_decided_with_evidence() -> None:
    world = World()
    person = await Person.of(world, merchant_id=None)
    await person.log_in()
    ended = {
        "id": "pay_1", "stage": "confirmed", "amount": 10_00, "end_to_end_id": "E1",
        "failure": None, "recipient": {"pix_key": "a@b.example"},
    }  # fmt: skip
    world.desk.answers = {"payment_decide": ended}
    body = {"outcome": "confirmed", "reason": "extract, page 2"}
    told = await done(person, "/payments/pay_1/decide", body)
    assert (told["stage"], "recipient" in told) == ("confirmed", False)
    [(_, _, asked)] = world.desk.asked
    assert asked == {"id": "pay_1", **body}
    wrong = {"outcome": "lost", "reason": "x"}
    assert await refused(person, "/payments/pay_1/decide", wrong) == (422, "validation_failed")


# On the websocket.


async def test_the_tree_is_told_and_then_what_changes_in_it(tmp_path: Path) -> None:
    async with (
        people(tmp_path) as (world, person, tree),
        serving(world) as served,
        window(served, person.tokens["access_token"], "?topics=tree") as socket,
    ):
        assert (await said(socket))["topics"] == ["tree"]
        whole = msgspec.convert(await said(socket), TreeTold)
        assert {"root", TILL} < {node.path for node in whole.nodes}
        await tree.restart_child(TILL)
        patch = msgspec.convert(await said(socket), TreePatchTold)
        assert patch.before_revision == whole.revision
        assert {node.path: node.restarts for node in patch.changed} == {TILL: 1}

        await socket.send_message('{"type":"subscribe","topics":["tree"]}')
        assert (await said(socket))["type"] == "subscribed"
        again = msgspec.convert(await said(socket), TreeTold)
        assert again.revision == patch.revision
        await socket.send_message('{"type":"subscribe","topics":["live_data"]}')
        assert (await said(socket))["topics"] == ["live_data"]
        await tree.restart_child(TILL)
        await trio.sleep(0.6)  # a patch would have come
        await socket.send_message('{"type":"ping"}')
        assert (await said(socket))["type"] == "pong"


async def test_people_watch_their_branch(tmp_path: Path) -> None:
    async with (
        people(tmp_path, of_platform=False) as (world, person, tree),
        serving(world) as served,
        window(served, person.tokens["access_token"], "?topics=tree") as socket,
    ):
        await said(socket)
        whole = await said(socket)
        assert paths(whole) == [BRANCH, f"{BRANCH}/desk", TILL]
        await tree.restart_child(f"{OTHER}/till")
        await trio.sleep(0.6)
        await tree.restart_child(TILL)
        patch = await said(socket)
        assert [node["path"] for node in patch["changed"]] == [TILL]
        assert patch["before_revision"] == whole["revision"]


@pytest.mark.parametrize("topic", ["payments", "balances", "deliveries"])
async def test_what_is_a_merchants_is_not_told_to_the_institution(topic: str) -> None:
    world = World()
    person = await Person.of(world, merchant_id=None)
    await person.log_in()
    async with serving(world) as served:
        answer = await refused_window(served, person.tokens["access_token"], f"?topics={topic}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden")


async def test_no_merchant_watches_the_tree() -> None:
    world = World()
    person = await Person.of(world)
    await person.log_in()
    async with serving(world) as served:
        for key in (person.tokens["access_token"], world.key("*", "operations:read")):
            answer = await refused_window(served, key, "?topics=tree")
            assert answer.status_code == 403
            assert answer.json()["error"]["details"] == {"permission": "operations:read"}
