"""PIX in, given back: in whole or in parts."""

from datetime import date, datetime

from msgspec import Struct

from fluxiq.sdk.calls import C, Call, List, Resource
from fluxiq.sdk.request import Json, Page, Request, data, get, page_of, path, post, said
from fluxiq.sdk.resources.shared import Failure


class Refund(Struct, frozen=True, kw_only=True):
    """`status`: processing, completed or failed. `end_to_end_id` is of the payment that is given
    back, `return_id` of the refund itself.
    """

    id: str
    status: str
    amount: int
    currency: str
    reason: str
    description: str
    account_id: str
    charge_id: str | None
    end_to_end_id: str
    return_id: str
    failure: Failure | None
    created_at: datetime
    updated_at: datetime
    metadata: Json


class Refunds(Resource[C]):
    @Call
    def create(
        self,
        *,
        charge_id: str | None = None,
        end_to_end_id: str | None = None,
        amount: int | None = None,
        reason: str | None = None,
        description: str | None = None,
        metadata: Json | None = None,
        idempotency_key: str | None = None,
    ) -> Request[Refund]:
        """Give back a payment, named by its charge or by its end-to-end id. Without `amount`
        (centavos): what is left of it. Accepted means held; the end is an event.
        """
        body = said(
            charge_id=charge_id,
            end_to_end_id=end_to_end_id,
            amount=amount,
            reason=reason,
            description=description,
            metadata=metadata,
        )
        return post("/pix/refunds", data(Refund), body, idempotency_key)

    @Call
    def get(self, refund_id: str) -> Request[Refund]:
        return get(path("/pix/refunds/{}", refund_id), data(Refund))

    @List
    def list(
        self,
        *,
        charge_id: str | None = None,
        end_to_end_id: str | None = None,
        status: str | None = None,
        start_date: date | None = None,
        end_date: date | None = None,
    ) -> Request[Page[Refund]]:
        """Newest first; the days are UTC, both included."""
        return page_of(
            "/pix/refunds",
            Refund,
            charge_id=charge_id,
            end_to_end_id=end_to_end_id,
            status=status,
            start_date=start_date,
            end_date=end_date,
        )
