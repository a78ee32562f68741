"""Operators in their browsers, on a whole platform: what they see, do, and cannot see."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import trio
from trio_websocket import WebSocketConnection, open_websocket_url

from tests.support.merchants import data_of, error_of
from tests.support.platform import PlatformProcess

ISPB, OTHER = "12345678", "87654321"  # the first one's people operate the platform
BRANCH, THEIR_BRANCH = f"root/institutions/{ISPB}", f"root/institutions/{OTHER}"
SECONDS_MAX = 30.0


class Chief:
    """The owner of an institution, logged in."""

    def __init__(self, platform: PlatformProcess, http: httpx.AsyncClient) -> None:
        self._platform = platform
        self.http = http

    async def look(self, path: str) -> Any:
        return data_of(await self.http.get(f"/operations{path}"))

    async def act(self, path: str, body: Any, **query: str) -> Any:
        return data_of(await self.http.post(f"/operations{path}", json=body, params=query))

    async def refused(self, path: str, body: Any = None) -> str:
        """The code."""
        url = f"/operations{path}"
        answer = await (self.http.get(url) if body is None else self.http.post(url, json=body))
        code: str = error_of(answer)["code"]
        return code

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[WebSocketConnection]:
        """At the tree, which has been told once."""
        url = self._platform.addresses.api.replace("http", "ws", 1)
        key = (b"Authorization", self.http.headers["Authorization"].encode())
        async with open_websocket_url(f"{url}/api/v1/ws?topics=tree", extra_headers=[key]) as one:
            yield one


@asynccontextmanager
async def chief_of(platform: PlatformProcess, ispb: str) -> AsyncIterator[Chief]:
    person = platform.logins[ispb].chief
    assert person is not None, "the demo has people"
    async with httpx.AsyncClient(
        base_url=f"{platform.addresses.api}/api/v1", timeout=SECONDS_MAX, trust_env=False
    ) as http:
        body = {"ispb": ispb, "document": person.document, "password": person.password}
        tokens = data_of(await http.post("/auth/login", json=body))
        http.headers["Authorization"] = f"Bearer {tokens['access_token']}"
        yield Chief(platform, http)


async def told(socket: WebSocketConnection) -> Any:
    with trio.fail_after(SECONDS_MAX):
        return json.loads(await socket.get_message())


async def patched(socket: WebSocketConnection, tree: dict[str, Any], path: str, after: int) -> None:
    """Patch `tree` until the process at `path` runs in a later incarnation than `after`."""
    with trio.fail_after(SECONDS_MAX):
        while not (tree[path]["state"] == "running" and tree[path]["incarnation"] > after):
            patch = json.loads(await socket.get_message())
            if patch["type"] == "tree_patch":
                tree |= {one["path"]: one for one in patch["changed"]}


def nodes(tree: Any) -> dict[str, Any]:
    return {one["path"]: one for one in tree["nodes"]}


async def test_a_process_is_restarted_and_is_seen_coming_back(
    running_platform: PlatformProcess,
) -> None:
    path = f"{BRANCH}/schedules"
    async with chief_of(running_platform, ISPB) as chief, chief.watching() as socket:
        assert (await told(socket))["type"] == "ready"
        tree = nodes(await told(socket))
        before = tree[path]["incarnation"]
        body = {"name": "12345678/schedules", "reason": "to see it come back"}
        assert await chief.act("/processes/restart", body) == {"path": path}
        await patched(socket, tree, path, before)

        process = await chief.look(f"/processes?name={path}")
        assert process["node"]["incarnation"] > before
        assert "to see it come back" in process["why"][-1]["reason"]

        lines: list[Any] = []
        with trio.fail_after(SECONDS_MAX):
            while len(lines) < 2:
                await trio.sleep(0.2)
                lines = data_of(await chief.http.get("/audit", params={"subject": path}))
        assert {one["action"] for one in lines} == {"operator.restart"}
        assert {one["credential"][:4] for one in lines} == {"usr_"}
        assert {one["address"] for one in lines} == {"127.0.0.1"}


async def test_others_see_their_branch_and_nothing_of_anybody_elses(
    running_platform: PlatformProcess,
) -> None:
    async with (
        chief_of(running_platform, ISPB) as operator,
        chief_of(running_platform, OTHER) as chief,
        chief.watching() as socket,
    ):
        await told(socket)
        tree = nodes(await told(socket))
        assert all(f"{path}/".startswith(f"{THEIR_BRANCH}/") for path in tree)
        assert tree.keys() == nodes(await chief.look("/tree")).keys()

        hidden = {"name": f"{BRANCH}/schedules", "reason": "x"}
        assert await chief.refused("/processes/restart", hidden) == "not_an_operator"
        assert await chief.refused(f"/processes?name={BRANCH}") == "not_an_operator"
        assert await chief.refused(f"/payments/in-doubt?institution={ISPB}") == "not_an_operator"
        for path in ("/ledger", "/settings", "/log-level"):
            assert await chief.refused(path) == "not_an_operator"
        for path in ("/tree", "/crashes", "/approvals", "/verbs", "/payments/in-doubt"):
            assert ISPB not in json.dumps(await chief.look(path)), path

        # What happens in the other branch is told to nobody here; what happens here is.
        await operator.act("/processes/restart", hidden)
        before = tree[f"{THEIR_BRANCH}/schedules"]["incarnation"]
        await chief.act("/processes/restart", {"name": "schedules", "reason": "theirs"})
        with trio.fail_after(SECONDS_MAX):
            while tree[f"{THEIR_BRANCH}/schedules"]["incarnation"] == before:
                patch = json.loads(await socket.get_message())
                assert ISPB not in json.dumps(patch)
                tree |= {one["path"]: one for one in patch.get("changed", ())}


async def test_no_api_key_reaches_operations(
    running_platform: PlatformProcess,
) -> None:
    login = running_platform.logins[ISPB]
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = await http.get(
            f"{running_platform.addresses.api}/api/v1/operations/tree",
            headers={"Authorization": f"Bearer {login.api_key}"},
        )
    assert error_of(answer)["details"] == {"permission": "operations:read"}


@pytest.mark.parametrize(
    "path",
    [
        "/tree", "/crashes", "/ledger", "/approvals", "/settings", "/log-level", "/verbs",
        "/payments/in-doubt", "/processes?name=root", "/processes?name=ledger/breaker",
        f"/processes?name={BRANCH}", f"/processes?name={BRANCH}/schedules",
        "/processes/state?name=ledger/breaker",
    ],
)  # fmt: skip
async def test_an_operator_looks_into_every_room(
    running_platform: PlatformProcess, path: str
) -> None:
    async with chief_of(running_platform, ISPB) as chief:
        assert await chief.look(path) is not None


async def test_settings_tell_no_secret(running_platform: PlatformProcess) -> None:
    async with chief_of(running_platform, ISPB) as chief:
        settings = (await chief.look("/settings"))["settings"]
        assert settings["operators"]["institutions"] == [ISPB]
        assert {one["ispb"] for one in settings["institutions"]} == {ISPB, OTHER}


async def test_the_log_is_louder_for_a_while(running_platform: PlatformProcess) -> None:
    async with chief_of(running_platform, ISPB) as chief:
        body = {"level": "debug", "logger": "fluxiq.bus", "seconds": 60, "reason": "to listen"}
        assert (await chief.act("/log-level", body))["changes"][0]["level"] == "debug"
        ended = await chief.act("/log-level", {**body, "level": "settings"})
        assert ended["changes"] == []


async def test_the_ledgers_are_verified_while_they_are_used(
    running_platform: PlatformProcess,
) -> None:
    async with chief_of(running_platform, ISPB) as chief:
        run = await chief.act("/ledger/verifications", {"deep": False})
        with trio.fail_after(SECONDS_MAX):
            while not run["is_over"]:
                await trio.sleep(0.1)
                run = await chief.look(f"/ledger/verifications/{run['number']}")
        assert {one["institution"]: one["findings"] for one in run["report"]} == {
            ISPB: [],
            OTHER: [],
        }


async def test_the_breaker_without_a_tigerbeetle_is_in_no_state_for_a_word(
    running_platform: PlatformProcess,
) -> None:
    async with chief_of(running_platform, ISPB) as chief:
        if (await chief.look("/ledger"))["state"] != "unconfigured":
            pytest.skip("there is a TigerBeetle, which other tests open and close")
        assert await chief.refused("/ledger/breaker/open", {"reason": "x"}) == "refused"


async def test_the_api_does_not_end_itself(running_platform: PlatformProcess) -> None:
    async with chief_of(running_platform, ISPB) as chief:
        door = {"name": "http_api", "reason": "x"}
        assert await chief.refused("/processes/stop", door) == "not_over_http"
        assert await chief.refused("/verbs/drain", {"reason": "x"}) == "not_over_http"
