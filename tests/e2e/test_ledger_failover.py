"""TigerBeetle keeps the books; it stands still, the stand-in answers within its limits; it is back.

With a real TigerBeetle, embedded, in a platform whose patience is short.
"""

import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import trio

from fluxiq.admin.client import ask
from fluxiq.asyncio_host import AsyncioHost
from fluxiq.stores.pool import Connection
from tests.support.commands import fluxiq
from tests.support.folders import short_folder
from tests.support.house import SERVERS, House, merchants_endpoint
from tests.support.house import _furnish as furnish
from tests.support.merchants import Caller, Inside, error_of, eventually, open_caller
from tests.support.platform import PlatformProcess
from tests.support.servers import tigerbeetle_binary

pytestmark = [pytest.mark.embedded, pytest.mark.tigerbeetle, pytest.mark.timeout(180)]

ENABLE = "put `tigerbeetle` (0.17.9) on the PATH, or name it in FLUXIQ_TIGERBEETLE_BIN to run this"
ACCOUNT_CAP = 500_00
ENVIRON = {
    "FLUXIQ_PIX__ENQUIRE_AFTER_SECONDS": "2",
    "FLUXIQ_LEDGER__DEADLINE_SECONDS": "0.5",
    "FLUXIQ_LEDGER__SUSPECT_SECONDS_MAX": "2",
    "FLUXIQ_LEDGER__OPEN_SECONDS": "1",
    "FLUXIQ_LEDGER__OPEN_SECONDS_MAX": "2",
    "FLUXIQ_LEDGER__PROBE_SECONDS": "0.1",
    "FLUXIQ_LEDGER__ACCOUNT_CAP": str(ACCOUNT_CAP),
}
Json = dict[str, Any]


@pytest.fixture(scope="module")
def furnished() -> Iterator[House]:
    binary = tigerbeetle_binary()
    if binary is None:
        pytest.skip(ENABLE)
    with short_folder("own") as folder:
        environ = {**ENVIRON, "FLUXIQ_TIGERBEETLE_BIN": binary}
        platform = PlatformProcess(folder / "data", environ)
        try:
            platform.start()
            with merchants_endpoint() as sink:
                for login in platform.logins.values():
                    furnish(platform, sink, login)
                yield House(platform, sink)
        finally:
            platform.close()


@pytest.fixture
async def house(furnished: House) -> House:
    """At rest: TigerBeetle is in charge."""
    await until_breaker(furnished, "closed")
    await until_mode(furnished, "tigerbeetle")
    return furnished


async def breaker(house: House) -> Json:
    answer: Json = await ask(Path(house.platform.addresses.admin_socket), "breaker")
    return answer


async def until_breaker(house: House, *states: str, seconds: float = 30.0) -> Json:
    async def is_there() -> bool:
        return (await breaker(house))["state"] in states

    await eventually(is_there, seconds)
    return await breaker(house)


async def until_mode(house: House, mode: str, seconds: float = 30.0) -> Json:
    """Until every institution is there."""

    async def is_there() -> bool:
        institutions = (await breaker(house))["institutions"]
        return {one["mode"] for one in institutions} == {mode}

    await eventually(is_there, seconds)
    return await breaker(house)


@asynccontextmanager
async def caller_of(house: House, number: int = 0) -> AsyncIterator[Caller]:
    ispb = sorted(house.platform.logins)[number]
    async with open_caller(house.platform.addresses.api, house.platform.logins[ispb]) as caller:
        yield caller


async def pay_out(caller: Caller, name: str, amount: int) -> httpx.Response:
    body = {"amount": amount, "recipient": {"pix_key": f"confirmed+{name}@example.com"}}
    return await caller.post("/pix/payouts", body, {"Idempotency-Key": name})


async def insist(caller: Caller, name: str, amount: int) -> Json:
    """Ask with the same key until there is an answer: the first may be lost with TigerBeetle."""
    made: Json = {}

    async def is_accepted() -> bool:
        response = await pay_out(caller, name, amount)
        if response.is_success:
            made.update(msgspec.json.decode(response.content)["data"])
        return response.is_success

    await eventually(is_accepted, 60.0)
    return made


