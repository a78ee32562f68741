"""The isolation walk, at the doors: every endpoint, live topic and operator's verb that there is,
with the key (or the name) of one institution for what belongs to another.

What is walked is read from the running platform: its OpenAPI document, its topics, its verbs. A new
endpoint is walked by itself; one with a parameter that no table here knows fails the walk until
somebody says what it names. Aurora walks, Boreal is walked over.
"""

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
import trio_websocket

from fluxiq.admin.client import ask
from fluxiq.api.hub import Topic
from fluxiq.errors import Refused
from fluxiq.providers.simulator import SimulatorControl
from tests.support.institutions import done
from tests.support.merchants import Caller, Heard, Json, error_of, eventually, open_caller
from tests.support.platform import PlatformProcess, started_platform

AURORA, BOREAL = "12345678", "87654321"
QUIET_SECONDS = 0.5
NOTICED_SECONDS_MAX = 5.0  # of a busy machine: it is told, and takes milliseconds

# What a parameter in a path, or a field in a body, names. None: a word that is nobody's.
PREFIX_OF: dict[str, str | None] = {
    "account_id": "acc",
    "source_account_id": "acc",
    "destination_account_id": "acc",
    "charge_id": "chg",
    "delivery_id": "dlv",
    "key_id": "key",
    "med_report_id": "med",
    "event_id": "evt",
    "payment_id": "pay",
    "merchant_id": "mch",
    "payout_batch_id": "bat",
    "payout_id": "pay",
    "receipt_id": "pay",
    "refund_id": "ref",
    "request_id": "req",
    "session_id": "ses",
    "transfer_id": "xfer",
    "user_id": "usr",
    "webhook_id": "whk",
    "end_to_end_id": "E",
    "product_id": None,  # products are the platform's, the same for all
    "pair": None,  # of currencies
    "name": None,  # of a feature flag
    "ispb": BOREAL,
    "provider": None,
    "key": None,  # see TELLS_EVERYBODY
    # Of operations, where no merchant's key opens anything: tests/e2e/test_operations_rooms.py.
    "job_id": "job",
    "approval_id": None,
    "client_id": None,  # ours at a provider
    "dead_letter_id": None,
    "deed": None,
    "difference_id": None,
    "fingerprint": None,
    "line": None,
    "number": None,
    "verb": None,
    "word": None,
}
# What the provider's answers change, and Boreal's own reading, which is audited.
CHANGES_BY_ITSELF = {"/api/v1/providers/status", "/api/v1/audit", "/api/v1/audit/export"}
# The log of Aurora's own requests has the paths that the walk itself has asked for.
ECHOES = {"/api/v1/requests"}
# DICT says to everybody who has a key, wherever they are: that is what it is for.
TELLS_EVERYBODY = {"/api/v1/pix/dict/{key}"}
# Nobody has made one of these for a merchant over HTTP alone: they are asked for by an id that is
# well formed and nobody's.
NOT_MADE = {"bat", "job", "med", "ses", "usr"}
NOBODYS = "01KAP3Y8QCJZ0F0M3T2V9D8XKE"

_ID = re.compile(r"\b(?:[a-z]{3,4}_[0-9A-HJKMNP-TV-Z]{26}|E[0-9A-Z]{8}[0-9]{12}[0-9A-Za-z]{11})\b")

# When the platform or Boreal itself looked, and not what was seen.
_LOOKED_AT = re.compile(r'"(?:as_of|seen_at|updated_at|last_used_at)":(?:"[^"]*"|null)')


@pytest.fixture(scope="module")
def platform() -> Iterator[PlatformProcess]:
    with started_platform("walk") as found:
        yield found


@asynccontextmanager
async def caller_of(platform: PlatformProcess, ispb: str) -> AsyncIterator[Caller]:
    async with open_caller(platform.addresses.api, platform.logins[ispb]) as caller:
        yield caller


class Operation:
    """An endpoint as the document tells it."""

    def __init__(self, method: str, path: str, told: Json) -> None:
        self.method, self.path = method, path
        self.parameters = re.findall(r"\{(\w+)\}", path)
        # A word for each that can be one, and is nobody's.
        self.words = {
            one["name"]: one["example"] for one in told["parameters"] if one.get("in") == "path"
        }
        self.is_public = not told["security"]
        self.is_callback = told["x-rate-class"] == "callback"
        content = told.get("requestBody", {}).get("content", {})
        self.body = content.get("application/json", {}).get("example")

    def __repr__(self) -> str:
        return f"{self.method} {self.path}"


