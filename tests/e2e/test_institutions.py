"""Institutions come, are suspended, and leave, on a platform that serves others meanwhile."""

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import httpx
import nats
import pytest
import redis.asyncio as redis
import trio
import trio_websocket
from redis import exceptions

from actors.embedded import postgres_endpoint
from actors.embedded.nats import _ready_check, nats_endpoint
from actors.embedded.valkey import valkey_endpoint
from fluxiq.admin.client import ask_tree
from fluxiq.asyncio_host import AsyncioHost
from fluxiq.commands.demo_data import Login
from fluxiq.providers.simulator import SimulatorControl
from fluxiq.stores.provision import role_of
from tests.support.institutions import a_file, done, enrolled, order, refusal, standing
from tests.support.merchants import (
    Caller,
    Inside,
    deliver_notice,
    error_of,
    eventually,
    fresh_end_to_end_id,
    open_caller,
    receipt_notice,
)
from tests.support.platform import PlatformProcess, started_platform

AURORA = "12345678"
NOTICED_SECONDS_MAX = 5.0  # of a busy machine: it is told, and takes milliseconds
HANDSHAKE = {  # RFC 6455, 4.1
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


@pytest.fixture(scope="module")
def platform() -> Iterator[PlatformProcess]:
    """One for all stories; each has institutions of its own."""
    with started_platform("inst") as found:
        yield found


@pytest.fixture
def papers(tmp_path: Path) -> Path:
    return tmp_path


@asynccontextmanager
async def caller_of(platform: PlatformProcess, login: Login) -> AsyncIterator[Caller]:
    async with open_caller(platform.addresses.api, login) as caller:
        yield caller


async def is_paid(platform: PlatformProcess, caller: Caller, amount: int = 12_00) -> bool:
    """A charge of the merchant goes all the way, the money into its account."""
    assert platform.addresses.simulator is not None
    before = sum(await caller.balance())
    async with SimulatorControl.open(platform.addresses.simulator) as simulator:
        charge = await caller.made("/pix/charges", {"amount": amount})
        await simulator.pay(ispb=caller.login.ispb, br_code=charge["qr_code"])

    async def has_it() -> bool:
        return sum(await caller.balance()) == before + amount

    await eventually(has_it)
    return True


async def incarnations(platform: PlatformProcess) -> dict[str, int]:
    """Of everything in the branch of Aurora."""
    tree = await ask_tree(Path(platform.addresses.admin_socket))
    return {
        node.path: node.incarnation
        for node in tree.nodes
        if node.path.startswith(f"root/institutions/{AURORA}")
    }


async def test_one_command_adds_an_institution_that_works_at_once_and_disturbs_nobody(
    platform: PlatformProcess, papers: Path
) -> None:
    before = await incarnations(platform)
    file = a_file(papers, "31000001", 31)

    assert (
        done(platform, "add", "--file", str(file)) == "31000001 Banco 31000001: added, ledger 31\n"
    )
    async with caller_of(platform, enrolled(platform, "31000001")) as caller:
        assert await is_paid(platform, caller)

    again = done(platform, "add", "--file", str(file))
    assert again == "31000001 Banco 31000001: was there already, ledger 31\n"
    assert standing(platform)["31000001"] == "active"
    assert await incarnations(platform) == before
    shown = done(platform, "show", "31000001")
    assert "claimed" in shown
    assert "opened" in shown


def test_a_newcomer_needs_no_file_and_no_number(platform: PlatformProcess) -> None:
    words = ("add", "--ispb", "31000002", "--name", "Banco Novo")
    first = done(platform, *words)
    assert first.startswith("31000002 Banco Novo: added, ledger ")
    assert done(platform, *words) == first.replace("added", "was there already")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("colour = 1\n", "unknown setting 'colour' in {file}"),
        ("ledger_policy = 'none'\n", "setting 'ledger_policy' in {file}: "),
    ],
)
def test_a_wrong_file_is_refused_with_the_words_of_the_settings(
    platform: PlatformProcess, papers: Path, more: str, words: str
) -> None:
    file = a_file(papers, "31000003", 33, more)
    assert refusal(platform, "add", "--file", str(file)).startswith(words.format(file=file))
    assert "31000003" not in standing(platform)


def test_a_ledger_number_of_somebody_else_is_refused(
    platform: PlatformProcess, papers: Path
) -> None:
    said = refusal(platform, "add", "--file", str(a_file(papers, "31000003", 1)))
    assert said == f"setting 'ledger' in the declaration: 1 belongs to {AURORA}"
    assert "31000003" not in standing(platform)


def test_the_same_ispb_declared_differently_is_refused(
    platform: PlatformProcess, papers: Path
) -> None:
    file = a_file(papers, AURORA, 1)
    assert "declared differently" in refusal(platform, "add", "--file", str(file))


