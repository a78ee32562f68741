"""What the running platform says to bad input: a 4xx in the envelope that names the field.

One of each kind, through real HTTP and real servers; the variants are in tests/contract.
"""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from fluxiq.asyncio_host import AsyncioHost
from tests.support.merchants import (
    Caller,
    Inside,
    deliver_notice,
    error_of,
    fresh_end_to_end_id,
    open_caller,
    receipt_notice,
    written_about,
)
from tests.support.platform import PlatformProcess

ISPB = "12345678"
RECIPIENT = {"pix_key": "confirmed@simulator.example"}
JSON = {"Content-Type": "application/json"}


@pytest.fixture
async def caller(running_platform: PlatformProcess) -> AsyncIterator[Caller]:
    login = running_platform.logins[ISPB]
    async with open_caller(running_platform.addresses.api, login) as caller:
        yield caller


def payout(**changed: Any) -> dict[str, Any]:
    return {"amount": 100, "recipient": RECIPIENT, "idempotency_key": "bad-input", **changed}


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/pix/charges", {"amount": 1.5}, "amount"),
        ("/pix/charges", {"amount": "100"}, "amount"),
        ("/pix/charges", {"amount": -1}, "amount"),
        ("/pix/charges", {"amount": 0}, "amount"),
        ("/pix/charges", {}, "amount"),
        ("/pix/charges", {"amount": 100, "colour": "red"}, "colour"),
        (
            "/pix/charges",
            {"amount": 100, "payer": {"document": "1", "name": "A"}},
            "payer.document",
        ),
        ("/pix/payouts", payout(amount=1e2), "amount"),
        ("/pix/payouts", payout(amount="100"), "amount"),
        ("/pix/payouts", payout(amount=-100), "amount"),
        ("/pix/payouts", payout(amount=True), "amount"),
        ("/pix/payouts", payout(amount=10**18), "amount"),
        ("/pix/payouts", payout(colour="red"), "colour"),
        ("/pix/payouts", payout(recipient={}), "recipient.pix_key"),
        ("/pix/payouts", payout(recipient={"pix_key": "nobody"}), "recipient.pix_key"),
        (
            "/pix/payouts",
            payout(recipient={**RECIPIENT, "pix_key_type": "email"}),
            "recipient.pix_key_type",
        ),
        ("/pix/payouts", {"amount": 100, "recipient": RECIPIENT}, "idempotency_key"),
        ("/pix/charges", {"amount": 100, "description": "a\0b"}, "description"),
        ("/pix/charges", {"amount": 100, "metadata": {"note": "\0"}}, "metadata.note"),
        ("/pix/charges", {"amount": 100, "metadata": {"\0": 1}}, "metadata"),
        ("/pix/payouts", payout(description="\0"), "description"),
        ("/pix/payouts", payout(idempotency_key="a\0"), "idempotency_key"),
        ("/pix/payouts", payout(account_id="acc_\0"), "account_id"),
        ("/webhooks", {"url": "http://127.0.0.1/\0"}, "url"),
        ("/webhooks", {"url": "ftp://127.0.0.1/"}, "url"),
    ],
)
async def test_a_wrong_field_is_named(
    caller: Caller, path: str, body: dict[str, Any], field: str
) -> None:
    before = await caller.balance()

    refused = await caller.post(path, body)

    assert refused.status_code == 422, refused.text
    assert error_of(refused)["details"]["field"] == field
    assert await caller.balance() == before


@pytest.mark.parametrize(
    ("raw", "status", "code"),
    [
        (b"", 400, "malformed_json"),
        (b"{", 400, "malformed_json"),
        (b"\xff\xfe", 400, "malformed_json"),
        (b'{"amount": 100, "description": "\x00"}', 400, "malformed_json"),
        (b'{"metadata": {"a": ' + b"[" * 100_000, 400, "malformed_json"),
        (b'{"amount": NaN}', 400, "malformed_json"),
        (b"[]", 422, "validation_failed"),
        (b'{"description": "' + b"x" * 2_000_000 + b'"}', 413, "body_too_large"),
    ],
)
async def test_what_is_not_a_json_object_of_our_size_is_refused(
    caller: Caller, raw: bytes, status: int, code: str
) -> None:
    refused = await caller.http.post("/pix/charges", content=raw, headers=JSON)

    assert (refused.status_code, error_of(refused)["code"]) == (status, code)


@pytest.mark.parametrize(
    "raw",
    [
        b'{"amount": 100, "description": "\\ud800"}',
        b'{"amount": 100, "metadata": {"n": 1e400}}',
        b'{"amount": 100, "metadata": {"n": 1' + b"0" * 5_000 + b"}}",
        b'{"amount": 100, "metadata": {"n": ' + b"[" * 900 + b"]" * 900 + b"}}",
        b'{"amount": 100, "metadata": {"n": -0.0, "m": 1e-400}}',
        b'{"amount": 100, "metadata": {"' + b"k" * 900_000 + b'": 1}}',
        b'{"amount": 100, "amount": -1}',
        b'{"amount": 100, "expiration": 31536000}',
    ],
    ids=range(8),
)
async def test_odd_json_is_taken_or_refused_and_never_our_fault(caller: Caller, raw: bytes) -> None:
    answer = await caller.http.post("/pix/charges", content=raw, headers=JSON)

    assert answer.status_code in {201, 400, 422}, answer.text


