"""Statements as files: CSV for people and spreadsheets, OFX for accounting software.

A writer is given the lines in order, some at a time, and then says what the file is.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import ClassVar, Final, Protocol
from xml.sax.saxutils import escape

from msgspec import Struct

from fluxiq.domain.records import Account
from fluxiq.domain.statement import Period, StatementHead
from fluxiq.services.messages.statements import LineView


class StatementFile(Struct, frozen=True, kw_only=True):
    body: bytes
    content_type: str
    name: str


class Writer(Protocol):
    media_type: ClassVar[str]

    def __init__(
        self, ispb: str, account: Account, period: Period, head: StatementHead, now: datetime
    ) -> None: ...

    def write(self, lines: Sequence[LineView]) -> None:
        """Add lines. Pure CPU."""

    def finished(self) -> StatementFile:
        """The whole file, once everything was written."""


class CsvWriter(Writer):
    """RFC 4180: a header row, CRLF, quotes where they are needed; UTF-8. Amounts are there twice,
    as centavos and as a number with a point and two decimals.
    """

    media_type = "text/csv"

    def __init__(
        self, ispb: str, account: Account, period: Period, head: StatementHead, now: datetime
    ) -> None:
        del ispb, period, head, now
        self._account_id = account.id
        self._text = io.StringIO(newline="")
        self._rows = csv.writer(self._text, lineterminator="\r\n")
        self._rows.writerow(
            [
                "id",
                "at",
                "kind",
                "amount_centavos",
                "amount",
                "balance_after_centavos",
                "balance_after",
                "description",
                "reference",
            ]
        )

    def write(self, lines: Sequence[LineView]) -> None:
        self._rows.writerows(
            (
                line.id,
                _utc(line.at),
                line.kind,
                line.amount,
                _reais(line.amount),
                line.balance_after,
                _reais(line.balance_after),
                harmless(line.description),
                harmless(line.reference or ""),
            )
            for line in lines
        )

    def finished(self) -> StatementFile:
        return StatementFile(
            body=self._text.getvalue().encode(),
            content_type=f"{self.media_type}; charset=utf-8; header=present",
            name=f"statement-{self._account_id}.csv",
        )


class OfxWriter(Writer):
    """OFX 1.0.2, which is what Brazilian banks give out and accounting software here reads: SGML,
    Windows-1252, every element closed, so that it is well-formed XML too. A character that the
    encoding lacks becomes a question mark.

    ACCTID has 22 characters at most: the last 22 of the account's ULID (110 bits, among them all
    that are random). BANKID is the institution's ISPB, FITID the ledger entry's id.
    """

    media_type = "application/x-ofx"

    def __init__(
        self, ispb: str, account: Account, period: Period, head: StatementHead, now: datetime
    ) -> None:
        self._account_id = account.id
        self._closing = head.closing_balance
        self._ends_at = now if period.until is None else min(now, period.until)
        start = period.since or account.created_at
        self._parts = [
            _OFX_HEADER,
            "<OFX><SIGNONMSGSRSV1><SONRS>",
            _OFX_STATUS,
            f"<DTSERVER>{_ofx_time(now)}</DTSERVER><LANGUAGE>POR</LANGUAGE>",
            "</SONRS></SIGNONMSGSRSV1>\r\n<BANKMSGSRSV1><STMTTRNRS><TRNUID>0</TRNUID>",
            _OFX_STATUS,
            "<STMTRS><CURDEF>BRL</CURDEF><BANKACCTFROM>",
            f"<BANKID>{ispb}</BANKID><ACCTID>{account.id[-22:]}</ACCTID>",
            "<ACCTTYPE>CHECKING</ACCTTYPE></BANKACCTFROM>\r\n<BANKTRANLIST>",
            f"<DTSTART>{_ofx_time(start)}</DTSTART><DTEND>{_ofx_time(self._ends_at)}</DTEND>\r\n",
        ]

    def write(self, lines: Sequence[LineView]) -> None:
        self._parts += [_ofx_line(line) for line in lines]

    def finished(self) -> StatementFile:
        text = "".join(
            [
                *self._parts,
                "</BANKTRANLIST>\r\n<LEDGERBAL>",
                f"<BALAMT>{_reais(self._closing)}</BALAMT>",
                f"<DTASOF>{_ofx_time(self._ends_at)}</DTASOF></LEDGERBAL>",
                "</STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>\r\n",
            ]
        )
        return StatementFile(
            body=text.encode("cp1252", "replace"),
            content_type=self.media_type,
            name=f"statement-{self._account_id}.ofx",
        )


FORMATS: Mapping[str, type[Writer]] = MappingProxyType({"csv": CsvWriter, "ofx": OfxWriter})

_OFX_HEADER: Final = (
    "OFXHEADER:100\r\nDATA:OFXSGML\r\nVERSION:102\r\nSECURITY:NONE\r\nENCODING:USASCII\r\n"
    "CHARSET:1252\r\nCOMPRESSION:NONE\r\nOLDFILEUID:NONE\r\nNEWFILEUID:NONE\r\n\r\n"
)
_OFX_STATUS: Final = "<STATUS><CODE>0</CODE><SEVERITY>INFO</SEVERITY></STATUS>"

# What a spreadsheet would take for a formula, or for a reason to read on (OWASP, CSV injection).
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


def _ofx_line(line: LineView) -> str:
    direction = "CREDIT" if line.amount > 0 else "DEBIT"
    memo = f"<MEMO>{_ofx_text(line.description)}</MEMO>" if line.description.strip() else ""
    reference = f"<REFNUM>{line.reference}</REFNUM>" if line.reference else ""
    return (
        f"<STMTTRN><TRNTYPE>{direction}</TRNTYPE><DTPOSTED>{_ofx_time(line.at)}</DTPOSTED>"
        f"<TRNAMT>{_reais(line.amount)}</TRNAMT><FITID>{line.id}</FITID>{reference}"
        f"<NAME>{line.kind}</NAME>{memo}</STMTTRN>\r\n"
    )


def _ofx_text(text: str) -> str:
    """On one line: control characters are no part of SGML."""
    return escape("".join(one if one.isprintable() else " " for one in text).strip())


def _ofx_time(at: datetime) -> str:
    return f"{at:%Y%m%d%H%M%S}[0:GMT]"


def _utc(at: datetime) -> str:
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _reais(centavos: int) -> str:
    """With a sign, a point, and two decimals."""
    return f"{Decimal(centavos).scaleb(-2):.2f}"


def harmless(text: str) -> str:
    """A text cell that stays text: an apostrophe in front of what looks like a formula."""
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text
