"""Who is calling: a merchant's API key, `sk_live_` + the institution's ISPB + 32 characters.

The ISPB inside the key leads to the institution without asking all of them.
"""

import re
from dataclasses import dataclass

from fluxiq.errors import Refused
from fluxiq.services.tenant import Tenant, Tenants

_KEY = re.compile(r"sk_(?:live|test)_([0-9A-Z]{8})[A-Za-z0-9]{32}")


@dataclass(frozen=True, slots=True)
class Caller:
    tenant: Tenant
    merchant_id: str
    key_id: str
    permissions: tuple[str, ...]

    def may(self, permission: str) -> bool:
        """Whether a grant covers `permission` (`resource:action`): itself, `resource:*` or `*`."""
        resource, _, _ = permission.partition(":")
        return any(grant in (permission, f"{resource}:*", "*") for grant in self.permissions)


def new_key(tenant: Tenant) -> str:
    """The text of a fresh key; it is shown once and only its keyed hash is kept."""
    return f"sk_live_{tenant.ispb}{tenant.ids.letters(32)}"


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
    if key is None or key.revoked_at is not None:
        raise _refused()

    return Caller(tenant, key.merchant_id, key.id, key.permissions)


def _refused() -> Refused:
    return Refused("unauthorized", "the API key is missing, malformed, unknown or revoked")
