"""From what a customer says to an order, checked as SPI would: a refusal has BACEN's code in its
details where it is BACEN who would refuse.
"""

from fluxiq.domain.documents import document_kind
from fluxiq.domain.identifiers import is_end_to_end_id, is_return_id
from fluxiq.domain.keys import classify
from fluxiq.domain.money import centavos_of
from fluxiq.errors import Refused
from fluxiq.providers.order_messages import PayeeAccount, PaymentOrder, RefundOrder
from fluxiq.providers.simulator.orders import Order


def payment_of(ispb: str, said: PaymentOrder, rest: str) -> Order:
    """Raises Refused."""
    if rest:
        raise Refused("not_found", "orders are posted to /payments")
    if not is_end_to_end_id(said.end_to_end_id):
        raise _rejected("FF08", "a malformed end-to-end id", "end_to_end_id")
    amount = centavos_of(said.amount)
    if amount == 0:
        raise _rejected("AM01", "an amount of zero", "amount")
    if said.account is not None:
        _check_account(ispb, said.account)
        return Order(
            ispb=ispb,
            end_to_end_id=said.end_to_end_id,
            amount=amount,
            pix_key="",
            account=said.account,
        )

    assert said.pix_key is not None, "checked by the contract"
    _, key = classify(said.pix_key)
    return Order(ispb=ispb, end_to_end_id=said.end_to_end_id, amount=amount, pix_key=key)


def meaning(order: Order) -> tuple[object, ...]:
    """What an end-to-end id stands for."""
    return order.ispb, order.amount, order.pix_key, order.account


def refund_of(ispb: str, said: RefundOrder, plan: str, rest: str) -> Order:
    """As `payment_of`. Whether the refunds of a payment add up is the customer's to keep: nothing
    of what was received is remembered here.
    """
    if rest:
        raise Refused("not_found", "refunds are posted to /refunds")
    if not (is_return_id(said.return_id) and is_end_to_end_id(said.end_to_end_id)):
        raise _rejected("FF08", "a malformed return id or end-to-end id", "return_id")
    amount = centavos_of(said.amount)
    if amount == 0:
        raise _rejected("AM01", "an amount of zero", "amount")
    return Order(ispb=ispb, end_to_end_id=said.return_id, amount=amount, pix_key=plan)


def _check_account(ispb: str, account: PayeeAccount) -> None:
    if account.ispb == ispb:
        raise _rejected("AG12", "the payee's institution is the payer's", "account.ispb")
    if document_kind(account.document) is None:
        raise _rejected("CH11", "not a CPF or CNPJ", "account.document")


def _rejected(reason_code: str, message: str, field: str) -> Refused:
    details = {"reason_code": reason_code}
    return Refused("order_invalid", message, field=field, details=details)
