"""Lists of charges and payouts, and charges that are cancelled, over HTTP."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from fluxiq.domain.records import ChargeStatus, PayoutStage
from tests.support.api_client import Merchant, data_of, error_of, field_of, page_of
from tests.support.api_twin import World

CHARGES = "/api/v1/pix/charges"
PAYOUTS = "/api/v1/pix/payouts"


def payout(number: int, amount: int = 1_00) -> dict[str, Any]:
    recipient = {"pix_key": "somebody@example.com"}
    return {"amount": amount, "recipient": recipient, "idempotency_key": f"order-{number}"}


async def three_charges(world: World, merchant: Merchant) -> list[Any]:
    """Opened on three days in a row, oldest first."""
    made = []
    for amount in (100, 200, 300):
        made.append(await data_of(await merchant.post(CHARGES, {"amount": amount})))
        world.clock.at += timedelta(days=1)
    return made


async def test_charges_are_listed_newest_first_page_by_page() -> None:
    world = World()
    merchant = Merchant(world)
    first, second, third = await three_charges(world, merchant)

    charges, meta = await page_of(await merchant.get(f"{CHARGES}?per_page=2"))
    rest, _ = await page_of(await merchant.get(f"{CHARGES}?per_page=2&page=2"))
    assert [one["id"] for one in (*charges, *rest)] == [third["id"], second["id"], first["id"]]
    assert meta == {"page": 1, "per_page": 2, "total": 3, "total_pages": 2}


async def test_a_listed_charge_is_the_charge_without_its_picture() -> None:
    world = World()
    merchant = Merchant(world)
    [made, *_] = await three_charges(world, merchant)

    charges, _ = await page_of(await merchant.get(CHARGES))
    made.pop("qr_code_image")
    assert charges[-1] == made


async def test_charges_are_found_by_status_txid_account_and_day() -> None:
    world = World()
    merchant = Merchant(world)
    first, second, _ = await three_charges(world, merchant)
    paid = world.store.charges[second["id"]]
    world.store.charges[second["id"]] = msgspec.structs.replace(paid, status=ChargeStatus.PAID)
    day = first["created_at"][:10]

    for query, wanted in (
        ("status=paid", [second["id"]]),
        (f"txid={first['txid']}", [first["id"]]),
        (f"account_id={first['account_id']}&status=pending&end_date={day}", [first["id"]]),
        (f"start_date={day}&end_date={day}", [first["id"]]),
        ("account_id=acc_somebody_elses", []),
    ):
        charges, meta = await page_of(await merchant.get(f"{CHARGES}?{query}"))
        assert [one["id"] for one in charges] == wanted, query
        assert meta["total"] == len(wanted)


@pytest.mark.parametrize("path", [CHARGES, PAYOUTS])
async def test_a_merchant_lists_only_its_own(path: str) -> None:
    world = World()
    owner, other = Merchant(world), Merchant(world, world.enroll("Outra", "outra@example.com"))
    await owner.post(CHARGES, {"amount": 100})
    await owner.post(PAYOUTS, payout(1))

    listed, meta = await page_of(await other.get(path))
    assert (listed, meta["total"], meta["total_pages"]) == ([], 0, 0)


async def test_payouts_are_listed_by_the_status_that_callers_see() -> None:
    world = World()
    merchant = Merchant(world)
    made = [await data_of(await merchant.post(PAYOUTS, payout(number))) for number in range(3)]
    ended = world.store.payouts[made[1]["id"]]
    world.store.payouts[ended.id] = msgspec.structs.replace(
        ended, stage=PayoutStage.FAILED, failure_code="invalid_account", reason_code="AC03"
    )

    processing, _ = await page_of(await merchant.get(f"{PAYOUTS}?status=processing"))
    [failed], _ = await page_of(await merchant.get(f"{PAYOUTS}?status=failed"))
    by_id, _ = await page_of(
        await merchant.get(f"{PAYOUTS}?end_to_end_id={made[0]['end_to_end_id']}")
    )
    assert {one["id"] for one in processing} == {made[0]["id"], made[2]["id"]}
    assert failed["failure"] == {
        "code": "invalid_account",
        "reason_code": "AC03",
        "message": "The destination account does not exist or is wrong.",
        "message_pt": "A conta de destino não existe ou está incorreta.",
    }
    assert [one["id"] for one in by_id] == [made[0]["id"]]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("status=held", "status"),
        ("status=PENDING", "status"),
        ("start_date=2026-13-01", "start_date"),
        ("start_date=2026-11-02&end_date=2026-11-01", "end_date"),
        ("account_id=%00", "account_id"),
        ("per_page=101", "per_page"),
        ("page=0", "page"),
        ("colour=blue", "colour"),
    ],
)
@pytest.mark.parametrize("path", [CHARGES, PAYOUTS])
async def test_a_wrong_filter_is_named(path: str, query: str, field: str) -> None:
    response = await Merchant(World()).get(f"{path}?{query}")
    assert response.status_code == 422
    assert await field_of(response) == field


async def test_a_pending_charge_is_cancelled_and_told() -> None:
    world = World()
    merchant = Merchant(world)
    [made, *_] = await three_charges(world, merchant)

    cancelled = await data_of(await merchant.post(f"{CHARGES}/{made['id']}/cancel", None))
    assert cancelled["status"] == "cancelled"
    assert "qr_code_image" not in cancelled
    shown = await data_of(await merchant.get(f"{CHARGES}/{made['id']}"))
    assert shown["status"] == "cancelled"
    assert world.payments.cancelled == ["pix.charge.cancelled"]


@pytest.mark.parametrize("status", ["paid", "expired", "cancelled", "refunded"])
async def test_a_charge_that_is_not_pending_stays_what_it_is(status: str) -> None:
    world = World()
    merchant = Merchant(world)
    [made, *_] = await three_charges(world, merchant)
    known = world.store.charges[made["id"]]
    world.store.charges[known.id] = msgspec.structs.replace(known, status=ChargeStatus(status))

    response = await merchant.post(f"{CHARGES}/{made['id']}/cancel", None)
    body = await response.get_json()
    assert (response.status_code, body["error"]["code"]) == (409, "charge_not_pending")
    assert body["error"]["details"] == {"status": status}
    assert world.store.charges[known.id].status == status


async def test_cancelling_again_under_the_same_key_is_the_same_answer() -> None:
    world = World()
    merchant = Merchant(world)
    [made, other, _] = await three_charges(world, merchant)
    path, header = f"{CHARGES}/{made['id']}/cancel", {"Idempotency-Key": "cancel-1"}

    first = await merchant.post(path, None, **header)
    again = await merchant.post(path, None, **header)
    assert (first.status_code, again.status_code) == (200, 200)
    assert await first.get_data() == await again.get_data()
    assert again.headers["Idempotency-Replayed"] == "true"
    elsewhere = await merchant.post(f"{CHARGES}/{other['id']}/cancel", None, **header)
    assert await error_of(elsewhere) == (422, "idempotency_key_reused")
    assert world.store.charges[other["id"]].status is ChargeStatus.PENDING


async def test_nobody_cancels_the_charge_of_another_merchant() -> None:
    world = World()
    owner, other = Merchant(world), Merchant(world, world.enroll("Outra", "outra@example.com"))
    made = await data_of(await owner.post(CHARGES, {"amount": 100}))

    response = await other.post(f"{CHARGES}/{made['id']}/cancel", None)
    assert await error_of(response) == (404, "charge_not_found")
    assert world.store.charges[made["id"]].status is ChargeStatus.PENDING


async def test_who_may_read_may_list_and_not_cancel() -> None:
    world = World()
    made = await data_of(await Merchant(world).post(CHARGES, {"amount": 100}))
    reader = Merchant(world, permissions=("pix:read",))

    assert (await reader.get(CHARGES)).status_code == 200
    response = await reader.post(f"{CHARGES}/{made['id']}/cancel", None)
    assert await error_of(response) == (403, "forbidden")
