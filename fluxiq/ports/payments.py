"""What the rooms of charges and payouts need on paper beyond one record at a time."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from msgspec import Struct

from fluxiq.domain.records import Charge, ChargeStatus, Event, Payout, PayoutStage
from fluxiq.ports import (
    Archived,
    Differs,
    HoldSettled,
    Idempotency,
    Limited,
    Opening,
    Page,
    PayoutOpening,
    Replay,
    Running,
)
from fluxiq.ports.jobs import NewJob


class ChargesWanted(Struct, frozen=True, kw_only=True):
    """Which charges of a merchant; None: whatever. Created at `since` or later, before `until`."""

    status: ChargeStatus | None = None
    account_id: str | None = None
    txid: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class PayoutsWanted(Struct, frozen=True, kw_only=True):
    """Which payouts of a merchant; None: whatever. Created at `since` or later, before `until`."""

    stages: tuple[PayoutStage, ...] | None = None
    account_id: str | None = None
    end_to_end_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class InDoubt(Struct, frozen=True, kw_only=True):
    """A payout that was ordered and did not end. `tried` is what the gate did last, at `tried_at`:
    `send` or `ask`, and `answered` what the provider said to it; None while there is none.
    """

    id: str
    merchant_id: str
    account_id: str
    end_to_end_id: str
    amount: int
    stage: PayoutStage
    created_at: datetime
    tried: str | None = None
    tried_at: datetime | None = None
    answered: str | None = None


class ChargeCancelling(Struct, frozen=True, kw_only=True):
    """A charge that its merchant no longer wants paid; `charge` is as it will be."""

    charge: Charge
    at: datetime
    event: Event
    response: bytes  # what a replay of the idempotency key answers
    idempotency: Idempotency | None
    jobs: tuple[NewJob, ...] = ()  # what is left to be done about it


class NotPending(Struct, frozen=True):
    """The charge had changed before: nothing is written."""

    status: ChargeStatus


class Payments(Protocol):
    """Charges and payouts of one institution. Every method is one transaction; twice is once."""

    async def list_charges(
        self, merchant_id: str, wanted: ChargesWanted, page: Page
    ) -> tuple[list[Charge], int]:
        """A page of charges, newest first, and how many there are in all."""

    async def cancel_charge(self, cancelling: ChargeCancelling) -> Opening | NotPending:
        """Cancel the charge if it is pending, and tell."""

    async def list_payouts(
        self, merchant_id: str, wanted: PayoutsWanted, page: Page
    ) -> tuple[list[Payout], int]:
        """A page of payouts, newest first, and how many there are in all."""

    async def payouts_in_doubt(self, before: datetime, page: Page) -> tuple[list[InDoubt], int]:
        """A page of all merchants' payouts whose order has no answer, or was accepted and made
        before `before`; the oldest first, and how many there are in all.
        """

    async def find_openings(
        self, merchant_id: str, asked: Sequence[Idempotency], now: datetime
    ) -> list[Replay | Running | Differs | None]:
        """What became of the requests under these keys, in their order; None: the key is free."""

    async def open_payouts(self, openings: Sequence[PayoutOpening]) -> list[Opening | Limited]:
        """Write the intents whose keys are free, in one statement. Of equal keys the first wins.

        Those that have bounds and go out of one account fit all, and then count into its limits, or
        are all Limited.
        """

    async def settle_holds(self, batch: Sequence[HoldSettled]) -> list[Archived]:
        """Write down what the vault said of these payouts, in one statement."""
