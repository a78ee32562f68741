"""A merchant's API keys: made, listed, replaced and revoked. The text of a key is shown once, to
its maker.

A key gives no more than its maker may do, and a revoked or expired one opens nothing any more
within a second (`tenant.RECENT_SECONDS`).
"""

from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta

from msgspec import UNSET

from fluxiq.domain.networks import parse_network
from fluxiq.domain.records import ApiKey
from fluxiq.errors import Refused
from fluxiq.ports import Fresh, Idempotency, Opening, Page
from fluxiq.ports.api_keys import KeyOpening, KeyRotation
from fluxiq.services.authenticate import Caller, last_characters, new_key, takes_test_keys
from fluxiq.services.merchants import require_own
from fluxiq.services.messages.envelope import Answer, Data, Listing, encode, listing
from fluxiq.services.messages.merchants import ApiKeyView, OpenApiKey, RotateApiKey, api_key_view
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
    a permission nobody asks for, a time that is over, what is no network, or a test key where money
    is real; forbidden for more than the caller may.
    """
    tenant, now = caller.tenant, caller.tenant.clock.now()
    require_own(caller.merchant_id, merchant_id)
    _check_permissions(caller, request.permissions, known)
    _check_expiry(request.expires_at, now)
    is_test = request.environment == "test"
    if is_test and not takes_test_keys(tenant):
        raise Refused(
            "validation_failed", "there are no test keys where money is real", field="environment"
        )

    text = new_key(tenant, is_test=is_test)
    key = ApiKey(
        id=tenant.ids.new("key"),
        merchant_id=merchant_id,
        name=request.name,
        key_hash=tenant.key_hash(text),
        permissions=tuple(dict.fromkeys(request.permissions)),
        created_at=now,
        expires_at=request.expires_at,
        last_characters=last_characters(text),
        is_test=is_test,
        networks=_networks(request.allowed_networks),
        owner_id=_owner(caller),
    )
    return _shown_once(
        key, text, await tenant.api_keys.open_key(_opening(caller, key, idempotency))
    )


async def rotate_api_key(
    caller: Caller,
    merchant_id: str,
    key_id: str,
    request: RotateApiKey,
    idempotency: Idempotency | None,
) -> Answer:
    """A key that may what the old one may, with its text; the old one works for a while still, and
    then never again. A key may replace itself, but not at once: the answer may be lost.

    Raises Refused: merchant_not_found, api_key_not_found, api_key_over, api_key_in_use, forbidden
    for a key that may more than the caller, validation_failed.
    """
    tenant, now = caller.tenant, caller.tenant.clock.now()
    require_own(caller.merchant_id, merchant_id)
    old = await tenant.api_keys.find_key(merchant_id, key_id)
    if old is None:
        raise _not_found(key_id)
    for permission in old.permissions:
        _require_grant(caller, permission, field="key_id")
    if key_id == caller.actor and not request.overlap_seconds:
        raise Refused(
            "api_key_in_use",
            "a key that ends at once cannot replace itself: give it some overlap",
            field="overlap_seconds",
        )
    expires_at = request.expires_at
    _check_expiry(expires_at, now)
    if expires_at is None and old.expires_at is not None:
        expires_at = now + (old.expires_at - old.created_at)

    text = new_key(tenant, is_test=old.is_test)
    key = ApiKey(
        id=tenant.ids.new("key"),
        merchant_id=merchant_id,
        name=old.name,
        key_hash=tenant.key_hash(text),
        permissions=old.permissions,
        created_at=now,
        expires_at=expires_at,
        last_characters=last_characters(text),
        is_test=old.is_test,
        networks=old.networks,
        owner_id=_owner(caller),
    )
    opened = await tenant.api_keys.rotate_key(
        KeyRotation(
            opening=_opening(caller, key, idempotency),
            replaces=old.id,
            until=now + timedelta(seconds=request.overlap_seconds),
        )
    )
    tenant.recent_keys.forget(old.key_hash)
    return _shown_once(key, text, opened)


async def list_api_keys(
    tenant: Tenant, caller_id: str, merchant_id: str, page: Page
) -> Listing[ApiKeyView]:
    """Newest first; the revoked ones too."""
    require_own(caller_id, merchant_id)
    keys, total = await tenant.api_keys.list_keys(merchant_id, page)
    uses = await tenant.api_keys.last_uses([key.id for key in keys])
    views = [api_key_view(key, last_used_at=uses.get(key.id)) for key in keys]
    return listing(views, page, total)


async def revoke_api_key(caller: Caller, merchant_id: str, key_id: str) -> None:
    """Twice is once. Raises Refused: api_key_not_found, or api_key_in_use for the caller's own."""
    require_own(caller.merchant_id, merchant_id)
    if key_id == caller.actor:
        raise Refused(
            "api_key_in_use",
            "a key cannot revoke itself: use another one, so that you are not locked out",
            field="key_id",
        )
    tenant = caller.tenant
    now = tenant.clock.now()
    revoked = await tenant.api_keys.revoke_key(merchant_id, key_id, caller.actor, now)
    if revoked is None:
        raise _not_found(key_id)
    tenant.recent_keys.forget(revoked.key_hash)  # here at once, in other processes within a second


def _opening(caller: Caller, key: ApiKey, idempotency: Idempotency | None) -> KeyOpening:
    return KeyOpening(
        key=key,
        actor=caller.actor,
        response=encode(Data(api_key_view(key, UNSET))),
        idempotency=idempotency,
    )


def _shown_once(key: ApiKey, text: str, opened: Opening) -> Answer:
    if not isinstance(opened, Fresh):
        return replay(opened)
    return Answer(body=encode(Data(api_key_view(key, text))))


def _owner(caller: Caller) -> str | None:
    """The person behind a key, also behind one that another key makes."""
    return caller.owner_id if caller.user is None else caller.user.user_id


def _not_found(key_id: str) -> Refused:
    return Refused("api_key_not_found", f"no API key {key_id}", field="key_id")


def _networks(asked: tuple[str, ...]) -> tuple[str, ...]:
    networks = [
        parse_network(text, field=f"allowed_networks.{index}") for index, text in enumerate(asked)
    ]
    return tuple(dict.fromkeys(networks))


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
        _require_grant(caller, permission, field=f"permissions.{index}")


def _require_grant(caller: Caller, permission: str, *, field: str) -> None:
    if not caller.may(permission):
        raise Refused(
            "forbidden",
            f"you lack {permission}, and cannot give it away",
            field=field,
            details={"permission": permission},
        )


def _check_expiry(expires_at: datetime | None, now: datetime) -> None:
    if expires_at is not None and not now < expires_at <= now + LIFE_MAX:
        raise Refused(
            "validation_failed",
            f"expected a time within the next {LIFE_MAX.days} days, or none",
            field="expires_at",
        )
