"""What a statement looks like: the BCB's listing of what was received (API Pix 2.9.0, `GET /pix`),
and ours, which has what was sent, refunded and returned beside it.
"""

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from fluxiq.providers.bacen_messages import Pix
from fluxiq.providers.order_messages import Reais, ReceiptNotice, ReturnNotice

LINES_PER_PAGE = 500  # of the BCB's thousand: a page with refunds must fit into a megabyte
LINES_PER_PAGE_MAX = 1_000

Moment = Annotated[datetime, Meta(tz=True)]
Count = Annotated[int, Meta(ge=0)]


class Paging(Struct, frozen=True, kw_only=True):
    """The BCB's `paginacao`: pages are numbered from 0."""

    paginaAtual: Count  # noqa: N815 - the BCB's names
    itensPorPagina: Count  # noqa: N815
    quantidadeDePaginas: Count  # noqa: N815
    quantidadeTotalDeItens: Count  # noqa: N815


class Parameters(Struct, frozen=True, kw_only=True):
    """What was asked, said again."""

    inicio: Moment
    fim: Moment
    paginacao: Paging


class PixListing(Struct, frozen=True, kw_only=True):
    """The BCB's answer: fields that we do not know are passed over."""

    parametros: Parameters
    pix: Annotated[tuple[Pix, ...], Meta(max_length=LINES_PER_PAGE_MAX)] = ()


class SentLine(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A payment of ours settled."""

    endToEndId: str  # noqa: N815
    valor: Reais
    horario: Moment


class RefundedLine(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """A refund of ours settled."""

    rtrId: str  # noqa: N815
    valor: Reais
    horario: Moment
    endToEndId: str | None = None  # noqa: N815 - of what was refunded


class StatementReply(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """`GET /statement`: our contract. Received and returned look as in a callback."""

    parametros: Parameters
    pix: Annotated[tuple[ReceiptNotice, ...], Meta(max_length=LINES_PER_PAGE_MAX)] = ()
    payments: Annotated[tuple[SentLine, ...], Meta(max_length=LINES_PER_PAGE_MAX)] = ()
    refunds: Annotated[tuple[RefundedLine, ...], Meta(max_length=LINES_PER_PAGE_MAX)] = ()
    returns: Annotated[tuple[ReturnNotice, ...], Meta(max_length=LINES_PER_PAGE_MAX)] = ()
