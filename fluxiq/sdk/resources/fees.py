"""What the institution keeps of payments received."""

from datetime import date, datetime

from msgspec import Struct

from fluxiq.sdk.calls import C, Call, List, Resource
from fluxiq.sdk.request import Page, Request, data, get, page_of
from fluxiq.sdk.resources.receipts import Receipt


class Fee(Struct, frozen=True, kw_only=True):
    """A plan from `valid_from` on: `fixed` centavos and a share in `basis_points` (hundredths of a
    percent), at least `minimum`, at most `maximum` and what was received.
    """

    version: int
    fixed: int
    basis_points: int
    minimum: int
    maximum: int | None
    currency: str
    valid_from: datetime


class FeesAgreed(Struct, frozen=True, kw_only=True):
    """No `current`: receiving is free. `history` has the one in force first."""

    current: Fee | None
    history: tuple[Fee, ...]


class FeeTotal(Struct, frozen=True, kw_only=True):
    """Of the day or month that begins on `since`, in centavos."""

    since: date
    payments: int
    amount: int
    fees: int
    net_amount: int


class FeeTotals(Struct, frozen=True, kw_only=True):
    """`bucket`: day or month, in São Paulo. Those without fees are left out."""

    bucket: str
    since: date
    until: date
    currency: str
    totals: tuple[FeeTotal, ...]


class Fees(Resource[C]):
    @Call
    def agreed(self) -> Request[FeesAgreed]:
        return get("/fees", data(FeesAgreed))

    @Call
    def totals(
        self,
        *,
        bucket: str | None = None,
        start_date: date | None = None,
        end_date: date | None = None,
    ) -> Request[FeeTotals]:
        """By month (the last twelve, unless said), or by day."""
        return get(
            "/fees/totals",
            data(FeeTotals),
            bucket=bucket,
            start_date=start_date,
            end_date=end_date,
        )

    @List
    def payments(self) -> Request[Page[Receipt]]:
        """Those of which something was kept, the last first."""
        return page_of("/fees/payments", Receipt)