async def until_confirmed(caller: Caller, payout: Json) -> None:
    async def is_confirmed() -> bool:
        found = await caller.get(f"/pix/payouts/{payout['id']}")
        assert found["status"] != "failed", found
        return bool(found["status"] == "confirmed")

    await eventually(is_confirmed, 60.0)


async def measured(house: House, name: str, **labels: str) -> float:
    """A series of the platform, summed over what `labels` leave open."""
    async with httpx.AsyncClient(trust_env=False) as http:
        text = (await http.get(f"{house.platform.addresses.api}/metrics")).text
    wanted = [f'{key}="{value}"' for key, value in labels.items()]
    return sum(
        float(line.rpartition(" ")[2])
        for line in text.splitlines()
        if line.startswith((f"{name}{{", f"{name} ")) and all(one in line for one in wanted)
    )


async def until_active(house: House, backend: str) -> None:
    async def is_active() -> bool:
        return await measured(house, "ledger_active_backend", backend=backend) == 2

    await eventually(is_active, 10.0)


async def signal_tigerbeetle(house: House, number: signal.Signals) -> None:
    os.kill(await house.pid(f"{SERVERS}/tigerbeetle"), number)


async def verified(house: House, *words: str) -> str:
    done = await trio.to_thread.run_sync(
        lambda: fluxiq("ledger", "verify", *words, data_dir=house.platform.data_dir)
    )
    assert done.status == 0, done.stdout + done.stderr
    return done.stdout


async def test_payments_are_kept_in_tigerbeetle_and_the_books_agree(house: House) -> None:
    async with caller_of(house) as caller:
        before = await caller.balance()
        await until_confirmed(caller, await insist(caller, "calm", 12_34))
        assert await caller.balance() == (before[0] - 12_34, 0)

    assert await measured(house, "ledger_operations_total", backend="tigerbeetle") >= 2
    await until_active(house, "tigerbeetle")
    said = await verified(house, "--deep")
    assert said.count("in order") == 2
    assert said.count("accounts compared") == 2


async def test_it_stands_still_and_payments_go_on_within_the_limits(house: House) -> None:
    fallbacks = await measured(house, "ledger_fallback_total")
    async with caller_of(house) as caller:
        before, _ = await caller.balance()
        await signal_tigerbeetle(house, signal.SIGSTOP)
        try:
            # In flight when the outage came: nobody can know, and it is sent to nobody else.
            caught = await pay_out(caller, "caught", 1_00)
            assert caught.status_code == 503
            await until_mode(house, "standin")
            await until_active(house, "postgres")
            with trio.fail_after(5):
                small = await insist(caller, "small", 20_00)
            await until_confirmed(caller, small)

            assert (await pay_out(caller, "caught", 1_00)).status_code in {409, 503}
            large = await pay_out(caller, "large", ACCOUNT_CAP + 1)
            assert large.status_code == 503
            assert error_of(large)["details"] == {"retry_after": 30}
            assert await measured(house, "ledger_circuit_breaker_state") in {1, 2}
        finally:
            await signal_tigerbeetle(house, signal.SIGCONT)

        await until_mode(house, "tigerbeetle")
        back = await until_breaker(house, "closed")
        assert [one["refused"] for one in back["institutions"]] == [[], []]
        await until_active(house, "tigerbeetle")
        assert await measured(house, "ledger_fallback_total") == fallbacks + 2

        await until_confirmed(caller, await insist(caller, "caught", 1_00))
        await until_confirmed(caller, await insist(caller, "large", ACCOUNT_CAP + 1))
        assert await caller.balance() == (before - 1_00 - 20_00 - ACCOUNT_CAP - 1, 0)

    assert "FINDINGS" not in await verified(house, "--deep")


