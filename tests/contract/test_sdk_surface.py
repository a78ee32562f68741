"""The SDK covers the API: every endpoint has a call, every field of an answer a place in a record.

CALLS has one line for each endpoint, sent to a wire that only listens. What the SDK then reads is
compared with what the document says comes back, down to the last field.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import httpx
import msgspec
import pytest

from fluxiq.api.contract import JSON, PUBLIC
from fluxiq.domain.roles import INSTITUTION_ONLY, OWN
from fluxiq.sdk import ApiError, FluxiQ, Instruction, PayoutOrder, Retries
from fluxiq.sdk import request as sending
from tests.support.api_document import document, errors_of, resolved, served
from tests.support.surface import fields

NOW: Final = datetime(2026, 11, 22, tzinfo=UTC)
ID: Final = "x_1"

CALLS: Final[dict[str, Callable[[FluxiQ], object]]] = {
    "POST /pix/charges": lambda api: api.charges.create(amount=1, expiration=60),
    "GET /pix/charges": lambda api: api.charges.list(status="paid", start_date=NOW.date()).page(),
    "GET /pix/charges/{charge_id}": lambda api: api.charges.get(ID),
    "POST /pix/charges/{charge_id}/cancel": lambda api: api.charges.cancel(ID),
    "POST /pix/payouts": lambda api: api.payouts.create(
        amount=1, pix_key="a@example.com", scheduled_for=NOW.date()
    ),
    "POST /pix/payouts/{payout_id}/cancel": lambda api: api.payouts.cancel(ID),
    "POST /pix/payouts/batch": lambda api: api.payouts.create_many(
        [PayoutOrder(amount=1, pix_key="a@example.com")]
    ),
    "GET /pix/payouts": lambda api: api.payouts.list(end_to_end_id=ID).page(),
    "GET /pix/payouts/{payout_id}": lambda api: api.payouts.get(ID),
    "POST /pix/payout-batches": lambda api: api.payout_batches.create(
        [Instruction(amount=1, pix_key="a@example.com")], name="suppliers"
    ),
    "GET /pix/payout-batches": lambda api: api.payout_batches.list(status="released").page(),
    "GET /pix/payout-batches/{payout_batch_id}": lambda api: api.payout_batches.get(ID),
    "POST /pix/payout-batches/{payout_batch_id}/release": lambda api: api.payout_batches.release(
        ID
    ),
    "POST /pix/payout-batches/{payout_batch_id}/reject": lambda api: api.payout_batches.reject(
        ID, reason="wrong month"
    ),
    "GET /settlements": lambda api: api.settlements.list(start_date=NOW.date()).page(),
    "GET /settlements/schedule": lambda api: api.settlements.schedule(),
    "PUT /settlements/schedule": lambda api: api.settlements.put_schedule(
        time="23:30", source_account_id=ID, destination_account_id=ID
    ),
    "GET /fees": lambda api: api.fees.agreed(),
    "GET /fees/totals": lambda api: api.fees.totals(bucket="day", start_date=NOW.date()),
    "GET /fees/payments": lambda api: api.fees.payments().page(),
    "GET /requests": lambda api: api.requests.list(status="4xx", method="GET").page(),
    "GET /requests/{request_id}": lambda api: api.requests.get(ID),
    "POST /pix/refunds": lambda api: api.refunds.create(charge_id=ID, amount=1),
    "GET /pix/refunds": lambda api: api.refunds.list(charge_id=ID).page(),
    "GET /pix/refunds/{refund_id}": lambda api: api.refunds.get(ID),
    "POST /pix/payouts/{payout_id}/contest": lambda api: api.contests.create(ID, reason="scam"),
    "GET /pix/payouts/{payout_id}/contest": lambda api: api.contests.get(ID),
    "POST /pix/payouts/{payout_id}/contest/cancel": lambda api: api.contests.cancel(ID),
    "GET /pix/contests": lambda api: api.contests.list(status="reported").page(),
    "POST /pix/med/reports": lambda api: api.med_reports.create(
        end_to_end_id="E12345678202611221200abcdefghijk", reason="scam"
    ),
    "GET /pix/med/reports": lambda api: api.med_reports.list(status="open").page(),
    "GET /pix/med/reports/{med_report_id}": lambda api: api.med_reports.get(ID),
    "POST /pix/med/reports/{med_report_id}/acknowledge": lambda api: api.med_reports.acknowledge(
        ID
    ),
    "POST /pix/med/reports/{med_report_id}/close": lambda api: api.med_reports.close(
        ID, result="agreed", amount=1
    ),
    "POST /pix/med/reports/{med_report_id}/cancel": lambda api: api.med_reports.cancel(ID),
    "GET /pix/dict/{key}": lambda api: api.directory.get("a@example.com"),
    "POST /pix/qrcode": lambda api: api.qr_codes.create_static(amount=1),
    "POST /pix/qrcode/parse": lambda api: api.qr_codes.read("00020126"),
    "GET /rates": lambda api: api.live_data.rates(),
    "GET /rates/{pair}": lambda api: api.live_data.rate("USD-BRL"),
    "PUT /rates/{pair}": lambda api: api.live_data.put_rate(
        "USD-BRL", rate=Decimal("5.4321"), source="ptax"
    ),
    "GET /flags": lambda api: api.live_data.flags(),
    "PUT /flags/{name}": lambda api: api.live_data.put_flag("new_till", percentage=10),
    "GET /providers/status": lambda api: api.live_data.providers(),
    "GET /audit": lambda api: api.audit.list(action="payout.", since=NOW).page(),
    "GET /audit/export": lambda api: api.audit.export(format="csv", subject=ID),
    "GET /pix/receipts/{receipt_id}": lambda api: api.receipts.get(ID),
    "GET /pix/walks/{end_to_end_id}": lambda api: api.walks.get(ID),
    "GET /events": lambda api: api.events.list(type="pix.*", since=NOW, until=NOW).page(),
    "GET /events/{event_id}": lambda api: api.events.get(ID),
    "GET /payers": lambda api: api.payers.list().page(),
    "GET /statistics/payments": lambda api: api.statistics.payments(bucket="day", since=NOW),
    "POST /accounts": lambda api: api.accounts.create(name="Reserve"),
    "GET /accounts": lambda api: api.accounts.list(status="active").page(),
    "GET /accounts/{account_id}": lambda api: api.accounts.get(ID),
    "PATCH /accounts/{account_id}": lambda api: api.accounts.update(ID, name="Reserve"),
    "POST /accounts/{account_id}/block": lambda api: api.accounts.block(ID, reason="lost"),
    "POST /accounts/{account_id}/unblock": lambda api: api.accounts.unblock(ID),
    "GET /accounts/{account_id}/balance": lambda api: api.accounts.balance(ID),
    "GET /accounts/{account_id}/statement": lambda api: api.accounts.statement(ID),
    "GET /accounts/{account_id}/limits": lambda api: api.limits.get(ID),
    "PUT /accounts/{account_id}/limits": lambda api: api.limits.choose(
        ID, per_payment=100, per_day=None, per_night=None, night_starts="20:00"
    ),
    "GET /products": lambda api: api.products.all(),
    "GET /products/{product_id}": lambda api: api.products.get("prod_pix_merchant"),
    "POST /transfers": lambda api: api.transfers.create(
        source_account_id=ID, destination_account_id=ID, amount=1
    ),
    "GET /transfers": lambda api: api.transfers.list(account_id=ID, end_date=NOW.date()).page(),
    "GET /transfers/{transfer_id}": lambda api: api.transfers.get(ID),
    "POST /transfers/{transfer_id}/approve": lambda api: api.transfers.approve(ID),
    "POST /transfers/{transfer_id}/reject": lambda api: api.transfers.reject(ID),
    "GET /merchants": lambda api: api.merchants.list().page(),
    "GET /merchants/{merchant_id}": lambda api: api.merchants.get(ID),
    "POST /merchants/{merchant_id}/api-keys": lambda api: api.api_keys.create(
        ID, name="till", permissions=["pix:read"], expires_at=NOW
    ),
    "GET /merchants/{merchant_id}/api-keys": lambda api: api.api_keys.list(ID).page(),
    "POST /merchants/{merchant_id}/api-keys/{key_id}/rotate": lambda api: api.api_keys.rotate(
        ID, ID, overlap_seconds=60
    ),
    "DELETE /merchants/{merchant_id}/api-keys/{key_id}": lambda api: api.api_keys.revoke(ID, ID),
    "POST /users": lambda api: api.users.create(
        document="52998224725", name="Ana", role="operator"
    ),
    "GET /users": lambda api: api.users.list(merchant_id=ID).page(),
    "GET /users/{user_id}": lambda api: api.users.get(ID),
    "PATCH /users/{user_id}": lambda api: api.users.update(ID, role="manager"),
    "DELETE /users/{user_id}": lambda api: api.users.remove(ID),
    "POST /users/{user_id}/reset-password": lambda api: api.users.reset_password(ID, totp=True),
    "POST /webhooks": lambda api: api.webhooks.create(url="https://example.com", events=["pix.*"]),
    "GET /webhooks": lambda api: api.webhooks.list().page(),
    "GET /webhooks/{webhook_id}": lambda api: api.webhooks.get(ID),
    "PATCH /webhooks/{webhook_id}": lambda api: api.webhooks.update(ID, enabled=True),
    "DELETE /webhooks/{webhook_id}": lambda api: api.webhooks.delete(ID),
    "POST /webhooks/{webhook_id}/test": lambda api: api.webhooks.test(ID),
    "POST /webhooks/{webhook_id}/secret/rotate": lambda api: api.webhooks.rotate_secret(ID),
    "GET /webhooks/{webhook_id}/deliveries": lambda api: api.webhooks.deliveries(ID).page(),
    "GET /webhooks/{webhook_id}/deliveries/{delivery_id}": lambda api: api.webhooks.delivery(
        ID, ID
    ),
    "POST /webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver": lambda api: (
        api.webhooks.redeliver(ID, ID)
    ),
    "POST /webhooks/{webhook_id}/redeliver": lambda api: api.webhooks.redeliver_range(
        ID, start=NOW, end=NOW
    ),
}


class Listener:
    """Takes one request and gives nothing of use."""

    def __init__(self) -> None:
        self.heard: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.heard.append(request)
        return httpx.Response(500)


def heard_of(call: Callable[[FluxiQ], object]) -> httpx.Request:
    listener, once = Listener(), Retries(attempts_max=1)
    transport = httpx.MockTransport(listener)
    with FluxiQ("sk_live_1", retries=once, transport=transport) as api, pytest.raises(ApiError):
        call(api)
    [request] = listener.heard
    return request


def operation_of(name: str) -> dict[str, Any]:
    method, _, path = name.partition(" ")
    operation: dict[str, Any] = document()["paths"][f"/api/v1{path}"][method.lower()]
    return operation


def test_every_endpoint_for_merchants_has_a_call() -> None:
    endpoints = {
        f"{one.method} {one.path.removeprefix('/api/v1')}"
        for one in served()
        if one.permission not in {PUBLIC, OWN} | INSTITUTION_ONLY  # for people and their apps
    }

    assert endpoints == CALLS.keys()


@pytest.mark.parametrize("name", CALLS)
def test_a_call_asks_what_the_document_allows(name: str) -> None:
    request, operation = heard_of(CALLS[name]), operation_of(name)
    method, _, template = name.partition(" ")

    assert request.method == method
    words = [word for word in template.split("/") if not word.startswith("{")]
    assert [word for word in request.url.path.split("/")[3:] if word in words] == words[1:]
    assert len(request.url.path.split("/")) == len(template.split("/")) + 2

    known = {resolved(one)["name"] for one in operation["parameters"]}
    assert set(request.url.params) <= known
    body = operation.get("requestBody")
    assert bool(request.content) == (body is not None)
    if body is not None:
        said = msgspec.json.decode(request.content)
        assert errors_of(said, body["content"][JSON]["schema"]) == []
    assert ("Idempotency-Key" in request.headers) == (method == "POST")


@pytest.mark.parametrize("name", CALLS)
def test_the_sdk_has_every_field_of_an_answer_and_no_other(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds: list[Any] = []

    def spy(kind: Any) -> Callable[[bytes], Any]:
        kinds.append(kind)
        return msgspec.json.Decoder(kind).decode

    monkeypatch.setattr(sending, "_decoder", spy)
    heard_of(CALLS[name])

    operation = operation_of(name)
    success = next(one for status, one in operation["responses"].items() if status < "300")
    content = resolved(success).get("content", {})
    if JSON not in content:  # nothing, or a file
        assert kinds == []
        return
    [kind] = kinds
    assert _places(kind) == _told(content[JSON]["schema"])


def _told(schema: dict[str, Any]) -> dict[str, Any]:
    """The fields that the document tells, with those inside them."""
    return {name: _told(one) for name, _, one in fields(schema)}


def _places(kind: Any) -> dict[str, Any]:
    """The fields that a record has, with those inside them."""
    return _of(msgspec.inspect.type_info(kind))


def _of(info: Any) -> dict[str, Any]:
    match info:
        case msgspec.inspect.StructType():
            return {field.encode_name: _of(field.type) for field in info.fields}
        case msgspec.inspect.VarTupleType():
            return _of(info.item_type)
        case msgspec.inspect.UnionType():
            return {name: one for part in info.types for name, one in _of(part).items()}
    return {}
