"""Payments of all kinds and all merchants of an institution, found by what is known of them."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from fluxiq.ports import Page

FOUND_MAX = 10_000  # rows that are counted, and that pages reach


class PaymentKind(StrEnum):
    CHARGE = "charge"
    RECEIPT = "receipt"
    PAYOUT = "payout"
    REFUND = "refund"
    TRANSFER = "transfer"


class PaymentRow(Struct, frozen=True, kw_only=True):
    """A payment in one line, of whatever kind. `status` is what its merchant sees; a receipt is
    `credited`, or `unidentified` while nobody's. `end_to_end_id` is the name under which it walks:
    of a refund its return id. `gives_back` is the end-to-end id of what a refund gives back. A
    transfer is of the account that it leaves.
    """

    id: str
    kind: PaymentKind
    merchant_id: str | None
    account_id: str | None
    amount: int
    status: str
    end_to_end_id: str | None
    created_at: datetime
    ended_at: datetime | None
    gives_back: str | None = None


class PaymentsWanted(Struct, frozen=True, kw_only=True):
    """None: whatever. A transfer is of both its accounts. Created at `since` or later, before
    `until`; a receipt was created when its notice came.
    """

    kind: PaymentKind | None = None
    status: str | None = None
    merchant_id: str | None = None
    account_id: str | None = None
    amount_min: int | None = None
    amount_max: int | None = None
    since: datetime | None = None
    until: datetime | None = None


class PaymentSearch(Protocol):
    """Over one institution. Raises Unavailable."""

    async def page(self, wanted: PaymentsWanted, page: Page) -> tuple[Sequence[PaymentRow], int]:
        """Newest first, and how many there are, up to FOUND_MAX."""

    async def named(self, names: Sequence[str]) -> Sequence[PaymentRow]:
        """Those with one of these ids, end-to-end ids, return ids or txids, newest first."""

    async def names_behind(self, text: str) -> Sequence[str]:
        """What `named` finds the payments by that another id is about: an event's or a line's of
        the visitors' book (`evt_…`), a delivery's (`dlv_…`), a request's (`req_…`); itself for any
        other.
        """

    async def jobs_holding(self, kind: str, keys: Sequence[str]) -> Sequence[str]:
        """The jobs of a kind that hold one of these unique keys, or held it lately."""
