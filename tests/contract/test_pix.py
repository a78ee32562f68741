"""Charges, payouts and walks over HTTP, line by line as the API's surface promises."""

import base64
import re
from datetime import datetime
from typing import Any

import pytest

from fluxiq.domain import brcode
from tests.support.api_client import Merchant, data_of, error_of
from tests.support.api_twin import World

CHARGES = "/api/v1/pix/charges"
PAYOUTS = "/api/v1/pix/payouts"
ULID = r"[0-7][0-9A-HJKMNP-TV-Z]{25}"

CHARGE = {
    "amount": 15000,
    "description": "Pedido 42",
    "payer": {"document": "529.982.247-25", "name": "Maria"},
    "expiration": 600,
    "metadata": {"order": 42, "nested": {"a": [1, None]}},
}
PAYOUT: dict[str, Any] = {
    "amount": 15000,
    "description": "Fornecedor",
    "recipient": {"pix_key": "somebody@example.com", "pix_key_type": "EMAIL"},
    "idempotency_key": "order-42",
}


async def test_a_charge_is_created_with_its_br_code_and_picture() -> None:
    response = await Merchant(World()).post(CHARGES, CHARGE)
    charge = await data_of(response)
    assert response.status_code == 201
    assert response.headers["Content-Type"] == "application/json"
    assert re.fullmatch(f"chg_{ULID}", charge["id"])
    assert charge["status"] == "pending"
    assert (charge["amount"], charge["currency"]) == (15000, "BRL")
    assert charge["description"] == "Pedido 42"
    assert charge["metadata"] == CHARGE["metadata"]
    assert brcode.parse(charge["qr_code"]).amount == 15000
    assert charge["pix_key"] == "padaria@example.com"
    head, _, picture = charge["qr_code_image"].partition(",")
    assert head == "data:image/png;base64"
    assert base64.b64decode(picture).startswith(b"\x89PNG")


async def test_times_are_utc_with_a_z() -> None:
    charge = await data_of(await Merchant(World()).post(CHARGES, CHARGE))
    assert charge["created_at"].endswith("Z")
    created, expires = (
        datetime.fromisoformat(charge[name]) for name in ("created_at", "expiration")
    )
    assert (expires - created).total_seconds() == 600


async def test_a_charge_is_shown_to_its_merchant_only() -> None:
    world = World()
    owner, other = Merchant(world), Merchant(world, world.enroll("Outra", "outra@example.com"))
    charge = await data_of(await owner.post(CHARGES, CHARGE))
    assert await data_of(await owner.get(f"{CHARGES}/{charge['id']}")) == charge
    assert await error_of(await other.get(f"{CHARGES}/{charge['id']}")) == (404, "charge_not_found")


@pytest.mark.parametrize("charge_id", ["chg_%00", "a%20b", "%27", "x" * 65])
async def test_a_strange_id_in_the_path_is_refused_by_name(charge_id: str) -> None:
    response = await Merchant(World()).get(f"{CHARGES}/{charge_id}")
    body = await response.get_json()
    assert (response.status_code, body["error"]["details"]) == (422, {"field": "charge_id"})


async def test_a_wrong_document_is_named() -> None:
    wrong = CHARGE | {"payer": {"document": "12345678900", "name": "Maria"}}
    response = await Merchant(World()).post(CHARGES, wrong)
    body = await response.get_json()
    assert body["error"]["code"] == "invalid_document"
    assert body["error"]["details"]["field"] == "payer.document"
    assert "12345678900" not in str(body)


async def test_the_same_idempotency_key_gives_the_same_bytes() -> None:
    merchant = Merchant(World())
    first = await merchant.post(CHARGES, CHARGE, **{"Idempotency-Key": "k1"})
    again = await merchant.post(CHARGES, CHARGE, **{"Idempotency-Key": "k1"})
    assert (first.status_code, again.status_code) == (201, 201)
    assert await first.get_data() == await again.get_data()
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"


async def test_the_same_key_with_another_body_is_refused() -> None:
    merchant = Merchant(World())
    await merchant.post(CHARGES, CHARGE, **{"Idempotency-Key": "k1"})
    other = await merchant.post(CHARGES, CHARGE | {"amount": 1}, **{"Idempotency-Key": "k1"})
    assert await error_of(other) == (422, "idempotency_key_reused")


