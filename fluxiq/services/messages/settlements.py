"""Settlements: what merchants say of their schedule, and what they are told."""

from datetime import date, datetime
from typing import Annotated

from msgspec import Meta, Struct

from fluxiq.domain.settlement import SettlementDay, SettlementSchedule
from fluxiq.services.messages.words import Centavos

TimeOfDay = Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]


class PutSettlementSchedule(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`time` is in São Paulo. What is available above `keep` is moved, where it is at least
    `minimum`.
    """

    enabled: bool
    time: TimeOfDay
    source_account_id: str
    destination_account_id: str
    minimum: Centavos = 1
    keep: Annotated[int, Meta(ge=0, le=10**15, description="centavos of BRL")] = 0


class SettlementDayView(Struct, frozen=True, kw_only=True):
    """A day in São Paulo on which something was settled; `amount` in centavos."""

    date: date
    amount: int
    currency: str
    transfer_count: int
    last_at: datetime


class LastSettlementView(Struct, frozen=True, kw_only=True):
    """`outcome`: settled, awaiting_approval, under_way, nothing_to_settle, or the code by which the
    transfer was refused or failed.
    """

    at: datetime
    outcome: str
    transfer_id: str | None


class SettlementScheduleView(Struct, frozen=True, kw_only=True):
    """`set_by` is in whose name the transfers are made; `next_at` is null while it is off."""

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
    last: LastSettlementView | None


def day_view(day: SettlementDay) -> SettlementDayView:
    return SettlementDayView(
        date=day.day,
        amount=day.amount,
        currency="BRL",
        transfer_count=day.transfer_count,
        last_at=day.last_at,
    )


def schedule_view(schedule: SettlementSchedule) -> SettlementScheduleView:
    return SettlementScheduleView(
        enabled=schedule.next_at is not None,
        time=schedule.time,
        source_account_id=schedule.source_account_id,
        destination_account_id=schedule.destination_account_id,
        minimum=schedule.minimum,
        keep=schedule.keep,
        currency="BRL",
        set_by=schedule.set_by,
        updated_at=schedule.updated_at,
        next_at=schedule.next_at,
        last=_last(schedule),
    )


def _last(schedule: SettlementSchedule) -> LastSettlementView | None:
    if schedule.last_at is None or schedule.last_outcome is None:
        return None
    return LastSettlementView(
        at=schedule.last_at,
        outcome=schedule.last_outcome,
        transfer_id=schedule.last_transfer_id,
    )
