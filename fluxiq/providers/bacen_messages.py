"""The BCB's callback, `{"pix": [...]}` (API Pix 2.9.0), as providers really send it.

Fields that the standard does not have are passed over, since providers add some (`pagador` is one
that many add); those it has are read strictly. Amounts are kept as the text that stood there: a
JSON number never becomes a float.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Raw, Struct

from fluxiq.providers.order_messages import (
    NOTICES_PER_CALL_MAX,
    STORABLE,
    InfractionNotice,
    Key,
    OutcomeNotice,
    ReturnNotice,
)

REFUNDS_PER_PIX_MAX = 100

Moment = Annotated[datetime, Meta(tz=True)]
Text = Annotated[str, Meta(max_length=140, pattern=STORABLE)]


class Payer(Struct, frozen=True, kw_only=True):
    nome: Annotated[str, Meta(max_length=200, pattern=STORABLE)]
    cpf: Annotated[str, Meta(pattern=r"^[0-9]{11}$")] | None = None
    cnpj: Annotated[str, Meta(pattern=r"^[0-9A-Z]{12}[0-9]{2}$")] | None = None


class RefundStatus(StrEnum):
    UNDER_WAY = "EM_PROCESSAMENTO"
    DONE = "DEVOLVIDO"
    NOT_DONE = "NAO_REALIZADO"


class RefundTimes(Struct, frozen=True, kw_only=True):
    solicitacao: Moment
    liquidacao: Moment | None = None


class Refund(Struct, frozen=True, kw_only=True):
    """`devolucoes[]`: what became of a refund of ours. `id` is ours, `rtrId` SPI's."""

    id: Annotated[str, Meta(pattern=r"^[a-zA-Z0-9]{1,35}$")]
    rtrId: str  # noqa: N815 - the BCB's names
    valor: Raw
    status: RefundStatus
    horario: RefundTimes


class Pix(Struct, frozen=True, kw_only=True):
    """Money arrived, or a refund of it went on."""

    endToEndId: str  # noqa: N815
    valor: Raw
    horario: Moment
    chave: Key | None = None
    txid: Annotated[str, Meta(pattern=r"^[a-zA-Z0-9]{1,35}$")] | None = None
    infoPagador: Text | None = None  # noqa: N815
    pagador: Payer | None = None
    devolucoes: Annotated[tuple[Refund, ...], Meta(max_length=REFUNDS_PER_PIX_MAX)] = ()


class PixCallback(Struct, frozen=True, kw_only=True):
    """One call: one thing said, or many. `payments`, `returns` and `infractions` are of our
    contract, for PSPs that can say them; of those that cannot, we ask what became of an order.
    """

    pix: Annotated[tuple[Pix, ...], Meta(max_length=NOTICES_PER_CALL_MAX)] = ()
    payments: Annotated[tuple[OutcomeNotice, ...], Meta(max_length=NOTICES_PER_CALL_MAX)] = ()
    returns: Annotated[tuple[ReturnNotice, ...], Meta(max_length=NOTICES_PER_CALL_MAX)] = ()
    infractions: Annotated[tuple[InfractionNotice, ...], Meta(max_length=NOTICES_PER_CALL_MAX)] = ()
