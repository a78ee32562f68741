"""What a provider of orders and an institution say to each other, as strict records: our contract.

Receipts look like the BCB standard's callback (`{"pix": [...]}`, Portuguese names, amounts as
decimal strings); outcomes of orders, which that standard leaves out, come beside them.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from msgspec import Meta, Struct

from fluxiq.domain.recipient_account import AccountType

NOTICES_PER_CALL_MAX = 1_000

# PostgreSQL stores no U+0000, neither in text nor in jsonb: such a word is refused by name.
STORABLE = r"\A[^\x00]*\Z"

EventId = Annotated[str, Meta(min_length=1, max_length=64, pattern=STORABLE)]
Reais = Annotated[str, Meta(max_length=13)]
Moment = Annotated[datetime, Meta(tz=True)]
Key = Annotated[str, Meta(min_length=1, max_length=77, pattern=STORABLE)]
Code = Annotated[str, Meta(pattern=r"^[0-9A-Z]{4}$")]
InfractionId = Annotated[str, Meta(pattern=r"\A[0-9A-Za-z-]{1,64}\Z")]


class Payer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The BCB's `pagador`: a person's cpf or a company's cnpj, and the name."""

    nome: Annotated[str, Meta(max_length=200, pattern=STORABLE)]
    cpf: Annotated[str, Meta(pattern=r"^[0-9]{11}$")] | None = None
    cnpj: Annotated[str, Meta(pattern=r"^[0-9A-Z]{12}[0-9]{2}$")] | None = None


class ReceiptNotice(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """Money arrived. Without `eventId` the end-to-end id stands for it, as with the BCB."""

    endToEndId: str  # noqa: N815 - the BCB's names
    valor: Reais
    horario: Moment
    chave: Key
    txid: Annotated[str, Meta(pattern=r"^[a-zA-Z0-9]{1,35}$")] | None = None
    pagador: Payer | None = None
    eventId: EventId | None = None  # noqa: N815


class OutcomeStatus(StrEnum):
    CONFIRMED = "CONFIRMED"
    REJECTED = "REJECTED"


class OutcomeNotice(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """An order ended; `motivo` is BACEN's code of a rejection. `endToEndId` is the order's id: of a
    refund, its return id.
    """

    eventId: EventId  # noqa: N815
    endToEndId: str  # noqa: N815
    status: OutcomeStatus
    valor: Reais
    horario: Moment
    motivo: Code | None = None


class ReturnNotice(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """Of a payment that had settled, `valor` came back as `rtrId`; `motivo` is BACEN's code."""

    eventId: EventId  # noqa: N815
    endToEndId: str  # noqa: N815
    rtrId: str  # noqa: N815
    valor: Reais
    horario: Moment
    motivo: Code | None = None


class InfractionState(StrEnum):
    """How an infraction stands, in DICT's words; closed with a result beside it."""

    OPEN = "OPEN"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    CLOSED = "CLOSED"
    CANCELLED = "CANCELLED"


class AnalysisResult(StrEnum):
    """DICT's AnalysisResult."""

    AGREED = "AGREED"
    DISAGREED = "DISAGREED"


class Situation(StrEnum):
    """DICT's SituationType: what kind of fraud."""

    SCAM = "SCAM"
    ACCOUNT_TAKEOVER = "ACCOUNT_TAKEOVER"
    COERCION = "COERCION"
    FRAUDULENT_ACCESS = "FRAUDULENT_ACCESS"
    OTHER = "OTHER"


class InfractionNotice(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """Another institution reports a payment that was received as fraud (OPEN), or takes that back
    (CANCELLED). `id` names the report, of the payment `endToEndId`.
    """

    eventId: EventId  # noqa: N815
    id: InfractionId
    endToEndId: str  # noqa: N815
    status: Literal["OPEN", "CANCELLED"]
    situacao: Situation
    horario: Moment
    detalhes: Annotated[str, Meta(max_length=2000, pattern=STORABLE)] = ""


class InfractionClosing(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """POST /infractions/{id}/close."""

    result: AnalysisResult


class ContestOrder(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """PUT /contests/{id}: a customer says that the payment `end_to_end_id` was fraud. Answered, as
    every word about a contest, with an InfractionReply.
    """

    end_to_end_id: Annotated[str, Meta(min_length=32, max_length=32)]
    amount: Reais
    situation: Situation
    details: Annotated[str, Meta(max_length=2000, pattern=STORABLE)] = ""


class InfractionReply(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """How an infraction stands now."""

    status: InfractionState
    result: AnalysisResult | None = None


class Notices(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One call of the provider: one thing said, or many."""

    pix: Annotated[tuple[ReceiptNotice, ...], Meta(max_length=NOTICES_PER_CALL_MAX)] = ()
    payments: Annotated[tuple[OutcomeNotice, ...], Meta(max_length=NOTICES_PER_CALL_MAX)] = ()
    returns: Annotated[tuple[ReturnNotice, ...], Meta(max_length=NOTICES_PER_CALL_MAX)] = ()
    infractions: Annotated[tuple[InfractionNotice, ...], Meta(max_length=NOTICES_PER_CALL_MAX)] = ()


class PayeeAccount(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """An account that the payer dictated, and whose it is said to be; `document` is bare."""

    ispb: Annotated[str, Meta(pattern=r"^[0-9A-Z]{8}$")]
    number: Annotated[str, Meta(pattern=r"^[0-9A-Z]{1,20}$")]
    type: AccountType
    document: Annotated[str, Meta(pattern=r"^([0-9]{11}|[0-9A-Z]{12}[0-9]{2})$")]
    name: Annotated[str, Meta(min_length=1, max_length=140, pattern=STORABLE)]
    branch: Annotated[str, Meta(pattern=r"^[0-9]{1,4}$")] | None = None


class PaymentOrder(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """POST /payments, to a key or to an account: the SPI's initiation by DICT, or MANU."""

    end_to_end_id: Annotated[str, Meta(min_length=32, max_length=32)]
    amount: Reais
    pix_key: Key | None = None
    account: PayeeAccount | None = None
    description: Annotated[str, Meta(max_length=140)] = ""

    def __post_init__(self) -> None:
        if (self.pix_key is None) == (self.account is None):
            raise ValueError("one of pix_key and account says who is paid")


class RefundOrder(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """POST /refunds: give back `amount` of the payment `end_to_end_id`."""

    return_id: Annotated[str, Meta(min_length=32, max_length=32)]
    end_to_end_id: Annotated[str, Meta(min_length=32, max_length=32)]
    amount: Reais
    reason_code: Code
    description: Annotated[str, Meta(max_length=140)] = ""


class OrderReply(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What became of an order: accepted, settled, rejected, not_found."""

    state: Annotated[str, Meta(pattern=r"^(accepted|settled|rejected|not_found)$")]
    reason_code: Code | None = None


class OwnerReply(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """GET /dict/{key}: who owns it. The document is masked."""

    name: Annotated[str, Meta(max_length=200, pattern=STORABLE)]
    document: Annotated[str, Meta(max_length=18, pattern=STORABLE)]
    ispb: Annotated[str, Meta(pattern=r"^[0-9A-Z]{8}$")]


class ErrorReply(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Why a request was refused; `reason_code` where it is BACEN who would."""

    code: str
    message: str
    reason_code: Code | None = None
