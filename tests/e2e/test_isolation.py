"""An institution with all its own credentials sees nothing of the other one.

Aurora (12345678) looks, Boreal (87654321) has something to hide.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import nats
import pytest
import redis.asyncio as redis
from nats.aio.client import Client
from redis import exceptions

from actors.embedded import postgres_endpoint
from actors.embedded.nats import nats_endpoint
from actors.embedded.valkey import valkey_endpoint
from actors.queues import STREAM, Queue, consumer_name
from fluxiq.asyncio_host import AsyncioHost
from fluxiq.providers.simulator import SimulatorControl
from fluxiq.stores.provision import role_of
from tests.support.merchants import (
    Caller,
    Inside,
    Json,
    deliver_notice,
    error_of,
    eventually,
    fresh_end_to_end_id,
    open_caller,
    open_window,
    receipt_notice,
    written_about,
)
from tests.support.platform import PlatformProcess

AURORA, BOREAL = "12345678", "87654321"
QUIET_SECONDS = 0.1  # as long as nothing may arrive


@asynccontextmanager
async def caller_of(platform: PlatformProcess, ispb: str) -> AsyncIterator[Caller]:
    async with open_caller(platform.addresses.api, platform.logins[ispb]) as caller:
        yield caller


@pytest.fixture
async def boreals_charge(running_platform: PlatformProcess) -> AsyncIterator[Json]:
    """A charge of Boreal, paid."""
    platform = running_platform
    assert platform.addresses.simulator is not None
    async with (
        caller_of(platform, BOREAL) as caller,
        SimulatorControl.open(platform.addresses.simulator) as simulator,
    ):
        charge = await caller.made("/pix/charges", {"amount": 70_00})
        await simulator.pay(ispb=BOREAL, br_code=charge["qr_code"])

        async def paid() -> bool:
            return bool((await caller.get(f"/pix/charges/{charge['id']}"))["status"] == "paid")

        await eventually(paid)
        yield await caller.get(f"/pix/charges/{charge['id']}")


# Postgres.


@pytest.mark.parametrize(
    "statement",
    [
        f"SELECT * FROM {role_of(BOREAL)}.charges",
        f"SELECT count(*) FROM {role_of(BOREAL)}.ledger_accounts",
        f"INSERT INTO {role_of(BOREAL)}.audit_trail (actor) VALUES ('aurora')",
        f"UPDATE {role_of(BOREAL)}.ledger_accounts SET credits_posted = 1",
        f"DELETE FROM {role_of(BOREAL)}.inbox",
        f"SET ROLE {role_of(BOREAL)}",
        f"SET SESSION AUTHORIZATION {role_of(BOREAL)}",
        f"ALTER ROLE {role_of(BOREAL)} PASSWORD 'mine'",
        f"GRANT USAGE ON SCHEMA {role_of(BOREAL)} TO {role_of(AURORA)}",
        f"CREATE TABLE {role_of(BOREAL)}.mine (id int)",
        "SELECT * FROM platform.institutions",
        "CREATE SCHEMA mine",
        "CREATE TABLE public.mine (id int)",
        "SELECT * FROM pg_authid",
        "COPY (SELECT 1) TO '/tmp/mine'",
        "SELECT pg_read_file('PG_VERSION')",
        "CREATE DATABASE mine",
    ],
)
async def test_postgres_shows_and_does_nothing_of_the_other_one(
    inside: Inside, asyncio_host: AsyncioHost, statement: str
) -> None:
    async def refused(connection: Any) -> None:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)

    async with inside.servers.open_postgres(
        asyncio_host, AURORA, size=1, seconds_max=10
    ) as postgres:
        await postgres.run(refused)


async def test_postgres_finds_no_table_of_the_other_one_through_the_search_path(
    inside: Inside, asyncio_host: AsyncioHost, boreals_charge: Json
) -> None:
    async def look(connection: Any) -> None:
        found = await connection.fetchval("SELECT count(*) FROM charges")
        await connection.execute(f"SET search_path TO {role_of(BOREAL)}")
        with pytest.raises(asyncpg.UndefinedTableError):
            await connection.fetch("SELECT * FROM charges")
        await connection.execute("RESET search_path")
        assert await connection.fetchval("SELECT count(*) FROM charges") == found
        visible = "SELECT count(*) FROM information_schema.tables WHERE table_schema = $1"
        assert await connection.fetchval(visible, role_of(AURORA)) > 0
        assert await connection.fetchval(visible, role_of(BOREAL)) == 0

    async with inside.servers.open_postgres(
        asyncio_host, AURORA, size=1, seconds_max=10
    ) as postgres:
        await postgres.run(look)


async def test_the_password_of_one_opens_nothing_of_the_other(
    inside: Inside, asyncio_host: AsyncioHost
) -> None:
    mixed = {"user": role_of(BOREAL), "password": inside.servers.postgres_password(AURORA)}

    async def connect() -> None:
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(postgres_endpoint(inside.directory).url, **mixed)

    await asyncio_host.run(connect)


# NATS.


class Listener:
    """Aurora's connection to NATS, with what it was told and what it was refused."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.refused: list[str] = []
        self._news = asyncio.Event()
        self.client = Client()

    async def connect(self, inside: Inside) -> None:
        way = nats_endpoint(inside.directory, AURORA)

        async def complain(error: Exception) -> None:
            self.refused.append(str(error).lower())
            self._news.set()

        await self.client.connect(
            f"nats://{way.host}:{way.port}",
            user=way.user,
            password=way.password,
            inbox_prefix=way.inbox_prefix.encode(),
            error_cb=complain,
            allow_reconnect=False,
        )

    async def subscribe(self, subject: str) -> None:
        async def hear(message: Any) -> None:
            self.heard.append(message.subject)

        await self.client.subscribe(subject, cb=hear)
        await self.client.flush()

    async def is_refused(self, verb: str) -> None:
        """Wait until the server has said no to something."""
        async with asyncio.timeout(5):
            while not any(verb in one for one in self.refused):
                self._news.clear()
                await self._news.wait()


