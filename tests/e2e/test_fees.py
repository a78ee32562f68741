"""A fee for receiving, from the institution's desk to the merchant's statement, on a platform."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from actors.start import Running
from fluxiq.asyncio_host import AsyncioHost
from fluxiq.ports import Archived, ReceiptArchived
from fluxiq.providers.simulator import SimulatorControl
from fluxiq.services.enroll import enroll_merchant
from fluxiq.services.messages.fees import SetFee
from fluxiq.services.set_fee import set_fee
from fluxiq.services.tenant import Tenant
from fluxiq.stores.store import PostgresStore
from tests.support.house import platform_here
from tests.support.merchants import (
    Caller,
    Inside,
    data_of,
    deliver_notice,
    error_of,
    eventually,
    fresh_end_to_end_id,
    open_caller,
    open_clerk,
    open_window,
    receipt_notice,
)
from tests.support.platform import PlatformProcess
from tests.support.seals import keyring

AURORA, BOREAL = "12345678", "87654321"
Json = dict[str, Any]
FEE = {"fixed": 10, "basis_points": 99, "maximum": 5_00, "reason": "contract 17"}


@asynccontextmanager
async def agreed(platform: PlatformProcess, ispb: str, merchant_id: str) -> AsyncIterator[None]:
    """FEE for as long as this lasts, and then nothing again: others use the platform too."""
    free = {"fixed": 0, "reason": "the test is over"}
    path = f"/institution/merchants/{merchant_id}/fees"
    async with open_clerk(platform.addresses.api, platform.logins[ispb]) as clerk:
        data_of(await clerk.put(path, json=FEE))
        try:
            yield
        finally:
            data_of(await clerk.put(path, json=free))


async def paid_charge(platform: PlatformProcess, caller: Caller, amount: int) -> Json:
    """A charge that somebody has paid, as its merchant was told."""
    assert platform.addresses.simulator is not None
    async with (
        SimulatorControl.open(platform.addresses.simulator) as simulator,
        open_window(platform.addresses.api, caller.login) as heard,
    ):
        made = await caller.made("/pix/charges", {"amount": amount})
        await simulator.pay(ispb=caller.login.ispb, br_code=made["qr_code"])
        told: Json = (await heard.wait_for(made["id"], "pix.charge.paid"))["data"]
        return told


async def test_a_merchant_receives_what_is_left_and_sees_the_fee_everywhere(
    running_platform: PlatformProcess,
) -> None:
    login = running_platform.logins[AURORA]
    async with open_caller(running_platform.addresses.api, login) as caller:
        available, _ = await caller.balance()
        async with agreed(running_platform, AURORA, login.merchant_id):
            told = await paid_charge(running_platform, caller, 100_00)

        assert (told["fee"], told["net_amount"]) == (1_09, 98_91)
        shown = await caller.get(f"/pix/charges/{told['id']}")
        assert (shown["amount"], shown["fee"], shown["net_amount"]) == (100_00, 1_09, 98_91)
        assert await caller.balance() == (available + 98_91, 0)
        [last] = (await caller.http.get("/fees/payments?per_page=1")).json()["data"]
        assert (last["charge_id"], last["fee"]) == (told["id"], 1_09)

        async def are_lines() -> bool:
            path = f"/accounts/{login.account_id}/statement"
            first = (await caller.http.get(path, params={"per_page": 1})).json()["meta"]["total"]
            pages = {"per_page": 2, "page": -(-first // 2)}
            lines = (await caller.http.get(path, params=pages)).json()["data"]
            found = {(one["kind"], one["amount"], one["reference"]) for one in lines}
            return ("fee", -1_09, last["id"]) in found

        await eventually(are_lines)


async def test_a_whole_refund_takes_the_whole_amount_and_gives_no_fee_back(
    running_platform: PlatformProcess, inside: Inside, asyncio_host: AsyncioHost
) -> None:
    login = running_platform.logins[AURORA]
    async with (
        open_caller(running_platform.addresses.api, login) as caller,
        open_window(running_platform.addresses.api, login) as heard,
    ):
        await paid_charge(running_platform, caller, 10_00)  # so that there is enough for all of it
        async with agreed(running_platform, AURORA, login.merchant_id):
            charge = await paid_charge(running_platform, caller, 100_00)
        available, _ = await caller.balance()

        said = {"charge_id": charge["id"], "idempotency_key": f"e2e fee {charge['id']}"}
        refund = data_of(await caller.post("/pix/refunds", said))
        await heard.wait_for(refund["id"], "pix.refund.completed")

        assert refund["amount"] == 100_00
        assert await caller.balance() == (available - 100_00, 0)

    async with inside.servers.open_postgres(asyncio_host, AURORA, size=1, seconds_max=10) as pool:
        store = PostgresStore(pool, AURORA, keyring(AURORA))

        async def agree() -> bool:
            books = await store.prove_books()
            return not books.mismatches and books.debits_posted == books.credits_posted

        await eventually(agree)


async def test_another_institution_neither_sees_nor_sets_it(
    running_platform: PlatformProcess,
) -> None:
    path = f"/institution/merchants/{running_platform.logins[AURORA].merchant_id}/fees"
    async with open_clerk(running_platform.addresses.api, running_platform.logins[BOREAL]) as clerk:
        for answer in (await clerk.get(path), await clerk.put(path, json=FEE)):
            assert (answer.status_code, error_of(answer)["code"]) == (404, "merchant_not_found")


@pytest.mark.embedded
async def test_the_fee_of_before_a_crash_stands_though_another_was_agreed_meanwhile() -> None:
    """Between ledger and archive: the worker dies, the plan changes, the notice comes again."""
    async with platform_here() as running:
        tenant = running.platform.tenants.get(AURORA)
        shop = await enroll_merchant(
            tenant, name="Armazem Central", document="00000000000191", city="Santos"
        )
        archive = tenant.store.archive_receipts
        deaths: list[int] = []

        async def dies_first(batch: Sequence[ReceiptArchived]) -> Archived:
            if deaths:
                return await archive(batch)
            deaths.append(len(batch))
            await agree(tenant, shop.merchant.id, 7_00)
            raise RuntimeError("the worker dies before its archive")

        await agree(tenant, shop.merchant.id, 2_00)
        tenant.store.archive_receipts = dies_first  # type: ignore[method-assign]
        end_to_end_id = fresh_end_to_end_id()
        await be_paid(running, receipt_notice(end_to_end_id, "50.00", shop.pix_keys[0]))

        async def is_archived() -> bool:
            return await tenant.refunds.find_receipt(end_to_end_id) is not None

        await eventually(is_archived)
        kept = await tenant.refunds.find_receipt(end_to_end_id)
        assert deaths == [1]
        assert kept is not None
        assert kept.fee == 2_00
        balance = (await tenant.ledger.balances([shop.account.ledger_id]))[shop.account.ledger_id]
        assert balance.available == 48_00
        assert (await tenant.store.prove_books()).mismatches == ()


async def agree(tenant: Tenant, merchant_id: str, fixed: int) -> None:
    await set_fee(tenant, "usr_test", merchant_id, SetFee(fixed=fixed, reason="a test"))


async def be_paid(running: Running, body: bytes) -> None:
    """By a notice of the provider, as every payment begins."""
    secret = running.platform.directory.secret(f"providers/{AURORA}/simulator")
    async with httpx.AsyncClient(base_url=f"{running.platform.api_url}/api/v1") as http:
        said = await deliver_notice(http, AURORA, secret, body)
    assert said.is_success, said.text
