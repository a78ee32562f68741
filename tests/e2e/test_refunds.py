"""Money that goes back, through everything that is real: refunds, and payouts that are returned."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
import pytest
import trio

from fluxiq.asyncio_host import AsyncioHost
from fluxiq.providers.simulator import SimulatorControl
from fluxiq.stores.store import PostgresStore
from tests.support.merchants import (
    Caller,
    Heard,
    Inside,
    Json,
    data_of,
    error_of,
    eventually,
    open_caller,
    open_window,
)
from tests.support.platform import PlatformProcess
from tests.support.seals import keyring

ISPB = "12345678"
REFUNDS = "/pix/refunds"


@dataclass(frozen=True)
class Shop:
    caller: Caller
    heard: Heard
    simulator: SimulatorControl

    async def paid_charge(self, amount: int = 100_00) -> Json:
        charge = await self.caller.made("/pix/charges", {"amount": amount})
        await self.simulator.pay(ispb=ISPB, br_code=charge["qr_code"])
        await self.heard.wait_for(charge["id"], "pix.charge.paid")
        return await self.caller.get(f"/pix/charges/{charge['id']}")

    async def refund(self, key: str, **said: object) -> httpx.Response:
        return await self.caller.post(REFUNDS, {"idempotency_key": f"e2e {key}", **said})


@asynccontextmanager
async def open_shop(platform: PlatformProcess) -> AsyncIterator[Shop]:
    api, login = platform.addresses.api, platform.logins[ISPB]
    assert platform.addresses.simulator is not None
    async with (
        SimulatorControl.open(platform.addresses.simulator) as simulator,
        open_caller(api, login) as caller,
        open_window(api, login) as heard,
    ):
        yield Shop(caller, heard, simulator)


@pytest.fixture
async def shop(running_platform: PlatformProcess) -> AsyncIterator[Shop]:
    async with open_shop(running_platform) as shop:
        yield shop


async def test_a_charge_is_refunded_in_two_parts_and_then_it_is_refunded(shop: Shop) -> None:
    charge = await shop.paid_charge()
    available, _ = await shop.caller.balance()

    first = data_of(await shop.refund(f"{charge['id']} 1", charge_id=charge["id"], amount=60_00))
    too_much = await shop.refund(f"{charge['id']} 2", charge_id=charge["id"], amount=40_01)
    rest = data_of(await shop.refund(f"{charge['id']} 3", charge_id=charge["id"]))

    assert (too_much.status_code, error_of(too_much)["code"]) == (422, "refund_above_original")
    assert rest["amount"] == 40_00
    for one in (first, rest):
        await shop.heard.wait_for(one["id"], "pix.refund.completed")
    charge = await shop.caller.get(f"/pix/charges/{charge['id']}")
    assert (charge["status"], charge["refunded_amount"]) == ("refunded", 100_00)
    assert await shop.caller.balance() == (available - 100_00, 0)
    walk = await shop.caller.get(f"/pix/walks/{first['return_id']}")
    rooms = [step["room"] for step in walk]
    assert rooms[:2] == ["door", "counter"]
    assert {"archive", "vault", "post_room", "gate"} <= set(rooms)


async def test_of_many_refunds_at_once_no_centavo_too_much_is_accepted(shop: Shop) -> None:
    charge = await shop.paid_charge()
    answers: list[httpx.Response] = []

    async def ask(number: int) -> None:
        said = {"end_to_end_id": charge["end_to_end_id"], "amount": 30_00}
        answers.append(await shop.refund(f"{charge['id']} {number}", **said))

    async with trio.open_nursery() as nursery:
        for number in range(12):
            nursery.start_soon(ask, number)

    assert Counter(one.status_code for one in answers) == {202: 3, 422: 9}
    for one in answers:
        if one.status_code == 202:
            await shop.heard.wait_for(data_of(one)["id"], "pix.refund.completed")


async def test_a_rejected_refund_gives_its_room_back(shop: Shop) -> None:
    charge = await shop.paid_charge()
    available, _ = await shop.caller.balance()

    said = {"charge_id": charge["id"], "description": "rejected-ac07@simulator.example"}
    refund = data_of(await shop.refund(f"{charge['id']} 1", **said))

    failed = await shop.heard.wait_for(refund["id"], "pix.refund.failed")
    assert failed["data"]["failure"]["code"] == "account_closed"
    assert await shop.caller.balance() == (available, 0)
    again = data_of(await shop.refund(f"{charge['id']} 2", charge_id=charge["id"]))
    assert again["amount"] == 100_00
    await shop.heard.wait_for(again["id"], "pix.refund.completed")


@pytest.mark.parametrize("word", ["lost", "lost-never", "silent", "duplicate", "disorder"])
async def test_whatever_the_provider_does_a_refund_ends_once(shop: Shop, word: str) -> None:
    charge = await shop.paid_charge()
    available, _ = await shop.caller.balance()

    said = {"charge_id": charge["id"], "description": f"{word}@simulator.example"}
    refund = data_of(await shop.refund(f"{charge['id']} 1", **said))

    await shop.heard.wait_for(refund["id"], "pix.refund.completed")
    await trio.sleep(0.5)  # what would wrongly come twice comes now
    ends = shop.heard.about(refund["id"], "pix.refund.completed", "pix.refund.failed")
    assert len(ends) == 1
    assert await shop.caller.balance() == (available - 100_00, 0)


@pytest.mark.parametrize(
    ("word", "status", "returned"),
    [("returned", "returned", 41), ("returned-half", "confirmed", 21)],
)
async def test_a_payout_that_comes_back_is_credited_again(
    shop: Shop, word: str, status: str, returned: int
) -> None:
    await shop.paid_charge()
    available, _ = await shop.caller.balance()
    payout = await shop.caller.made(
        "/pix/payouts",
        {
            "amount": 41,
            "recipient": {"pix_key": f"{word}@simulator.example"},
            "idempotency_key": f"e2e {word} {available}",
        },
    )

    told = await shop.heard.wait_for(payout["id"], "pix.payout.returned")

    assert (told["data"]["status"], told["data"]["returned_amount"]) == (status, returned)
    assert await shop.caller.balance() == (available - 41 + returned, 0)
    shown = await shop.caller.get(f"/pix/payouts/{payout['id']}")
    assert (shown["status"], shown["returned_amount"]) == (status, returned)


async def test_the_books_agree_with_every_refund_and_return(
    shop: Shop, inside: Inside, asyncio_host: AsyncioHost
) -> None:
    charge = await shop.paid_charge()
    refund = data_of(await shop.refund(charge["id"], charge_id=charge["id"], amount=1))
    await shop.heard.wait_for(refund["id"], "pix.refund.completed")

    async with inside.servers.open_postgres(asyncio_host, ISPB, size=1, seconds_max=10) as postgres:
        store = PostgresStore(postgres, ISPB, keyring(ISPB))

        async def agree() -> bool:
            books = await store.prove_books()
            return (
                not books.mismatches
                and books.debits_posted == books.credits_posted
                and books.debits_pending == books.credits_pending
            )

        await eventually(agree)
