"""The institution's own people over a whole platform: they see all of theirs, and nothing else."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from fluxiq.providers.simulator import SimulatorControl
from tests.support.merchants import (
    Caller,
    data_of,
    error_of,
    eventually,
    open_caller,
    open_clerk,
    open_sink,
    open_window,
)
from tests.support.platform import PlatformProcess

AURORA, BOREAL = "12345678", "87654321"
Json = dict[str, Any]


@asynccontextmanager
async def merchant_of(platform: PlatformProcess, ispb: str) -> AsyncIterator[Caller]:
    async with open_caller(platform.addresses.api, platform.logins[ispb]) as caller:
        yield caller


async def paid_charge(platform: PlatformProcess, caller: Caller) -> Json:
    """A charge that somebody has paid; its event has been told."""
    assert platform.addresses.simulator is not None
    async with (
        SimulatorControl.open(platform.addresses.simulator) as simulator,
        open_window(platform.addresses.api, caller.login) as heard,
    ):
        made = await caller.made("/pix/charges", {"amount": 123_45})
        await simulator.pay(ispb=caller.login.ispb, br_code=made["qr_code"])
        told: Json = (await heard.wait_for(made["id"], "pix.charge.paid"))["data"]
        return told


async def look(http: httpx.AsyncClient, path: str, **query: str) -> Any:
    return data_of(await http.get(f"/institution{path}", params=query))


async def test_a_payment_is_followed_from_any_id_to_its_webhook(
    running_platform: PlatformProcess,
) -> None:
    async with (
        merchant_of(running_platform, AURORA) as caller,
        open_clerk(running_platform.addresses.api, running_platform.logins[AURORA]) as clerk,
        open_sink(caller),
    ):
        charge = await paid_charge(running_platform, caller)

        async def is_delivered() -> bool:
            walked = await look(clerk, f"/payments/{charge['end_to_end_id']}/walk")
            return len(walked["related"]["deliveries"]) > 0

        await eventually(is_delivered)
        walked = await look(clerk, f"/payments/{charge['end_to_end_id']}/walk")
        assert walked["payment"]["kind"] == "receipt"
        assert [one["id"] for one in walked["related"]["payments"]] == [charge["id"]]
        rooms = {step["room"] for step in walked["steps"]}
        assert {"door", "visitors_book", "post_room", "study", "vault", "archive"} <= rooms

        [delivery] = walked["related"]["deliveries"]
        book = next(one["detail"] for one in walked["steps"] if one["room"] == "post_room")
        receipt = walked["payment"]["id"]
        for text in (charge["txid"], receipt, delivery, book):
            found = await look(clerk, "/payments", q=text)
            assert {one["id"] for one in found} & {charge["id"], receipt}, text


async def test_numbers_events_and_payers_tell_of_a_payment_that_happened(
    running_platform: PlatformProcess,
) -> None:
    async with (
        merchant_of(running_platform, AURORA) as caller,
        open_clerk(running_platform.addresses.api, running_platform.logins[AURORA]) as clerk,
    ):
        before = (await caller.get("/statistics/payments"))["totals"]
        charge = await paid_charge(running_platform, caller)

        after = (await caller.get("/statistics/payments"))["totals"]
        assert after["charges_paid"] == before["charges_paid"] + 1
        assert after["charges_paid_amount"] == before["charges_paid_amount"] + 123_45
        assert after["charge_seconds"]["p50"] < 10
        assert (await look(clerk, "/statistics/payments"))["totals"]["charges_paid"] >= 1
        assert (await look(clerk, "/statistics/now"))["charges_paid"] >= 1

        events = await caller.get("/events?type=pix.charge.paid")
        [event] = [one for one in events if one["data"]["id"] == charge["id"]]
        assert await caller.get(f"/events/{event['id']}") == event
        payers = await caller.get("/payers")
        assert sum(one["payments"] for one in payers) >= 1
        assert all("*" in one["document"] for one in payers)


async def test_an_institutions_people_see_nothing_of_anothers(
    running_platform: PlatformProcess,
) -> None:
    async with (
        merchant_of(running_platform, AURORA) as caller,
        open_clerk(running_platform.addresses.api, running_platform.logins[AURORA]) as own,
        open_clerk(running_platform.addresses.api, running_platform.logins[BOREAL]) as stranger,
    ):
        charge = await paid_charge(running_platform, caller)
        login = caller.login
        merchant_id = (await caller.get(f"/accounts/{login.account_id}"))["merchant_id"]
        assert (await look(own, f"/accounts/{login.account_id}"))["balance"]["available"] > 0

        for path, code in (
            (f"/merchants/{merchant_id}", "merchant_not_found"),
            (f"/accounts/{login.account_id}", "account_not_found"),
            (f"/payments/{charge['id']}/walk", "payment_not_found"),
            (f"/payments/{charge['end_to_end_id']}/walk", "payment_not_found"),
        ):
            assert (await own.get(f"/institution{path}")).is_success, path
            refused = await stranger.get(f"/institution{path}")
            assert (refused.status_code, error_of(refused)["code"]) == (404, code), path

        for query in ({"q": charge["id"]}, {"merchant_id": merchant_id}):
            assert await look(stranger, "/payments", **query) == []
            assert await look(own, "/payments", **query) != []
        assert await look(stranger, "/accounts", merchant_id=merchant_id) == []
        assert merchant_id not in {one["id"] for one in await look(stranger, "/merchants")}

        blocking = f"/institution/accounts/{login.account_id}/block"
        refused = await stranger.post(blocking, json={"reason": "not ours"})
        assert error_of(refused)["code"] == "account_not_found"
        assert (await caller.get(f"/accounts/{login.account_id}"))["status"] == "active"
