"""The surface path by path and field by field: what the product's papers ask for, and all there is.

ASKED is typed from the papers, not from the code: a field that is gone or renamed is missed here.
`surface.txt` pins the rest: permission, rate class, statuses, fields, codes. See
`tests/support/surface.py` for how it is renewed.
"""

from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from fluxiq.api.contract import JSON
from tests.support.api_document import document, resolved
from tests.support.surface import fields, surface

PINNED: Final = Path(__file__).with_name("surface.txt")
BASE: Final = "/api/v1"


class Asked(NamedTuple):
    """One line of the papers. `filters` are query parameters; lists have their page besides."""

    call: str
    takes: str = ""
    gives: str = ""
    filters: str = ""


_CHARGE = "id status amount description pix_key qr_code expiration created_at"
_PAYOUT = "id status amount description recipient end_to_end_id failure created_at"
_ACCOUNT = "id status product_id metadata created_at"
_TRANSFER = "id status ledger_entry_id created_at completed_at"

ASKED: Final = (
    Asked(
        "POST /pix/charges",
        takes="amount description payer expiration metadata",
        gives=f"{_CHARGE} qr_code_image",
    ),
    Asked("GET /pix/charges/{charge_id}", gives=_CHARGE),
    Asked("GET /pix/charges", gives=_CHARGE, filters="status start_date end_date"),
    Asked("POST /pix/charges/{charge_id}/cancel", gives=_CHARGE),
    Asked(
        "POST /pix/payouts",
        takes="amount description recipient idempotency_key",
        gives=_PAYOUT,
    ),
    Asked("GET /pix/payouts/{payout_id}", gives=_PAYOUT),
    Asked("GET /pix/payouts", gives=_PAYOUT, filters="status start_date end_date"),
    Asked("GET /pix/dict/{key}"),
    Asked("POST /pix/qrcode", gives="qr_code qr_code_image"),
    Asked("GET /accounts", gives=_ACCOUNT, filters="status product_id"),
    Asked("POST /accounts", takes="name product_id metadata", gives=_ACCOUNT),
    Asked("GET /accounts/{account_id}", gives=_ACCOUNT),
    Asked(
        "GET /accounts/{account_id}/balance",
        gives="available pending blocked total currency updated_at",
    ),
    Asked("GET /accounts/{account_id}/statement", filters="start_date end_date"),
    Asked(
        "POST /transfers",
        takes="source_account_id destination_account_id amount description idempotency_key "
        "metadata",
        gives=_TRANSFER,
    ),
    Asked("GET /transfers/{transfer_id}", gives=_TRANSFER),
    Asked("GET /transfers", gives=_TRANSFER, filters="account_id status start_date end_date"),
    Asked(
        "POST /merchants/{merchant_id}/api-keys",
        takes="name permissions",
        gives="id name key permissions created_at",
    ),
    Asked("POST /webhooks", takes="url events", gives="id url events secret created_at"),
    Asked("GET /webhooks", gives="id url events created_at"),
    Asked("GET /webhooks/{webhook_id}", gives="id url events created_at"),
    Asked("DELETE /webhooks/{webhook_id}"),
    Asked("POST /webhooks/{webhook_id}/test"),
)

STATUSES: Final = {
    "Charge": "pending paid expired cancelled refunded",
    "Payout": "processing confirmed failed returned",
    "Account": "active inactive blocked",
    "Transfer": "completed failed pending",
}

EVENTS: Final = (
    "pix.charge.created pix.charge.paid pix.charge.expired pix.charge.cancelled "
    "pix.payout.processing pix.payout.confirmed pix.payout.failed pix.payout.returned "
    "pix.refund.requested pix.refund.completed account.created account.updated account.blocked "
    "transfer.completed transfer.failed"
)


def operation_of(call: str) -> dict[str, Any]:
    method, _, path = call.partition(" ")
    found: dict[str, Any] = document()["paths"][BASE + path][method.lower()]
    return found


def names_in(body: dict[str, Any], *, inside: str | None = None) -> set[str]:
    """The names of a JSON body's fields; of what its field `inside` holds, where there is one."""
    schema = body.get("content", {}).get(JSON, {}).get("schema", {})
    rows = list(fields(schema))
    for name, _, one in rows:
        if name == inside:
            rows = list(fields(one))
    return {name for name, _, _ in rows}


@pytest.mark.parametrize("asked", ASKED, ids=lambda one: one.call)
def test_what_the_papers_ask_for_is_there(asked: Asked) -> None:
    operation = operation_of(asked.call)
    success = next(one for status, one in operation["responses"].items() if status < "300")
    query = {one["name"] for one in map(resolved, operation["parameters"]) if one["in"] == "query"}

    assert set(asked.takes.split()) <= names_in(operation.get("requestBody", {}))
    assert set(asked.gives.split()) <= names_in(success, inside="data")
    assert set(asked.filters.split()) <= query


@pytest.mark.parametrize("asked", [one for one in ASKED if one.filters], ids=lambda one: one.call)
def test_lists_are_paged_as_the_papers_say(asked: Asked) -> None:
    said = {
        one["name"]: one["schema"] for one in map(resolved, operation_of(asked.call)["parameters"])
    }
    assert (said["page"]["default"], said["per_page"]["default"]) == (1, 20)
    assert said["per_page"]["maximum"] == 100
    [success] = [
        one for status, one in operation_of(asked.call)["responses"].items() if status < "300"
    ]
    assert {"page", "per_page", "total", "total_pages"} <= names_in(success, inside="meta")


@pytest.mark.parametrize("schema", STATUSES)
def test_a_record_has_the_statuses_of_the_papers(schema: str) -> None:
    status = resolved(document()["components"]["schemas"][schema]["properties"]["status"])
    assert set(STATUSES[schema].split()) <= set(status["enum"])


def test_the_events_of_the_papers_are_told() -> None:
    assert set(EVENTS.split()) <= set(document()["webhooks"])


def test_a_balance_is_made_of_integers() -> None:
    balance = document()["components"]["schemas"]["Balance"]["properties"]
    for name in ("available", "pending", "blocked", "total"):
        assert balance[name]["type"] == "integer"


def test_the_surface_is_the_one_that_is_written_down() -> None:
    """It changed? Read the difference: then `python -m tests.support.surface > …/surface.txt`."""
    assert surface().splitlines() == PINNED.read_text(encoding="utf-8").splitlines()