@pytest.mark.parametrize(
    "subject",
    [
        f"{STREAM}.{BOREAL}.>",
        f"{STREAM}.>",
        ">",
        f"{STREAM}.*.events.>",
        f"_INBOX_{BOREAL}.>",
        "_INBOX.>",
        "$JS.>",
    ],
)
async def test_nats_lets_nobody_listen_to_the_other_one(
    inside: Inside,
    asyncio_host: AsyncioHost,
    running_platform: PlatformProcess,
    subject: str,
) -> None:
    listener = Listener()

    async def begin() -> None:
        await listener.connect(inside)
        await listener.subscribe(subject)
        await listener.is_refused("subscription")

    await asyncio_host.run(begin)
    async with (
        caller_of(running_platform, BOREAL) as caller,
        open_window(running_platform.addresses.api, caller.login) as heard,
    ):
        charge = await caller.made("/pix/charges", {"amount": 1_00})
        # Boreal's own window heard of it over the same bus.
        await heard.wait_for(charge["id"], "pix.charge.created")

    async def end() -> None:
        await asyncio.sleep(QUIET_SECONDS)
        await listener.client.close()

    await asyncio_host.run(end)
    assert listener.heard == []


@pytest.mark.parametrize(
    "subject",
    [
        f"{STREAM}.{BOREAL}.pix.out.0",
        f"{STREAM}.{BOREAL}.events.somebody",
        f"$JS.API.STREAM.INFO.{STREAM}",
        f"$JS.API.STREAM.MSG.GET.{STREAM}",
        f"$JS.API.DIRECT.GET.{STREAM}",
        f"$JS.API.STREAM.PURGE.{STREAM}",
        f"$JS.API.STREAM.DELETE.{STREAM}",
        f"$JS.API.STREAM.UPDATE.{STREAM}",
        "$JS.API.STREAM.NAMES",
        "$JS.API.INFO",
        f"$JS.API.CONSUMER.NAMES.{STREAM}",
        f"$JS.API.CONSUMER.CREATE.{STREAM}",
        f"$JS.API.CONSUMER.DURABLE.CREATE.{STREAM}.mine",
        f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{consumer_name(BOREAL, Queue.ORDERS, 0)}",
        f"$JS.API.CONSUMER.INFO.{STREAM}.{consumer_name(BOREAL, Queue.RECEIPTS, 0)}",
        f"$JS.ACK.{STREAM}.{consumer_name(BOREAL, Queue.ORDERS, 0)}.1.1.1.1.1",
    ],
)
async def test_nats_lets_nobody_say_or_ask_anything_of_the_other_one(
    inside: Inside, asyncio_host: AsyncioHost, running_platform: PlatformProcess, subject: str
) -> None:
    listener = Listener()

    async def ask() -> None:
        await listener.connect(inside)
        await listener.subscribe(f"_INBOX_{AURORA}.answer")
        await listener.client.publish(subject, b"{}", reply=f"_INBOX_{AURORA}.answer")
        await listener.is_refused("publish")
        await listener.client.close()
        assert listener.heard == []

    stored = await _stored_for(BOREAL, inside, asyncio_host)
    await asyncio_host.run(ask)
    assert await _stored_for(BOREAL, inside, asyncio_host) == stored


