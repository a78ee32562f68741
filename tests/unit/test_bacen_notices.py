"""The BCB's callback, from bytes to notices: amounts as they were written, refunds, and strangers'
fields.
"""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxiq.domain.money import AMOUNT_MAX_CENTAVOS, AmountUnit
from fluxiq.domain.records import Notice, NoticeKind, Person
from fluxiq.errors import Refused
from fluxiq.providers.bacen_notices import parse_notices

END_TO_END_ID = "E99999004202611222100abcdefghijk"
RETURN_ID = "D12345678202611222130abcdefghijk"
PIX: dict[str, Any] = {
    "endToEndId": END_TO_END_ID,
    "txid": "01J00000000000000000000AB0",
    "valor": "150.00",
    "horario": "2026-11-22T21:00:00.5Z",
    "chave": "shop@example.com",
    "infoPagador": "ação de Natal",
    "pagador": {"cpf": "12345678909", "nome": "Fulano de Tal", "contaBanco": {"ispb": "0"}},
    "componentesValor": {"original": {"valor": "150.00"}},
}
REFUND: dict[str, Any] = {
    "id": "ref1",
    "rtrId": RETURN_ID,
    "valor": "40.01",
    "status": "DEVOLVIDO",
    "horario": {"solicitacao": "2026-11-22T21:30:00Z", "liquidacao": "2026-11-22T21:30:02Z"},
}


def body_of(*pix: dict[str, Any], **more: Any) -> bytes:
    return json.dumps({"pix": list(pix), **more}, ensure_ascii=False).encode()


def parse(*pix: dict[str, Any], **more: Any) -> list[Notice]:
    return parse_notices(body_of(*pix, **more))


def refused_field(body: bytes) -> str:
    with pytest.raises(Refused) as refused:
        parse_notices(body)
    assert refused.value.code == "invalid_notice"
    return str(refused.value.details["field"])


def amount(text: str, unit: AmountUnit = AmountUnit.REAIS) -> int:
    """Of a `valor` that stands in the JSON just so."""
    body = body_of({**PIX, "valor": 0}).replace(b'"valor": 0', f'"valor": {text}'.encode(), 1)
    return parse_notices(body, unit)[0].amount


def test_a_payment_is_read_with_all_that_the_standard_says_of_it() -> None:
    assert parse(PIX) == [
        Notice(
            event_id=END_TO_END_ID,
            kind=NoticeKind.RECEIVED,
            end_to_end_id=END_TO_END_ID,
            amount=15_000,
            occurred_at=datetime(2026, 11, 22, 21, 0, 0, 500_000, tzinfo=UTC),
            pix_key="shop@example.com",
            txid="01J00000000000000000000AB0",
            payer=Person(document="12345678909", name="Fulano de Tal"),
            payer_message="ação de Natal",
        )
    ]


def test_the_least_that_the_standard_demands_is_enough() -> None:
    (notice,) = parse({name: PIX[name] for name in ("endToEndId", "valor", "horario")})

    assert (notice.txid, notice.pix_key, notice.payer, notice.payer_message) == (None,) * 4


def test_several_payments_come_in_one_call() -> None:
    second = {**PIX, "endToEndId": END_TO_END_ID[:-1] + "X", "valor": "0.01"}

    assert [notice.amount for notice in parse(PIX, second)] == [15_000, 1]


def test_fields_that_the_standard_does_not_have_are_passed_over() -> None:
    (notice,) = parse({**PIX, "gnExtras": {"tarifa": 1.5}}, evento="pix")

    assert notice.amount == 15_000


# Amounts, as text.


@pytest.mark.parametrize(
    ("text", "centavos"),
    [
        ('"10.00"', 10_00),
        ('"10.0"', 10_00),
        ('"10"', 10_00),
        ('"0.01"', 1),
        ('"\\u0031.50"', 1_50),
        ("10", 10_00),
        ("10.5", 10_50),
        ("10.50", 10_50),
        ("0.29", 29),
        ("9999999999.99", AMOUNT_MAX_CENTAVOS),
    ],
)
def test_an_amount_in_reais_is_read_from_its_text(text: str, centavos: int) -> None:
    assert amount(text) == centavos


@pytest.mark.parametrize(("text", "centavos"), [("1000", 10_00), ('"1000"', 10_00), ("1", 1)])
def test_a_provider_that_counts_centavos_is_believed_in_centavos(text: str, centavos: int) -> None:
    assert amount(text, AmountUnit.CENTAVOS) == centavos


@pytest.mark.parametrize(
    "text",
    [
        '"10.001"', "10.001", "10.000", "0.30000000000000004", '"-10.00"', "-10", "-0", "0",
        '"0.00"', '"\\u0000"', "[" * 500 + "]" * 500,
        "1e3", "1E3", "1.0e1", '"1e3"', '"1.000,00"', '"R$ 10"', '""', '" 10"', '"10 "', '"10."',
        '".5"', '"٢"', "null", "true", "[]", "{}", '"NaN"', '"Infinity"', "99999999999",
        '"10000000000.00"',
    ],
)  # fmt: skip
def test_any_other_amount_is_refused_by_name(text: str) -> None:
    with pytest.raises(Refused) as refused:
        amount(text)

    assert refused.value.details["field"] == "pix[0].valor"


