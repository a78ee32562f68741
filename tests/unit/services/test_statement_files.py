"""Statements as files: read back by the standard library and by an OFX library that is not ours."""

import csv
import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ofxtools.Parser import OFXTree

from fluxiq.domain.records import Account, AccountStatus
from fluxiq.domain.statement import Period, StatementHead
from fluxiq.services.messages.statements import LineView
from fluxiq.services.statement_files import CsvWriter, OfxWriter, StatementFile, Writer

ISPB = "12345678"
OPENED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
NOW = datetime(2026, 11, 26, 15, 0, tzinfo=UTC)
ACCOUNT = Account(
    id="acc_01KAP3Y8QCJZ0F0M3T2V9D8XKE",
    merchant_id="mch_01KAP3Y8QCJZ0F0M3T2V9D8XKE",
    ledger_id=1,
    product_id="prod_pix_merchant",
    name="Padaria",
    status=AccountStatus.ACTIVE,
    created_at=OPENED,
)


def line(amount: int = -10_05, description: str = "rent", **said: object) -> LineView:
    made = {
        "id": "tb_01KAP3Y8QCJZ0F0M3T2V9D8XKE",
        "at": datetime(2026, 3, 4, 5, 6, 7, 890123, tzinfo=UTC),
        "kind": "transfer_out",
        "amount": amount,
        "balance_after": 89_95,
        "description": description,
        "reference": "xfer_01KAP3Y8QCJZ0F0M3T2V9D8XKE",
    }
    return LineView(**(made | said))  # type: ignore[arg-type]


def file_of(kind: type[Writer], *lines: LineView, period: Period | None = None) -> StatementFile:
    head = StatementHead(
        opening_balance=100_00, closing_balance=89_95, lines=len(lines), after=0, last=1
    )
    writer = kind(ISPB, ACCOUNT, period or Period(), head, NOW)
    for one in lines:
        writer.write([one])
    return writer.finished()


def rows_of(*lines: LineView) -> list[dict[str, str]]:
    text = file_of(CsvWriter, *lines).body.decode()
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_a_csv_row_has_centavos_and_decimals() -> None:
    [row] = rows_of(line())
    assert row == {
        "id": "tb_01KAP3Y8QCJZ0F0M3T2V9D8XKE",
        "at": "2026-03-04T05:06:07.890123Z",
        "kind": "transfer_out",
        "amount_centavos": "-1005",
        "amount": "-10.05",
        "balance_after_centavos": "8995",
        "balance_after": "89.95",
        "description": "rent",
        "reference": "xfer_01KAP3Y8QCJZ0F0M3T2V9D8XKE",
    }


@given(st.integers(-(10**17), 10**17))
def test_an_amount_says_the_same_in_both_columns(amount: int) -> None:
    [row] = rows_of(line(amount))
    assert Decimal(row["amount"]) * 100 == int(row["amount_centavos"]) == amount
    assert len(row["amount"].partition(".")[2]) == 2


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1"])
def test_a_text_that_a_spreadsheet_would_calculate_stays_text(text: str) -> None:
    [row] = rows_of(line(description=text))
    assert row["description"] == f"'{text}"


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=140))
def test_whatever_a_description_says_it_is_one_cell(text: str) -> None:
    before, found, after = rows_of(line(), line(description=text), line())
    assert found["description"].removeprefix("'") == text.removeprefix("'")
    assert before == after


# OFX


def ofx_of(*lines: LineView, period: Period | None = None) -> OFXTree:
    tree = OFXTree()
    tree.parse(io.BytesIO(file_of(OfxWriter, *lines, period=period).body))
    return tree


def test_an_independent_library_reads_the_file() -> None:
    [statement] = ofx_of(line(), line(3_00, reference=None)).convert().statements

    account, balance = statement.account, statement.ledgerbal
    assert (account.bankid, account.acctid) == (ISPB, "P3Y8QCJZ0F0M3T2V9D8XKE")
    assert (statement.curdef, balance.balamt) == ("BRL", Decimal("89.95"))
    paid, received = statement.transactions
    assert (paid.trntype, paid.trnamt) == ("DEBIT", Decimal("-10.05"))
    assert (received.trntype, received.trnamt) == ("CREDIT", Decimal("3.00"))
    assert paid.fitid == "tb_01KAP3Y8QCJZ0F0M3T2V9D8XKE"
    assert paid.dtposted == datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
    assert (paid.name, paid.memo, paid.refnum) == ("transfer_out", "rent", line().reference)
    assert received.refnum is None


def test_the_periods_of_an_ofx_file_end_now_at_the_latest() -> None:
    since = datetime(2026, 3, 1, tzinfo=UTC)
    ended = Period(since=since, until=since + timedelta(days=31))
    [whole] = ofx_of().convert().statements
    [march] = ofx_of(period=ended).convert().statements
    [running] = ofx_of(period=Period(until=NOW + timedelta(days=1))).convert().statements

    assert (whole.transactions.dtstart, whole.transactions.dtend) == (OPENED, NOW)
    assert (march.transactions.dtstart, march.transactions.dtend) == (since, ended.until)
    assert running.transactions.dtend == NOW


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=140))
def test_whatever_a_description_says_the_file_is_well_formed(text: str) -> None:
    body = file_of(OfxWriter, line(description=text)).body.decode("cp1252")
    header, _, document = body.partition("\r\n\r\n")

    assert header.startswith("OFXHEADER:100\r\nDATA:OFXSGML\r\nVERSION:102\r\n")
    root = ET.fromstring(document)
    assert len(root.findall(".//STMTTRN")) == 1


def test_portuguese_survives_and_what_the_encoding_lacks_is_marked() -> None:
    [statement] = ofx_of(line(description="Pão de queijo & café <1> ☕")).convert().statements
    assert statement.transactions[0].memo == "Pão de queijo & café <1> ?"
