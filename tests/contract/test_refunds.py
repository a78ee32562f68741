"""Refunds over HTTP, on a world whose ledger, store and provider do what real ones promise."""

import re
from typing import Any

import pytest
from quart.wrappers import Response

from fluxiq.api.app import create_app
from fluxiq.api.hub import Hub
from fluxiq.domain.records import ApiKey
from fluxiq.services.authenticate import new_key
from fluxiq.telemetry.metrics import Metrics
from tests.support.api_twin import TwinTenants, bearer
from tests.support.memory_world import ISPB, MemoryWorld

REFUNDS = "/api/v1/pix/refunds"
CHARGES = "/api/v1/pix/charges"
PAYOUTS = "/api/v1/pix/payouts"
RECEIPTS = "/api/v1/pix/receipts"
ULID = r"[0-7][0-9A-HJKMNP-TV-Z]{25}"


class Merchant:
    """A merchant at a client of the API."""

    def __init__(self, world: MemoryWorld, merchant_id: str, *permissions: str) -> None:
        metrics = Metrics(process=False)
        app = create_app(
            TwinTenants({ISPB: world.tenant}),
            world.tenant.settings,
            hub=Hub(metrics.connections, queue_size=4, clients_max=2),
            health={},
            clock=world.clock,
            ids=world.ids,
            metrics=metrics,
        )
        self.client = app.test_client()
        self.key = new_key(world.tenant)
        digest = world.tenant.key_hash(self.key)
        world.store.api_keys[digest] = ApiKey(
            id=world.ids.new("key"),
            merchant_id=merchant_id,
            name="test",
            key_hash=digest,
            permissions=permissions or ("*",),
            created_at=world.clock.now(),
        )

    async def post(self, path: str, body: Any, **headers: str) -> Response:
        return await self.client.post(path, json=body, headers=bearer(self.key, **headers))

    async def get(self, path: str) -> Response:
        return await self.client.get(path, headers=bearer(self.key))

    async def refund(self, **said: Any) -> Response:
        return await self.post(REFUNDS, {"idempotency_key": "refund-1", **said})


@pytest.fixture
async def world() -> MemoryWorld:
    return await MemoryWorld().open()


@pytest.fixture
async def merchant(world: MemoryWorld) -> Merchant:
    return Merchant(world, world.merchant_id)


async def data_of(response: Response) -> Any:
    body = await response.get_json()
    assert set(body) == {"data"}, body
    return body["data"]


async def error_of(response: Response) -> tuple[int, str]:
    body = await response.get_json()
    return response.status_code, body["error"]["code"]


async def paid_charge(world: MemoryWorld, merchant: Merchant) -> Any:
    """A charge of R$ 100.00 that was paid."""
    charge = await data_of(await merchant.post(CHARGES, {"amount": 100_00}))
    await world.receive(world.received(100_00, txid=charge["txid"]))
    await world.run_rooms()
    return await data_of(await merchant.get(f"{CHARGES}/{charge['id']}"))


async def complete(world: MemoryWorld, refund: Any) -> None:
    await world.run_rooms()
    await world.receive(world.provider.settle(refund["return_id"]))
    await world.run_rooms()


async def test_a_refund_of_a_charge_is_accepted_and_then_completed(
    world: MemoryWorld, merchant: Merchant
) -> None:
    charge = await paid_charge(world, merchant)
    assert (charge["status"], charge["refunded_amount"]) == ("paid", 0)

    response = await merchant.refund(
        charge_id=charge["id"],
        amount=60_00,
        reason="operational",
        description="two of three chairs",
        metadata={"order": 42},
    )

    refund = await data_of(response)
    assert response.status_code == 202
    assert re.fullmatch(f"ref_{ULID}", refund["id"])
    assert re.fullmatch(r"D12345678\d{12}[0-9A-Za-z]{11}", refund["return_id"])
    assert (
        refund
        | {
            "status": "processing",
            "amount": 60_00,
            "currency": "BRL",
            "reason": "operational",
            "description": "two of three chairs",
            "charge_id": charge["id"],
            "end_to_end_id": charge["end_to_end_id"],
            "account_id": charge["account_id"],
            "failure": None,
            "metadata": {"order": 42},
        }
        == refund
    )

    await complete(world, refund)
    shown = await data_of(await merchant.get(f"{REFUNDS}/{refund['id']}"))
    assert shown["status"] == "completed"
    charge = await data_of(await merchant.get(f"{CHARGES}/{charge['id']}"))
    assert (charge["status"], charge["refunded_amount"]) == ("paid", 60_00)


