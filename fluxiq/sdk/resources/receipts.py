"""What was received by PIX, whether or not a charge asked for it."""

from datetime import datetime

from msgspec import Struct

from fluxiq.sdk.calls import C, Call, Resource
from fluxiq.sdk.request import Request, data, get, path


class Receipt(Struct, frozen=True, kw_only=True):
    """A payment received, in centavos. `reason`: why it did, or did not, pay a charge. `fee` of it
    was kept, `net_amount` is the rest.
    """

    id: str
    end_to_end_id: str
    amount: int
    currency: str
    reason: str
    account_id: str | None
    charge_id: str | None
    received_at: datetime
    fee: int = 0
    net_amount: int | None = None


class Receipts(Resource[C]):
    @Call
    def get(self, receipt_id: str) -> Request[Receipt]:
        """By the `pay_…` that a line of a statement refers to."""
        return get(path("/pix/receipts/{}", receipt_id), data(Receipt))
