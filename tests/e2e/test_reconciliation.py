"""A provider whose word and whose books are two things: what is lost is healed, what differs is an
alarm, and an operator reads it.
"""

import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import trio

from fluxiq.providers.simulator import SimulatorControl, StatementFault
from tests.support.commands import Finished, fluxiq
from tests.support.merchants import Caller, eventually, open_caller
from tests.support.platform import PlatformProcess

ISPB = "12345678"
ENVIRON = {"FLUXIQ_RECONCILIATION__MARGIN_SECONDS": "1"}
SECONDS_MAX = 60.0


class Scene:
    def __init__(self, data_dir: Path, caller: Caller, provider: SimulatorControl) -> None:
        self.data_dir, self.caller, self.provider = data_dir, caller, provider

    async def paid(self, amount: int, *, is_told: bool = True) -> str:
        """Somebody pays the merchant's key; the end-to-end id."""
        key = self.caller.login.pix_key
        made = await self.provider.pay_key(ispb=ISPB, pix_key=key, amount=amount, is_told=is_told)
        return made.end_to_end_id

    async def has(self, available: int) -> None:
        async def is_there() -> bool:
            return await self.caller.balance() == (available, 0)

        await eventually(is_there, SECONDS_MAX)

    async def falsify(self, name: str, fault: StatementFault, amount: int = 1) -> None:
        await self.provider.falsify(ispb=ISPB, line_id=name, fault=fault, amount=amount)

    def order(self, *words: str) -> Finished:
        return fluxiq("reconciliation", *words, "--institution", ISPB, data_dir=self.data_dir)

    def listed(self, state: str) -> list[dict[str, Any]]:
        done = self.order("list", "--state", state, "--json")
        assert (done.status, done.stderr) == (0, "")
        found: list[dict[str, Any]] = json.loads(done.stdout)
        return found

    def kinds(self, state: str) -> dict[str, str]:
        return {one["record_id"]: one["kind"] for one in self.listed(state)}

    def run(self) -> None:
        """The last hours, to their end. What is younger than the margin would be left out."""
        time.sleep(1.5)
        before = json.loads(self.order("runs", "--json").stdout)
        asked = self.order("run", "--reason", "a test", "--yes")
        assert (asked.status, asked.stdout[:15]) == (0, "asked for: job_")
        deadline = time.monotonic() + SECONDS_MAX
        while True:
            runs = json.loads(self.order("runs", "--json").stdout)
            if len(runs) > len(before) and runs[0]["state"] == "done":
                return
            assert time.monotonic() < deadline, runs
            time.sleep(0.2)


@pytest.fixture
async def scene(folder: Path) -> AsyncIterator[Scene]:
    platform = PlatformProcess(folder / "data", ENVIRON)
    try:
        platform.start()
        addresses, login = platform.addresses, platform.logins[ISPB]
        async with (
            open_caller(addresses.api, login) as caller,
            SimulatorControl.open(str(addresses.simulator)) as provider,
        ):
            yield Scene(platform.data_dir, caller, provider)
    finally:
        platform.close()


async def test_a_lost_notice_is_healed_and_what_differs_is_an_alarm_until_it_does_not(
    scene: Scene,
) -> None:
    before, _ = await scene.caller.balance()
    lost = await scene.paid(25_00, is_told=False)
    told = await scene.paid(5_00)
    await scene.has(before + 5_00)
    payout = await scene.caller.made(
        "/pix/payouts",
        {
            "amount": 1_00,
            "recipient": {"pix_key": "confirmed@simulator.example"},
            "idempotency_key": "rent",
        },
    )
    sent = payout["end_to_end_id"]
    await scene.has(before + 4_00)

    await scene.falsify(told, StatementFault.AMOUNT, 6_00)
    await scene.falsify(sent, StatementFault.MISSING)
    await trio.to_thread.run_sync(scene.run)

    await scene.has(before + 29_00)
    assert scene.kinds("open") == {told: "amount_differs", sent: "missing_there"}
    text = scene.order("list").stdout
    assert "amount_differs  received" in text
    assert "there          600  here          500" in text

    async def is_healed() -> bool:
        return scene.kinds("healed") == {lost: "missing_here"}

    await eventually(is_healed, SECONDS_MAX, pause=1.0)

    await scene.falsify(told, StatementFault.NONE)
    await scene.falsify(sent, StatementFault.DOUBLED)
    await trio.to_thread.run_sync(scene.run)

    async def is_doubled_only() -> bool:
        return scene.kinds("open") == {sent: "doubled_there"}

    await eventually(is_doubled_only, SECONDS_MAX, pause=1.0)
    await _is_resolved(scene, sent)
    assert await scene.caller.balance() == (before + 29_00, 0)


async def _is_resolved(scene: Scene, sent: str) -> None:
    [one] = scene.listed("open")
    shown = scene.order("show", str(one["id"])).stdout
    assert f"record_id: {sent}" in shown

    needs_yes = scene.order("resolve", str(one["id"]), "--reason", "their letter")
    assert (needs_yes.status, "yes" in needs_yes.stderr) == (1, True)
    done = scene.order("resolve", str(one["id"]), "--reason", "their letter", "--yes")
    assert (done.status, done.stderr) == (0, "")
    await trio.to_thread.run_sync(scene.run)
    assert scene.listed("open") == []
    assert scene.kinds("resolved") == {sent: "doubled_there"}


def test_what_is_old_enough_to_go_is_counted(running_platform: PlatformProcess) -> None:
    where = ("--institution", ISPB)
    shown = fluxiq("retention", "show", *where, data_dir=running_platform.data_dir)
    assert (shown.status, shown.stderr) == (0, "")
    assert "idempotency_keys        30 days        0" in shown.stdout

    asked = fluxiq("retention", "run", *where, "--yes", data_dir=running_platform.data_dir)
    assert (asked.status, asked.stdout[:15]) == (0, "asked for: job_")