@pytest.mark.parametrize("key", ["", " ", "two words", "x" * 256, "ação"])
async def test_a_header_that_is_no_key_is_refused_by_name(key: str) -> None:
    response = await Merchant(World()).post(CHARGES, CHARGE, **{"Idempotency-Key": key})
    body = await response.get_json()
    assert (response.status_code, body["error"]["details"]) == (422, {"field": "Idempotency-Key"})


async def test_a_payout_is_accepted_and_processing() -> None:
    response = await Merchant(World()).post(PAYOUTS, PAYOUT)
    payout = await data_of(response)
    assert response.status_code == 202
    assert re.fullmatch(f"pay_{ULID}", payout["id"])
    assert payout["status"] == "processing"
    assert (payout["amount"], payout["currency"]) == (15000, "BRL")
    assert re.fullmatch(r"E12345678\d{12}[A-Za-z0-9]{11}", payout["end_to_end_id"])
    assert payout["recipient"]["pix_key"] == "somebody@example.com"


async def test_a_payout_is_shown_to_its_merchant_only() -> None:
    world = World()
    owner, other = Merchant(world), Merchant(world, world.enroll("Outra", "outra@example.com"))
    payout = await data_of(await owner.post(PAYOUTS, PAYOUT))
    shown = await data_of(await owner.get(f"{PAYOUTS}/{payout['id']}"))
    assert shown["id"] == payout["id"]
    assert await error_of(await other.get(f"{PAYOUTS}/{payout['id']}")) == (404, "payout_not_found")


async def test_a_payout_needs_an_idempotency_key() -> None:
    world = World()
    without = {name: value for name, value in PAYOUT.items() if name != "idempotency_key"}
    response = await Merchant(world).post(PAYOUTS, without)
    assert await error_of(response) == (422, "idempotency_key_required")
    assert not world.store.payouts


async def test_a_key_is_the_same_key_in_the_header_and_in_the_body() -> None:
    world = World()
    merchant = Merchant(world)
    without = {name: value for name, value in PAYOUT.items() if name != "idempotency_key"}
    first = await merchant.post(PAYOUTS, PAYOUT)
    again = await merchant.post(PAYOUTS, without, **{"Idempotency-Key": "order-42"})
    both = await merchant.post(PAYOUTS, PAYOUT, **{"Idempotency-Key": "order-42"})
    assert await first.get_data() == await again.get_data() == await both.get_data()
    assert len(world.store.payouts) == 1


async def test_two_different_keys_in_one_request_are_refused() -> None:
    world = World()
    response = await Merchant(world).post(PAYOUTS, PAYOUT, **{"Idempotency-Key": "another"})
    assert await error_of(response) == (422, "validation_failed")
    assert not world.store.payouts


async def test_a_payout_above_the_balance_is_refused_and_stays_refused() -> None:
    merchant = Merchant(World())
    much = PAYOUT | {"amount": 100_001}
    first, again = await merchant.post(PAYOUTS, much), await merchant.post(PAYOUTS, much)
    assert await error_of(first) == await error_of(again) == (422, "insufficient_funds")


async def test_a_payout_under_way_is_a_conflict() -> None:
    world = World()
    merchant = Merchant(world)
    world.ledger.breaks = ValueError("the process dies here")
    assert (await merchant.post(PAYOUTS, PAYOUT)).status_code == 500
    assert await error_of(await merchant.post(PAYOUTS, PAYOUT)) == (409, "idempotency_in_progress")


async def test_a_key_of_nobody_is_named() -> None:
    nobody = PAYOUT | {"recipient": {"pix_key": "nobody@example.com"}}
    response = await Merchant(World()).post(PAYOUTS, nobody)
    body = await response.get_json()
    assert (response.status_code, body["error"]["code"]) == (404, "pix_key_not_found")
    assert body["error"]["details"]["field"] == "recipient.pix_key"


async def test_a_payments_walk_is_shown_room_by_room_to_its_merchant() -> None:
    world = World()
    owner, other = Merchant(world), Merchant(world, world.enroll("Outra", "outra@example.com"))
    payout = await data_of(await owner.post(PAYOUTS, PAYOUT))
    path = f"/api/v1/pix/walks/{payout['end_to_end_id']}"
    steps = await data_of(await owner.get(path))
    assert "vault" in [step["room"] for step in steps]
    assert set(steps[0]) == {"room", "entered_at", "left_at", "milliseconds", "detail"}
    assert await error_of(await other.get(path)) == (404, "payment_not_found")
