"""The BCB's immediate charge (API Pix 2.9.0, `cob`): what is put, and what of the answer matters.

Fields of answers that are not named here are passed over, since providers add some.
"""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from fluxiq.providers.order_messages import Key, Payer, Reais

Txid = Annotated[str, Meta(pattern=r"\A[a-zA-Z0-9]{26,35}\Z")]


class CobStatus(StrEnum):
    ACTIVE = "ATIVA"
    PAID = "CONCLUIDA"
    REMOVED_BY_PAYEE = "REMOVIDA_PELO_USUARIO_RECEBEDOR"
    REMOVED_BY_PSP = "REMOVIDA_PELO_PSP"


class Calendar(Struct, frozen=True, kw_only=True):
    """`expiracao` in seconds from its creation."""

    expiracao: Annotated[int, Meta(ge=1)]


class Value(Struct, frozen=True, kw_only=True):
    original: Reais


class CobWanted(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """PUT /cob/{txid}."""

    calendario: Calendar
    valor: Value
    chave: Key
    devedor: Payer | None = None
    solicitacaoPagador: Annotated[str, Meta(max_length=140)] = ""  # noqa: N815 - the BCB's names


class CobRemoval(Struct, frozen=True, kw_only=True):
    """PATCH /cob/{txid}."""

    status: CobStatus


class Cob(Struct, frozen=True, kw_only=True):
    """The charge as the provider has it."""

    txid: Txid
    status: CobStatus
    calendario: Calendar
    valor: Value
    chave: Key
    location: Annotated[str, Meta(min_length=1, max_length=85)]
