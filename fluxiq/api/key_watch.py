"""Windows of API keys that were revoked or have expired are closed, wherever that was done.

HTTP asks about a key on each request. A websocket that is open asks nothing, and looking at each of
ten thousand every second would be a tenth of a core: so all keys that listen are asked about at
once.
"""

from typing import Final

from fluxiq.api.hub import Hub
from fluxiq.domain.identifiers import IdPrefix
from fluxiq.services.tenant import Tenant

WATCH_SECONDS: Final = 0.5  # with the question itself, within a second

_KEY: Final = f"{IdPrefix.API_KEY}_"


async def close_dead_windows(hub: Hub, tenant: Tenant) -> int:
    """Close the windows of keys that open nothing any more; returns how many. Raises Unavailable,
    and then nobody is closed: a database that is away has revoked no key.
    """
    listening = sorted(one for one in hub.actors(tenant.ispb) if one.startswith(_KEY))
    if not listening:
        return 0
    dead = await tenant.api_keys.dead_keys(listening, tenant.clock.now())
    return hub.close_actors(tenant.ispb, dead)