async def test_one_that_cannot_be_opened_leaves_nothing_behind(
    platform: PlatformProcess, papers: Path, asyncio_host: AsyncioHost
) -> None:
    """Its provider's certificate is not there, which its branch finds out: the last step."""
    ispb = "31000004"
    file = papers / "psp.toml"
    file.write_text(
        f'ispb = "{ispb}"\nname = "Banco sem certificado"\nledger = 34\n'
        '[[providers]]\nname = "psp"\nkind = "bacen_psp"\nurl = "https://psp.example"\n'
        'callback = { scheme = "static_token", token_file = "/nowhere/token" }\n'
        'psp = { certificate_file = "/nowhere/cert.pem", key_file = "/nowhere/key.pem" }\n'
    )

    said = refusal(platform, "add", "--file", str(file))

    assert said.startswith(f"{ispb} was not added: branch: ")
    assert said.endswith("undone: branch, NATS, Redis, PostgreSQL")
    assert ispb not in standing(platform)
    inside = Inside(platform.data_dir)
    assert await rooms_of(inside, asyncio_host, ispb) == []
    tree = await ask_tree(Path(platform.addresses.admin_socket))
    assert not [node.path for node in tree.nodes if ispb in node.path]

    good = done(platform, "add", "--file", str(a_file(papers, ispb, 34)))
    assert good.endswith("added, ledger 34\n")


async def rooms_of(inside: Inside, host: AsyncioHost, ispb: str) -> list[str]:
    """What there is of an institution in the servers: its role, schema, users, consumers."""

    async def look() -> list[str]:
        found = []
        postgres = await asyncpg.connect(postgres_endpoint(inside.directory).url)
        for name, query in (
            ("role", "SELECT count(*) FROM pg_roles WHERE rolname = $1 AND rolcanlogin"),
            ("schema", "SELECT count(*) FROM pg_namespace WHERE nspname = $1"),
        ):
            if await postgres.fetchval(query, role_of(ispb)):
                found.append(name)
        await postgres.close()
        if await opens_redis(inside, ispb):
            found.append("Redis user")
        way = nats_endpoint(inside.directory)
        client = await nats.connect(
            f"nats://{way.host}:{way.port}", user=way.user, password=way.password
        )
        streams = client.jetstream()
        for stream in ("FLUXIQ", "FLUXIQ_LEDGER"):
            names = [one.name for one in await streams.consumers_info(stream)]
            found += [f"consumer {name}" for name in names if name.startswith(ispb)]
        await client.close()
        return found

    found = await host.run(look)
    return [
        *found,
        *(["NATS user"] if await _ready_check(nats_endpoint(inside.directory, ispb))() else []),
    ]


async def opens_redis(inside: Inside, ispb: str) -> bool:
    way = valkey_endpoint(inside.directory, ispb)
    client = redis.Redis.from_url(f"unix://{way.path}", username=way.user, password=way.password)
    try:
        await client.set(f"fluxiq:{ispb}:mine", "x")
    except exceptions.ConnectionError as error:
        if "invalid username-password" not in str(error):
            raise
        return False
    finally:
        await client.aclose()
    return True


async def opens_postgres(inside: Inside, ispb: str) -> bool:
    own = {"user": role_of(ispb), "password": inside.servers.postgres_password(ispb)}
    try:
        connection = await asyncpg.connect(postgres_endpoint(inside.directory).url, **own)
    except asyncpg.InvalidAuthorizationSpecificationError:
        return False
    await connection.close()
    return True


async def test_a_suspended_institution_refuses_callers_and_takes_in_money(
    platform: PlatformProcess,
) -> None:
    ispb = "31000005"
    done(platform, "add", "--ispb", ispb, "--name", "Banco Suspenso")
    login, inside = enrolled(platform, ispb), Inside(platform.data_dir)
    async with (
        caller_of(platform, login) as caller,
        open_socket(platform, login) as socket,
    ):
        assert await is_paid(platform, caller)
        balance = sum(await caller.balance())

        assert done(platform, "suspend", ispb, "--reason", "BACEN asked", "--yes") == (
            f"{ispb}: suspended\n"
        )
        with trio.fail_after(NOTICED_SECONDS_MAX):
            code, why = await closed(socket)
            refused = await caller.http.get("/accounts")
        assert (code, why) == (4403, "institution_suspended")
        assert (refused.status_code, error_of(refused)["code"]) == (403, "institution_suspended")
        assert await knocks(platform, login) == 403

        # Whoever has no key learns nothing of it.
        unknown = httpx.Headers({"Authorization": f"Bearer sk_live_{ispb}{'x' * 32}"})
        assert (await caller.http.get("/accounts", headers=unknown)).status_code == 401

        body = receipt_notice(fresh_end_to_end_id(), "7.50", login.pix_key)
        taken = await deliver_notice(caller.http, ispb, inside.provider_secret(ispb), body)
        assert (taken.status_code, taken.json()) == (200, {"data": {"received": 1}})

        assert standing(platform)[ispb] == "suspended"
        assert done(platform, "resume", ispb, "--yes") == f"{ispb}: active\n"

        async def has_it() -> bool:
            return sum(await caller.balance()) == balance + 7_50

        await eventually(has_it)


