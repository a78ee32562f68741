"""The operators' desk behind the API: people of an institution, and the platform's operators."""

from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
import trio.testing
from structlog.testing import capture_logs

from actors.admin.book import DeedBook, deed_of, take_in_deeds
from actors.admin.desk import STANDARD
from actors.admin.lasting import DEEDS_MAX, open_lasting
from fluxiq.errors import Refused, Unavailable
from fluxiq.ports.operations import Operator
from tests.support.memory_audit import MemoryAuditChain
from tests.support.web_desk import BRANCH, OTHER, OURS, SLUGGISH_SECONDS, THEIRS, web_desk

ROOT = Operator(user_id="usr_root", ispb=OURS, of_platform=True, address="10.0.0.9")
SECOND = Operator(user_id="usr_second", ispb=OURS, of_platform=True)
ANA = Operator(
    user_id="usr_ana", ispb=THEIRS, of_platform=False, address="192.0.2.7", request_id="req_1"
)
BIA = Operator(user_id="usr_bia", ispb=THEIRS, of_platform=False)

SLOTH = "root/gateway/sloth"


@pytest.fixture
def here(tmp_path: Path) -> Callable[..., Any]:
    return lambda **said: web_desk(tmp_path, **said)


async def refusal(answer: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        await answer
    return caught.value


async def code(answer: Any) -> str:
    return (await refusal(answer)).code


def paths(answer: dict[str, Any]) -> list[str]:
    return [one["path"] for one in answer["nodes"]]


# Whose.


async def test_a_tree_is_all_of_it_or_the_branch(here: Any) -> None:
    async with here() as (web, _):
        assert paths(await web.look(ROOT, "tree"))[:2] == ["root", "root/institutions"]
        assert paths(await web.look(ANA, "tree")) == [OTHER, f"{OTHER}/desk", f"{OTHER}/till"]


async def test_a_node_tells_its_budget(here: Any) -> None:
    async with here() as (web, _):
        [node, *_] = (await web.look(ANA, "tree"))["nodes"]
        assert (node["max_restarts"], node["restart"], node["name"]) == (
            100, "permanent", f"institutions/{THEIRS}",
        )  # fmt: skip


async def test_a_name_means_what_is_in_the_branch(here: Any) -> None:
    async with here() as (web, _):
        assert await code(web.look(ROOT, "inspect", name="till")) == "ambiguous_name"
        found = await web.look(ANA, "inspect", name="till")
        assert found["node"]["path"] == f"{OTHER}/till"


@pytest.mark.parametrize(
    "name", ["root", "root/gateway", "http_api", f"{BRANCH}/till", f"{BRANCH}/nothing", OURS, ""]
)
async def test_what_is_elsewhere_is_told_like_what_is_nowhere(here: Any, name: str) -> None:
    async with here() as (web, _):
        for verb in ("inspect", "why", "get_state", "explain", "crash"):
            refused = await refusal(web.look(ANA, verb, name=name))
            assert refused.code == "not_an_operator"
            assert OURS not in refused.message
        assert await code(web.act(ANA, "restart", reason="x", name=name)) == "not_an_operator"


async def test_an_institution_is_ones_own_unless_an_operator_names_another(here: Any) -> None:
    async with here() as (web, _):
        assert await web.look(ANA, "vault") == {"institution": THEIRS}
        assert await web.look(ANA, "vault", institution=None) == {"institution": THEIRS}
        assert await code(web.look(ANA, "vault", institution=OURS)) == "not_an_operator"
        assert await web.look(ROOT, "vault") == {"institution": OURS}
        assert await web.look(ROOT, "vault", institution=THEIRS) == {"institution": THEIRS}
        assert await web.look(ROOT, "vault", institution=None) == {"institution": "all"}


async def test_what_is_the_platforms_is_nobody_elses(here: Any) -> None:
    """Also a verb that nobody has thought of yet."""
    async with here() as (web, _):
        for look in ("log_level", "hogs"):
            assert await code(web.look(ANA, look)) == "not_an_operator"
        for deed in ("drain", "set_log_level", "valve", "replace_state", "apply", "start"):
            assert await code(web.act(ANA, deed, reason="x", name="till")) == "not_an_operator"
        assert (await web.look(ROOT, "hogs"))["top"] == []


async def test_the_branch_itself_is_restarted_and_not_stopped_by_its_people(here: Any) -> None:
    async with here() as (web, tree):
        assert await code(web.act(ANA, "stop", reason="x", name=OTHER)) == "not_an_operator"
        await web.act(ANA, "restart", reason="x", name=OTHER)
        assert tree.snapshot().find(OTHER).state == "running"
        assert await web.act(ANA, "stop", reason="x", name="till") == {"path": f"{OTHER}/till"}


async def test_the_verbs_are_those_that_one_may_ask(here: Any) -> None:
    async with here() as (web, _):
        every = {one["verb"] for one in await web.look(ROOT, "verbs")}
        mine = {one["verb"] for one in await web.look(ANA, "verbs")}
    assert mine < every
    assert {"tree", "restart", "vault", "turn", "approvals_approve"} <= mine
    assert mine.isdisjoint({"valve", "drain", "replace_state", "log_level"})
    assert every >= STANDARD.looks.keys() | STANDARD.deeds.keys()


async def test_a_crash_is_told_to_those_it_was_of(here: Any) -> None:
    async with here() as (web, tree):
        for path in (f"{OTHER}/till", f"{BRANCH}/till"):
            tree.ref(path.removeprefix("root/")).cast_nowait("jam")
            await trio.sleep(1)
        [page] = (await web.look(ROOT, "crashes"))["crashes"]
        assert (page["count"], page["path"]) == (2, f"{BRANCH}/till")
        assert (await web.look(ANA, "crashes"))["crashes"] == []
        assert await code(web.look(ANA, "crash", name=page["fingerprint"])) == "no_child"
        assert await code(web.look(ANA, "crash", name=f"{BRANCH}/till")) == "not_an_operator"

        tree.ref(f"institutions/{THEIRS}/till").cast_nowait("jam")
        await trio.sleep(1)
        told = await web.look(ANA, "crash", name=page["fingerprint"])
    assert (told["count"], told["first"]) == (2, None)
    assert OURS not in msgspec.json.encode(told).decode()


async def test_what_would_happen_says_nothing_of_others(here: Any) -> None:
    async with here() as (web, _):
        foreseen = await web.look(ANA, "explain", name="till")
    assert foreseen["restarts"] == [f"{OTHER}/till"]
    assert OURS not in msgspec.json.encode(foreseen).decode()


# Deeds.


async def test_a_deed_is_in_the_book_and_on_the_trail_of_its_institution(
    here: Any, tmp_path: Path
) -> None:
    async with here() as (web, _):
        await web.act(ANA, "suspend", reason="a leak", name="till")
    lines = (tmp_path / "book").read_bytes().splitlines()
    assert [deed_of(line, OURS) for line in lines] == [None, None]

    chain = MemoryAuditChain()
    assert await take_in_deeds(chain, DeedBook(tmp_path / "book"), THEIRS) == 2
    asked, done = chain.trail.values()
    assert (asked.note, done.note) == ("asked: a leak", "done: a leak")
    assert {(one.action, one.subject, one.credential, one.address) for one in (asked, done)} == {
        ("operator.suspend", f"{OTHER}/till", "usr_ana", "192.0.2.7")
    }
    assert (asked.request_id, done.request_id) == ("req_1", "req_1")


async def test_what_an_operator_does_to_one_is_on_its_trail_however_it_was_named(
    here: Any, tmp_path: Path
) -> None:
    async with here() as (web, tree):
        await tree.stop_child(f"{BRANCH}/till")
        await tree.stop_child(BRANCH)
        await web.act(ROOT, "restart", reason="a leak", name="till")
    lines = (tmp_path / "book").read_bytes().splitlines()
    assert [deed_of(line, OURS) for line in lines] == [None, None]
    assert all(deed_of(line, THEIRS) is not None for line in lines)


async def test_what_an_operator_does_to_all_is_on_every_trail(here: Any, tmp_path: Path) -> None:
    async with here() as (web, _):
        await web.act(ROOT, "valve", reason="a leak")
    lines = (tmp_path / "book").read_bytes().splitlines()
    for ispb in (OURS, THEIRS):
        assert all(deed_of(line, ispb) is not None for line in lines)


async def test_a_deed_for_two_is_proposed_and_then_done_by_somebody_else(here: Any) -> None:
    async with here() as (web, _):
        proposed = await refusal(web.act(ANA, "turn", reason="a leak"))
        assert proposed.code == "needs_approval"
        assert proposed.details["expires_at"] == "2026-11-26T12:15:00+00:00"
        which = {"reason": "seen", "id": proposed.details["approval_id"]}
        assert await code(web.act(ANA, "approvals_approve", **which)) == "maker_is_checker"
        assert await web.act(BIA, "approvals_approve", **which) == {
            "institution": THEIRS, "reason": "a leak", "by": "usr_bia",
        }  # fmt: skip
        assert await code(web.act(BIA, "approvals_approve", **which)) == "approval_over"


async def test_people_decide_about_their_institution_and_operators_about_all(here: Any) -> None:
    async with here() as (web, _):
        theirs = (await refusal(web.act(ANA, "turn", reason="x"))).details["approval_id"]
        ours = (await refusal(web.act(ROOT, "turn", reason="x"))).details["approval_id"]
        listed = [one["id"] for one in (await web.look(ANA, "approvals"))["approvals"]]
        assert listed == [theirs]
        for verb in ("approvals_approve", "approvals_reject"):
            assert await code(web.act(ANA, verb, reason="x", id=ours)) == "approval_not_found"
        for one in (theirs, ours):
            await web.act(SECOND, "approvals_approve", reason="x", id=one)


async def test_the_glass_is_not_broken_over_http(here: Any) -> None:
    async with here() as (web, _):
        for said in ({"alone": True}, {"yes": True}):
            refused = await refusal(web.act(ROOT, "turn", reason="x", **said))
            assert refused.code == "validation_failed"
            assert said.keys() == {refused.details["field"]}


@pytest.mark.parametrize(
    ("verb", "name"),
    [
        ("restart", "http_api"),
        ("restart", "root/gateway"),
        ("stop", "root"),
        ("drain", None),
    ],
)
async def test_nobody_ends_the_door_they_came_through(here: Any, verb: str, name: Any) -> None:
    async with here() as (web, tree):
        said = {} if name is None else {"name": name}
        assert await code(web.act(ROOT, verb, reason="x", **said)) == "not_over_http"
        assert tree.snapshot().find("root/gateway/http_api").incarnation == 1


async def test_what_is_wrong_is_named(here: Any) -> None:
    async with here(two_people=False) as (web, _):
        assert await code(web.look(ROOT, "nonsense")) == "unknown_verb"
        assert await code(web.look(ROOT, "restart", name="till")) == "unknown_verb"
        assert await code(web.act(ROOT, "tree", reason="x")) == "unknown_verb"
        assert await code(web.look(ROOT, "inspect", name="nobody")) == "no_child"
        refused = await refusal(web.look(ROOT, "inspect"))
        assert (refused.code, refused.details) == ("validation_failed", {"field": "name"})
        refused = await refusal(web.look(ROOT, "tree", depth=3))
        assert (refused.code, refused.details) == ("validation_failed", {"field": "depth"})
        assert (await web.act(ROOT, "turn", reason="x"))["by"] == "usr_root"
        with pytest.raises(Unavailable, match="did not answer within 5 s"):
            await web.look(ROOT, "slow")


async def test_a_deed_that_outlasts_its_request_was_told_as_not_done(
    here: Any, tmp_path: Path
) -> None:
    """It was done all the same, and the book said that it had failed."""
    asker = msgspec.structs.replace(ROOT, request_id="req_9")
    async with here(patience_seconds=SLUGGISH_SECONDS / 3) as (web, tree):
        assert await code(web.act(asker, "restart", reason="x", name="sloth")) == "still_running"
        assert tree.snapshot().find(SLOTH).incarnation == 1
        await trio.sleep(SLUGGISH_SECONDS)
        assert tree.snapshot().find(SLOTH).incarnation == 2

    lines = [msgspec.json.decode(one) for one in (tmp_path / "book").read_bytes().splitlines()]
    assert [(one["request"], one["outcome"]) for one in lines] == [
        ("req_9", "asked"),
        ("req_9", "done"),
    ]


async def test_a_deed_goes_on_though_its_client_has_left(here: Any) -> None:
    async with here() as (web, tree):
        with trio.move_on_after(SLUGGISH_SECONDS / 3) as left:
            await web.act(ROOT, "restart", reason="x", name="sloth")
        assert left.cancelled_caught
        await trio.sleep(SLUGGISH_SECONDS)
        assert tree.snapshot().find(SLOTH).incarnation == 2


async def test_a_failure_that_its_client_had_left_was_told_to_nobody() -> None:
    left = trio.Event()

    async def deed() -> None:
        await left.wait()
        raise Unavailable("ledger", "it is away")

    async with open_lasting(30.0) as lasting:
        with trio.move_on_after(0.01):
            await lasting.outcome(deed)
        with capture_logs() as logs:
            left.set()
            await trio.testing.wait_all_tasks_blocked()
    assert [one["event"] for one in logs] == ["deed_failed_after_its_request"]


async def test_deeds_under_way_have_a_limit() -> None:
    async with open_lasting(0.0) as lasting:
        gate = trio.Event()
        for _ in range(DEEDS_MAX):
            assert await code(lasting.outcome(gate.wait)) == "still_running"
        with pytest.raises(Unavailable, match="64 deeds are under way"):
            await lasting.outcome(gate.wait)

        gate.set()
        await trio.testing.wait_all_tasks_blocked()
        assert await code(lasting.outcome(trio.sleep_forever)) == "still_running"


async def test_a_door_that_is_told_to_stop_answers_who_waits_for_a_deed() -> None:
    """As it answers every request that it has taken: `serve` shields those, for its grace."""
    ended: list[str] = []

    async def deed() -> str:
        await trio.sleep(SLUGGISH_SECONDS)
        return "done"

    with trio.CancelScope() as told_to_stop:
        async with open_lasting(30.0) as lasting:
            told_to_stop.cancel()
            with trio.CancelScope(shield=True):
                ended.append(await lasting.outcome(deed))
    assert ended == ["done"]


# Watching.


async def test_a_watcher_is_told_the_tree_and_then_its_changes(here: Any) -> None:
    async with here() as (web, tree), aclosing(web.watch_tree(ROOT)) as changes:
        whole = await anext(changes)
        assert paths(whole)[0] == "root"
        await tree.restart_child(f"{BRANCH}/desk")
        patch = await anext(changes)
        assert patch["before_revision"] == whole["revision"]
        assert {one["path"]: one["restarts"] for one in patch["changed"]} == {f"{BRANCH}/desk": 1}


async def test_a_watcher_hears_of_the_branch_alone_without_a_gap_in_the_revisions(
    here: Any,
) -> None:
    async with here() as (web, tree), aclosing(web.watch_tree(ANA)) as changes:
        whole = await anext(changes)
        assert paths(whole) == [OTHER, f"{OTHER}/desk", f"{OTHER}/till"]
        await tree.restart_child(f"{BRANCH}/desk")
        with trio.move_on_after(5) as quiet_meanwhile:
            await anext(changes)
        assert quiet_meanwhile.cancelled_caught

    async with here() as (web, tree), aclosing(web.watch_tree(ANA)) as changes:
        whole = await anext(changes)
        told: list[dict[str, Any]] = []

        async def listen() -> None:
            told.append(await anext(changes))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(listen)
            await tree.restart_child(f"{BRANCH}/desk")
            await trio.sleep(1)
            await tree.restart_child(f"{OTHER}/desk")
        [patch] = told
        assert patch["before_revision"] == whole["revision"]
        assert [one["path"] for one in patch["changed"]] == [f"{OTHER}/desk"]


async def test_those_who_see_the_same_share_one_view(here: Any) -> None:
    async with (
        here() as (web, _),
        aclosing(web.watch_tree(ANA)) as one,
        aclosing(web.watch_tree(BIA)) as two,
    ):
        assert await anext(one) is await anext(two)
