"""Payments of all merchants, found and followed by the institution's own people."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta

from fluxiq.api.contract import Call, PathText, Rate, Routes
from fluxiq.api.paging import PageAsked
from fluxiq.errors import Refused
from fluxiq.ports.payment_search import PaymentKind, PaymentsWanted
from fluxiq.services import search_payments as use
from fluxiq.services.messages.envelope import Data, Listing
from fluxiq.services.messages.payment_search import InstitutionPaymentView, PaymentWalkView

routes = Routes("/api/v1/institution/payments", institution=True)

READ = "institution:read"

Moment = Annotated[datetime, Meta(tz=True)]
Centavos = Annotated[int, Meta(ge=0, le=2**53)]
_ALONE = PaymentsWanted()


class PaymentsAsked(PageAsked, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`q` is any id that has to do with a payment, and stands alone: its own (chg_, pay_, ref_,
    xfer_), an end-to-end id, return id or txid, or that of an event, a delivery or a request.
    Amounts are centavos, both included; `since` is included, `until` is not. `status` is a word of
    the kinds that have it.
    """

    q: PathText | None = None
    kind: PaymentKind | None = None
    status: PathText | None = None
    merchant_id: PathText | None = None
    account_id: PathText | None = None
    amount_min: Centavos | None = None
    amount_max: Centavos | None = None
    since: Moment | None = None
    until: Moment | None = None

    @property
    def filters(self) -> PaymentsWanted:
        return PaymentsWanted(
            kind=self.kind,
            status=self.status,
            merchant_id=self.merchant_id,
            account_id=self.account_id,
            amount_min=self.amount_min,
            amount_max=self.amount_max,
            since=self.since,
            until=self.until,
        )


@routes.get(permission=READ, rate=Rate.READ, reply=Listing[InstitutionPaymentView])
async def search_payments(call: Call, query: PaymentsAsked) -> Listing[InstitutionPaymentView]:
    """Charges, receipts, payouts, refunds and transfers of all merchants, newest first: `total`
    counts, and pages reach, up to 10,000.
    """
    if query.q is None:
        return await use.search_payments(call.tenant, query.filters, query.wanted)
    if query.filters != _ALONE:
        raise Refused("validation_failed", "stands alone: an id needs no filters", field="q")
    return await use.find_payments(call.tenant, query.q, query.wanted)


@routes.get(
    "/{payment_id}/walk",
    permission=READ,
    rate=Rate.READ,
    reply=Data[PaymentWalkView],
    refuses=("payment_not_found",),
)
async def follow_payment(call: Call, payment_id: PathText) -> Data[PaymentWalkView]:
    """The payment that any of its ids leads to (as `q` of the search), every room it was in, and
    what belongs to it.
    """
    return Data(await use.follow_payment(call.tenant, payment_id))