async def _stored_for(ispb: str, inside: Inside, host: AsyncioHost) -> int:
    """Messages of an institution in the stream, as the administrator counts them."""

    async def count() -> int:
        way = nats_endpoint(inside.directory)
        client = await nats.connect(
            f"nats://{way.host}:{way.port}", user=way.user, password=way.password
        )
        info = await client.jetstream().stream_info(STREAM, subjects_filter=f"{STREAM}.{ispb}.>")
        await client.close()
        return sum((info.state.subjects or {}).values())

    return await host.run(count)


# Redis.


@pytest.mark.parametrize(
    "command",
    [
        ("GET", f"fluxiq:{BOREAL}:secret"),
        ("SET", f"fluxiq:{BOREAL}:secret", "x"),
        ("EXISTS", f"fluxiq:{BOREAL}:secret"),
        ("DEL", f"fluxiq:{BOREAL}:secret"),
        ("COPY", f"fluxiq:{BOREAL}:secret", f"fluxiq:{AURORA}:mine"),
        ("RENAME", f"fluxiq:{BOREAL}:secret", f"fluxiq:{AURORA}:mine"),
        ("SORT", f"fluxiq:{AURORA}:list", "BY", "nosort", "GET", f"fluxiq:{BOREAL}:*"),
        ("EVAL", f"return redis.call('GET', 'fluxiq:{BOREAL}:secret')", "0"),
        ("SCAN", "0"),
        ("KEYS", "*"),
        ("RANDOMKEY",),
        ("DBSIZE",),
        ("MONITOR",),
        ("CLIENT", "LIST"),
        ("CONFIG", "GET", "*"),
        ("ACL", "LIST"),
        ("ACL", "SETUSER", "mine", "on", "nopass", "~*", "+@all"),
        ("FLUSHALL",),
        ("SUBSCRIBE", f"fluxiq:{BOREAL}:x"),
        ("PUBSUB", "CHANNELS"),
        ("PUBLISH", f"fluxiq:{BOREAL}:x", "hello"),
        ("SHUTDOWN", "NOSAVE"),
    ],
    ids=" ".join,
)
async def test_redis_shows_and_does_nothing_of_the_other_one(
    inside: Inside, asyncio_host: AsyncioHost, running_platform: PlatformProcess, command: Any
) -> None:
    secret = f"fluxiq:{BOREAL}:secret"

    async def attempt() -> None:
        async with _redis(inside, BOREAL) as boreal, _redis(inside, AURORA) as aurora:
            execute: Any = aurora.execute_command
            await boreal.set(secret, "the secret")
            with pytest.raises((exceptions.NoPermissionError, exceptions.ResponseError)) as said:
                await execute(*command)
            assert "NOPERM" in str(said.value) or "permission" in str(said.value).lower()
            assert await boreal.get(secret) == b"the secret"

    await asyncio_host.run(attempt)


@asynccontextmanager
async def _redis(inside: Inside, ispb: str) -> AsyncIterator["redis.Redis"]:
    way = valkey_endpoint(inside.directory, ispb)
    client = redis.Redis.from_url(f"unix://{way.path}", username=way.user, password=way.password)
    try:
        yield client
    finally:
        await client.aclose()


# The API.


async def test_one_key_does_not_find_what_the_other_has(
    running_platform: PlatformProcess, boreals_charge: Json
) -> None:
    async with (
        caller_of(running_platform, AURORA) as aurora,
        caller_of(running_platform, BOREAL) as boreal,
    ):
        payout = await boreal.made(
            "/pix/payouts",
            {
                "amount": 1,
                "recipient": {"pix_key": "confirmed@simulator.example"},
                "idempotency_key": f"isolation-{boreals_charge['id']}",
            },
        )
        paths = [
            f"/pix/charges/{boreals_charge['id']}",
            f"/pix/payouts/{payout['id']}",
            f"/pix/walks/{boreals_charge['end_to_end_id']}",
            f"/pix/walks/{payout['end_to_end_id']}",
            f"/accounts/{boreal.login.account_id}",
            f"/accounts/{boreal.login.account_id}/balance",
        ]
        for path in paths:
            await boreal.get(path)
            refused = await aurora.http.get(path)
            assert refused.status_code == 404, path
            assert boreal.login.merchant not in refused.text

        listed = (await aurora.http.get("/accounts")).json()["data"]
        assert [one["id"] for one in listed] == [aurora.login.account_id]
        hooks = (await aurora.http.get("/webhooks")).json()["data"]
        theirs = (await boreal.http.get("/webhooks")).json()["data"]
        assert not {one["id"] for one in hooks} & {one["id"] for one in theirs}


