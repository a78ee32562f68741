"""MED: payments reported as fraud. Merchants read; the institution's own people decide."""

from datetime import datetime

from msgspec import Struct

from fluxiq.sdk.calls import C, Call, List, Resource
from fluxiq.sdk.request import Page, Request, data, get, page_of, path, post, said


class MedInfraction(Struct, frozen=True, kw_only=True):
    """Another institution's report: the provider link that brought it, its number there, and what
    the provider was told: open, acknowledged, agreed, disagreed or cancelled.
    """

    provider: str
    number: str
    told: str


class MedReport(Struct, frozen=True, kw_only=True):
    """`status`: open, acknowledged, closed or cancelled; closed as `result` agreed, disagreed or
    expired. `return_failed`: `failed_refund_id` was rejected, its money is blocked again, and the
    report waits to be closed anew. `details` and `infraction` are shown to who may decide.
    """

    id: str
    status: str
    result: str | None
    reason: str
    details: str | None
    end_to_end_id: str
    account_id: str
    amount: int
    blocked_amount: int
    returned_amount: int
    refund_id: str | None
    failed_refund_id: str | None
    currency: str
    blocked_until: datetime | None
    created_at: datetime
    updated_at: datetime
    closed_at: datetime | None
    infraction: MedInfraction | None


class MedReports(Resource[C]):
    @Call
    def create(
        self,
        *,
        end_to_end_id: str,
        reason: str,
        details: str | None = None,
        idempotency_key: str | None = None,
    ) -> Request[MedReport]:
        """Report a payment received: what is left of it is blocked, up to the balance. `reason`:
        scam, account_takeover, coercion, fraudulent_access or other.
        """
        body = said(end_to_end_id=end_to_end_id, reason=reason, details=details)
        return post("/pix/med/reports", data(MedReport), body, idempotency_key)

    @Call
    def get(self, report_id: str) -> Request[MedReport]:
        return get(path("/pix/med/reports/{}", report_id), data(MedReport))

    @List
    def list(
        self, *, status: str | None = None, end_to_end_id: str | None = None
    ) -> Request[Page[MedReport]]:
        """Newest first."""
        return page_of("/pix/med/reports", MedReport, status=status, end_to_end_id=end_to_end_id)

    @Call
    def acknowledge(self, report_id: str) -> Request[MedReport]:
        """Begin the analysis."""
        return post(path("/pix/med/reports/{}/acknowledge", report_id), data(MedReport))

    @Call
    def close(
        self, report_id: str, *, result: str, amount: int | None = None
    ) -> Request[MedReport]:
        """`result`: agreed, and `amount` centavos of what is blocked go back (all of it unless
        said); or disagreed.
        """
        body = said(result=result, amount=amount)
        return post(path("/pix/med/reports/{}/close", report_id), data(MedReport), body)

    @Call
    def cancel(self, report_id: str) -> Request[MedReport]:
        """Take it back: all is released."""
        return post(path("/pix/med/reports/{}/cancel", report_id), data(MedReport))
