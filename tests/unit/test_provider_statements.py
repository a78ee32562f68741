"""Statements as providers write them: our contract's, and the BCB's list of what was received."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qs

import pytest

from fluxiq.domain.money import AmountUnit
from fluxiq.domain.reconciliation import Flow, StatementLine, Window
from fluxiq.domain.records import Person
from fluxiq.errors import Refused
from fluxiq.ports import StatementPage
from fluxiq.providers.simulator.books import read_query
from fluxiq.providers.statement_messages import LINES_PER_PAGE
from fluxiq.providers.statements import read_pix_listing, read_statement, statement_query

SINCE = datetime(2026, 11, 22, 3, tzinfo=UTC)
WINDOW = Window(SINCE, SINCE + timedelta(days=1))
IN = "E00000000202611221200abcdefghijk"
OUT = "E12345678202611221200abcdefghijk"
REFUND = "D12345678202611221200abcdefghijk"
RETURN = "D99999004202611221200abcdefghijk"
AT = "2026-11-22T12:00:00.000Z"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def said(number: int = 0, pages: int = 1, **lists: list[dict[str, Any]]) -> bytes:
    paging = {
        "paginaAtual": number,
        "itensPorPagina": 500,
        "quantidadeDePaginas": pages,
        "quantidadeTotalDeItens": 7,
    }
    parameters = {"inicio": AT, "fim": AT, "paginacao": paging}
    return json.dumps({"parametros": parameters, **lists}).encode()


def listing(body: bytes, number: int = 0, **how: Any) -> StatementPage:
    how = {"unit": AmountUnit.REAIS, "with_refunds": True, **how}
    return read_pix_listing(body, number, **how)


PIX = {"endToEndId": IN, "valor": "10.00", "horario": AT, "chave": "a@b.example"}
PAYER = {"nome": "Maria", "cpf": "52998224725"}


def test_a_window_is_asked_for_as_the_bcb_says() -> None:
    sao_paulo = timezone(timedelta(hours=-3))
    window = Window(SINCE.astimezone(sao_paulo), WINDOW.until)

    assert parse_qs(statement_query(window, 7)) == {
        "inicio": ["2026-11-22T03:00:00.000Z"],
        "fim": ["2026-11-23T03:00:00.000Z"],
        "paginacao.paginaAtual": ["7"],
        "paginacao.itensPorPagina": [str(LINES_PER_PAGE)],
    }


def test_what_we_ask_the_simulator_understands() -> None:
    asked = read_query(f"/statement?{statement_query(WINDOW, 7)}")

    assert asked == (WINDOW, 7, LINES_PER_PAGE)


@pytest.mark.parametrize(
    ("target", "field"),
    [
        ("/statement", "paginacao.itensPorPagina"),
        ("/statement?paginacao.itensPorPagina=1001", "paginacao.itensPorPagina"),
        ("/statement?paginacao.itensPorPagina=1&paginacao.paginaAtual=-1", "paginacao.paginaAtual"),
        ("/statement?paginacao.itensPorPagina=1&inicio=today", "inicio"),
        ("/statement?paginacao.itensPorPagina=1&inicio=2026-11-22T00:00:00", "inicio"),
        ("/statement?paginacao.itensPorPagina=1&inicio=2026-11-22T00:00:00Z", "fim"),
    ],
)
def test_the_simulator_names_what_it_does_not_understand(target: str, field: str) -> None:
    with pytest.raises(Refused) as refused:
        read_query(target)
    assert refused.value.details["field"] == field


def test_every_flow_of_our_contract_is_read() -> None:
    page = read_statement(
        said(
            pix=[{**PIX, "txid": "T1", "pagador": PAYER}],
            payments=[{"endToEndId": OUT, "valor": "4.20", "horario": AT}],
            refunds=[{"rtrId": REFUND, "valor": "0.01", "horario": AT, "endToEndId": IN}],
            returns=[
                {
                    "eventId": RETURN,
                    "endToEndId": OUT,
                    "rtrId": RETURN,
                    "valor": "2.10",
                    "horario": AT,
                    "motivo": "MD06",
                }
            ],
        ),
        0,
    )

    received, sent, refunded, returned = page.lines
    assert received == StatementLine(
        flow=Flow.RECEIVED,
        id=IN,
        amount=10_00,
        settled_at=NOON,
        pix_key="a@b.example",
        txid="T1",
        payer=Person(document="52998224725", name="Maria"),
    )
    assert (sent.flow, sent.id, sent.amount) == (Flow.SENT, OUT, 4_20)
    assert (refunded.flow, refunded.id, refunded.end_to_end_id) == (Flow.REFUNDED, REFUND, IN)
    assert (returned.flow, returned.id, returned.end_to_end_id) == (Flow.RETURNED, RETURN, OUT)
    assert returned.reason_code == "MD06"
    assert page.next_cursor is None


@pytest.mark.parametrize(("number", "following"), [(0, "1"), (1, "2"), (2, None)])
def test_pages_go_on_until_the_last(number: int, following: str | None) -> None:
    assert read_statement(said(number, 3), number).next_cursor == following
    assert listing(said(number, 3), number).next_cursor == following


def test_another_page_than_the_one_asked_for_is_refused() -> None:
    """It would be read twice, or for ever."""
    with pytest.raises(Refused, match="page 0 in the place of page 1") as refused:
        read_statement(said(0, 3), 1)
    assert refused.value.details["field"] == "parametros.paginacao.paginaAtual"


@pytest.mark.parametrize(
    ("lists", "field"),
    [
        ({"pix": [PIX, {**PIX, "valor": "1.001"}]}, "pix[1].valor"),
        (
            {"payments": [{"endToEndId": "E1", "valor": "1", "horario": AT}]},
            "payments[0].endToEndId",
        ),
        ({"refunds": [{"rtrId": OUT, "valor": "1", "horario": AT}]}, "refunds[0].rtrId"),
        ({"refunds": [{"rtrId": REFUND, "valor": "1", "horario": "12:00"}]}, "refunds[0].horario"),
        ({"surprise": []}, "surprise"),
    ],
)
def test_what_cannot_be_read_is_named(lists: dict[str, Any], field: str) -> None:
    with pytest.raises(Refused) as refused:
        read_statement(said(**lists), 0)
    assert refused.value.details["field"] == field


def refund(status: str, **more: Any) -> dict[str, Any]:
    times = {"solicitacao": AT, "liquidacao": "2026-11-22T12:00:01Z"}
    return {
        "id": "r1",
        "rtrId": REFUND,
        "valor": "3.00",
        "status": status,
        "horario": times,
        **more,
    }


def test_the_bcbs_list_has_what_was_received_and_the_refunds_that_settled() -> None:
    pix = {**PIX, "infoPagador": "thanks", "componentesValor": {"original": {"valor": "10.00"}}}
    body = said(pix=[{**pix, "devolucoes": [refund("DEVOLVIDO"), refund("EM_PROCESSAMENTO")]}])

    received, refunded = listing(body).lines
    assert (received.flow, received.payer_message) == (Flow.RECEIVED, "thanks")
    assert (refunded.flow, refunded.id, refunded.amount) == (Flow.REFUNDED, REFUND, 3_00)
    assert refunded.settled_at == NOON + timedelta(seconds=1)
    assert refunded.end_to_end_id == IN
    assert [one.flow for one in listing(body, with_refunds=False).lines] == [Flow.RECEIVED]


def test_amounts_of_the_bcbs_list_are_read_in_the_providers_unit() -> None:
    body = said(pix=[{**PIX, "valor": 1000}])

    assert listing(body, unit=AmountUnit.CENTAVOS).lines[0].amount == 10_00
