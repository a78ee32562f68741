"""Accounts and what is in them, as merchants are told."""

from datetime import datetime

from msgspec import Struct

from fluxiq.domain.records import Account, Balance
from fluxiq.services.messages.envelope import Json


class AccountView(Struct, frozen=True, kw_only=True):
    id: str
    merchant_id: str
    product_id: str
    name: str
    status: str
    pix_keys: tuple[str, ...]
    created_at: datetime
    metadata: Json


class BalanceView(Struct, frozen=True, kw_only=True):
    """`total` is the sum of the three. `pending` is held for payouts under way."""

    available: int
    pending: int
    blocked: int
    total: int
    currency: str
    updated_at: datetime


def account_view(account: Account, pix_keys: tuple[str, ...]) -> AccountView:
    return AccountView(
        id=account.id,
        merchant_id=account.merchant_id,
        product_id=account.product_id,
        name=account.name,
        status=account.status,
        pix_keys=pix_keys,
        created_at=account.created_at,
        metadata=account.metadata,
    )


def balance_view(balance: Balance, at: datetime) -> BalanceView:
    available, pending = balance.available, balance.debits_pending
    return BalanceView(
        available=available,
        pending=pending,
        blocked=0,
        total=available + pending,
        currency="BRL",
        updated_at=at,
    )
