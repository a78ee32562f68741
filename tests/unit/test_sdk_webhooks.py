"""The SDK believes a webhook only if the standard does, whoever signed it."""

import base64
from datetime import UTC, datetime
from typing import Any

import pytest
from standardwebhooks import Webhook

from fluxiq.domain import standard_webhooks
from fluxiq.sdk import Charge, Event, SignatureInvalid, WebhookVerifier

OLD, NEW, OTHER = (
    "whsec_" + base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2, 3)
)
NOW = 1_800_000_000
ID = "evt_1"
BODY = (
    '{"id":"evt_1","type":"pix.charge.paid","created_at":"2026-11-22T12:00:00Z",'
    '"data":{"id":"chg_1","note":"açaí"},"later":1}'
).encode()


def verifier(*secrets: str) -> WebhookVerifier:
    return WebhookVerifier(*(secrets or (OLD,)), now=lambda: NOW)


def signed(*secrets: str, body: bytes = BODY, at: int = NOW, **changed: str) -> dict[str, str]:
    """The headers of a delivery as the platform sends it."""
    signature = standard_webhooks.sign_with_all(secrets or (OLD,), ID, at, body)
    headers = {"webhook-id": ID, "webhook-timestamp": str(at), "webhook-signature": signature}
    return headers | {f"webhook-{name}": value for name, value in changed.items()}


def test_what_the_platform_signs_is_believed_and_read() -> None:
    assert verifier().verify(BODY, signed()) == Event(
        id="evt_1",
        type="pix.charge.paid",
        created_at=datetime(2026, 11, 22, 12, tzinfo=UTC),
        data={"id": "chg_1", "note": "açaí"},
    )


def test_what_the_published_library_signs_is_believed() -> None:
    at = datetime.fromtimestamp(NOW, UTC)
    signature = Webhook(OLD).sign(ID, at, BODY.decode())

    assert verifier().verify(BODY, signed(signature=signature)).id == ID


def test_headers_are_found_in_any_case() -> None:
    headers = {name.title(): value for name, value in signed().items()}

    assert verifier().verify(BODY, headers).id == ID


@pytest.mark.parametrize("secrets", [(OLD,), (NEW,), (NEW, OLD)])
def test_during_a_rotation_either_secret_will_do(secrets: tuple[str, ...]) -> None:
    assert verifier(*secrets).verify(BODY, signed(OLD, NEW)).id == ID
    assert verifier(OLD, NEW).verify(BODY, signed(*secrets)).id == ID


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (BODY + b" ", signed()),
        (BODY, signed(OTHER)),
        (BODY, signed(id="evt_2")),
        (BODY, signed(timestamp=str(NOW + 1))),
        (BODY, signed(signature=signed()["webhook-signature"].replace("v1,", "v2,"))),
        (BODY, signed(signature="")),
        (BODY, signed(signature="v1,ä")),
        (BODY, signed(timestamp="soon")),
        (BODY, signed(timestamp="-1")),
        (BODY, signed(timestamp="\u0661")),
        (BODY, {}),
    ],
)
def test_anything_else_is_not_believed(body: bytes, headers: dict[str, str]) -> None:
    with pytest.raises(SignatureInvalid):
        verifier().verify(body, headers)


def test_five_minutes_either_way_are_believed_and_no_second_more() -> None:
    for away in (-300, 300):
        assert verifier().verify(BODY, signed(at=NOW + away)).id == ID
    for away in (-301, 301):
        with pytest.raises(SignatureInvalid, match="300 s away"):
            verifier().verify(BODY, signed(at=NOW + away))


def test_a_flood_of_signatures_is_not_compared() -> None:
    many = " ".join([*["v1,AAAA"] * 16, signed()["webhook-signature"]])

    with pytest.raises(SignatureInvalid, match="more than 16"):
        verifier().verify(BODY, signed(signature=many))


def test_what_is_signed_but_no_event_is_refused() -> None:
    with pytest.raises(SignatureInvalid, match="no event"):
        verifier().verify(b"[]", signed(body=b"[]"))


@pytest.mark.parametrize("wrong", [(), ("",), ("whsec_",), ("whsec_not base64",), (OLD, "x")])
def test_a_secret_that_is_none_is_refused_at_once_and_not_repeated(wrong: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="secret") as raised:
        WebhookVerifier(*wrong)
    assert "not base64" not in str(raised.value)


def test_the_data_of_an_event_reads_as_what_it_is(charge: dict[str, Any]) -> None:
    event = Event(
        id=ID, type="pix.charge.paid", created_at=datetime.now(UTC), data=charge | {"later": 1}
    )

    assert event.read(Charge).paid_at == datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
def charge() -> dict[str, Any]:
    return {
        "id": "chg_1",
        "status": "paid",
        "amount": 15_000,
        "currency": "BRL",
        "description": "",
        "account_id": "acc_1",
        "txid": "a" * 26,
        "pix_key": "padaria@example.com",
        "qr_code": "00020126",
        "payer": None,
        "expiration": "2026-11-22T13:00:00Z",
        "created_at": "2026-11-22T11:00:00Z",
        "paid_at": "2026-11-22T12:00:00Z",
        "end_to_end_id": "E99999004202611221200abcdefghijk",
        "refunded_amount": 0,
        "metadata": {},
    }
