"""Why a payment was rejected: BACEN's codes (SPI catalogue 5.13, pacs.002) and ours.

Callers get a stable word of ours and a sentence they may show; BACEN's own code goes beside it, so
that nothing is lost where the catalogue grows before we do.
"""

from collections.abc import Mapping
from types import MappingProxyType

from msgspec import Struct


class Reason(Struct, frozen=True):
    """A reject code in our words. `code` is public and stable; both texts end with a dot. `bacen`
    is empty where nobody asked BACEN: we refused ourselves.
    """

    bacen: str
    code: str
    text_pt: str
    text_en: str


_CATALOGUE = (
    Reason(
        "AB03",
        "settlement_timeout",
        "O pagamento não foi concluído no prazo e foi cancelado.",
        "The payment did not settle in time and was cancelled.",
    ),
    Reason(
        "AC03",
        "invalid_account",
        "A conta de destino não existe ou está incorreta.",
        "The destination account does not exist or is wrong.",
    ),
    Reason(
        "AC06",
        "account_blocked",
        "A conta de destino está bloqueada.",
        "The destination account is blocked.",
    ),
    Reason(
        "AC07",
        "account_closed",
        "A conta de destino foi encerrada.",
        "The destination account was closed.",
    ),
    Reason(
        "AC14",
        "invalid_account_type",
        "O tipo da conta de destino está incorreto.",
        "The type of the destination account is wrong.",
    ),
    Reason(
        "AG12",
        "same_institution",
        "A conta de destino é da mesma instituição: use uma transferência interna.",
        "The destination account is in the same institution: use a book transfer.",
    ),
    Reason(
        "AG13",
        "refund_of_refund",
        "Não é possível devolver uma devolução.",
        "A refund cannot be refunded.",
    ),
    Reason(
        "AM01",
        "zero_amount",
        "O valor do pagamento é zero.",
        "The amount of the payment is zero.",
    ),
    Reason(
        "AM02",
        "amount_above_limit",
        "O valor do pagamento está acima do limite permitido.",
        "The amount of the payment is above the allowed limit.",
    ),
    Reason(
        "AM04",
        "provider_out_of_funds",
        "A instituição está sem saldo para liquidar o pagamento agora.",
        "The institution has no balance to settle the payment at the moment.",
    ),
    Reason(
        "AM09",
        "refund_above_original",
        "A soma das devoluções passa do valor do pagamento original.",
        "The refunds add up to more than the original payment.",
    ),
    Reason(
        "BE01",
        "holder_mismatch",
        "O titular da conta de destino não é o informado.",
        "The holder of the destination account is not the one given.",
    ),
    Reason(
        "CH11",
        "document_mismatch",
        "O CPF ou CNPJ do recebedor está incorreto.",
        "The CPF or CNPJ of the payee is wrong.",
    ),
    Reason(
        "DS04",
        "rejected_by_recipient",
        "A instituição de destino recusou o pagamento.",
        "The destination institution refused the payment.",
    ),
    Reason(
        "DT05",
        "refund_deadline_passed",
        "O prazo de devolução deste pagamento terminou.",
        "The time to refund this payment is over.",
    ),
    Reason(
        "DUPL",
        "duplicate_payment",
        "Este pagamento já foi enviado.",
        "This payment was already sent.",
    ),
    Reason(
        "FF08",
        "malformed_end_to_end_id",
        "O identificador do pagamento está fora do padrão.",
        "The identifier of the payment is malformed.",
    ),
    Reason(
        "FRAD",
        "suspected_fraud",
        "O pagamento foi recusado por suspeita de fraude.",
        "The payment was refused on suspicion of fraud.",
    ),
    Reason(
        "RR04",
        "regulatory_block",
        "O pagamento foi recusado por exigência legal.",
        "The payment was refused for a legal reason.",
    ),
)

# What fails here, before any provider is asked.
_OURS = (
    Reason(
        "",
        "insufficient_funds",
        "O saldo disponível da conta não cobre o pagamento.",
        "The account's available balance does not cover the payment.",
    ),
    Reason(
        "",
        "account_not_active",
        "A conta de origem está bloqueada ou inativa.",
        "The paying account is blocked or inactive.",
    ),
    Reason(
        "",
        "pix_key_not_found",
        "A chave Pix de destino não existe mais.",
        "The recipient's PIX key does not exist any more.",
    ),
    Reason(
        "",
        "recipient_changed",
        "A chave Pix de destino passou a ser de outra pessoa.",
        "The recipient's PIX key belongs to somebody else by now.",
    ),
    Reason(
        "",
        "schedule_missed",
        "O dia agendado passou sem que o pagamento pudesse ser feito.",
        "The scheduled day passed before the payment could be made.",
    ),
)

REASONS: Mapping[str, Reason] = MappingProxyType({reason.bacen: reason for reason in _CATALOGUE})

# By our code; we refuse a refund in BACEN's words before it would.
OUR_REASONS: Mapping[str, Reason] = MappingProxyType(
    {reason.code: reason for reason in (*_CATALOGUE, *_OURS)}
)

UNKNOWN_CODE = "rejected"


def reason_for(bacen: str | None) -> Reason:
    """The reason behind a reject code; an unknown or absent one is a plain `rejected`, and keeps
    the code it came with ("" when there was none). Never raises: a provider's new code must not
    stop a payment from failing properly.
    """
    code = (bacen or "").strip().upper()
    known = REASONS.get(code)
    if known is not None:
        return known

    return Reason(code, UNKNOWN_CODE, "O pagamento foi recusado.", "The payment was refused.")


def explain(failure_code: str, bacen: str | None) -> Reason:
    """The texts of a failure on record: our code, and BACEN's where a provider named one."""
    ours = OUR_REASONS.get(failure_code) if bacen is None else None
    return ours or reason_for(bacen)
