"""Accounts and what is in them: what merchants say, and what they are told."""

from datetime import datetime
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from fluxiq.domain.product import PIX_MERCHANT, Product
from fluxiq.domain.records import Account, AccountStatus, Balance
from fluxiq.services.messages.envelope import Json

AccountName = Annotated[str, Meta(min_length=1, max_length=140)]
Reason = Annotated[str, Meta(min_length=1, max_length=280)]


class OpenAccount(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    name: AccountName
    product_id: str = PIX_MERCHANT.id
    metadata: Json = {}


class ChangeAccount(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is left out stays as it is; metadata is replaced whole."""

    name: AccountName | UnsetType = UNSET
    metadata: Json | UnsetType = UNSET


class BlockAccount(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    reason: Reason


class UnblockAccount(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the institution's own people say when they unblock; a merchant says nothing."""

    reason: Reason


class AccountView(Struct, frozen=True, kw_only=True):
    id: str
    merchant_id: str
    product_id: str
    name: str
    status: AccountStatus
    block_reason: str | None
    pix_keys: tuple[str, ...]
    created_at: datetime
    metadata: Json


class BalanceView(Struct, frozen=True, kw_only=True):
    """`total` is the sum of the three. `pending` is held for what is under way; `blocked` is set
    aside by the law: neither can be spent.
    """

    available: int
    pending: int
    blocked: int
    total: int
    currency: str
    updated_at: datetime


class ProductView(Struct, frozen=True, kw_only=True):
    id: str
    name: str
    description: str


def account_view(account: Account, pix_keys: tuple[str, ...]) -> AccountView:
    return AccountView(
        id=account.id,
        merchant_id=account.merchant_id,
        product_id=account.product_id,
        name=account.name,
        status=account.status,
        block_reason=account.block_reason,
        pix_keys=pix_keys,
        created_at=account.created_at,
        metadata=account.metadata,
    )


def balance_view(balance: Balance, blocked: Balance | None, at: datetime) -> BalanceView:
    """`blocked` is None while nothing of the account was ever blocked."""
    available, pending = balance.available, balance.debits_pending
    set_aside = 0 if blocked is None else blocked.available
    return BalanceView(
        available=available,
        pending=pending,
        blocked=set_aside,
        total=available + pending + set_aside,
        currency="BRL",
        updated_at=at,
    )


def product_view(product: Product) -> ProductView:
    return ProductView(id=product.id, name=product.name, description=product.description)
