"""One account whose provider calls take five seconds: the payouts of the others do not wait."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from statistics import quantiles

import pytest
import trio

from fluxiq.asyncio_host import AsyncioHost
from fluxiq.providers.simulator import SimulatorControl
from fluxiq.providers.simulator.app import LATE_SECONDS
from fluxiq.stores.pool import Connection, Postgres
from tests.support.merchants import Caller, Json, eventually, open_caller
from tests.support.platform import PlatformProcess
from tests.support.verdict import open_books

ISPB = "12345678"
FUNDS = 1_000_00
QUICK_ACCOUNTS = 6  # more than there are partitions: some share the slow one's
ROUNDS = 20  # of one payout of each quick account
SLOW_PAYOUTS = 48  # more than one account may have under way
NOISE_SECONDS = 2.5  # of a busy machine; one that waits for slow ones takes five, or ten


@dataclass(slots=True)
class Scene:
    caller: Caller
    records: Postgres
    slow: str
    quick: list[str]

    async def pay(self, account_id: str, key: str, word: str) -> None:
        order = {
            "amount": 1_00,
            "account_id": account_id,
            "recipient": {"pix_key": f"{word}+{key}@example.com"},
            "idempotency_key": f"{account_id} {key}",
        }
        await self.caller.made("/pix/payouts", order)

    async def pay_slowly(self) -> None:
        async with trio.open_nursery() as nursery:
            for number in range(SLOW_PAYOUTS):
                nursery.start_soon(self.pay, self.slow, f"slow-{number}", "late")

    async def p99_of_the_others(self, name: str) -> float:
        """Seconds from intent to end, of one payout after the other."""
        for number in range(ROUNDS):
            for account_id in self.quick:
                await self.pay(account_id, f"{name}-{number}", "confirmed")
        await eventually(lambda: self._have_ended(self.quick))
        seconds = await self.records.run(_seconds, self.quick, name)
        assert len(seconds) == ROUNDS * QUICK_ACCOUNTS
        return quantiles(seconds, n=100)[98]

    async def calls_of_the_slow_one(self) -> list[float]:
        """How long each order was at the gate, once all have been there and have ended."""

        async def are_there() -> bool:
            known = await self.records.run(_calls, self.slow)
            return len(known) == SLOW_PAYOUTS and await self._have_ended([self.slow])

        await eventually(are_there)
        return await self.records.run(_calls, self.slow)

    async def _have_ended(self, accounts: Sequence[str]) -> bool:
        return await self.records.run(_open, accounts) == 0


@pytest.fixture
async def scene(
    running_platform: PlatformProcess, asyncio_host: AsyncioHost
) -> AsyncIterator[Scene]:
    addresses, login = running_platform.addresses, running_platform.logins[ISPB]
    async with (
        open_caller(addresses.api, login) as caller,
        SimulatorControl.open(str(addresses.simulator)) as simulator,
        open_books(asyncio_host, running_platform.data_dir, ISPB) as records,
    ):
        accounts = [
            await caller.made("/accounts", {"name": f"Account {number}"})
            for number in range(QUICK_ACCOUNTS + 1)
        ]
        for account in accounts:
            order: Json = {"amount": FUNDS, "account_id": account["id"]}
            charge = await caller.made("/pix/charges", order)
            await simulator.pay(ispb=ISPB, br_code=charge["qr_code"])
        slow, *quick = [account["id"] for account in accounts]

        async def funded() -> bool:
            balances = [await caller.get(f"/accounts/{one}/balance") for one in (slow, *quick)]
            return all(one["available"] == FUNDS for one in balances)

        await eventually(funded)
        yield Scene(caller, records, slow, quick)


async def test_the_payouts_of_other_accounts_are_as_quick_as_before(scene: Scene) -> None:
    before = await scene.p99_of_the_others("alone")

    await scene.pay_slowly()
    meanwhile = await scene.p99_of_the_others("beside")

    sent = await scene.calls_of_the_slow_one()
    assert min(sent) >= LATE_SECONDS - 0.1, "the provider was not slow"
    assert meanwhile < before + NOISE_SECONDS, f"p99 {before:.2f} s alone, {meanwhile:.2f} s beside"


async def _seconds(connection: Connection, accounts: Sequence[str], name: str) -> list[float]:
    rows = await connection.fetch(
        """
        SELECT extract(epoch FROM updated_at - created_at)::float8 AS seconds FROM payouts
        WHERE account_id = ANY ($1::text[]) AND stage = 'confirmed'
            AND idempotency_key LIKE '%' || $2 || '-%'
        """,
        accounts,
        name,
    )
    return [row["seconds"] for row in rows]


async def _open(connection: Connection, accounts: Sequence[str]) -> int:
    query = "SELECT count(*) FROM payouts WHERE account_id = ANY ($1) AND stage <> 'confirmed'"
    found: int = await connection.fetchval(query, accounts)
    return found


async def _calls(connection: Connection, account_id: str) -> list[float]:
    """Seconds at the gate, of each order."""
    rows = await connection.fetch(
        """
        SELECT extract(epoch FROM left_at - entered_at)::float8 AS seconds
        FROM walk_steps JOIN payouts USING (end_to_end_id)
        WHERE account_id = $1 AND room = 'gate'
        """,
        account_id,
    )
    return [row["seconds"] for row in rows]
