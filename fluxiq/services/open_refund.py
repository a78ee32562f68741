"""A merchant gives money back: Door and Counter judge, Archive writes the intent, Vault holds.

The intent is on paper before money moves. A crash between the two is found by the sweep, which
calls the same `hold_refund`.
"""

from datetime import datetime

from fluxiq.domain import refund_postings
from fluxiq.domain.identifiers import (
    IdPrefix,
    build_return_id,
    parse_end_to_end_id,
    parse_return_id,
)
from fluxiq.domain.records import (
    Charge,
    PayoutStage,
    Receipt,
    ReceiptReason,
    Refund,
    Room,
    Step,
)
from fluxiq.domain.refund import decide_amount
from fluxiq.errors import Refused, Unavailable
from fluxiq.ports import Fresh, Idempotency
from fluxiq.ports.refunds import RefundOpening
from fluxiq.services.accounts import working_account
from fluxiq.services.foreseen import left_to_the_sweep
from fluxiq.services.hold_refund import hold_refund
from fluxiq.services.messages.envelope import Answer
from fluxiq.services.messages.refunds import OpenRefund, refund_view
from fluxiq.services.replay import replay, replay_if_known
from fluxiq.services.tenant import Tenant


async def open_refund(
    tenant: Tenant,
    merchant_id: str,
    request: OpenRefund,
    idempotency: Idempotency,
    arrived_at: datetime,
) -> Answer:
    """Accepted means: on paper, and held unless the ledger is slow to answer; then the sweep holds
    it, or fails it. Raises Refused (deadline, limit, funds …), Unavailable, or Unknown.
    """
    try:
        opening = await _judge(tenant, merchant_id, request, idempotency, arrived_at)
    except (Refused, Unavailable):
        answer = await replay_if_known(tenant, merchant_id, idempotency)
        if answer is None:
            raise
        return answer

    opened = await tenant.refunds.open_refund(opening)
    if not isinstance(opened, Fresh):
        return replay(opened)

    try:
        return await hold_refund(tenant, opening.refund)
    except Unavailable as error:
        return left_to_the_sweep(refund_view(opening.refund), error)


async def _judge(
    tenant: Tenant,
    merchant_id: str,
    request: OpenRefund,
    idempotency: Idempotency,
    arrived_at: datetime,
) -> RefundOpening:
    """The Counter: receipt, account, deadline, and how much; nothing is written yet."""
    entered = tenant.clock.now()
    receipt = await _receipt(tenant, merchant_id, request)
    account = await working_account(tenant, merchant_id, receipt.account_id)
    left = 0 if request.amount else await _left(tenant, receipt)
    days_max = tenant.settings.pix.refund_days_max
    amount = decide_amount(receipt, request.amount, left, entered, days_max=days_max)
    tenant.admission.foresee({account.ledger_id: amount})

    now = tenant.clock.now()
    paid = receipt.reason is ReceiptReason.PAYS_CHARGE
    refund = Refund(
        id=tenant.ids.new(IdPrefix.REFUND),
        merchant_id=merchant_id,
        account_id=account.id,
        end_to_end_id=receipt.end_to_end_id,
        return_id=build_return_id(tenant.ispb, now, tenant.ids.letters(11)),
        charge_id=receipt.charge_id if paid else None,
        amount=amount,
        reason=request.reason,
        description=request.description,
        stage=PayoutStage.CREATED,
        created_at=now,
        updated_at=now,
        metadata=request.metadata,
    )
    steps = (
        Step(refund.return_id, Room.DOOR, arrived_at, entered, f"refund {refund.end_to_end_id}"),
        Step(refund.return_id, Room.COUNTER, entered, now, refund.id),
    )
    return RefundOpening(refund=refund, idempotency=idempotency, steps=steps)


async def _receipt(tenant: Tenant, merchant_id: str, request: OpenRefund) -> Receipt:
    """What is to be refunded. Raises Refused, also for what another merchant received."""
    if (request.charge_id is None) == (request.end_to_end_id is None):
        raise Refused(
            "validation_failed", "say one of charge_id and end_to_end_id", field="end_to_end_id"
        )

    if request.charge_id is not None:
        end_to_end_id = _paid_by(await _charge(tenant, merchant_id, request.charge_id))
    else:
        end_to_end_id = _refundable(request.end_to_end_id or "")

    receipt = await tenant.refunds.find_receipt(end_to_end_id)
    if receipt is None or receipt.merchant_id != merchant_id:
        raise Refused("payment_not_found", f"no payment {end_to_end_id}", field="end_to_end_id")
    return receipt


async def _charge(tenant: Tenant, merchant_id: str, charge_id: str) -> Charge:
    charge = await tenant.store.find_charge(charge_id)
    if charge is None or charge.merchant_id != merchant_id:
        raise Refused("charge_not_found", f"no charge {charge_id}", field="charge_id")
    return charge


def _paid_by(charge: Charge) -> str:
    if charge.end_to_end_id is None:
        raise Refused("charge_not_paid", f"the charge is {charge.status}", field="charge_id")
    return charge.end_to_end_id


def _refundable(text: str) -> str:
    """The id of a payment. Raises Refused refund_of_refund (AG13), invalid_end_to_end_id."""
    if text.startswith("D"):
        parse_return_id(text, field="end_to_end_id")
        raise Refused(
            "refund_of_refund", "a refund cannot be refunded (AG13)", field="end_to_end_id"
        )
    parse_end_to_end_id(text)
    return text


async def _left(tenant: Tenant, receipt: Receipt) -> int:
    """What may still be refunded, in centavos: all of it before the first refund."""
    limit_id = refund_postings.limit_account_id(tenant.ispb, receipt.end_to_end_id)
    balance = (await tenant.ledger.balances([limit_id])).get(limit_id)
    if balance is None or balance.credits_posted == 0:
        return receipt.amount
    return balance.available
