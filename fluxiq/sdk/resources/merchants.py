"""Merchants as they see themselves, and their API keys."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from fluxiq.sdk.calls import C, Call, List, Resource
from fluxiq.sdk.request import Page, Request, data, delete, get, page_of, path, post, said


class Merchant(Struct, frozen=True, kw_only=True):
    id: str
    name: str
    document: str
    city: str
    created_at: datetime


class ApiKey(Struct, frozen=True, kw_only=True):
    """`key` is its whole text, in the answer that makes it; a replay of that has none, since the
    platform keeps no copy: revoke such a key and make another.
    """

    id: str
    merchant_id: str
    name: str
    permissions: tuple[str, ...]
    last_characters: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    environment: str
    allowed_networks: tuple[str, ...]
    last_used_at: datetime | None
    replaced_by: str | None
    key: str | None = None


class Merchants(Resource[C]):
    @Call
    def get(self, merchant_id: str) -> Request[Merchant]:
        return get(path("/merchants/{}", merchant_id), data(Merchant))

    @List
    def list(self) -> Request[Page[Merchant]]:
        """Those that the API key may see: its own."""
        return page_of("/merchants", Merchant)


class ApiKeys(Resource[C]):
    @Call
    def create(
        self,
        merchant_id: str,
        *,
        name: str,
        permissions: Sequence[str],
        expires_at: datetime | None = None,
        environment: str | None = None,
        allowed_networks: Sequence[str] | None = None,
        idempotency_key: str | None = None,
    ) -> Request[ApiKey]:
        """`permissions` are words such as `pix:read`, `pix:*` or `*`, no more than your own.
        `environment` is `live`, or `test` where no money is real; `allowed_networks`, in CIDR
        notation, are those that the key works from.
        """
        body = said(
            name=name,
            permissions=list(permissions),
            expires_at=expires_at,
            environment=environment,
            allowed_networks=None if allowed_networks is None else list(allowed_networks),
        )
        where = path("/merchants/{}/api-keys", merchant_id)
        return post(where, data(ApiKey), body, idempotency_key)

    @List
    def list(self, merchant_id: str) -> Request[Page[ApiKey]]:
        """Newest first, without their texts."""
        return page_of(path("/merchants/{}/api-keys", merchant_id), ApiKey)

    @Call
    def rotate(
        self,
        merchant_id: str,
        key_id: str,
        *,
        overlap_seconds: int | None = None,
        expires_at: datetime | None = None,
        idempotency_key: str | None = None,
    ) -> Request[ApiKey]:
        """The key that takes the place of this one, which works for `overlap_seconds` more (a day
        unless told).
        """
        where = path("/merchants/{}/api-keys/{}/rotate", merchant_id, key_id)
        body = said(overlap_seconds=overlap_seconds, expires_at=expires_at)
        return post(where, data(ApiKey), body, idempotency_key)

    @Call
    def revoke(self, merchant_id: str, key_id: str) -> Request[None]:
        """For ever. Twice is once."""
        return delete(path("/merchants/{}/api-keys/{}", merchant_id, key_id))
