"""Staying logged in, and logging out: one's own sessions, and who one is."""

from collections.abc import Awaitable, Callable

import structlog

from fluxiq.domain.session import EndReason
from fluxiq.domain.user import UserStatus
from fluxiq.errors import Refused
from fluxiq.ports.sessions import Refreshed, Reused
from fluxiq.services.authenticate import Caller
from fluxiq.services.messages.sessions import SessionView, session_view
from fluxiq.services.messages.users import UserView, user_view
from fluxiq.services.session_tokens import (
    Tokens,
    digest_of_token,
    ispb_of_refresh_token,
    new_refresh_token,
    tokens_of,
)
from fluxiq.services.session_watch import tell_ended
from fluxiq.services.tenant import Tenant, Tenants

_log = structlog.get_logger("fluxiq.identity")


async def refresh_session(
    tenants: Tenants, text: str, admit: Callable[[Tenant], Awaitable[None]]
) -> Tokens:
    """New tokens for an unused refresh token, which is used up. A used one ends its session.

    Raises Refused("unauthorized"), the same for every reason, and what `admit` raises.
    """
    tenant = _tenant_of(tenants, text)
    await admit(tenant)
    tenant.standing.check()
    fresh = new_refresh_token(tenant, tenant.clock.now())
    match await tenant.sessions.refresh(digest_of_token(text), fresh[1]):
        case Refreshed(user=user, session=session):
            assert user.status is UserStatus.ACTIVE, "sessions end with their user's lock"
            return tokens_of(tenant, user, session, fresh)
        case Reused(user_id=user_id, session_id=session_id):
            _log.warning("refresh_token_reused", user_id=user_id, session_id=session_id)
            await tell_ended(tenant, [session_id])
    raise _refused()


async def show_self(caller: Caller) -> UserView:
    """Who asks. Raises Refused("unauthorized") for somebody who was removed a moment ago."""
    user = await caller.tenant.users.find_user(caller.person.user_id)
    if user is None:
        raise _refused()
    return user_view(user)


async def log_out(caller: Caller) -> None:
    """End the session that asks. Twice is once."""
    await _end(caller, caller.person.session_id, EndReason.LOGGED_OUT)


async def list_sessions(caller: Caller) -> list[SessionView]:
    """Those that have not ended, newest first."""
    person, tenant = caller.person, caller.tenant
    found = await tenant.sessions.list_sessions(person.user_id, tenant.clock.now())
    return [session_view(one, person.session_id) for one in found]


async def end_session(caller: Caller, session_id: str) -> None:
    """End one of one's own. Twice is once. Raises Refused("session_not_found")."""
    if not await _end(caller, session_id, EndReason.REVOKED):
        raise Refused("session_not_found", f"no session {session_id}", field="session_id")


async def _end(caller: Caller, session_id: str, reason: EndReason) -> bool:
    tenant, now = caller.tenant, caller.tenant.clock.now()
    found = await tenant.sessions.end_session(caller.person.user_id, session_id, reason, now)
    if found:
        await tell_ended(tenant, [session_id])
    return found


def _tenant_of(tenants: Tenants, text: str) -> Tenant:
    ispb = ispb_of_refresh_token(text)
    if ispb is None:
        raise _refused()
    try:
        return tenants.get(ispb)
    except Refused:
        raise _refused() from None


def _refused() -> Refused:
    return Refused(
        "unauthorized", "the refresh token is unknown, used or expired, or its session has ended"
    )
