"""What operators see of the provider links: breaker, rate, last words, and certificates in time."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from msgspec import to_builtins

from actors.admin.arguments import Arguments
from actors.admin.verbs import Hooks, Verb
from actors.platform import Platform
from actors.tenants import tenant_of
from fluxiq.errors import StartRefused
from fluxiq.providers.certificates import SECONDS_A_DAY, Watched, expiry_of, urgency_of, watched
from fluxiq.providers.guarded import GuardedProvider
from fluxiq.services.live_data import show_providers
from fluxiq.services.messages.live_data import ProviderView
from fluxiq.services.tenant import Tenant
from fluxiq.settings.providers import ProviderLink
from fluxiq.settings.tls import Tls

if TYPE_CHECKING:
    from actors.admin.desk import Desk


def provider_verbs(platform: Platform) -> Hooks:
    """`providers` of one institution; `certificates` of all, and of our own end of TLS."""

    async def providers(_desk: "Desk", arguments: Arguments) -> object:
        tenant = tenant_of(platform.tenants, arguments)
        arguments.done()
        known = await show_providers(tenant)
        seen = {one.name: one for one in known.providers}
        now, links = platform.clock.now(), tenant.institution.providers
        return {
            "institution": tenant.ispb,
            "as_of": known.as_of,
            "stale": known.stale,
            "providers": [_link(tenant, one, seen.get(one.name), now) for one in links],
        }

    async def certificates(_desk: "Desk", arguments: Arguments) -> object:
        arguments.done()
        every = watched(platform.register.all(), platform.settings.http.tls)
        now = platform.clock.now()
        return [
            {"institution": one.institution, "provider": one.provider, **_certificate(one, now)}
            for one in every
        ]

    return Hooks(
        looks={
            "providers": Verb(providers, ("institution",)),
            "certificates": Verb(certificates),
        }
    )


def _link(
    tenant: Tenant, link: ProviderLink, seen: ProviderView | None, now: datetime
) -> dict[str, Any]:
    guarded = tenant.providers.get(link.name)
    assert isinstance(guarded, GuardedProvider), "every link is behind a guard"
    mine = [one for one in watched([tenant.institution], Tls()) if one.provider == link.name]
    return {
        "name": link.name,
        "kind": link.kind,
        "url": link.url or None,
        "dynamic_codes": link.dynamic_codes,
        "connections_max": link.limits.connections_max,
        "guard": to_builtins(guarded.statistics()),
        "last_answer_at": None if seen is None else seen.last_answer_at,
        "last_failure_at": None if seen is None else seen.last_failure_at,
        "seen_at": None if seen is None else seen.seen_at,
        "certificates": [_certificate(one, now) for one in mine],
    }


def _certificate(one: Watched, now: datetime) -> dict[str, Any]:
    """Files of a few KB, on a disk of this machine. One that cannot be read has no end."""
    try:
        expires_at = expiry_of(one)
    except StartRefused as refused:
        end = dict.fromkeys(("expires_at", "days_left", "urgency"))
        return {"kind": one.kind, **end, "problem": str(refused)}
    seconds = (expires_at - now).total_seconds()
    return {
        "kind": one.kind,
        "expires_at": expires_at,
        "days_left": int(seconds // SECONDS_A_DAY),
        "urgency": urgency_of(seconds),
        "problem": None,
    }