async def operations(caller: Caller) -> list[Operation]:
    document = (await caller.http.get(f"{caller.api}/openapi.json")).json()
    found = [
        Operation(method.upper(), path, told)
        for path, methods in document["paths"].items()
        for method, told in methods.items()
        if path.startswith("/api/")
    ]
    assert len(found) > 60
    return found


async def everything_of(caller: Caller, walked: list[Operation]) -> dict[str, str]:
    """What the merchant sees of its own, list by list, and one by one."""
    seen: dict[str, str] = {}
    lists = [one for one in walked if one.method == "GET" and not one.parameters]
    for one in lists:
        answer = await caller.http.get(f"{caller.api}{one.path}", params={"per_page": "100"})
        if answer.status_code == 422:
            answer = await caller.http.get(f"{caller.api}{one.path}")
        if answer.is_success:
            seen[one.path] = answer.text
    own = {"merchant_id": caller.login.merchant_id, "account_id": caller.login.account_id}
    for one in walked:
        if one.method == "GET" and len(one.parameters) == 1 and one.parameters[0] in own:
            path = one.path.format(**own)
            answer = await caller.http.get(f"{caller.api}{path}")
            if answer.is_success:
                seen[path] = answer.text
    for webhook_id in sorted(_all_ids(seen, "whk")):
        path = f"/api/v1/webhooks/{webhook_id}/deliveries"
        seen[path] = (await caller.http.get(f"{caller.api}{path}")).text
    return {path: _LOOKED_AT.sub("", text) for path, text in seen.items()}


def _all_ids(seen: dict[str, str], prefix: str = "") -> set[str]:
    found = {one for text in seen.values() for one in _ID.findall(text)}
    return {one for one in found if one.startswith(prefix)}


async def furnish(platform: PlatformProcess, caller: Caller) -> str:
    """One of everything that a merchant can have. Returns the id of the payout that it contests."""
    assert platform.addresses.simulator is not None
    async with SimulatorControl.open(platform.addresses.simulator) as simulator:
        hook = await caller.made(
            "/webhooks", {"url": "http://127.0.0.1:9/nobody", "events": ["pix.charge.paid"]}
        )
        charge = await caller.made("/pix/charges", {"amount": 70_00})
        await simulator.pay(ispb=caller.login.ispb, br_code=charge["qr_code"])

        async def paid() -> bool:
            return bool((await caller.get(f"/pix/charges/{charge['id']}"))["status"] == "paid")

        await eventually(paid)
    back = {"charge_id": charge["id"], "amount": 1_00, "idempotency_key": "furnish-1"}
    refund = await caller.made("/pix/refunds", back)
    out = {"amount": 2_00, "recipient": {"pix_key": "confirmed@simulator.example"}}
    payout = await caller.made("/pix/payouts", {**out, "idempotency_key": "furnish-2"})
    other = await caller.made("/accounts", {"name": "the other one"})
    source = caller.login.account_id
    move = {"source_account_id": source, "destination_account_id": other["id"], "amount": 3_00}
    await caller.made("/transfers", {**move, "idempotency_key": "furnish-3"})
    grant = {"name": "spare", "permissions": ["pix:read"]}
    await caller.made(f"/merchants/{caller.login.merchant_id}/api-keys", grant)

    async def at_rest() -> bool:
        refunded = (await caller.get(f"/pix/refunds/{refund['id']}"))["status"]
        paid_out = (await caller.get(f"/pix/payouts/{payout['id']}"))["status"]
        return "processing" not in {refunded, paid_out}

    await eventually(at_rest)
    contest = f"/pix/payouts/{payout['id']}/contest"
    await caller.made(contest, {"reason": "scam", "details": "disagreed@telephone"})

    async def decided() -> bool:
        return bool((await caller.get(contest))["status"] == "rejected")

    await eventually(decided)
    # Nobody tries it again while others walk, which would be a change.
    disabled = await caller.http.patch(f"/webhooks/{hook['id']}", json={"enabled": False})
    assert disabled.is_success, disabled.text
    payout_id: str = payout["id"]
    return payout_id


