"""Contests: a payment made that the merchant says was fraud (MED, the payer's side)."""

from datetime import datetime

from msgspec import Struct

from fluxiq.sdk.calls import C, Call, List, Resource
from fluxiq.sdk.request import Page, Request, data, get, page_of, path, post, said


class Contest(Struct, frozen=True, kw_only=True):
    """`status`: reporting, reported, acknowledged, accepted, rejected, cancelled or refused (and
    then `status_reason` is the code of why). `returned_amount` is what has come back of the payout.
    """

    id: str
    payout_id: str
    merchant_id: str
    account_id: str
    end_to_end_id: str
    amount: int
    returned_amount: int
    currency: str
    reason: str
    details: str
    status: str
    status_reason: str | None
    created_at: datetime
    reported_at: datetime | None
    decided_at: datetime | None
    updated_at: datetime


class Contests(Resource[C]):
    @Call
    def create(
        self,
        payout_id: str,
        *,
        reason: str,
        details: str | None = None,
        idempotency_key: str | None = None,
    ) -> Request[Contest]:
        """Report a payment made as fraud, up to 80 days after. `reason`: scam, account_takeover,
        coercion, fraudulent_access or other.
        """
        body = said(reason=reason, details=details)
        where = path("/pix/payouts/{}/contest", payout_id)
        return post(where, data(Contest), body, idempotency_key)

    @Call
    def get(self, payout_id: str) -> Request[Contest]:
        """The newest contest of a payout."""
        return get(path("/pix/payouts/{}/contest", payout_id), data(Contest))

    @List
    def list(
        self, *, status: str | None = None, end_to_end_id: str | None = None
    ) -> Request[Page[Contest]]:
        """Newest first."""
        return page_of("/pix/contests", Contest, status=status, end_to_end_id=end_to_end_id)

    @Call
    def cancel(self, payout_id: str) -> Request[Contest]:
        """Take it back, until it is decided."""
        return post(path("/pix/payouts/{}/contest/cancel", payout_id), data(Contest))
