"""Who is calling: a merchant's API key (`domain.api_key_text`), or a person's access token
(`access_tokens`).

The ISPB inside a key, and inside the name of the key that signed a token, leads to the institution
without asking all of them.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import structlog

from fluxiq.domain.api_key_text import RANDOM_LENGTH, build_key, read_key
from fluxiq.domain.networks import is_within
from fluxiq.domain.roles import INSTITUTION_ONLY, OWN, covers
from fluxiq.errors import Refused
from fluxiq.services.access_tokens import header_of
from fluxiq.services.session_watch import is_live
from fluxiq.services.signing_keys import ispb_of_kid
from fluxiq.services.tenant import Tenant, Tenants

_KEY_PREFIX: Final = "sk_"

_log = structlog.get_logger("fluxiq.identity")


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A person's session, until `expires_at` under this token. `must_change`: their password was
    given by somebody else.
    """

    user_id: str
    session_id: str
    expires_at: datetime
    must_change: bool


@dataclass(frozen=True, slots=True)
class Caller:
    """`actor` is who is accountable: `key_…` or `usr_…`. `belongs_to` is a merchant's id, or None
    for the institution's own people. `user` is None for an API key. `owner_id` is the person that
    an API key belongs to, where it belongs to one.
    """

    tenant: Tenant
    belongs_to: str | None
    actor: str
    permissions: tuple[str, ...]
    user: SignedIn | None = None
    owner_id: str | None = None

    @property
    def merchant_id(self) -> str:
        """The merchant who asks. Raises Refused("forbidden") for people of the institution: what
        is a merchant's is not theirs to reach, whatever their role.
        """
        if self.belongs_to is None:
            raise not_a_merchant()
        return self.belongs_to

    @property
    def person(self) -> SignedIn:
        """Raises Refused("forbidden") for an API key."""
        if self.user is None:
            raise Refused("forbidden", "this is for people who have logged in, not for API keys")
        return self.user

    def may(self, permission: str) -> bool:
        """Whether a grant covers `permission`, or a grant to give away (`domain.roles.covers`)."""
        if permission == OWN:
            return self.user is not None
        if permission in INSTITUTION_ONLY and self.belongs_to is not None:
            return False
        return covers(self.permissions, permission)


def new_key(tenant: Tenant, *, is_test: bool = False) -> str:
    """The text of a fresh key; it is shown once and only its keyed hash is kept."""
    return build_key(tenant.ispb, tenant.ids.letters(RANDOM_LENGTH), is_test=is_test)


def takes_test_keys(tenant: Tenant) -> bool:
    """Where no money is real: whose every link is to the simulator."""
    return all(link.kind == "simulator" for link in tenant.institution.providers)


def last_characters(text: str) -> str:
    """What may be shown of a key, to tell it from others."""
    return text[-4:]


async def authenticate(tenants: Tenants, bearer: str, address: str) -> Caller:
    """Who it is, from `address` (`api.remote`).

    Raises Refused("unauthorized"), the same for every reason; address_not_allowed, to whom has a
    key that works elsewhere; Unavailable when unsure.
    """
    if bearer.startswith(_KEY_PREFIX):
        return await _by_key(tenants, bearer, address)
    return await _by_token(tenants, bearer)


async def _by_key(tenants: Tenants, bearer: str, address: str) -> Caller:
    said = read_key(bearer)
    if said is None:
        raise _refused()  # without asking anybody

    tenant = _tenant(tenants, said.ispb)
    if said.is_test and not takes_test_keys(tenant):
        raise _refused()
    digest, now = tenant.key_hash(bearer), tenant.clock.now()
    key = await tenant.recent_keys.get(digest, lambda: tenant.store.find_api_key(digest))
    if key is None or not key.works_at(now):
        raise _refused()

    if key.networks and not is_within(address, key.networks):
        _log.warning("api_key_used_from_elsewhere", key=key.id, institution=tenant.ispb)
        raise Refused("address_not_allowed", "this key does not work from your address")
    tenant.key_uses.note(key.id, now)
    return Caller(tenant, key.merchant_id, key.id, key.permissions, owner_id=key.owner_id)


async def _by_token(tenants: Tenants, bearer: str) -> Caller:
    header = header_of(bearer)
    ispb = None if header is None else ispb_of_kid(header.kid)
    if header is None or ispb is None:
        raise _refused()

    tenant = _tenant(tenants, ispb)
    claims = tenant.tokens.read(bearer, header, tenant.clock.now())
    if claims is None or not await is_live(tenant, claims.sid):
        raise _refused()

    user = SignedIn(
        user_id=claims.sub,
        session_id=claims.sid,
        expires_at=datetime.fromtimestamp(claims.exp, UTC),
        must_change=claims.password_change,
    )
    return Caller(tenant, claims.merchant_id, claims.sub, claims.permissions, user)


def _tenant(tenants: Tenants, ispb: str) -> Tenant:
    try:
        return tenants.get(ispb)
    except Refused:
        raise _refused() from None


def not_a_merchant() -> Refused:
    return Refused("forbidden", "this is a merchant's, and you belong to the institution")


def _refused() -> Refused:
    return Refused(
        "unauthorized", "the API key or token is missing, malformed, unknown, revoked or expired"
    )