@pytest.mark.parametrize("text", ["10.5", "10.0", '"10.00"', "-1", "1e3", "0"])
def test_a_fraction_of_a_centavo_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        amount(text, AmountUnit.CENTAVOS)


@given(st.integers(min_value=1, max_value=AMOUNT_MAX_CENTAVOS))
def test_every_amount_survives_as_a_string_and_as_a_number(centavos: int) -> None:
    text = f"{centavos // 100}.{centavos % 100:02d}"

    assert amount(f'"{text}"') == amount(text) == amount(str(centavos), AmountUnit.CENTAVOS)
    assert amount(text) == centavos


# Refunds.


def test_a_refund_that_ended_is_told_beside_its_payment() -> None:
    not_done = {**REFUND, "rtrId": RETURN_ID[:-1] + "X", "status": "NAO_REALIZADO", "valor": 1}

    received, done, failed = parse({**PIX, "devolucoes": [REFUND, not_done]})

    assert received.kind is NoticeKind.RECEIVED
    assert done == Notice(
        event_id=f"{RETURN_ID}:DEVOLVIDO",
        kind=NoticeKind.CONFIRMED,
        end_to_end_id=RETURN_ID,
        amount=40_01,
        occurred_at=datetime(2026, 11, 22, 21, 30, 2, tzinfo=UTC),
    )
    assert (failed.kind, failed.amount) == (NoticeKind.REJECTED, 1_00)


def test_a_refund_under_way_says_nothing_yet() -> None:
    under_way = {
        **REFUND,
        "status": "EM_PROCESSAMENTO",
        "horario": {"solicitacao": "2026-11-22T21:30:00Z"},
    }

    assert [one.kind for one in parse({**PIX, "devolucoes": [under_way]})] == [NoticeKind.RECEIVED]


def test_one_refund_has_one_event_for_each_end_however_often_it_is_told() -> None:
    first = parse({**PIX, "devolucoes": [REFUND]})
    again = parse({**PIX, "devolucoes": [REFUND, REFUND]})

    assert {one.event_id for one in first} == {one.event_id for one in again}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"rtrId": END_TO_END_ID}, "rtrId"),
        ({"status": "TALVEZ"}, "status"),
        ({"valor": "40.011"}, "valor"),
        ({"horario": {}}, "horario.solicitacao"),
        ({"id": "no-dashes"}, "id"),
    ],
)
def test_a_refund_that_is_wrong_is_named(change: dict[str, Any], field: str) -> None:
    body = body_of({**PIX, "devolucoes": [REFUND, {**REFUND, **change}]})

    assert refused_field(body) == f"pix[0].devolucoes[1].{field}"


# What our contract adds.


def test_a_psp_may_say_how_orders_ended_and_what_came_back() -> None:
    event = {
        "eventId": "e1",
        "endToEndId": END_TO_END_ID,
        "valor": "1.00",
        "horario": "2026-11-22T21:00:00Z",
    }
    body = {
        "payments": [{**event, "status": "CONFIRMED"}],
        "returns": [{**event, "rtrId": RETURN_ID}],
    }

    ended, returned = parse_notices(json.dumps(body).encode())

    assert ended.kind is NoticeKind.CONFIRMED
    assert (returned.kind, returned.return_id) == (NoticeKind.RETURNED, RETURN_ID)


# Strangers.


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"endToEndId": "E1"}, "endToEndId"),
        ({"endToEndId": RETURN_ID}, "endToEndId"),
        ({"horario": "2026-11-22T21:00:00"}, "horario"),
        ({"horario": "9999-12-31T23:59:59-23:59"}, "horario"),
        ({"txid": "with space"}, "txid"),
        ({"txid": "a" * 36}, "txid"),
        ({"chave": "x" * 78}, "chave"),
        ({"infoPagador": "x" * 141}, "infoPagador"),
        ({"infoPagador": "a\0b"}, "infoPagador"),
        ({"pagador": {"nome": "Nobody"}}, "pagador"),
        ({"devolucoes": [REFUND] * 101}, "devolucoes"),
    ],
)
def test_a_field_that_is_wrong_is_named_and_nothing_counts(
    change: dict[str, Any], field: str
) -> None:
    assert refused_field(body_of(PIX, {**PIX, **change})) == f"pix[1].{field}"


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff", b'{"pix": [}', b"{}x", b'{"x":' + b"[" * 100_000]
)
def test_what_is_not_json_is_refused_as_such(body: bytes) -> None:
    with pytest.raises(Refused) as refused:
        parse_notices(body)

    assert refused.value.code == "malformed_json"


@pytest.mark.parametrize("body", [b"[]", b"null", b"{}", b'{"pix": []}', b'{"pix": {}}'])
def test_json_that_says_nothing_is_refused(body: bytes) -> None:
    refused_field(body)


def test_more_than_a_call_may_carry_is_refused() -> None:
    assert refused_field(body_of(*[PIX] * 1_001)) == "pix"
