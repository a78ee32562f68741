"""Limits, a scheduled payout and a fraud report, through everything that is real."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fluxiq.asyncio_host import AsyncioHost
from fluxiq.domain import brcode
from fluxiq.domain.limits import day_of
from fluxiq.errors import Refused
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
from tests.support.platform import ROOT, PlatformProcess
from tests.support.seals import keyring

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


async def prove_books(inside: Inside, host: AsyncioHost) -> None:
    """Records and ledger agree, at the latest when what is under way has ended."""
    async with inside.servers.open_postgres(host, ISPB, size=1, seconds_max=5.0) as postgres:
        store = PostgresStore(postgres, ISPB, keyring(ISPB))

        async def books_agree() -> bool:
            return (await store.prove_books()).mismatches == ()

        await eventually(books_agree)


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


@pytest.fixture
async def desk(
    shop: Shop, running_platform: PlatformProcess, inside: Inside, asyncio_host: AsyncioHost
) -> AsyncIterator[Caller]:
    """Who may decide about fraud."""
    login = shop.caller.login
    keys = f"/merchants/{login.merchant_id}/api-keys"
    made = await shop.caller.made(keys, {"name": "fraud desk", "permissions": ["pix:read"]})
    async with paper(inside, asyncio_host) as run:  # nobody else can give this permission
        await run(
            "UPDATE api_keys SET permissions = permissions || ARRAY['med:write'] WHERE id = $1",
            made["id"],
        )
    operator = msgspec.structs.replace(login, api_key=made["key"])
    async with open_caller(running_platform.addresses.api, operator) as caller:
        yield caller


async def test_fraud_that_the_provider_reports_is_blocked_decided_and_told_back(
    shop: Shop,
    desk: Caller,
    running_platform: PlatformProcess,
    inside: Inside,
    asyncio_host: AsyncioHost,
) -> None:
    charge = await shop.caller.get(f"/pix/charges/{shop.charge['id']}")
    async with SimulatorControl.open(running_platform.addresses.simulator) as simulator:
        said = await simulator.report_fraud(
            ispb=ISPB,
            end_to_end_id=charge["end_to_end_id"],
            details="rejected-ac07@nowhere.example",
            copies=3,
        )

        async def is_blocked() -> bool:
            return await shop.balance() == (0, 0, FUNDS)

        await eventually(is_blocked)
        [report] = await desk.get(f"/pix/med/reports?end_to_end_id={charge['end_to_end_id']}")
        path = f"/pix/med/reports/{report['id']}"
        await desk.post(f"{path}/acknowledge", {})
        await desk.post(f"{path}/close", {"result": "agreed", "amount": 700_00})

        async def is_blocked_again() -> bool:
            return (await desk.get(path))["status"] == "return_failed"

        await eventually(is_blocked_again)
        assert await shop.balance() == (FUNDS - 700_00, 0, 700_00)

        async def is_told() -> bool:
            standing = await simulator.fraud(said.id)
            return (standing.status, standing.result) == ("CLOSED", "AGREED")

        await eventually(is_told)
    await prove_books(inside, asyncio_host)
    await desk.post(f"{path}/close", {"result": "disagreed"})
    assert await shop.balance() == (FUNDS, 0, 0)


async def test_a_charge_that_the_provider_hosts_is_paid_once_and_removed_when_cancelled(
    folder: Path,
) -> None:
    config = folder / "config"
    shutil.copytree(ROOT / "config", config)
    institution = config / "institutions" / f"{ISPB}.toml"
    link = 'kind = "simulator"'
    institution.write_text(institution.read_text().replace(link, f"{link}, dynamic_codes = true"))
    platform = PlatformProcess(folder / "data", {"FLUXIQ_CONFIG_DIR": str(config)})
    try:
        addresses = platform.start().addresses
        async with (
            open_caller(addresses.api, platform.logins[ISPB]) as caller,
            SimulatorControl.open(addresses.simulator) as simulator,
        ):
            await pay_hosted(caller, simulator)
            await cancel_hosted(caller, simulator)
    finally:
        platform.close()


async def pay_hosted(caller: Caller, simulator: SimulatorControl) -> None:
    made = await caller.made("/pix/charges", {"amount": 15_00, "expiration": 600})
    assert brcode.parse(made["qr_code"]).url is not None
    assert len(made["txid"]) == 26
    await simulator.pay(ispb=ISPB, br_code=made["qr_code"])

    async def is_paid() -> bool:
        return bool((await caller.get(f"/pix/charges/{made['id']}"))["status"] == "paid")

    await eventually(is_paid)
    assert await why_not(simulator, made["qr_code"]) == "charge_paid"


async def cancel_hosted(caller: Caller, simulator: SimulatorControl) -> None:
    made = await caller.made("/pix/charges", {"amount": 15_00})
    await caller.post(f"/pix/charges/{made['id']}/cancel", {})

    async def is_removed() -> bool:  # looked at without paying: another amount is refused
        return await why_not(simulator, made["qr_code"], amount=1) == "charge_removed"

    await eventually(is_removed)


async def why_not(simulator: SimulatorControl, br_code: str, amount: int | None = None) -> str:
    """Why a payer's app refuses a code; empty when it pays."""
    try:
        await simulator.pay(ispb=ISPB, br_code=br_code, amount=amount)
    except Refused as refused:
        return refused.code
    return ""


