"""Who paid you."""

from datetime import datetime

from msgspec import Struct

from fluxiq.sdk.calls import C, List, Resource
from fluxiq.sdk.request import Page, Request, page_of


class PayerSum(Struct, frozen=True, kw_only=True):
    """Somebody, by document (masked): how often and how much they paid, in centavos."""

    name: str
    document: str
    payments: int
    amount: int
    last_at: datetime
    last_payment_id: str


class Payers(Resource[C]):
    @List
    def list(self) -> Request[Page[PayerSum]]:
        """The last to pay first."""
        return page_of("/payers", PayerSum)