@pytest.mark.parametrize("path", ["/pix/charges", "/pix/payouts"])
async def test_nobody_pays_from_or_into_the_others_account(
    running_platform: PlatformProcess, path: str
) -> None:
    said: Json = {"amount": 1_00, "account_id": running_platform.logins[BOREAL].account_id}
    if path == "/pix/payouts":
        said["recipient"] = {"pix_key": "confirmed@simulator.example"}
    async with caller_of(running_platform, AURORA) as aurora:
        refused = await aurora.post(path, said, {"Idempotency-Key": f"others{path}"})
    assert (refused.status_code, error_of(refused)["code"]) == (404, "account_not_found")


async def test_an_api_key_moved_to_another_ispb_opens_nothing(
    running_platform: PlatformProcess,
) -> None:
    key = running_platform.logins[AURORA].api_key.replace(AURORA, BOREAL, 1)
    async with caller_of(running_platform, AURORA) as aurora:
        refused = await aurora.http.get("/accounts", headers={"Authorization": f"Bearer {key}"})
    assert refused.status_code == 401


async def test_a_websocket_hears_only_of_its_own(running_platform: PlatformProcess) -> None:
    api, logins = running_platform.addresses.api, running_platform.logins
    assert running_platform.addresses.simulator is not None
    async with (
        caller_of(running_platform, AURORA) as aurora,
        caller_of(running_platform, BOREAL) as boreal,
        open_window(api, logins[AURORA]) as by_aurora,
        open_window(api, logins[BOREAL]) as by_boreal,
        SimulatorControl.open(running_platform.addresses.simulator) as simulator,
    ):
        own: dict[str, set[str]] = {AURORA: set(), BOREAL: set()}
        for caller, heard in ((boreal, by_boreal), (aurora, by_aurora)):
            ispb = caller.login.ispb
            for _ in range(5):
                charge = await caller.made("/pix/charges", {"amount": 1_00})
                own[ispb].add(charge["id"])
                await simulator.pay(ispb=ispb, br_code=charge["qr_code"])
                await heard.wait_for(charge["id"], "pix.charge.paid")

        for ispb, heard in ((AURORA, by_aurora), (BOREAL, by_boreal)):
            about = {event["data"]["id"] for event in heard.events}
            assert own[ispb] <= about
            accounts = {
                event["data"]["account_id"]
                for event in heard.events
                if "account_id" in event["data"]
            }
            assert accounts == {logins[ispb].account_id}


async def test_a_notice_signed_with_one_secret_for_the_other_is_401_and_nothing_is_stored(
    running_platform: PlatformProcess, inside: Inside, asyncio_host: AsyncioHost
) -> None:
    end_to_end_id = fresh_end_to_end_id()
    async with caller_of(running_platform, BOREAL) as boreal:
        balance = sum(await boreal.balance())
        body = receipt_notice(end_to_end_id, "9999.99", boreal.login.pix_key)

        refused = await deliver_notice(boreal.http, BOREAL, inside.provider_secret(AURORA), body)

        assert (refused.status_code, error_of(refused)["code"]) == (401, "signature_invalid")
        assert sum(await boreal.balance()) <= balance  # an earlier payout may end meanwhile
    for ispb in (AURORA, BOREAL):
        assert await written_about(inside, asyncio_host, ispb, end_to_end_id) == 0


async def test_money_sent_to_one_institution_for_a_key_of_the_other_reaches_nobody_else(
    running_platform: PlatformProcess, inside: Inside, asyncio_host: AsyncioHost
) -> None:
    async with (
        caller_of(running_platform, AURORA) as aurora,
        caller_of(running_platform, BOREAL) as boreal,
    ):
        balances = [sum(await one.balance()) for one in (aurora, boreal)]
        end_to_end_id = fresh_end_to_end_id()
        body = receipt_notice(end_to_end_id, "12.34", boreal.login.pix_key)

        taken = await deliver_notice(aurora.http, AURORA, inside.provider_secret(AURORA), body)
        assert taken.json() == {"data": {"received": 1}}

        async def parked() -> bool:
            return await _reason_of(end_to_end_id, inside, asyncio_host) == "unidentified"

        await eventually(parked)
        for caller, balance in zip((aurora, boreal), balances, strict=True):
            assert sum(await caller.balance()) <= balance  # an earlier payout may end meanwhile
    assert await written_about(inside, asyncio_host, BOREAL, end_to_end_id) == 0


async def _reason_of(end_to_end_id: str, inside: Inside, host: AsyncioHost) -> str | None:
    async def find(connection: Any) -> str | None:
        query = "SELECT reason FROM receipts WHERE end_to_end_id = $1"
        reason: str | None = await connection.fetchval(query, end_to_end_id)
        return reason

    async with inside.servers.open_postgres(host, AURORA, size=1, seconds_max=10) as postgres:
        return await postgres.run(find)