async def test_it_is_killed_and_comes_back_by_itself(house: House) -> None:
    async with caller_of(house, 1) as caller:
        before, _ = await caller.balance()
        await signal_tigerbeetle(house, signal.SIGKILL)
        payouts = [await insist(caller, f"killed-{number}", 1_00) for number in range(3)]
        for payout in payouts:
            await until_confirmed(caller, payout)
        await until_breaker(house, "closed")
        await until_mode(house, "tigerbeetle")
        assert await caller.balance() == (before - 3_00, 0)

    assert "FINDINGS" not in await verified(house)


async def test_an_operator_opens_and_closes_it_and_no_payment_is_lost(house: House) -> None:
    data_dir = house.platform.data_dir
    async with caller_of(house) as caller:
        before, _ = await caller.balance()
        opened = await trio.to_thread.run_sync(
            lambda: fluxiq("breaker", "open", "--reason", "drill", "--yes", data_dir=data_dir)
        )
        assert opened.status == 0, opened.stderr
        assert opened.stdout.startswith("forced_open")
        await until_mode(house, "standin")
        await until_confirmed(caller, await insist(caller, "forced", 5_00))

        refused = await trio.to_thread.run_sync(
            lambda: fluxiq("breaker", "auto", "--reason", "over", data_dir=data_dir)
        )
        assert refused.status == 1
        assert (await breaker(house))["state"] == "forced_open"

        await trio.to_thread.run_sync(
            lambda: fluxiq("breaker", "auto", "--reason", "over", "--yes", data_dir=data_dir)
        )
        await until_breaker(house, "closed")
        await until_mode(house, "tigerbeetle")
        assert await caller.balance() == (before - 5_00, 0)

    shown = await trio.to_thread.run_sync(lambda: fluxiq("breaker", "status", data_dir=data_dir))
    assert shown.stdout.startswith("closed")
    assert "operator: drill" in shown.stdout
    assert "FINDINGS" not in await verified(house)


async def test_a_restart_of_the_platform_keeps_the_books_where_they_were(house: House) -> None:
    async with caller_of(house) as caller:
        before = await caller.balance()
    await trio.to_thread.run_sync(house.platform.kill)
    await trio.to_thread.run_sync(house.platform.start)
    await until_mode(house, "tigerbeetle")
    async with caller_of(house) as caller:
        assert await caller.balance() == before
        await until_confirmed(caller, await insist(caller, "after-the-kill", 1_00))
    assert "FINDINGS" not in await verified(house, "--deep")


async def test_a_difference_is_found_named_and_an_exit_status(
    house: House, asyncio_host: AsyncioHost
) -> None:
    inside = Inside(house.platform.data_dir)
    ispb = min(house.platform.logins)
    async with inside.servers.open_postgres(asyncio_host, ispb, size=1, seconds_max=10) as postgres:
        await postgres.run(add_to_every_credit, 1)
        try:
            done = await trio.to_thread.run_sync(
                lambda: fluxiq("ledger", "verify", data_dir=house.platform.data_dir)
            )
        finally:
            await postgres.run(add_to_every_credit, -1)

    assert done.status == 1
    assert "FINDINGS" in done.stdout
    found = {line.split(":")[0].strip() for line in done.stdout.splitlines()}
    assert {"I1", "I5"} <= found
    assert "in order" in done.stdout  # the other institution
    assert "FINDINGS" not in await verified(house)


async def add_to_every_credit(connection: Connection, centavos: int) -> None:
    await connection.execute(
        "UPDATE ledger_accounts SET credits_posted = credits_posted + $1", centavos
    )


async def test_a_platform_that_does_not_run_is_started_to_be_verified(house: House) -> None:
    await trio.to_thread.run_sync(house.platform.stop)
    environ = {**ENVIRON, "FLUXIQ_TIGERBEETLE_BIN": str(tigerbeetle_binary())}
    done = await trio.to_thread.run_sync(
        lambda: fluxiq(
            "ledger", "verify", "--deep", data_dir=house.platform.data_dir, environ=environ
        )
    )
    assert done.status == 0, done.stdout + done.stderr
    assert done.stdout.count("tigerbeetle, epoch") == 2
    assert done.stdout.count("in order") == 2
    await trio.to_thread.run_sync(house.platform.start)
