"""A batch that is released, with `kill -9` of the platform while its payouts are being opened."""

from pathlib import Path

import msgspec
import pytest

from fluxiq.commands.demo_data import Login
from fluxiq.providers.simulator import SimulatorControl
from tests.support.merchants import Caller, Json, eventually, open_caller
from tests.support.platform import PlatformProcess

pytestmark = [pytest.mark.embedded, pytest.mark.timeout(240)]

ISPB = "12345678"
LINES = 600
AMOUNT = 1_00
FUNDS = LINES * AMOUNT
ENDS_SECONDS_MAX = 120.0


async def _fund(platform: PlatformProcess, maker: Caller) -> str:
    """A new account with FUNDS; its id."""
    account: str = (await maker.made("/accounts", {"name": "Suppliers"}))["id"]
    charge = await maker.made("/pix/charges", {"amount": FUNDS, "account_id": account})
    async with SimulatorControl.open(platform.addresses.simulator) as simulator:
        await simulator.pay(ispb=ISPB, br_code=charge["qr_code"])

    async def is_funded() -> bool:
        return bool((await maker.get(f"/accounts/{account}/balance"))["available"] == FUNDS)

    await eventually(is_funded)
    return account


async def _checker(maker: Caller) -> Login:
    """Somebody else, who may release."""
    path = f"/merchants/{maker.login.merchant_id}/api-keys"
    permissions = ["payout_batches:release", "pix:read"]
    key = await maker.made(path, {"name": "checker", "permissions": permissions})
    return msgspec.structs.replace(maker.login, api_key=key["key"])


def _opened(batch: Json) -> int:
    return sum(1 for one in batch["lines"] if one["payout_id"])


async def _is_in_the_request_log(maker: Caller, path: str) -> None:
    """What was asked of the platform since its start, once its actor has written it down."""

    async def is_there() -> bool:
        found = await maker.http.get("/requests", params={"path": path, "method": "GET"})
        return bool({one["status"] for one in found.json()["data"]} == {200})

    await eventually(is_there, seconds=5.0)


async def _released_and_killed(platform: PlatformProcess) -> tuple[str, str]:
    """Account and batch; the platform was killed when some lines were open and others were not."""
    login = platform.logins[ISPB]
    async with open_caller(platform.addresses.api, login) as maker:
        account = await _fund(platform, maker)
        line = {"amount": AMOUNT, "recipient": {"pix_key": "confirmed@simulator.example"}}
        body = {"name": "suppliers", "account_id": account, "lines": [line] * LINES}
        batch: str = (await maker.made("/pix/payout-batches", body))["id"]
        checker = await _checker(maker)
        async with open_caller(platform.addresses.api, checker) as other:
            await other.made(f"/pix/payout-batches/{batch}/release", {})

            opened = 0
            while not opened:
                opened = _opened(await other.get(f"/pix/payout-batches/{batch}"))
            platform.kill()
    assert opened < LINES, "it was killed in the middle"
    return account, batch


async def test_each_line_is_paid_once_when_the_platform_is_killed_during_a_release(
    folder: Path,
) -> None:
    platform = PlatformProcess(folder / "data", {"FLUXIQ_JOBS__LEASE_SECONDS": "2"})
    try:
        platform.start()
        account, batch = await _released_and_killed(platform)
        platform.start()

        async with open_caller(platform.addresses.api, platform.logins[ISPB]) as maker:

            async def has_ended() -> bool:
                found = await maker.get(f"/pix/payout-batches/{batch}")
                return bool([one["status"] for one in found["totals"]] == ["confirmed"])

            await eventually(has_ended, seconds=ENDS_SECONDS_MAX)

            ended = await maker.get(f"/pix/payout-batches/{batch}")
            assert ended["status"] == "released"
            assert len({one["payout_id"] for one in ended["lines"]}) == LINES
            listed = await maker.http.get("/pix/payouts", params={"account_id": account})
            assert listed.json()["meta"]["total"] == LINES
            balance = await maker.get(f"/accounts/{account}/balance")
            assert (balance["available"], balance["pending"]) == (0, 0)
            await _is_in_the_request_log(maker, f"/api/v1/pix/payout-batches/{batch}")
    finally:
        platform.close()