async def test_the_rest_of_a_charge_is_refunded_by_saying_no_amount_and_makes_it_refunded(
    world: MemoryWorld, merchant: Merchant
) -> None:
    charge = await paid_charge(world, merchant)
    await complete(
        world, await data_of(await merchant.refund(charge_id=charge["id"], amount=60_00))
    )

    rest = await merchant.refund(end_to_end_id=charge["end_to_end_id"], idempotency_key="refund-2")

    refund = await data_of(rest)
    assert (refund["amount"], refund["reason"]) == (40_00, "customer")
    await complete(world, refund)
    charge = await data_of(await merchant.get(f"{CHARGES}/{charge['id']}"))
    assert (charge["status"], charge["refunded_amount"]) == ("refunded", 100_00)


async def test_one_centavo_above_the_original_is_refused_and_on_record_as_failed(
    world: MemoryWorld, merchant: Merchant
) -> None:
    charge = await paid_charge(world, merchant)
    await merchant.refund(charge_id=charge["id"], amount=60_00)

    too_much = {"charge_id": charge["id"], "amount": 40_01, "idempotency_key": "refund-2"}
    first, again = await merchant.refund(**too_much), await merchant.refund(**too_much)

    assert await error_of(first) == (422, "refund_above_original")
    assert await again.get_json() == (await first.get_json()) | {
        "meta": (await again.get_json())["meta"]
    }
    refund_id = (await first.get_json())["error"]["details"]["refund_id"]
    failed = await data_of(await merchant.get(f"{REFUNDS}/{refund_id}"))
    assert (failed["status"], failed["failure"]["code"]) == ("failed", "refund_above_original")


async def test_the_same_key_and_body_get_the_same_answer_and_another_body_a_refusal(
    world: MemoryWorld, merchant: Merchant
) -> None:
    charge = await paid_charge(world, merchant)
    body = {"charge_id": charge["id"], "amount": 1}

    first = await merchant.post(REFUNDS, body, **{"Idempotency-Key": "k"})
    again = await merchant.post(REFUNDS, {**body, "idempotency_key": "k"})
    other = await merchant.post(REFUNDS, {**body, "amount": 2}, **{"Idempotency-Key": "k"})

    assert await again.get_data() == await first.get_data()
    assert again.headers["Idempotency-Replayed"] == "true"
    assert await error_of(other) == (422, "idempotency_key_reused")


async def test_money_leaves_once_so_a_refund_needs_a_key(merchant: Merchant) -> None:
    response = await merchant.post(REFUNDS, {"charge_id": "chg_1"})
    assert await error_of(response) == (422, "idempotency_key_required")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"charge_id": "chg_1", "amount": 0}, "amount"),
        ({"charge_id": "chg_1", "amount": 1.0}, "amount"),
        ({"charge_id": "chg_1", "amount": "1"}, "amount"),
        ({"charge_id": "chg_1", "reason": "MD06"}, "reason"),
        ({"charge_id": "chg_1", "reason": "Fraud"}, "reason"),
        ({"charge_id": "chg_1", "speed": "fast"}, "speed"),
        ({"charge_id": "chg_1", "description": "x" * 141}, "description"),
        ({}, "end_to_end_id"),
        ({"charge_id": "chg_1", "end_to_end_id": "E1"}, "end_to_end_id"),
    ],
)
async def test_a_body_that_breaks_the_contract_is_refused_by_name(
    merchant: Merchant, body: dict[str, Any], field: str
) -> None:
    response = await merchant.refund(**body)
    assert await error_of(response) == (422, "validation_failed")
    assert (await response.get_json())["error"]["details"]["field"] == field


async def test_a_refund_is_not_refunded(merchant: Merchant) -> None:
    response = await merchant.refund(end_to_end_id="D12345678202607011200abcDEF12345")
    assert await error_of(response) == (422, "refund_of_refund")


