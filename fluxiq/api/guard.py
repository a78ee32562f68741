"""Who may pass: API key, permission and rate, in this order of asking.

The allowance is counted before the permission is checked, so that a key cannot hammer on a door
that it may not open.
"""

from collections.abc import Callable

import structlog

from fluxiq.api.contract import PUBLIC, Endpoint, Rate
from fluxiq.errors import Refused, Unavailable
from fluxiq.ports import RateDecision
from fluxiq.services.authenticate import Caller, authenticate
from fluxiq.services.tenant import Tenant, Tenants

WINDOW_SECONDS = 60
AWAY_SECONDS = 1.0  # how long a cache that did not answer is not asked again

_log = structlog.get_logger("fluxiq.api")


class Guard:
    """Admits callers. `monotonic` is a clock in seconds, for the pauses between questions."""

    def __init__(self, tenants: Tenants, monotonic: Callable[[], float]) -> None:
        self._tenants = tenants
        self._monotonic = monotonic
        self._away_until: dict[str, float] = {}

    async def identify(self, authorization: str | None) -> Caller:
        """Raises Refused("unauthorized")."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Refused("unauthorized", "send your API key as `Authorization: Bearer …`")
        return await authenticate(self._tenants, token.strip())

    async def count(self, caller: Caller, rate: Rate) -> RateDecision | None:
        """One use of the key's allowance; None where nothing is counted, or nobody can count."""
        if rate is Rate.NONE:
            return None
        return await self._ask(caller.tenant, f"{rate}:{caller.key_id}", rate)

    async def count_callback(
        self, tenant: Tenant, provider: str, remote: str
    ) -> RateDecision | None:
        """One use of an address's allowance: a stranger can spend his own only."""
        return await self._ask(tenant, f"callback:{provider}:{remote}", Rate.CALLBACK)

    async def check_rate(self, caller: Caller, rate: Rate) -> None:
        """As `count`, where there is no response to carry its headers. Raises Refused."""
        decision = await self.count(caller, rate)
        if decision is not None:
            refuse_above(decision, caller.tenant.clock.now().timestamp())

    @staticmethod
    def authorize(caller: Caller, endpoint: Endpoint) -> None:
        """Raises Refused("forbidden") naming the permission that is missing."""
        require(caller, endpoint.permission)

    async def _ask(self, tenant: Tenant, bucket: str, rate: Rate) -> RateDecision | None:
        """Without the cache everybody passes: Redis may cost time, never payments."""
        away_until = self._away_until.get(tenant.ispb)
        if away_until is not None and self._monotonic() < away_until:
            return None

        try:
            decision = await tenant.cache.allow(bucket, allowance(tenant, rate), WINDOW_SECONDS)
        except Unavailable as error:
            self._away_until[tenant.ispb] = self._monotonic() + AWAY_SECONDS
            if away_until is None:
                _log.warning("rate_limits_lifted", institution=tenant.ispb, error=str(error))
            return None

        if away_until is not None:
            self._away_until.pop(tenant.ispb, None)
            _log.info("rate_limits_restored", institution=tenant.ispb)
        return decision


def require(caller: Caller, permission: str) -> None:
    """Raises Refused("forbidden") unless one of the caller's grants covers `permission`."""
    assert permission != PUBLIC, "a public endpoint has nobody to ask"
    if not caller.may(permission):
        raise Refused(
            "forbidden", f"this key lacks {permission}", details={"permission": permission}
        )


def refuse_above(decision: RateDecision, unix_now: float) -> None:
    """Raises Refused("rate_limited") with the seconds to wait when the window is used up."""
    if decision.allowed:
        return
    wait = max(1, decision.reset_at - int(unix_now))
    raise Refused(
        "rate_limited",
        f"more than {decision.limit} calls in {WINDOW_SECONDS} seconds",
        details={"retry_after": wait},
    )


def rate_headers(decision: RateDecision) -> dict[str, str]:
    return {
        "X-RateLimit-Limit": str(decision.limit),
        "X-RateLimit-Remaining": str(decision.remaining),
        "X-RateLimit-Reset": str(decision.reset_at),
    }


def allowance(tenant: Tenant, rate: Rate) -> int:
    """Calls per WINDOW_SECONDS, from the tenant's settings."""
    limits = tenant.settings.limits
    return {
        Rate.READ: limits.reads_per_minute,
        Rate.WRITE: limits.writes_per_minute,
        Rate.CALLBACK: limits.callbacks_per_minute,
    }[rate]
