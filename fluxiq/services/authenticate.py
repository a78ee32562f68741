"""Who is calling: a merchant's API key, `sk_live_` + the institution's ISPB + 32 characters.

The ISPB inside the key leads to the institution without asking all of them.
"""

import re
from dataclasses import dataclass

from fluxiq.errors import Refused
from fluxiq.services.tenant import Tenant, Tenants

# What is for all merchants of an institution. `*` is the owner of one of them, and may neither do
# this nor give it away: such a grant is named where the merchant is enrolled.
RESERVED = frozenset({"live_data:write", "live_data:*", "med:write", "med:*"})

_KEY = re.compile(r"sk_(?:live|test)_([0-9A-Z]{8})[A-Za-z0-9]{32}")


@dataclass(frozen=True, slots=True)
class Caller:
    tenant: Tenant
    merchant_id: str
    key_id: str
    permissions: tuple[str, ...]

    def may(self, permission: str) -> bool:
        """Whether a grant covers `permission` (`resource:action`): itself, `resource:*` or, unless
        it is RESERVED, `*`.
        """
        resource, _, _ = permission.partition(":")
        covering = {permission, f"{resource}:*"} | (set() if permission in RESERVED else {"*"})
        return not covering.isdisjoint(self.permissions)


def new_key(tenant: Tenant) -> str:
    """The text of a fresh key; it is shown once and only its keyed hash is kept."""
    return f"sk_live_{tenant.ispb}{tenant.ids.letters(32)}"


def last_characters(text: str) -> str:
    """What may be shown of a key, to tell it from others."""
    return text[-4:]


async def authenticate(tenants: Tenants, bearer: str) -> Caller:
    """Raises Refused("unauthorized"), the same for every reason; Unavailable when unsure."""
    match = _KEY.fullmatch(bearer)
    if match is None:
        raise _refused()

    try:
        tenant = tenants.get(match[1])
    except Refused:
        raise _refused() from None

    digest = tenant.key_hash(bearer)
    key = await tenant.recent_keys.get(digest, lambda: tenant.store.find_api_key(digest))
    if key is None or not key.works_at(tenant.clock.now()):
        raise _refused()

    return Caller(tenant, key.merchant_id, key.id, key.permissions)


def _refused() -> Refused:
    return Refused("unauthorized", "the API key is missing, malformed, unknown, revoked or expired")
