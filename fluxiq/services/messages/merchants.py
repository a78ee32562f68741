"""Merchants and their API keys: what they say, and what they are told."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from fluxiq.domain.records import ApiKey, Merchant


class MerchantView(Struct, frozen=True, kw_only=True):
    id: str
    name: str
    document: str
    city: str
    created_at: datetime


class OpenApiKey(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`permissions` are words such as `pix:read`, `pix:*` or `*`. `allowed_networks` are addresses,
    or networks in CIDR notation, outside which the key opens nothing. A test key works only where
    no money is real.
    """

    name: Annotated[str, Meta(min_length=1, max_length=80)]
    permissions: Annotated[tuple[str, ...], Meta(min_length=1, max_length=50)]
    expires_at: Annotated[datetime, Meta(tz=True)] | None = None
    environment: Literal["live", "test"] = "live"
    allowed_networks: Annotated[
        tuple[Annotated[str, Meta(max_length=64)], ...], Meta(max_length=50)
    ] = ()


class RotateApiKey(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How long the old key works beside the new one; with 0 it ends now. Without `expires_at` the
    new key lives as long as the old one was meant to.
    """

    overlap_seconds: Annotated[int, Meta(ge=0, le=2_592_000)] = 86_400
    expires_at: Annotated[datetime, Meta(tz=True)] | None = None


class ApiKeyView(Struct, frozen=True, kw_only=True):
    """`key` is its whole text, in the answer that makes it and never again. `last_characters` tell
    keys apart; of old ones they are not known. `last_used_at` is a minute, late by some seconds,
    and null before the first use. `replaced_by` is the key that was made to take its place.
    """

    id: str
    merchant_id: str
    name: str
    permissions: tuple[str, ...]
    last_characters: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    environment: Literal["live", "test"]
    allowed_networks: tuple[str, ...]
    last_used_at: datetime | None
    replaced_by: str | None
    key: str | UnsetType = UNSET


def merchant_view(merchant: Merchant) -> MerchantView:
    return MerchantView(
        id=merchant.id,
        name=merchant.name,
        document=merchant.document,
        city=merchant.city,
        created_at=merchant.created_at,
    )


def api_key_view(
    key: ApiKey, text: str | UnsetType = UNSET, last_used_at: datetime | None = None
) -> ApiKeyView:
    return ApiKeyView(
        id=key.id,
        merchant_id=key.merchant_id,
        name=key.name,
        permissions=key.permissions,
        last_characters=key.last_characters,
        created_at=key.created_at,
        expires_at=key.expires_at,
        revoked_at=key.revoked_at,
        environment="test" if key.is_test else "live",
        allowed_networks=key.networks,
        last_used_at=last_used_at,
        replaced_by=key.replaced_by,
        key=text,
    )
