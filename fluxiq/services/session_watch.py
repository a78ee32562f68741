"""Whether a session still lives, asked on every request of a person: within a second everywhere.

What a token says of its session never changes; that it has ended is the only news. It is on paper
in Postgres and told through Redis. Redis answers first; Postgres is asked when Redis is away or
has not heard of the session for LIVE_SECONDS. So a session ends within RECENT_SECONDS, and where
Redis lost the word, within LIVE_SECONDS more.
"""

from collections.abc import Iterable
from typing import Final

import structlog

from fluxiq.errors import Unavailable
from fluxiq.services.tenant import Tenant

LIVE_SECONDS: Final = 30
SPARE_SECONDS: Final = 60  # for clocks: an end is remembered longer than any token lives

_log = structlog.get_logger("fluxiq.identity")


async def is_live(tenant: Tenant, session_id: str) -> bool:
    """Raises Unavailable when neither Redis nor Postgres says."""
    return await tenant.recent_sessions.get(session_id, lambda: _look(tenant, session_id)) is True


async def tell_ended(tenant: Tenant, session_ids: Iterable[str]) -> None:
    """Tell all processes of ends that are on paper. While Redis is away they ask there anyway."""
    seconds = tenant.settings.identity.access_seconds + SPARE_SECONDS
    for session_id in session_ids:
        tenant.recent_sessions.forget(session_id)
        try:
            await tenant.cache.put(_ended(session_id), b"1", ttl_seconds=seconds)
        except Unavailable as error:
            _log.warning("session_end_not_told", session_id=session_id, error=str(error))


async def _look(tenant: Tenant, session_id: str) -> bool | None:
    """True, or None: what is not there is not remembered."""
    reached = True
    try:
        # The end first: whoever saw the session live a moment too early may have said so after it.
        ended, live = await tenant.cache.get_many([_ended(session_id), _live(session_id)])
        if ended is not None:
            return None
        if live is not None:
            return True
    except Unavailable:
        reached = False  # the guard has logged that Redis is away

    if not await tenant.sessions.is_live(session_id, tenant.clock.now()):
        return None
    if reached:
        await _say_live(tenant, session_id)
    return True


async def _say_live(tenant: Tenant, session_id: str) -> None:
    try:
        await tenant.cache.put(_live(session_id), b"1", ttl_seconds=LIVE_SECONDS)
    except Unavailable as error:
        _log.debug("session_life_not_told", session_id=session_id, error=str(error))


def _ended(session_id: str) -> str:
    return f"session:ended:{session_id}"


def _live(session_id: str) -> str:
    return f"session:live:{session_id}"
