"""From a provider's statement to lines: what is asked, and what the answer says, read strictly."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeAlias
from urllib.parse import urlencode

import msgspec

from fluxiq.domain.money import AmountUnit
from fluxiq.domain.reconciliation import Flow, StatementLine, Window
from fluxiq.domain.records import Notice, NoticeKind
from fluxiq.errors import Refused
from fluxiq.ports import StatementPage
from fluxiq.providers.bacen_messages import RefundStatus
from fluxiq.providers.bacen_notices import receipt_of, refund_end_of
from fluxiq.providers.notice_fields import (
    CODE,
    amount_of,
    decoded,
    end_to_end_id_of,
    moment_of,
    payer_of,
    return_id_of,
)
from fluxiq.providers.order_messages import ReceiptNotice, ReturnNotice
from fluxiq.providers.statement_messages import (
    LINES_PER_PAGE,
    Parameters,
    PixListing,
    RefundedLine,
    SentLine,
    StatementReply,
)

# A body, and the number of the page that was asked for. Raises Refused naming the field.
Read: TypeAlias = Callable[[bytes, int], StatementPage]


def statement_query(window: Window, number: int) -> str:
    """The BCB's parameters of a listing; pages are numbered from 0."""
    return urlencode(
        {
            "inicio": _rfc3339(window.since),
            "fim": _rfc3339(window.until),
            "paginacao.paginaAtual": number,
            "paginacao.itensPorPagina": LINES_PER_PAGE,
        }
    )


def read_statement(body: bytes, number: int) -> StatementPage:
    """A page of our contract's statement. Raises Refused `malformed_json`, `invalid_notice`."""
    said = decoded(_STATEMENT, body)
    lines = [
        *(_received(one, f"pix[{at}]") for at, one in enumerate(said.pix)),
        *(_sent(one, f"payments[{at}]") for at, one in enumerate(said.payments)),
        *(_refunded(one, f"refunds[{at}]") for at, one in enumerate(said.refunds)),
        *(_returned(one, f"returns[{at}]") for at, one in enumerate(said.returns)),
    ]
    return StatementPage(lines=tuple(lines), next_cursor=_next(said.parametros, number))


def read_pix_listing(
    body: bytes, number: int, *, unit: AmountUnit, with_refunds: bool
) -> StatementPage:
    """A page of the BCB's listing: what was received, and the refunds of it that settled."""
    said = decoded(_LISTING, body)
    lines = []
    for at, pix in enumerate(said.pix):
        path = f"pix[{at}]"
        lines.append(_line_of(receipt_of(pix, path, unit)))
        if with_refunds:
            for order, refund in enumerate(pix.devolucoes):
                if refund.status is RefundStatus.DONE:
                    ended = refund_end_of(refund, f"{path}.devolucoes[{order}]", unit)
                    lines.append(_line_of(ended, of=pix.endToEndId))
    return StatementPage(lines=tuple(lines), next_cursor=_next(said.parametros, number))


def _next(said: Parameters, number: int) -> str | None:
    """Raises Refused when this is another page than the one that was asked for."""
    if said.paginacao.paginaAtual != number:
        message = f"page {said.paginacao.paginaAtual} in the place of page {number}"
        raise Refused(CODE, message, field="parametros.paginacao.paginaAtual")
    return str(number + 1) if number + 1 < said.paginacao.quantidadeDePaginas else None


def _line_of(notice: Notice, *, of: str | None = None) -> StatementLine:
    is_received = notice.kind is NoticeKind.RECEIVED
    return StatementLine(
        flow=Flow.RECEIVED if is_received else Flow.REFUNDED,
        id=notice.end_to_end_id,
        amount=notice.amount,
        settled_at=notice.occurred_at,
        end_to_end_id=of,
        pix_key=notice.pix_key,
        txid=notice.txid,
        payer=notice.payer,
        payer_message=notice.payer_message,
    )


def _received(said: ReceiptNotice, path: str) -> StatementLine:
    return StatementLine(
        flow=Flow.RECEIVED,
        id=end_to_end_id_of(said.endToEndId, f"{path}.endToEndId"),
        amount=amount_of(said.valor, f"{path}.valor"),
        settled_at=moment_of(said.horario, f"{path}.horario"),
        pix_key=said.chave,
        txid=said.txid,
        payer=payer_of(said.pagador, f"{path}.pagador"),
    )


def _sent(said: SentLine, path: str) -> StatementLine:
    return StatementLine(
        flow=Flow.SENT,
        id=end_to_end_id_of(said.endToEndId, f"{path}.endToEndId"),
        amount=amount_of(said.valor, f"{path}.valor"),
        settled_at=moment_of(said.horario, f"{path}.horario"),
    )


def _refunded(said: RefundedLine, path: str) -> StatementLine:
    return StatementLine(
        flow=Flow.REFUNDED,
        id=return_id_of(said.rtrId, f"{path}.rtrId"),
        amount=amount_of(said.valor, f"{path}.valor"),
        settled_at=moment_of(said.horario, f"{path}.horario"),
        end_to_end_id=said.endToEndId and end_to_end_id_of(said.endToEndId, f"{path}.endToEndId"),
    )


def _returned(said: ReturnNotice, path: str) -> StatementLine:
    return StatementLine(
        flow=Flow.RETURNED,
        id=return_id_of(said.rtrId, f"{path}.rtrId"),
        amount=amount_of(said.valor, f"{path}.valor"),
        settled_at=moment_of(said.horario, f"{path}.horario"),
        end_to_end_id=end_to_end_id_of(said.endToEndId, f"{path}.endToEndId"),
        reason_code=said.motivo,
    )


def _rfc3339(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


_STATEMENT = msgspec.json.Decoder(StatementReply)
_LISTING = msgspec.json.Decoder(PixListing)