class Walk:
    """Boreal's ids, in the places where an endpoint takes one. `chosen`: for these names not any
    id of their kind will do, as only one has all that can be asked of it.
    """

    def __init__(self, words: set[str], chosen: dict[str, str]) -> None:
        self.words, self.chosen = words, chosen

    def of(self, name: str) -> str | None:
        """An id of Boreal for a parameter or a field; None where it is not one."""
        assert name in PREFIX_OF, f"say in PREFIX_OF what {name!r} names"
        if name in self.chosen:
            return self.chosen[name]
        prefix = PREFIX_OF[name]
        if prefix is None or prefix == BOREAL:
            return prefix
        found = sorted(word for word in self.words if word.startswith(f"{prefix}_"[: len(prefix)]))
        found = [word for word in found if prefix == "E" or word.startswith(f"{prefix}_")]
        if not found:
            assert prefix in NOT_MADE, f"Boreal has no {name}: furnish one"
            return f"{prefix}_{NOBODYS}"
        return found[0]

    def path(self, one: Operation) -> tuple[str, bool]:
        """The path, and whether something of Boreal's is in it."""
        said = {name: self.of(name) for name in one.parameters}
        filled = {name: value or one.words[name] for name, value in said.items()}
        return one.path.format(**filled), any(said.values())

    def body(self, said: Any) -> Any:
        """An example, with Boreal's ids in every field that takes one."""
        if isinstance(said, dict):
            return {name: self._field(name, value) for name, value in said.items()}
        return [self.body(one) for one in said] if isinstance(said, list) else said

    def _field(self, name: str, value: Any) -> Any:
        if isinstance(value, str) and (name.endswith("_id") and name in PREFIX_OF):
            return self.of(name) or value
        if name.endswith("_id") and isinstance(value, str):
            raise AssertionError(f"say in PREFIX_OF what {name!r} names")
        return self.body(value)


async def test_no_endpoint_shows_or_changes_what_belongs_to_another_institution(
    platform: PlatformProcess,
) -> None:
    async with caller_of(platform, BOREAL) as boreal, caller_of(platform, AURORA) as aurora:
        walked = await operations(aurora)
        contested = await furnish(platform, boreal)
        unstable = await everything_of(boreal, walked)
        before = await everything_of(boreal, walked)
        own = _all_ids(await everything_of(aurora, walked))
        words = _all_ids(before) - own
        words |= {boreal.login.pix_key, boreal.login.merchant, boreal.login.api_key[-32:]}
        walk = Walk(words, {"payout_id": contested})
        assert contested in words
        assert {word[:3] for word in words} >= {
            *("acc", "chg", "pay", "ref", "xfe", "whk", "dlv", "mch", "key", "cts")
        }

        asked = ""
        for number, one in enumerate(walked):
            if one.is_public or one.path in TELLS_EVERYBODY:
                continue
            path, names_boreal = walk.path(one)
            body = None if one.body is None else walk.body(one.body)
            if body is not None and "idempotency_key" in body:
                body["idempotency_key"] = f"walk-{number}"
            sent = path + msgspec.json.encode(body).decode()
            asked += sent

            answer = await aurora.http.request(
                one.method,
                f"{aurora.api}{path}",
                json=body,
                headers={"Idempotency-Key": f"walk-{number}"} if one.method == "POST" else {},
            )

            assert answer.status_code < 500, f"{one}: {answer.text}"
            said = asked if one.path in ECHOES else sent
            told = [word for word in words if word in answer.text and word not in said]
            assert not told, f"{one} told {told}"
            if names_boreal:
                assert answer.status_code in {403, 404, 409, 422}, f"{one}: {answer.text}"

        after = await everything_of(boreal, walked)
        steady = [
            path
            for path, text in before.items()
            if unstable[path] == text and path not in CHANGES_BY_ITSELF
        ]
        assert len(steady) > 10
        assert {path: after[path] for path in steady} == {path: before[path] for path in steady}
        marks = own | {aurora.login.merchant_id, aurora.login.account_id}
        assert not [word for word in marks if any(word in text for text in after.values())]