@pytest.mark.parametrize("name", ["Idempotency-Key", "X-Request-Id", "Authorization"])
async def test_a_header_of_garbage_is_never_our_fault(caller: Caller, name: str) -> None:
    odd = {name: "\t".join(["\x7f", "é" * 300]).encode("latin-1")}
    answer = await caller.http.post(
        "/pix/charges",
        json={"amount": 100},
        headers=list(odd.items()),  # type: ignore[arg-type]
    )

    assert answer.status_code in {201, 400, 401, 422}, answer.text


@pytest.mark.parametrize("path", ["/pix/charges/chg_%00", "/accounts/%F0%28", "/pix/walks/a%2Fb"])
async def test_a_path_of_garbage_is_never_our_fault(caller: Caller, path: str) -> None:
    answer = await caller.http.get(path)

    assert 400 <= answer.status_code < 500, answer.text
    error_of(answer)


async def test_bytes_beyond_latin_in_texts_are_kept_as_they_are(caller: Caller) -> None:
    text = "coração 🫀 \u200f اب \ud7ff \uffff"
    made = await caller.made(
        "/pix/charges", {"amount": 100, "description": text, "metadata": {text: [text]}}
    )

    shown = await caller.get(f"/pix/charges/{made['id']}")
    assert (shown["description"], shown["metadata"]) == (text, {text: [text]})


# Providers' notices.


@pytest.mark.parametrize(
    ("changed", "secret"),
    [
        ({"x_signature": "0" * 64}, None),
        ({"x_signature": ""}, None),
        ({"x_timestamp": "1700000000"}, None),
        ({}, "not the secret"),
    ],
)
async def test_a_notice_with_a_wrong_signature_is_401_and_nothing_is_stored(
    caller: Caller,
    inside: Inside,
    asyncio_host: AsyncioHost,
    changed: dict[str, str],
    secret: str | None,
) -> None:
    end_to_end_id = fresh_end_to_end_id()
    body = receipt_notice(end_to_end_id, "10.00", caller.login.pix_key)

    refused = await deliver_notice(
        caller.http, ISPB, secret or inside.provider_secret(ISPB), body, **changed
    )

    assert (refused.status_code, error_of(refused)["code"]) == (401, "signature_invalid")
    assert await written_about(inside, asyncio_host, ISPB, end_to_end_id) == 0


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"valor": "10.005"}, "pix[0].valor"),
        ({"valor": "-10.00"}, "pix[0].valor"),
        ({"valor": 10.0}, "pix[0].valor"),
        ({"colour": "red"}, "pix[0].colour"),
        ({"txid": "a b"}, "pix[0].txid"),
        ({"horario": "yesterday"}, "pix[0].horario"),
    ],
)
async def test_a_signed_notice_that_says_nonsense_is_refused_and_nothing_is_stored(
    caller: Caller,
    inside: Inside,
    asyncio_host: AsyncioHost,
    changed: dict[str, Any],
    field: str,
) -> None:
    end_to_end_id = fresh_end_to_end_id()
    body = receipt_notice(end_to_end_id, "10.00", caller.login.pix_key, **changed)

    refused = await deliver_notice(caller.http, ISPB, inside.provider_secret(ISPB), body)

    assert refused.status_code == 422, refused.text
    assert error_of(refused)["details"]["field"] == field
    assert await written_about(inside, asyncio_host, ISPB, end_to_end_id) == 0


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"chave": "\0"}, "chave"),
        ({"eventId": "\0"}, "eventId"),
        ({"pagador": {"cpf": "12345678909", "nome": "\0"}}, "pagador.nome"),
    ],
)
async def test_a_nul_in_a_notice_names_its_field_and_is_no_internal_error(
    caller: Caller, inside: Inside, changed: dict[str, Any], field: str
) -> None:
    body = receipt_notice(fresh_end_to_end_id(), "10.00", caller.login.pix_key, **changed)

    refused = await deliver_notice(caller.http, ISPB, inside.provider_secret(ISPB), body)

    assert refused.status_code == 422, refused.text
    assert error_of(refused)["details"]["field"] == f"pix[0].{field}"


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
async def test_a_notice_from_beyond_the_calendar_is_no_internal_error(
    caller: Caller, inside: Inside, moment: str
) -> None:
    body = receipt_notice(fresh_end_to_end_id(), "10.00", caller.login.pix_key, horario=moment)

    refused = await deliver_notice(caller.http, ISPB, inside.provider_secret(ISPB), body)

    assert refused.status_code == 422, refused.text
    assert error_of(refused)["details"]["field"] == "pix[0].horario"
