"""Searching the audit trail, and exporting it with the proof of every line."""

import csv
import io
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Final

import msgspec

from fluxiq.domain.audit import START, Line, Place, time_text
from fluxiq.domain.audit_proof import Proofs
from fluxiq.errors import Refused
from fluxiq.ports import Page
from fluxiq.ports.audit import AuditChain, LinesWanted
from fluxiq.services.messages.audit import (
    AuditFormat,
    AuditLineView,
    exported_line,
    exported_seal,
    line_view,
)
from fluxiq.services.messages.envelope import Listing, listing
from fluxiq.services.prove_audit import proofs_over
from fluxiq.services.statement_files import StatementFile, harmless

EXPORT_LINES_MAX: Final = 10_000  # of one answer; commands go on from there
EXPORT_PAGE: Final = 1000
_COLUMNS: Final = (
    "id", "at", "actor", "credential", "address", "request_id", "action", "subject", "merchant_id",
    "before", "digest", "note", "seal", "root",
)  # fmt: skip
_encode = msgspec.json.Encoder().encode


async def list_lines(chain: AuditChain, wanted: LinesWanted, page: Page) -> Listing[AuditLineView]:
    """A page of lines, newest first."""
    lines, total = await chain.page(wanted, page)
    head = await chain.head()
    upto = START if head is None else head.last
    return listing([line_view(one, sealed=one.place <= upto) for one in lines], page, total)


async def export_lines(
    chain: AuditChain, ispb: str, wanted: LinesWanted, kind: AuditFormat
) -> StatementFile:
    """All of them as one file. Raises Refused: `audit_export_too_long`, `audit_trail_damaged`."""
    parts: list[bytes] = []
    count = 0
    async with aclosing(exported(chain, ispb, wanted, kind)) as pieces:
        async for lines, part in pieces:
            count += len(lines)
            if count > EXPORT_LINES_MAX:
                raise Refused(
                    "audit_export_too_long",
                    f"an export has at most {EXPORT_LINES_MAX} lines: ask for fewer days",
                    details={"limit": EXPORT_LINES_MAX},
                )
            parts.append(part)

    return StatementFile(
        body=(csv_head() if kind == "csv" else b"") + b"".join(parts),
        content_type="text/csv; charset=utf-8; header=present"
        if kind == "csv"
        else "application/jsonl",
        name=f"audit-{ispb}.{kind}",
    )


async def exported(
    chain: AuditChain, ispb: str, wanted: LinesWanted, kind: AuditFormat, after: Place = START
) -> AsyncGenerator[tuple[list[Line], bytes], None]:
    """Lines in the order of their places, with their text, some at a time. In JSON a seal stands
    before the first of its lines.
    """
    proofs: Proofs | None = None
    while lines := await chain.export(wanted, after, EXPORT_PAGE):
        told: list[bytes] = []
        for line in lines:
            if proofs is None or line.place > proofs.seal.last:
                proofs = await proofs_over(chain, ispb, line)
                if proofs is not None and kind == "jsonl":
                    told.append(_encode(exported_seal(ispb, proofs.seal)) + b"\n")
            told.append(_text(line, proofs, kind))
        yield lines, b"".join(told)
        after = lines[-1].place


def csv_head() -> bytes:
    return _csv_row(_COLUMNS)


def _text(line: Line, proofs: Proofs | None, kind: AuditFormat) -> bytes:
    if kind == "jsonl":
        proof = None if proofs is None else proofs.prove(line)
        return _encode(exported_line(line, proof)) + b"\n"

    words = (
        line.actor,
        line.credential,
        line.address,
        line.request_id,
        line.action,
        line.subject,
        line.merchant_id,
        line.before.hex(),
        line.digest.hex(),
        line.note,
    )
    seal = ("", "") if proofs is None else (str(proofs.seal.seq), proofs.seal.root.hex())
    return _csv_row([str(line.id), time_text(line.at), *map(harmless, words), *seal])


def _csv_row(cells: Sequence[str]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue().encode()
