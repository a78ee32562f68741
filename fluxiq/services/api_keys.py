"""A merchant's API keys: made, listed and revoked. The text of a key is shown once, to its maker.

A key gives no more than its maker may do, and a revoked or expired one opens nothing any more
within a second (`tenant.RECENT_SECONDS`).
"""

from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta

from msgspec import UNSET

from fluxiq.domain.records import ApiKey
from fluxiq.errors import Refused
from fluxiq.ports import Fresh, Idempotency, Page
from fluxiq.ports.api_keys import KeyOpening
from fluxiq.services.authenticate import Caller, last_characters, new_key
from fluxiq.services.merchants import require_own
from fluxiq.services.messages.envelope import Answer, Data, Listing, encode, listing
from fluxiq.services.messages.merchants import ApiKeyView, OpenApiKey, api_key_view
from fluxiq.services.replay import replay
from fluxiq.services.tenant import Tenant

LIFE_MAX = timedelta(days=3660)  # whoever means for ever says nothing


async def open_api_key(
    caller: Caller,
    merchant_id: str,
    request: OpenApiKey,
    idempotency: Idempotency | None,
    known: AbstractSet[str],
) -> Answer:
    """A key with its text. A replay has no `key`: only its hash is kept.

    `known` are all permissions there are. Raises Refused: merchant_not_found, validation_failed for
    a permission nobody asks for or a time that is over, forbidden for more than the caller may.
    """
    tenant, now = caller.tenant, caller.tenant.clock.now()
    require_own(caller.merchant_id, merchant_id)
    _check_permissions(caller, request.permissions, known)
    _check_expiry(request.expires_at, now)

    text = new_key(tenant)
    key = ApiKey(
        id=tenant.ids.new("key"),
        merchant_id=merchant_id,
        name=request.name,
        key_hash=tenant.key_hash(text),
        permissions=tuple(dict.fromkeys(request.permissions)),
        created_at=now,
        expires_at=request.expires_at,
        last_characters=last_characters(text),
    )
    opening = await tenant.api_keys.open_key(
        KeyOpening(
            key=key,
            actor=caller.key_id,
            response=encode(Data(api_key_view(key, UNSET))),
            idempotency=idempotency,
        )
    )
    if not isinstance(opening, Fresh):
        return replay(opening)
    return Answer(body=encode(Data(api_key_view(key, text))))


async def list_api_keys(
    tenant: Tenant, caller_id: str, merchant_id: str, page: Page
) -> Listing[ApiKeyView]:
    """Newest first; the revoked ones too."""
    require_own(caller_id, merchant_id)
    keys, total = await tenant.api_keys.list_keys(merchant_id, page)
    return listing([api_key_view(key) for key in keys], page, total)


async def revoke_api_key(caller: Caller, merchant_id: str, key_id: str) -> None:
    """Twice is once. Raises Refused: api_key_not_found, or api_key_in_use for the caller's own."""
    require_own(caller.merchant_id, merchant_id)
    if key_id == caller.key_id:
        raise Refused(
            "api_key_in_use",
            "a key cannot revoke itself: use another one, so that you are not locked out",
            field="key_id",
        )
    tenant = caller.tenant
    found = await tenant.api_keys.revoke_key(merchant_id, key_id, caller.key_id, tenant.clock.now())
    if not found:
        raise Refused("api_key_not_found", f"no API key {key_id}", field="key_id")


def _check_permissions(caller: Caller, asked: tuple[str, ...], known: AbstractSet[str]) -> None:
    resources = {permission.partition(":")[0] for permission in known}
    words = {*known, *(f"{resource}:*" for resource in resources), "*"}
    for index, permission in enumerate(asked):
        if permission not in words:
            raise Refused(
                "validation_failed",
                f"no such permission; there are {', '.join(sorted(words))}",
                field=f"permissions.{index}",
            )
        if not caller.may(permission):
            raise Refused(
                "forbidden",
                f"this key lacks {permission}, and cannot give it away",
                field=f"permissions.{index}",
                details={"permission": permission},
            )


def _check_expiry(expires_at: datetime | None, now: datetime) -> None:
    if expires_at is not None and not now < expires_at <= now + LIFE_MAX:
        raise Refused(
            "validation_failed",
            f"expected a time within the next {LIFE_MAX.days} days, or none",
            field="expires_at",
        )
