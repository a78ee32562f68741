"""Two people move money between a merchant's accounts, through everything that is real."""

import csv
import io
from collections.abc import AsyncIterator

import msgspec
import pytest
import trio

from fluxiq.providers.simulator import SimulatorControl
from tests.support.merchants import (
    Caller,
    Json,
    data_of,
    error_of,
    eventually,
    open_caller,
    open_sink,
)
from tests.support.platform import PlatformProcess

ISPB = "12345678"
FUNDS = 300_000_00
LARGE = 150_000_00  # above the approval that config/base.toml asks for
ENDS = ("transfer.completed", "transfer.failed")


class House:
    """A merchant with a new account that has FUNDS, another one, and two keys."""

    def __init__(self, maker: Caller, checker: Caller, source: Json, destination: Json) -> None:
        self.maker, self.checker = maker, checker
        self.source, self.destination = source, destination

    def order(self, amount: int, under: str) -> Json:
        return {
            "source_account_id": self.source["id"],
            "destination_account_id": self.destination["id"],
            "amount": amount,
            "description": "rent",
            "idempotency_key": f"{self.source['id']} {under}",
        }

    async def balance(self, account: Json) -> tuple[int, int]:
        found = await self.maker.get(f"/accounts/{account['id']}/balance")
        return found["available"], found["pending"]


@pytest.fixture
async def house(running_platform: PlatformProcess) -> AsyncIterator[House]:
    addresses, login = running_platform.addresses, running_platform.logins[ISPB]
    async with open_caller(addresses.api, login) as maker:
        source = await maker.made("/accounts", {"name": "Source"})
        destination = await maker.made("/accounts", {"name": "Destination"})
        charge = await maker.made("/pix/charges", {"amount": FUNDS, "account_id": source["id"]})
        async with SimulatorControl.open(addresses.simulator) as simulator:
            await simulator.pay(ispb=ISPB, br_code=charge["qr_code"])

        path = f"/merchants/{login.merchant_id}/api-keys"
        permissions = ["transfers:approve", "transfers:read"]
        key = await maker.made(path, {"name": "checker", "permissions": permissions})
        other = msgspec.structs.replace(login, api_key=key["key"])
        async with open_caller(addresses.api, other) as checker:
            made = House(maker, checker, source, destination)

            async def is_funded() -> bool:
                return await made.balance(source) == (FUNDS, 0)

            await eventually(is_funded)
            yield made


async def test_money_moves_at_once_or_once_two_people_want_it(house: House) -> None:
    async with open_sink(house.maker, ENDS) as sink:
        small = await house.maker.made("/transfers", house.order(10_00, "small"))
        assert small["status"] == "completed"
        asked = await house.maker.post("/transfers", house.order(LARGE, "large"))
        large = data_of(asked)
        assert (asked.status_code, large["status"]) == (202, "pending")
        assert await house.balance(house.source) == (FUNDS - LARGE - 10_00, LARGE)

        own = await house.maker.post(f"/transfers/{large['id']}/approve", {})
        assert (own.status_code, error_of(own)["code"]) == (403, "maker_is_checker")
        approved = await house.checker.post(f"/transfers/{large['id']}/approve", {})
        assert (approved.status_code, data_of(approved)["status"]) == (200, "completed")
        assert await house.balance(house.source) == (FUNDS - LARGE - 10_00, 0)
        assert await house.balance(house.destination) == (LARGE + 10_00, 0)

        async def were_told() -> bool:
            return len(sink.told) >= 2

        await eventually(were_told)


async def test_a_statement_of_the_real_ledger_adds_up(house: House) -> None:
    amounts = [1_00, 2_00, 3_00]
    for amount in amounts:
        await house.maker.made("/transfers", house.order(amount, f"{amount}"))
    path = f"/accounts/{house.source['id']}/statement"

    async def is_complete() -> bool:
        """The ledger's copy follows TigerBeetle within moments."""
        said = (await house.maker.http.get(path)).json()
        return said["meta"]["total"] == 1 + len(amounts)

    await eventually(is_complete)
    said = (await house.maker.http.get(path)).json()
    meta = said["meta"]
    assert [one["amount"] for one in said["data"]] == [FUNDS, *(-amount for amount in amounts)]
    assert (
        meta["opening_balance"] + sum(one["amount"] for one in said["data"])
        == (meta["closing_balance"])
    )
    assert (meta["closing_balance"], 0) == await house.balance(house.source)
    file = await house.maker.http.get(f"{path}?format=csv")
    rows = list(csv.DictReader(io.StringIO(file.text, newline="")))
    assert [row["id"] for row in rows] == [one["id"] for one in said["data"]]


async def test_fifty_equal_requests_at_once_make_one_transfer(house: House) -> None:
    answers: list[int] = []

    async def ask() -> None:
        answer = await house.maker.post("/transfers", house.order(7_00, "same"))
        answers.append(answer.status_code)

    async with trio.open_nursery() as nursery:
        for _ in range(50):
            nursery.start_soon(ask)

    assert set(answers) <= {201, 409}
    assert 201 in answers
    assert await house.balance(house.destination) == (7_00, 0)
