"""Takings moved from the account that is paid into the one that pays out."""

from datetime import date, datetime

from msgspec import Struct

from fluxiq.sdk.calls import C, Call, List, Resource
from fluxiq.sdk.request import Page, Request, data, get, page_of, put, said


class SettlementDay(Struct, frozen=True, kw_only=True):
    """A day in São Paulo."""

    date: date
    amount: int
    currency: str
    transfer_count: int
    last_at: datetime


class LastSettlement(Struct, frozen=True, kw_only=True):
    """`outcome`: settled, awaiting_approval, under_way, nothing_to_settle, or the code by which the
    transfer was refused or failed.
    """

    at: datetime
    outcome: str
    transfer_id: str | None


class SettlementSchedule(Struct, frozen=True, kw_only=True):
    """`time` is "HH:MM" in São Paulo; what is above `keep` is moved, from `minimum` on."""

    enabled: bool
    time: str
    source_account_id: str
    destination_account_id: str
    minimum: int
    keep: int
    currency: str
    set_by: str
    updated_at: datetime
    next_at: datetime | None
    last: LastSettlement | None


class Settlements(Resource[C]):
    @List
    def list(
        self, *, start_date: date | None = None, end_date: date | None = None
    ) -> Request[Page[SettlementDay]]:
        """By day, the latest first; the days are São Paulo's, both included."""
        return page_of("/settlements", SettlementDay, start_date=start_date, end_date=end_date)

    @Call
    def schedule(self) -> Request[SettlementSchedule]:
        return get("/settlements/schedule", data(SettlementSchedule))

    @Call
    def put_schedule(
        self,
        *,
        time: str,
        source_account_id: str,
        destination_account_id: str,
        enabled: bool = True,
        minimum: int | None = None,
        keep: int | None = None,
    ) -> Request[SettlementSchedule]:
        """Settle once a day, in your name. `minimum` and `keep` in centavos."""
        body = said(
            enabled=enabled,
            time=time,
            source_account_id=source_account_id,
            destination_account_id=destination_account_id,
            minimum=minimum,
            keep=keep,
        )
        return put("/settlements/schedule", data(SettlementSchedule), body)
