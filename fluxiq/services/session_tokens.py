"""The two tokens of a session: what is in the access token, and how the refresh token looks."""

import hashlib
import re
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from fluxiq.domain.roles import permissions_of
from fluxiq.domain.session import RefreshToken, Session
from fluxiq.domain.user import User
from fluxiq.services.access_tokens import Claims
from fluxiq.services.tenant import Tenant

LETTERS: Final = 43  # of 62: 256 bits
JTI_BYTES: Final = 16

# The ISPB inside leads to the institution, as with API keys.
_REFRESH: Final = re.compile(rf"rt_([0-9A-Z]{{8}})[A-Za-z0-9]{{{LETTERS}}}")


class LoginClient(Struct, frozen=True, kw_only=True):
    """Where somebody logs in from: an address, and the program as it calls itself."""

    address: str
    program: str


class Tokens(Struct, frozen=True, kw_only=True):
    """A session's tokens as its owner gets them. Times in seconds."""

    access_token: str
    expires_in: int
    refresh_token: str
    refresh_expires_in: int


def ispb_of_refresh_token(text: str) -> str | None:
    match = _REFRESH.fullmatch(text)
    return None if match is None else match[1]


def digest_of_token(text: str) -> bytes:
    """The digest under which a refresh token is kept."""
    return hashlib.sha256(text.encode()).digest()


def new_session(tenant: Tenant, user_id: str, client: LoginClient, now: datetime) -> Session:
    life = timedelta(seconds=tenant.settings.identity.session_seconds_max)
    return Session(
        id=tenant.ids.new("ses"),
        user_id=user_id,
        created_at=now,
        last_used_at=now,
        expires_at=now + life,
        address=client.address,
        client=client.program,
    )


def new_refresh_token(tenant: Tenant, now: datetime) -> tuple[str, RefreshToken]:
    """Its text, and what is kept of it. To whom it belongs is for the store to say."""
    text = f"rt_{tenant.ispb}{tenant.ids.letters(LETTERS)}"
    life = timedelta(seconds=tenant.settings.identity.refresh_seconds)
    token = RefreshToken(
        digest=digest_of_token(text), session_id="", created_at=now, expires_at=now + life
    )
    return text, token


def tokens_of(
    tenant: Tenant, user: User, session: Session, refresh: tuple[str, RefreshToken]
) -> Tokens:
    """Both tokens; neither outlives the session."""
    text, token = refresh
    now = token.created_at
    left = int((session.expires_at - now).total_seconds())
    expires_in = min(tenant.settings.identity.access_seconds, left)
    return Tokens(
        access_token=tenant.tokens.issue(_claims(tenant, user, session.id, now, expires_in), now),
        expires_in=expires_in,
        refresh_token=text,
        refresh_expires_in=min(int((token.expires_at - now).total_seconds()), left),
    )


def _claims(tenant: Tenant, user: User, session_id: str, now: datetime, expires_in: int) -> Claims:
    identity, at = tenant.settings.identity, int(now.timestamp())
    return Claims(
        iss=identity.issuer,
        aud=identity.audience,
        sub=user.id,
        sid=session_id,
        jti=tenant.ids.secret(JTI_BYTES).hex(),
        iat=at,
        nbf=at,
        exp=at + expires_in,
        tenant_id=tenant.ispb,
        ispb=tenant.ispb,
        roles=(user.role,),
        permissions=permissions_of(user.role, user.merchant_id),
        merchant_id=user.merchant_id,
        password_change=user.one_time_until is not None,
    )