async def test_refunds_are_listed_newest_first_page_by_page_and_filtered(
    world: MemoryWorld, merchant: Merchant
) -> None:
    charge = await paid_charge(world, merchant)
    made = []
    for number in range(3):
        world.clock.pass_seconds(1)
        response = await merchant.refund(
            charge_id=charge["id"], amount=1, idempotency_key=f"refund-{number}"
        )
        made.append((await data_of(response))["id"])
    await complete(world, await data_of(await merchant.get(f"{REFUNDS}/{made[0]}")))

    async def listed(query: str) -> tuple[list[str], int]:
        body = await (await merchant.get(f"{REFUNDS}?{query}")).get_json()
        return [one["id"] for one in body["data"]], body["meta"]["total"]

    today = world.clock.now().date().isoformat()
    assert await listed("") == (made[::-1], 3)
    assert await listed("per_page=2&page=2") == ([made[0]], 3)
    assert await listed("status=completed") == ([made[0]], 1)
    assert await listed(f"charge_id={charge['id']}&status=processing") == (made[:0:-1], 2)
    assert await listed(f"end_to_end_id={charge['end_to_end_id']}") == (made[::-1], 3)
    assert await listed(f"start_date={today}&end_date={today}") == (made[::-1], 3)
    assert await listed("end_date=2020-01-01") == ([], 0)
    assert await error_of(await merchant.get(f"{REFUNDS}?status=paid")) == (
        422,
        "validation_failed",
    )


async def test_what_a_statement_refers_to_is_shown_to_its_merchant(
    world: MemoryWorld, merchant: Merchant
) -> None:
    charge = await paid_charge(world, merchant)
    [receipt] = world.store.receipts.values()
    shown = await data_of(await merchant.get(f"{RECEIPTS}/{receipt.id}"))
    assert shown == {
        "id": receipt.id,
        "end_to_end_id": charge["end_to_end_id"],
        "amount": charge["amount"],
        "fee": 0,
        "net_amount": charge["amount"],
        "currency": "BRL",
        "reason": "pays_charge",
        "account_id": charge["account_id"],
        "charge_id": charge["id"],
        "received_at": shown["received_at"],
    }

    other = Merchant(world, (await world.enroll(document="12345678909")).merchant.id)
    for asked, path in ((other, receipt.id), (merchant, charge["end_to_end_id"])):
        assert await error_of(await asked.get(f"{RECEIPTS}/{path}")) == (404, "payment_not_found")


async def test_another_merchant_sees_nothing_of_a_refund(
    world: MemoryWorld, merchant: Merchant
) -> None:
    charge = await paid_charge(world, merchant)
    refund = await data_of(await merchant.refund(charge_id=charge["id"], amount=1))
    other = Merchant(world, (await world.enroll(document="12345678909")).merchant.id)

    assert await error_of(await other.get(f"{REFUNDS}/{refund['id']}")) == (404, "refund_not_found")
    assert (await (await other.get(REFUNDS)).get_json())["data"] == []
    assert await error_of(await other.refund(charge_id=charge["id"])) == (404, "charge_not_found")
    by_id = await other.refund(end_to_end_id=charge["end_to_end_id"])
    assert await error_of(by_id) == (404, "payment_not_found")


async def test_refunds_need_their_permissions(world: MemoryWorld) -> None:
    reader = Merchant(world, world.merchant_id, "pix:read")
    writer = Merchant(world, world.merchant_id, "pix:write")

    assert await error_of(await reader.refund(charge_id="chg_1")) == (403, "forbidden")
    assert await error_of(await writer.get(REFUNDS)) == (403, "forbidden")


async def test_a_payout_that_came_back_says_how_much(
    world: MemoryWorld, merchant: Merchant
) -> None:
    await world.fund(100_00)
    payout = await world.held(40_00)
    await world.run_rooms()
    await world.receive(world.provider.settle(payout.end_to_end_id))
    await world.run_rooms()
    notice = world.provider.returned(
        payout.end_to_end_id, 15_00, "D00000000202611221200abcDEF12345"
    )
    await world.receive(notice)
    await world.run_rooms()

    shown = await data_of(await merchant.get(f"{PAYOUTS}/{payout.id}"))

    assert (shown["status"], shown["returned_amount"]) == ("confirmed", 15_00)
