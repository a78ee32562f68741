"""What the provider says, from bytes to notices: strict, and every refusal names its field."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from fluxiq.domain.med import MedReason
from fluxiq.domain.records import Notice, NoticeKind, Person, SaidInfraction
from fluxiq.errors import Refused
from fluxiq.providers.bacen_notices import parse_notices as parse_bacen
from fluxiq.providers.simulator_client import parse_notices

END_TO_END_ID = "E99999004202611222100abcdefghijk"
RECEIPT: dict[str, Any] = {
    "endToEndId": END_TO_END_ID,
    "valor": "150.00",
    "horario": "2026-11-22T21:00:00.5Z",
    "chave": "shop@example.com",
    "txid": "01J00000000000000000000AB",
    "pagador": {"nome": "Fulano de Tal", "cpf": "12345678909"},
}
OUTCOME: dict[str, Any] = {
    "eventId": "event-1",
    "endToEndId": END_TO_END_ID,
    "status": "CONFIRMED",
    "valor": "0.01",
    "horario": "2026-11-22T18:00:00-03:00",
}


def parse(*receipts: dict[str, Any], payments: list[dict[str, Any]] | None = None) -> list[Notice]:
    said: dict[str, Any] = {"pix": list(receipts)} if receipts else {}
    if payments:
        said["payments"] = payments
    return parse_notices(json.dumps(said).encode())


def test_several_things_said_in_one_call_become_several_notices() -> None:
    rejected = {**OUTCOME, "eventId": "event-2", "status": "REJECTED", "motivo": "AC03"}

    received, confirmed, refused = parse(RECEIPT, payments=[OUTCOME, rejected])

    assert received == Notice(
        event_id=END_TO_END_ID,
        kind=NoticeKind.RECEIVED,
        end_to_end_id=END_TO_END_ID,
        amount=15_000,
        occurred_at=datetime(2026, 11, 22, 21, 0, 0, 500_000, tzinfo=UTC),
        pix_key="shop@example.com",
        txid="01J00000000000000000000AB",
        payer=Person(document="12345678909", name="Fulano de Tal"),
    )
    assert confirmed.kind is NoticeKind.CONFIRMED
    assert confirmed.event_id == "event-1"
    assert confirmed.amount == 1
    assert confirmed.occurred_at == datetime(2026, 11, 22, 21, 0, tzinfo=UTC)
    assert confirmed.reason_code is None
    assert (refused.kind, refused.reason_code) == (NoticeKind.REJECTED, "AC03")


def test_a_receipt_needs_neither_txid_nor_payer() -> None:
    (notice,) = parse({k: v for k, v in RECEIPT.items() if k not in {"txid", "pagador"}})

    assert notice.txid is None
    assert notice.payer is None


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"valor": 150}, "pix[1].valor"),
        ({"valor": 150.0}, "pix[1].valor"),
        ({"valor": "1e3"}, "pix[1].valor"),
        ({"valor": "-1.00"}, "pix[1].valor"),
        ({"valor": "0.00"}, "pix[1].valor"),
        ({"valor": "1.001"}, "pix[1].valor"),
        ({"valor": "NaN"}, "pix[1].valor"),
        ({"endToEndId": "E1"}, "pix[1].endToEndId"),
        ({"endToEndId": END_TO_END_ID.replace("1122", "1332")}, "pix[1].endToEndId"),
        ({"horario": "2026-11-22T21:00:00"}, "pix[1].horario"),
        ({"horario": "yesterday"}, "pix[1].horario"),
        ({"txid": "no-dashes"}, "pix[1].txid"),
        ({"chave": ""}, "pix[1].chave"),
        ({"chave": None}, "pix[1].chave"),
        ({"pagador": {"nome": "Nobody"}}, "pix[1].pagador"),
        ({"pagador": {"nome": "X", "cpf": "1"}}, "pix[1].pagador.cpf"),
        ({"surprise": 1}, "pix[1].surprise"),
    ],
)
def test_a_field_that_is_wrong_is_named_and_nothing_counts(
    change: dict[str, Any], field: str
) -> None:
    with pytest.raises(Refused) as refused:
        parse(RECEIPT, {**RECEIPT, **change})

    assert refused.value.code == "invalid_notice"
    assert refused.value.details["field"] == field


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"status": "PERHAPS"}, "payments[0].status"),
        ({"status": "REJECTED"}, "payments[0].motivo"),
        ({"motivo": "AC03"}, "payments[0].motivo"),
        ({"status": "REJECTED", "motivo": "because"}, "payments[0].motivo"),
        ({"eventId": ""}, "payments[0].eventId"),
    ],
)
def test_an_outcome_that_is_wrong_is_named(change: dict[str, Any], field: str) -> None:
    with pytest.raises(Refused) as refused:
        parse(payments=[{**OUTCOME, **change}])

    assert refused.value.details["field"] == field


def test_a_missing_field_is_named() -> None:
    with pytest.raises(Refused) as refused:
        parse({k: v for k, v in RECEIPT.items() if k != "valor"})

    assert refused.value.details["field"] == "pix[0].valor"


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b'{"pix": [}', b"{}" + b"x"])
def test_what_is_not_json_is_refused_as_such(body: bytes) -> None:
    with pytest.raises(Refused) as refused:
        parse_notices(body)

    assert refused.value.code == "malformed_json"


@pytest.mark.parametrize("body", [b"[]", b"null", b"{}", b'{"pix": []}', b'{"pix": null}'])
def test_json_that_says_nothing_is_refused(body: bytes) -> None:
    with pytest.raises(Refused) as refused:
        parse_notices(body)

    assert refused.value.code == "invalid_notice"


def test_more_notices_than_a_call_may_carry_are_refused() -> None:
    with pytest.raises(Refused) as refused:
        parse(*[RECEIPT] * 1001)

    assert refused.value.details["field"] == "pix"


RETURN_ID = "D99999004202611222100abcdefghijk"
RETURN: dict[str, Any] = {
    "eventId": "event-3",
    "endToEndId": END_TO_END_ID,
    "rtrId": RETURN_ID,
    "valor": "0.40",
    "horario": "2026-11-22T18:00:00-03:00",
    "motivo": "MD06",
}


def test_an_order_that_ended_may_be_a_refund_under_its_return_id() -> None:
    [notice] = parse(payments=[{**OUTCOME, "endToEndId": RETURN_ID}])
    assert (notice.kind, notice.end_to_end_id) == (NoticeKind.CONFIRMED, RETURN_ID)


def test_a_payment_that_came_back_names_both_ids() -> None:
    [notice] = parse_notices(json.dumps({"returns": [RETURN]}).encode())
    assert notice == Notice(
        event_id="event-3",
        kind=NoticeKind.RETURNED,
        end_to_end_id=END_TO_END_ID,
        amount=40,
        occurred_at=datetime(2026, 11, 22, 21, tzinfo=UTC),
        reason_code="MD06",
        return_id=RETURN_ID,
    )


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"rtrId": END_TO_END_ID}, "returns[0].rtrId"),
        ({"endToEndId": RETURN_ID}, "returns[0].endToEndId"),
        ({"valor": "0.00"}, "returns[0].valor"),
        ({"motivo": "md06"}, "returns[0].motivo"),
    ],
)
def test_a_return_that_is_malformed_is_refused_by_its_field(
    changed: dict[str, str], field: str
) -> None:
    with pytest.raises(Refused) as refused:
        parse_notices(json.dumps({"returns": [{**RETURN, **changed}]}).encode())
    assert refused.value.details["field"] == field


INFRACTION: dict[str, Any] = {
    "eventId": "event-3",
    "id": "8f3f6a1e-6f0e-4f0e-9b57-3d1d3c9f5a11",
    "endToEndId": END_TO_END_ID,
    "status": "OPEN",
    "situacao": "ACCOUNT_TAKEOVER",
    "horario": "2026-11-22T21:00:00Z",
}


def test_reports_of_fraud_are_notices_too() -> None:
    body = {"infractions": [INFRACTION, {**INFRACTION, "eventId": "4", "status": "CANCELLED"}]}

    for notices in (parse_notices(encoded(body)), parse_bacen(encoded(body))):
        reported, withdrawn = notices
        assert (reported.kind, withdrawn.kind) == (
            NoticeKind.INFRACTION,
            NoticeKind.INFRACTION_WITHDRAWN,
        )
        assert (reported.end_to_end_id, reported.amount) == (END_TO_END_ID, 0)
        assert reported.infraction == SaidInfraction(
            number=INFRACTION["id"], reason=MedReason.ACCOUNT_TAKEOVER
        )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", "../8f3f"),
        ("id", ""),
        ("endToEndId", "E1"),
        ("status", "CLOSED"),
        ("situacao", "scam"),
        ("detalhes", "x" * 2001),
        ("detalhes", "\x00"),
        ("motivo", "FR01"),
    ],
)
def test_a_report_of_fraud_is_read_strictly_and_refused_by_name(field: str, value: str) -> None:
    body = encoded({"infractions": [{**INFRACTION, field: value}]})

    with pytest.raises(Refused) as caught:
        parse_notices(body)

    assert caught.value.code == "invalid_notice"
    assert caught.value.details["field"] == f"infractions[0].{field}"


def encoded(said: dict[str, Any]) -> bytes:
    return json.dumps(said).encode()
