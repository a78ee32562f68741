"""The institution's own people find payments, and follow one of them through the rooms."""

from collections.abc import Sequence
from typing import Final

from fluxiq.domain.records import Room, Step
from fluxiq.errors import Refused
from fluxiq.ports import Page
from fluxiq.ports.payment_search import FOUND_MAX, PaymentKind, PaymentRow, PaymentsWanted
from fluxiq.services.messages.envelope import Listing, listing
from fluxiq.services.messages.payment_search import (
    InstitutionPaymentView,
    PaymentWalkView,
    RelatedView,
    payment_view,
)
from fluxiq.services.messages.walks import step_view
from fluxiq.services.run_scheduled import RUN_SCHEDULED, job_keys_of
from fluxiq.services.tenant import Tenant

# What a payment that is asked for by a name it shares with others is: money that moved comes before
# what it was for, and what it was before what was given back of it.
_FIRST: Final = (
    PaymentKind.PAYOUT,
    PaymentKind.RECEIPT,
    PaymentKind.REFUND,
    PaymentKind.TRANSFER,
    PaymentKind.CHARGE,
)


async def search_payments(
    tenant: Tenant, wanted: PaymentsWanted, page: Page
) -> Listing[InstitutionPaymentView]:
    """Newest first, of the first FOUND_MAX. Raises Refused("validation_failed") for pages behind
    those.
    """
    if page.number * page.size > FOUND_MAX:
        raise Refused(
            "validation_failed", f"ends behind the first {FOUND_MAX}: narrow it", field="page"
        )
    rows, total = await tenant.payment_search.page(wanted, page)
    return listing([payment_view(row) for row in rows], page, total)


async def find_payments(tenant: Tenant, text: str, page: Page) -> Listing[InstitutionPaymentView]:
    """All that this id leads to, newest first: mostly one, or a charge and its receipt."""
    rows = await _found(tenant, text)
    first = (page.number - 1) * page.size
    shown = [payment_view(row) for row in rows[first : first + page.size]]
    return listing(shown, page, len(rows))


async def follow_payment(tenant: Tenant, text: str) -> PaymentWalkView:
    """The payment that any of its ids leads to, and where it has been. Raises
    Refused("payment_not_found").
    """
    rows = await _found(tenant, text)
    if not rows:
        raise Refused("payment_not_found", f"no payment {text}", field="payment_id")

    payment = min(rows, key=lambda row: (row.id != text, _FIRST.index(row.kind)))
    name = payment.end_to_end_id
    steps = [] if name is None else await tenant.store.walk(name)
    return PaymentWalkView(
        payment=payment_view(payment),
        steps=[step_view(step) for step in steps],
        related=RelatedView(
            payments=await _family(tenant, payment),
            deliveries=_deliveries(steps),
            jobs=await _jobs(tenant, payment),
        ),
    )


async def _found(tenant: Tenant, text: str) -> Sequence[PaymentRow]:
    names = await tenant.payment_search.names_behind(text)
    return await tenant.payment_search.named(names)


async def _family(tenant: Tenant, payment: PaymentRow) -> list[InstitutionPaymentView]:
    """Payments that share its end-to-end id, or that it gives back."""
    names = [name for name in (payment.end_to_end_id, payment.gives_back) if name is not None]
    rows = await tenant.payment_search.named(names)
    return [payment_view(row) for row in rows if row.id != payment.id]


def _deliveries(steps: Sequence[Step]) -> list[str]:
    """The courier leaves an event's type and the delivery's id behind (`actors.courier`)."""
    told = (step.detail.split() for step in steps if step.room is Room.COURIER)
    return list(dict.fromkeys(words[-1] for words in told if words))


async def _jobs(tenant: Tenant, payment: PaymentRow) -> list[str]:
    if payment.kind is not PaymentKind.PAYOUT:
        return []
    keys = job_keys_of(payment.id)
    return list(await tenant.payment_search.jobs_holding(RUN_SCHEDULED.name, keys))
