"""Money between two accounts of the institution."""

from datetime import date, datetime

from msgspec import Struct

from fluxiq.sdk.calls import C, Call, List, Resource
from fluxiq.sdk.request import Json, Page, Request, data, get, page_of, path, post, said


class TransferFailure(Struct, frozen=True, kw_only=True):
    code: str
    message: str


class Transfer(Struct, frozen=True, kw_only=True):
    """`status`: completed, failed, or pending: it awaits approval until `expires_at`, by another
    key than `created_by`, or, without that time, the ledger. Of a transfer that came from another
    merchant, `created_by`, `decided_by`, `expires_at` and `metadata` are empty.
    """

    id: str
    status: str
    source_account_id: str
    destination_account_id: str
    amount: int
    currency: str
    description: str
    ledger_entry_id: str | None
    failure: TransferFailure | None
    created_by: str | None
    decided_by: str | None
    created_at: datetime
    expires_at: datetime | None
    completed_at: datetime | None
    metadata: Json


class Transfers(Resource[C]):
    @Call
    def create(
        self,
        *,
        source_account_id: str,
        destination_account_id: str,
        amount: int,
        description: str | None = None,
        metadata: Json | None = None,
        idempotency_key: str | None = None,
    ) -> Request[Transfer]:
        """Move `amount` centavos: at once, or once somebody else approves."""
        body = said(
            source_account_id=source_account_id,
            destination_account_id=destination_account_id,
            amount=amount,
            description=description,
            metadata=metadata,
        )
        return post("/transfers", data(Transfer), body, idempotency_key)

    @Call
    def get(self, transfer_id: str) -> Request[Transfer]:
        return get(path("/transfers/{}", transfer_id), data(Transfer))

    @Call
    def approve(self, transfer_id: str) -> Request[Transfer]:
        """Twice is once."""
        return post(path("/transfers/{}/approve", transfer_id), data(Transfer))

    @Call
    def reject(self, transfer_id: str) -> Request[Transfer]:
        """Twice is once."""
        return post(path("/transfers/{}/reject", transfer_id), data(Transfer))

    @List
    def list(
        self,
        *,
        account_id: str | None = None,
        status: str | None = None,
        start_date: date | None = None,
        end_date: date | None = None,
    ) -> Request[Page[Transfer]]:
        """Newest first, `account_id` on either side; the days are UTC, both included."""
        return page_of(
            "/transfers",
            Transfer,
            account_id=account_id,
            status=status,
            start_date=start_date,
            end_date=end_date,
        )
