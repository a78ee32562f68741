"""A payment that was fraud, through everything that is real: contested, agreed, and back."""

from fluxiq.providers.simulator import SimulatorControl
from tests.support.merchants import error_of, eventually, open_caller, open_window
from tests.support.platform import PlatformProcess

ISPB = "12345678"


async def test_a_contested_payment_is_agreed_and_its_money_comes_back(
    running_platform: PlatformProcess,
) -> None:
    api, login = running_platform.addresses.api, running_platform.logins[ISPB]
    assert running_platform.addresses.simulator is not None
    async with (
        SimulatorControl.open(running_platform.addresses.simulator) as simulator,
        open_caller(api, login) as caller,
        open_window(api, login) as heard,
    ):
        charge = await caller.made("/pix/charges", {"amount": 50_00})
        await simulator.pay(ispb=ISPB, br_code=charge["qr_code"])
        await heard.wait_for(charge["id"], "pix.charge.paid")
        out = {"amount": 30_00, "recipient": {"pix_key": "confirmed+contest@simulator.example"}}
        paid = await caller.made("/pix/payouts", {**out, "idempotency_key": "e2e contested"})
        await heard.wait_for(paid["id"], "pix.payout.confirmed")

        path = f"/pix/payouts/{paid['id']}/contest"
        made = await caller.made(path, {"reason": "scam", "details": "by telephone"})
        assert (made["status"], made["returned_amount"]) == ("reporting", 0)
        await heard.wait_for(made["id"], "pix.contest.reported")
        await heard.wait_for(paid["id"], "pix.payout.returned")
        await heard.wait_for(made["id"], "pix.contest.accepted")

        async def is_back() -> bool:
            shown = await caller.get(f"/pix/payouts/{paid['id']}")
            return bool(shown["status"] == "returned")

        await eventually(is_back)
        shown = await caller.get(path)
        assert (shown["status"], shown["returned_amount"]) == ("accepted", 30_00)
        late = await caller.post(f"{path}/cancel", None)
        assert (late.status_code, error_of(late)["code"]) == (409, "contest_decided")
