"""Merchants and their API keys: what they say, and what they are told."""

from datetime import datetime
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from fluxiq.domain.records import ApiKey, Merchant


class MerchantView(Struct, frozen=True, kw_only=True):
    id: str
    name: str
    document: str
    city: str
    created_at: datetime


class OpenApiKey(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`permissions` are words such as `pix:read`, `pix:*` or `*`."""

    name: Annotated[str, Meta(min_length=1, max_length=80)]
    permissions: Annotated[tuple[str, ...], Meta(min_length=1, max_length=50)]
    expires_at: Annotated[datetime, Meta(tz=True)] | None = None


class ApiKeyView(Struct, frozen=True, kw_only=True):
    """`key` is its whole text, in the answer that makes it and never again. `last_characters` tell
    keys apart; of old ones they are not known.
    """

    id: str
    merchant_id: str
    name: str
    permissions: tuple[str, ...]
    last_characters: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    key: str | UnsetType = UNSET


def merchant_view(merchant: Merchant) -> MerchantView:
    return MerchantView(
        id=merchant.id,
        name=merchant.name,
        document=merchant.document,
        city=merchant.city,
        created_at=merchant.created_at,
    )


def api_key_view(key: ApiKey, text: str | UnsetType = UNSET) -> ApiKeyView:
    return ApiKeyView(
        id=key.id,
        merchant_id=key.merchant_id,
        name=key.name,
        permissions=key.permissions,
        last_characters=key.last_characters,
        created_at=key.created_at,
        expires_at=key.expires_at,
        revoked_at=key.revoked_at,
        key=text,
    )
