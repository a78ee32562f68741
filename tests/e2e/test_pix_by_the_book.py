"""Limits, a scheduled payout and a fraud report, through everything that is real."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from fluxiq.asyncio_host import AsyncioHost
from fluxiq.domain.limits import day_of
from fluxiq.providers.simulator import SimulatorControl
from fluxiq.stores.store import PostgresStore
from tests.support.merchants import (
    Caller,
    Inside,
    Json,
    data_of,
    error_of,
    eventually,
    open_caller,
)
from tests.support.platform import PlatformProcess

ISPB = "12345678"
FUNDS = 1_000_00
PAYEE = "confirmed@simulator.example"


class Shop:
    """An account of its own, which somebody has paid FUNDS."""

    def __init__(self, caller: Caller, account: Json, charge: Json) -> None:
        self.caller, self.account, self.charge = caller, account, charge

    def order(self, amount: int, key: str = PAYEE, **said: Any) -> Json:
        return {
            "amount": amount,
            "recipient": {"pix_key": key},
            "account_id": self.account["id"],
            "idempotency_key": f"{self.account['id']} {amount} {key}",
            **said,
        }

    async def balance(self) -> tuple[int, int, int]:
        found = await self.caller.get(f"/accounts/{self.account['id']}/balance")
        return found["available"], found["pending"], found["blocked"]

    async def ends(self, payout: Json) -> str:
        status = ""

        async def has_ended() -> bool:
            nonlocal status
            status = (await self.caller.get(f"/pix/payouts/{payout['id']}"))["status"]
            return status in {"confirmed", "failed"}

        await eventually(has_ended)
        return status


@pytest.fixture
async def shop(running_platform: PlatformProcess) -> AsyncIterator[Shop]:
    addresses, login = running_platform.addresses, running_platform.logins[ISPB]
    async with open_caller(addresses.api, login) as caller:
        account = await caller.made("/accounts", {"name": "By the book"})
        charge = await caller.made("/pix/charges", {"amount": FUNDS, "account_id": account["id"]})
        async with SimulatorControl.open(addresses.simulator) as simulator:
            await simulator.pay(ispb=ISPB, br_code=charge["qr_code"])
        made = Shop(caller, account, charge)

        async def is_funded() -> bool:
            return await made.balance() == (FUNDS, 0, 0)

        await eventually(is_funded)
        yield made


@asynccontextmanager
async def paper(inside: Inside, host: AsyncioHost) -> AsyncIterator[Any]:
    """Runs a statement as the institution's own role."""
    async with inside.servers.open_postgres(host, ISPB, size=1, seconds_max=5.0) as postgres:

        async def run(statement: str, *arguments: object) -> None:
            async def unit(connection: Any) -> None:
                await connection.execute(statement, *arguments)

            await postgres.run(unit)

        yield run


async def test_a_day_s_limit_is_kept_and_given_back(shop: Shop) -> None:
    path = f"/accounts/{shop.account['id']}/limits"
    limits = {"per_payment": 40_00, "per_day": 60_00, "per_night": None, "night_starts": "20:00"}
    said = await shop.caller.http.put(path, json=limits)
    assert (said.status_code, data_of(said)["per_day"]) == (200, 60_00)

    paid = await shop.caller.made("/pix/payouts", shop.order(40_00))
    refused = await shop.caller.post("/pix/payouts", shop.order(30_00))
    details = error_of(refused)["details"]
    assert (details["kind"], details["limit"], details["used"]) == ("per_day", 60_00, 40_00)

    rejected = await shop.caller.made("/pix/payouts", shop.order(20_00, "rejected-ac03@b.example"))
    assert [await shop.ends(one) for one in (paid, rejected)] == ["confirmed", "failed"]
    assert (await shop.caller.get(path))["today"]["left"] == 20_00
    assert await shop.balance() == (FUNDS - 40_00, 0, 0)


async def test_a_scheduled_payout_is_paid_on_its_day(
    shop: Shop, inside: Inside, asyncio_host: AsyncioHost
) -> None:
    today = day_of(datetime.now(UTC))
    order = shop.order(25_00, scheduled_for=str(today + timedelta(days=2)))
    payout = await shop.caller.made("/pix/payouts", order)
    assert payout["status"] == "scheduled"
    assert await shop.balance() == (FUNDS, 0, 0)

    async with paper(inside, asyncio_host) as run:  # two days pass
        await run("UPDATE payouts SET scheduled_for = $2 WHERE id = $1", payout["id"], today)
        await run("UPDATE jobs SET run_at = now() WHERE unique_key = $1", payout["id"])
    assert await shop.ends(payout) == "confirmed"
    assert await shop.balance() == (FUNDS - 25_00, 0, 0)

    late = await shop.caller.post(f"/pix/payouts/{payout['id']}/cancel", {})
    assert error_of(late)["code"] == "payout_not_scheduled"


async def test_money_reported_as_fraud_is_blocked_and_goes_back(
    shop: Shop, running_platform: PlatformProcess, inside: Inside, asyncio_host: AsyncioHost
) -> None:
    login = shop.caller.login
    keys = f"/merchants/{login.merchant_id}/api-keys"
    made = await shop.caller.made(keys, {"name": "fraud desk", "permissions": ["pix:read"]})
    async with paper(inside, asyncio_host) as run:  # nobody else can give this permission
        await run(
            "UPDATE api_keys SET permissions = permissions || ARRAY['med:write'] WHERE id = $1",
            made["id"],
        )

    charge = await shop.caller.get(f"/pix/charges/{shop.charge['id']}")
    operator = msgspec.structs.replace(login, api_key=made["key"])
    async with open_caller(running_platform.addresses.api, operator) as desk:
        body = {"end_to_end_id": charge["end_to_end_id"], "reason": "scam"}
        report = await desk.made("/pix/med/reports", body)
        assert (report["status"], report["blocked_amount"]) == ("open", FUNDS)
        assert await shop.balance() == (0, 0, FUNDS)
        broke = await shop.caller.post("/pix/payouts", shop.order(1_00))
        assert error_of(broke)["code"] == "insufficient_funds"

        path = f"/pix/med/reports/{report['id']}"
        await desk.post(f"{path}/acknowledge", {})
        closed = await desk.post(f"{path}/close", {"result": "agreed", "amount": 700_00})
        assert data_of(closed)["returned_amount"] == 700_00

    refund = data_of(closed)["refund_id"]

    async def is_back() -> bool:
        found = await shop.caller.get(f"/pix/refunds/{refund}")
        return bool(found["status"] == "completed")

    await eventually(is_back)
    assert await shop.balance() == (FUNDS - 700_00, 0, 0)
    async with inside.servers.open_postgres(
        asyncio_host, ISPB, size=1, seconds_max=5.0
    ) as postgres:
        store = PostgresStore(postgres, ISPB)

        async def books_agree() -> bool:
            return (await store.prove_books()).mismatches == ()

        await eventually(books_agree)
    seen = await shop.caller.get(path)
    assert (seen["status"], seen["result"], seen["details"]) == ("closed", "agreed", None)