async def knocks(platform: PlatformProcess, login: Login) -> int:
    """The status that refuses a handshake. On a connection of its own, which ends with it."""
    authorization = {"Authorization": f"Bearer {login.api_key}"}
    async with httpx.AsyncClient(trust_env=False) as http:
        url = f"{platform.addresses.api}/api/v1/ws"
        return (await http.get(url, headers=HANDSHAKE | authorization)).status_code


@asynccontextmanager
async def open_socket(
    platform: PlatformProcess, login: Login
) -> AsyncIterator[trio_websocket.WebSocketConnection]:
    """Over a stream of our own: one that the server closes, the library leaves open."""
    place = urlsplit(platform.addresses.api)
    headers = [(b"Authorization", f"Bearer {login.api_key}".encode())]
    async with (
        await trio.open_tcp_stream(str(place.hostname), place.port or 80) as stream,
        trio.open_nursery() as nursery,
    ):
        yield await trio_websocket.wrap_client_stream(
            nursery, stream, place.netloc, "/api/v1/ws", extra_headers=headers
        )
        nursery.cancel_scope.cancel()


async def closed(socket: trio_websocket.WebSocketConnection) -> tuple[int, str | None]:
    """Read on until the server closes it; with which code, and why."""
    try:
        while True:
            await socket.get_message()
    except trio_websocket.ConnectionClosed as ended:
        reason: Any = ended.reason
        return reason.code, reason.reason


async def test_one_leaves_only_suspended_and_empty_and_its_records_stay(
    platform: PlatformProcess, asyncio_host: AsyncioHost
) -> None:
    ispb = "31000006"
    done(platform, "add", "--ispb", ispb, "--name", "Banco que sai")
    login, inside = enrolled(platform, ispb), Inside(platform.data_dir)
    async with caller_of(platform, login) as caller:
        assert await is_paid(platform, caller)
        assert "suspend it first" in refusal(platform, "remove", ispb, "--yes")
        done(platform, "suspend", ispb, "--yes")
        assert "accounts with a balance" in refusal(platform, "remove", ispb, "--yes")
        assert standing(platform)[ispb] == "suspended"

        done(platform, "resume", ispb, "--yes")
        amount, _ = await caller.balance()
        said = {"amount": amount, "recipient": {"pix_key": "confirmed@simulator.example"}}
        await caller.made("/pix/payouts", {**said, "idempotency_key": "the-last-one"})

        async def is_empty() -> bool:
            return sum(await caller.balance()) == 0

        await eventually(is_empty)
        done(platform, "suspend", ispb, "--yes")
        told = await removed(platform, ispb)
        assert f"the schema {role_of(ispb)} is kept" in told

        gone = await caller.http.get("/accounts")
        assert (gone.status_code, error_of(gone)["code"]) == (401, "unauthorized")
        body = receipt_notice(fresh_end_to_end_id(), "7.50", login.pix_key)
        late = await deliver_notice(caller.http, ispb, inside.provider_secret(ispb), body)
        assert (late.status_code, error_of(late)["code"]) == (404, "institution_not_found")

    assert await rooms_of(inside, asyncio_host, ispb) == ["schema"]
    assert not await asyncio_host.run(opens_postgres, inside, ispb)
    assert await rows_of(inside, asyncio_host, ispb, "receipts") == 1
    assert await rows_of(inside, asyncio_host, ispb, "api_keys WHERE revoked_at IS NULL") == 0


async def removed(platform: PlatformProcess, ispb: str) -> str:
    """Once what is under way has come to its end."""
    deadline = time.monotonic() + 20
    while True:
        finished = await trio.to_thread.run_sync(order, platform, "remove", ispb, "--yes")
        if finished.status == 0:
            return finished.stdout
        assert time.monotonic() < deadline, finished.stderr
        await trio.sleep(0.3)


async def rows_of(inside: Inside, host: AsyncioHost, ispb: str, what: str) -> int:
    async def count() -> int:
        connection = await asyncpg.connect(postgres_endpoint(inside.directory).url)
        found: int = await connection.fetchval(f"SELECT count(*) FROM {role_of(ispb)}.{what}")
        await connection.close()
        return found

    return await host.run(count)