async def test_money_reported_as_fraud_is_blocked_and_goes_back(
    shop: Shop, desk: Caller, inside: Inside, asyncio_host: AsyncioHost
) -> None:
    charge = await shop.caller.get(f"/pix/charges/{shop.charge['id']}")
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
    await prove_books(inside, asyncio_host)
    seen = await shop.caller.get(path)
    assert (seen["status"], seen["result"], seen["details"]) == ("closed", "agreed", None)


def into_account(number: str) -> Json:
    holder = {"name": "Maria da Silva", "document": "529.982.247-25"}
    account = {"ispb": "60701190", "branch": "0001", "number": number, "type": "CACC"}
    return {"account": account | {"holder": holder}}


async def test_accounts_are_paid_without_a_key_or_refused_with_bacen_s_codes(
    shop: Shop, inside: Inside, asyncio_host: AsyncioHost
) -> None:
    payouts = [
        await shop.caller.made(
            "/pix/payouts", shop.order(amount, number, recipient=into_account(number))
        )
        for amount, number in ((40_00, "12345-6"), (10_00, "AC03-17"), (20_00, "BE01"))
    ]
    assert [await shop.ends(one) for one in payouts] == ["confirmed", "failed", "failed"]

    ends = [await shop.caller.get(f"/pix/payouts/{one['id']}") for one in payouts]
    assert [one["failure"] and one["failure"]["reason_code"] for one in ends] == [
        None,
        "AC03",
        "BE01",
    ]
    assert {one["recipient"]["account"]["holder"]["document"] for one in ends} == {"***.***.247-**"}
    assert ends[1]["recipient"]["account"]["number"] == "AC0317"
    assert await shop.balance() == (FUNDS - 40_00, 0, 0)
    await prove_books(inside, asyncio_host)


async def test_a_scheduled_payout_into_an_account_is_paid_on_its_day(
    shop: Shop, inside: Inside, asyncio_host: AsyncioHost
) -> None:
    today = day_of(datetime.now(UTC))
    later = str(today + timedelta(days=2))
    order = shop.order(25_00, recipient=into_account("77"), scheduled_for=later)
    payout = await shop.caller.made("/pix/payouts", order)
    async with paper(inside, asyncio_host) as run:  # two days pass
        await run("UPDATE payouts SET scheduled_for = $2 WHERE id = $1", payout["id"], today)
        await run("UPDATE jobs SET run_at = now() WHERE unique_key = $1", payout["id"])
    assert await shop.ends(payout) == "confirmed"
    assert await shop.balance() == (FUNDS - 25_00, 0, 0)
