"""Encryption at rest in a running platform: nobody is named on a disk; no start without keys."""

import json
from collections.abc import Iterator
from pathlib import Path

from fluxiq.asyncio_host import AsyncioHost
from fluxiq.commands.merchant import Merchant
from fluxiq.providers.simulator import SimulatorControl
from fluxiq.providers.simulator.messages import SomePayer
from fluxiq.sdk.resources.charges import Payer
from fluxiq.sealing.key_file import new_key_text
from tests.support.commands import fluxiq
from tests.support.lived_in import dumped
from tests.support.merchants import Inside, eventually
from tests.support.platform import PlatformProcess

ISPB = "12345678"
DEBTOR = Payer(document="39053344705", name="Devedora Inconfundivel")
PAYER = SomePayer(document="86288366757", name="Pagador Inconfundivel")
NAMES = (DEBTOR.document, DEBTOR.name, PAYER.document, PAYER.name)
# The world outside, which happens to live here; and what tests themselves write down.
OUTSIDE = ("simulator",)


async def test_nothing_on_the_platform_s_disks_says_who_paid(
    running_platform: PlatformProcess, inside: Inside, asyncio_host: AsyncioHost
) -> None:
    addresses, login = running_platform.addresses, running_platform.logins[ISPB]
    async with (
        Merchant.open(addresses.api, login) as merchant,
        SimulatorControl.open(str(addresses.simulator)) as simulator,
    ):
        charge = await merchant.api.charges.create(
            amount=7_00, payer=DEBTOR, idempotency_key="a-charge-of-its-own"
        )
        await simulator.pay(ispb=ISPB, br_code=charge.qr_code, payer=PAYER)

        async def is_paid() -> bool:
            return (await merchant.api.charges.get(charge.id)).status == "paid"

        await eventually(is_paid)
        shown = await merchant.api.charges.get(charge.id)
        assert shown.payer is not None
        assert shown.payer.name == DEBTOR.name

    async with inside.servers.open_postgres(asyncio_host, ISPB, size=1, seconds_max=30) as postgres:
        rows = await dumped(postgres)
    assert {name for name, said in rows.items() for one in NAMES if one.encode() in said} == set()
    assert list(_said_in(running_platform.data_dir)) == []


def _said_in(data_dir: Path) -> Iterator[str]:
    """Tables, their log, the bus's streams, the cache, our own logs: whatever is in a file."""
    for file in data_dir.rglob("*"):
        if not file.is_file() or file.name.startswith(OUTSIDE):
            continue
        said = file.read_bytes()
        for name in NAMES:
            if name.encode() in said:
                yield f"{file.relative_to(data_dir)}: {name}"


async def test_an_operator_sees_the_keys_and_makes_a_new_one(
    running_platform: PlatformProcess,
) -> None:
    where = ("--ispb", ISPB)
    data_dir = running_platform.data_dir
    before = json.loads(fluxiq("sealing", "status", *where, "--json", data_dir=data_dir).stdout)
    assert before["settled"]
    assert before["plain_allowed"] is False

    needs_yes = fluxiq("sealing", "rotate", *where, data_dir=data_dir)
    assert (needs_yes.status, "yes" in needs_yes.stderr) == (1, True)
    done = fluxiq("sealing", "rotate", *where, "--reason", "a test", "--yes", data_dir=data_dir)
    assert done.status == 0, done.stderr
    assert "a rotation is under way" in done.stdout

    after = json.loads(fluxiq("sealing", "status", *where, "--json", data_dir=data_dir).stdout)
    current = [key["id"] for key in after["keys"] if key["current"]]
    assert current == [max(key["id"] for key in before["keys"]) + 1]
    async with Merchant.open(
        running_platform.addresses.api, running_platform.logins[ISPB]
    ) as merchant:
        made = await merchant.api.charges.create(amount=1_00, payer=DEBTOR)
        assert (await merchant.api.charges.get(made.id)).payer == made.payer


def test_an_institution_without_its_key_encryption_key_does_not_start_and_says_why(
    folder: Path,
) -> None:
    """It is parked, alone, and there is no new key: that would seal beside what nobody can read."""
    platform = PlatformProcess(folder / "data")
    key_file = folder / "data" / "secrets" / "sealing.keys"
    try:
        platform.start()
        platform.stop()
        assert key_file.stat().st_mode & 0o777 == 0o600
        kept = key_file.read_text()

        key_file.unlink()
        assert "sealing.keys is missing" in _reason(platform)
        assert not key_file.exists()

        key_file.write_text(new_key_text())
        key_file.chmod(0o600)
        assert "which is not in" in _reason(platform)

        key_file.write_text(kept)
        platform.start()
        status = fluxiq("sealing", "status", "--ispb", ISPB, data_dir=platform.data_dir)
        assert "everything is sealed under the current key" in status.stdout
        platform.stop()
    finally:
        platform.close()


def _reason(platform: PlatformProcess) -> str:
    """Why the institution is not there."""
    platform.start()
    try:
        told = fluxiq("why", f"root/institutions/{ISPB}", data_dir=platform.data_dir)
        return told.stdout
    finally:
        platform.stop()
