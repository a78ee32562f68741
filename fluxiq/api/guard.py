"""Who may pass: API key or access token, rate and permission, in this order of asking.

The allowance is counted before the permission is checked, so that a key cannot hammer on a door
that it may not open. Two allowances are counted at once, the key's (or the person's) and its
address's: a use that either refuses is counted in neither.
"""

from collections.abc import Callable, Sequence
from typing import Final

import structlog

from fluxiq.api.contract import PUBLIC, Endpoint, Rate
from fluxiq.api.local_limits import LocalLimits
from fluxiq.domain.roles import OWN
from fluxiq.errors import Refused, Unavailable
from fluxiq.ports import Clock, RateDecision
from fluxiq.services.authenticate import Caller, authenticate, not_a_merchant
from fluxiq.services.tenant import Tenant, Tenants
from fluxiq.telemetry.metrics import Metrics

WINDOW_SECONDS: Final = 60
AWAY_SECONDS: Final = 1.0  # how long a cache that did not answer is not asked again

_Uses = Sequence[tuple[str, int]]  # buckets with their limits
_log = structlog.get_logger("fluxiq.api")


class Guard:
    """Admits callers. `monotonic` is a clock in seconds, for the pauses between questions."""

    def __init__(
        self, tenants: Tenants, clock: Clock, monotonic: Callable[[], float], metrics: Metrics
    ) -> None:
        self._tenants = tenants
        self._monotonic = monotonic
        self._metrics = metrics
        self._local = LocalLimits(lambda: int(clock.now().timestamp() * 1000))
        self._away_until: dict[str, float] = {}

    async def identify(self, authorization: str | None, address: str) -> Caller:
        """Raises Refused: unauthorized; address_not_allowed and institution_suspended, to whom has
        a key that works.
        """
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Refused("unauthorized", "send your API key or token as `Authorization: Bearer …`")
        caller = await authenticate(self._tenants, token.strip(), address)
        caller.tenant.standing.check()
        return caller

    async def count(self, caller: Caller, rate: Rate, address: str) -> RateDecision | None:
        """One use of the allowances of key and address; None where nothing is counted."""
        if rate is Rate.NONE:
            return None
        tenant = caller.tenant
        key, per_address = allowances(tenant, rate)
        return await self._ask(
            tenant,
            [(f"{rate}:{caller.actor}", key), (f"{rate}:address:{address}", per_address)],
        )

    async def count_callback(self, tenant: Tenant, provider: str, address: str) -> RateDecision:
        """One use of an address's allowance: a stranger can spend his own only."""
        limit = tenant.rate_limits.callbacks_per_minute
        return await self._ask(tenant, [(f"callback:{provider}:{address}", limit)])

    async def count_stranger(self, tenant: Tenant, address: str) -> RateDecision:
        """One use of an address's allowance to log in or refresh, whether it succeeds or not."""
        limit = tenant.rate_limits.logins_per_minute
        return await self._ask(tenant, [(f"login:address:{address}", limit)])

    async def check_rate(self, caller: Caller, rate: Rate, address: str) -> None:
        """As `count`, where there is no response to carry its headers. Raises Refused."""
        decision = await self.count(caller, rate, address)
        if decision is not None:
            refuse_above(decision, caller.tenant.clock.now().timestamp())

    @staticmethod
    def authorize(caller: Caller, endpoint: Endpoint) -> None:
        """Raises Refused("forbidden") naming the permission that is missing; and for people of the
        institution where a merchant is asked for, whatever their role.
        """
        require(caller, endpoint.permission)
        if caller.belongs_to is None and not endpoint.institution:
            raise not_a_merchant()

    async def _ask(self, tenant: Tenant, uses: _Uses) -> RateDecision:
        """Redis counts; while it is away, this process does, for as long as it takes."""
        away_until = self._away_until.get(tenant.ispb)
        if away_until is not None and self._monotonic() < away_until:
            return self._ask_here(tenant, uses)

        try:
            decisions = await tenant.cache.allow_all(uses, WINDOW_SECONDS)
        except Unavailable as error:
            self._away_until[tenant.ispb] = self._monotonic() + AWAY_SECONDS
            if away_until is None:
                self._metrics.rate_limits_local.labels(tenant.ispb).set(1)
                _log.warning("rate_limits_local", institution=tenant.ispb, error=str(error))
            return self._ask_here(tenant, uses)

        if away_until is not None and self._away_until.pop(tenant.ispb, None) is not None:
            self._metrics.rate_limits_local.labels(tenant.ispb).set(0)
            _log.info("rate_limits_shared", institution=tenant.ispb)
        return tightest(decisions)

    def _ask_here(self, tenant: Tenant, uses: _Uses) -> RateDecision:
        own = [(f"{tenant.ispb}:{bucket}", limit) for bucket, limit in uses]
        return tightest(self._local.allow_all(own, WINDOW_SECONDS))


def require(caller: Caller, permission: str) -> None:
    """Raises Refused("forbidden") unless one of the caller's grants covers `permission`, and
    password_change_required for a person whose password somebody else knows.
    """
    assert permission != PUBLIC, "a public endpoint has nobody to ask"
    if caller.user is not None and caller.user.must_change and permission != OWN:
        raise Refused(
            "password_change_required", "choose a password of your own: POST /api/v1/auth/password"
        )
    if not caller.may(permission):
        raise Refused(
            "forbidden",
            f"this {'key' if caller.user is None else 'user'} lacks {permission}",
            details={"permission": permission},
        )


def tightest(decisions: Sequence[RateDecision]) -> RateDecision:
    """The one that the caller hears of: who refuses and for longest, else where least is left."""
    refused = [one for one in decisions if not one.allowed]
    if refused:
        return max(refused, key=lambda one: one.reset_at)
    return min(decisions, key=lambda one: one.remaining)


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
    headers = {
        "X-RateLimit-Limit": str(decision.limit),
        "X-RateLimit-Remaining": str(decision.remaining),
        "X-RateLimit-Reset": str(decision.reset_at),
    }
    return headers | ({"X-RateLimit-Policy": "local"} if decision.local else {})


def allowances(tenant: Tenant, rate: Rate) -> tuple[int, int]:
    """Calls per WINDOW_SECONDS of a key, and of an address, from the tenant's settings."""
    limits = tenant.rate_limits
    if rate is Rate.READ:
        return limits.reads_per_minute, limits.address_reads_per_minute
    assert rate is Rate.WRITE, f"{rate} is not counted by key"
    return limits.writes_per_minute, limits.address_writes_per_minute