@asynccontextmanager
async def hears(platform: PlatformProcess, ispb: str) -> AsyncIterator[tuple[Heard, list[Json]]]:
    """A socket of the institution's merchant that listens to every topic there is."""
    login, frames, heard = platform.logins[ispb], list[Json](), Heard()
    # The tree is the institutions' own people's: tests/e2e/test_operations.py.
    topics = ",".join(one for one in Topic if one is not Topic.TREE)
    url = f"{platform.addresses.api.replace('http', 'ws', 1)}/api/v1/ws?topics={topics}"
    headers = [(b"Authorization", f"Bearer {login.api_key}".encode())]

    async def read(socket: trio_websocket.WebSocketConnection) -> None:
        while True:
            message = msgspec.json.decode(await socket.get_message())
            frames.append(message)
            heard.said(message)

    async with (
        trio_websocket.open_websocket_url(url, extra_headers=headers) as socket,
        trio.open_nursery() as nursery,
    ):
        assert msgspec.json.decode(await socket.get_message())["type"] == "ready"
        nursery.start_soon(read, socket)
        yield heard, frames
        nursery.cancel_scope.cancel()


async def test_a_socket_that_listens_to_every_topic_hears_nothing_of_another_institution(
    platform: PlatformProcess,
) -> None:
    assert platform.addresses.simulator is not None
    async with (
        caller_of(platform, BOREAL) as boreal,
        hears(platform, AURORA) as (_, by_aurora),
        hears(platform, BOREAL) as (heard, by_boreal),
        SimulatorControl.open(platform.addresses.simulator) as simulator,
    ):
        charge = await boreal.made("/pix/charges", {"amount": 5_00})
        await simulator.pay(ispb=BOREAL, br_code=charge["qr_code"])
        await heard.wait_for(charge["id"], "pix.charge.paid")
        await trio.sleep(QUIET_SECONDS)

    # The institution's own live data is told to everybody of it, and so to Aurora of Aurora.
    kinds = {one["type"] for one in by_boreal}
    assert "event" in kinds
    assert len(kinds - {"ping", "event"}) >= 1
    told = msgspec.json.encode(by_aurora).decode()
    mark = {boreal.login.account_id, boreal.login.merchant_id, charge["id"], BOREAL}
    assert not [word for word in mark if word in told]


async def test_no_verb_about_one_institution_reaches_into_another(
    platform: PlatformProcess,
) -> None:
    socket = Path(platform.addresses.admin_socket)
    verbs: list[Json] = await ask(socket, "verbs")
    about = [one for one in verbs if "institution" in one["arguments"]]
    assert len(about) > 8
    theirs = [one["id"] for one in await ask(socket, "jobs", institution=BOREAL, limit=1000)]
    async with caller_of(platform, BOREAL) as boreal:
        theirs += [boreal.login.account_id, boreal.login.merchant_id]
    assert len(theirs) > 2
    codes: dict[str, str] = {}

    for one in about:
        # Those of their lives name whom they mean; nothing else is in them.
        if one["verb"].startswith(("institution", "merchant_")):
            continue
        given: Json = {"institution": AURORA}
        given |= {name: theirs[0] for name in one["arguments"] if name == "id"}
        given |= {"yes": True} if one["kind"] == "deed" else {}
        if one["kind"] == "deed" and "id" not in given:
            continue  # it would do something to Aurora, and can name nobody else's
        try:
            answer = await ask(socket, one["verb"], **given)
        except Refused as refused:
            codes[one["verb"]] = refused.code
            continue
        assert "id" not in given, f"{one['verb']} found {theirs[0]} at Aurora"
        text = msgspec.json.encode(answer).decode()
        assert not [word for word in theirs if word in text], one["verb"]
    assert codes["job"] == codes["job_cancel"] == "job_not_found"
    assert "internal" not in codes.values(), codes


async def test_suspended_no_key_opens_anything_and_money_is_taken_in(
    platform: PlatformProcess,
) -> None:
    """Every endpoint, within a second. Providers are still heard: see test_institutions."""
    async with caller_of(platform, AURORA) as aurora, caller_of(platform, BOREAL) as boreal:
        walked = [one for one in await operations(boreal) if not one.is_public]
        done(platform, "suspend", BOREAL, "--yes")
        try:
            with trio.fail_after(NOTICED_SECONDS_MAX):
                first = await boreal.http.get("/accounts")
            assert error_of(first)["code"] == "institution_suspended"
            for one in walked:
                path = one.path.format(**one.words)
                answer = await boreal.http.request(one.method, f"{boreal.api}{path}", json=one.body)
                code = error_of(answer)["code"]
                assert code == "institution_suspended", f"{one}: {answer.text}"
            assert (await aurora.http.get("/accounts")).is_success
        finally:
            done(platform, "resume", BOREAL, "--yes")
        assert (await boreal.http.get("/accounts")).is_success
