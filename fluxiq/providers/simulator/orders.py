"""Orders of the simulated provider: their states, and what is said about them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType

from msgspec import Struct
from msgspec.structs import replace

from fluxiq.domain.money import reais
from fluxiq.providers.order_messages import (
    OutcomeNotice,
    OutcomeStatus,
    PayeeAccount,
    Payer,
    ReceiptNotice,
    ReturnNotice,
)
from fluxiq.providers.simulator.messages import SomePayer
from fluxiq.providers.simulator.plan import Plan, plan_of, plan_of_account

LATE_FACTOR = 5.0  # a contradiction comes this many times later than a confirmation
RETURN_FACTOR = 5.0  # and so does the money of a payment that is returned
_CPF_LENGTH = 11


class OrderState(StrEnum):
    ACCEPTED = "accepted"
    SETTLED = "settled"
    REJECTED = "rejected"


class OrderEvent(StrEnum):
    SETTLE = "settle"
    REJECT = "reject"


class Order(Struct, frozen=True, kw_only=True):
    """An order of the customer `ispb`; `amount` in centavos. A refund is one too: by its return id,
    with its description in the place of a key. One to an account has none.
    """

    ispb: str
    end_to_end_id: str
    amount: int
    pix_key: str
    account: PayeeAccount | None = None
    state: OrderState = OrderState.ACCEPTED
    reason_code: str | None = None

    @property
    def plan(self) -> Plan:
        """How it fares: its payee decides."""
        if self.account is None:
            return plan_of(self.pix_key)
        return plan_of_account(self.account.number)


TRANSITIONS: Mapping[tuple[OrderState, OrderEvent], OrderState] = MappingProxyType(
    {
        (OrderState.ACCEPTED, OrderEvent.SETTLE): OrderState.SETTLED,
        (OrderState.ACCEPTED, OrderEvent.REJECT): OrderState.REJECTED,
    }
)


def advance(order: Order, reason_code: str | None) -> Order | None:
    """The order after its end, rejected when there is a reason; None when it had ended before."""
    event = OrderEvent.REJECT if reason_code else OrderEvent.SETTLE
    state = TRANSITIONS.get((order.state, event))
    return None if state is None else replace(order, state=state, reason_code=reason_code)


def notices_of(
    order: Order, plan: Plan, confirm_seconds: float
) -> list[tuple[OutcomeNotice, float]]:
    """What is said of an order that ends now, each with the seconds to wait before saying it."""
    if not plan.tells:
        return []

    status = OutcomeStatus.REJECTED if plan.reason_code else OutcomeStatus.CONFIRMED
    end_to_end_id = order.end_to_end_id
    first = OutcomeNotice(
        eventId=f"{end_to_end_id}-{status.lower()}",
        endToEndId=end_to_end_id,
        status=status,
        valor=reais(order.amount),
        horario=datetime.now(UTC),
        motivo=plan.reason_code,
    )
    # Of several copies, every second one claims to be news.
    said = [
        (replace(first, eventId=f"{first.eventId}-{copy}") if copy % 2 else first, 0.0)
        for copy in range(plan.copies)
    ]
    if plan.contradicts:
        late = replace(
            first,
            eventId=f"{end_to_end_id}-late",
            status=OutcomeStatus.REJECTED,
            motivo="AB03",
        )
        said.append((late, LATE_FACTOR * confirm_seconds))
    return said


def return_of(order: Order, plan: Plan, return_id: str) -> ReturnNotice:
    """What is said when all or half of a payment comes back."""
    return ReturnNotice(
        eventId=return_id,
        endToEndId=order.end_to_end_id,
        rtrId=return_id,
        valor=reais(-(-order.amount * plan.returned_parts // 2)),
        horario=datetime.now(UTC),
        motivo="MD06",
    )


def receipt_of(
    end_to_end_id: str, pix_key: str, amount: int, payer: SomePayer, txid: str | None
) -> ReceiptNotice:
    """What is said of money that was paid now."""
    is_person = len(payer.document) == _CPF_LENGTH
    return ReceiptNotice(
        endToEndId=end_to_end_id,
        valor=reais(amount),
        horario=datetime.now(UTC),
        chave=pix_key,
        txid=txid,
        pagador=Payer(
            nome=payer.name,
            cpf=payer.document if is_person else None,
            cnpj=None if is_person else payer.document,
        ),
    )
