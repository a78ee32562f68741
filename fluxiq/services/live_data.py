"""Rates, provider status and feature flags of an institution: read by everybody, put by few."""

from typing import Final

from fluxiq.domain.live_data import (
    ExchangeRate,
    Flag,
    FlagKind,
    parse_flag_name,
    parse_pair,
    parse_rate,
)
from fluxiq.errors import Refused
from fluxiq.services.authenticate import takes_test_keys
from fluxiq.services.messages.live_data import (
    FlagsView,
    FlagView,
    OneRateView,
    ProvidersView,
    PutFlag,
    PutRate,
    RatesView,
    RateView,
    flag_view,
    flags_view,
    providers_view,
    rate_view,
    rates_view,
)
from fluxiq.services.tenant import Tenant

NAMES_MAX: Final = 1000  # rates, and flags: all of them are read at once


async def list_rates(tenant: Tenant) -> RatesView:
    return rates_view(await tenant.live_data.rates())


async def show_rate(tenant: Tenant, pair: str) -> OneRateView:
    """Raises Refused("rate_not_found")."""
    known = await tenant.live_data.rates()
    rate = known.values.get(parse_pair(pair))
    if rate is None:
        raise Refused("rate_not_found", f"no rate of {pair}", field="pair")
    return OneRateView(
        pair=rate.pair,
        rate=rate.rate,
        source=rate.source,
        updated_at=rate.updated_at,
        as_of=known.as_of,
        stale=known.stale,
    )


async def put_rate(tenant: Tenant, actor: str, pair: str, said: PutRate) -> RateView:
    """The last to put a rate is right. Raises Refused, and Unavailable: then nothing is certain,
    and putting it again is safe.
    """
    rate = ExchangeRate(
        pair=parse_pair(pair),
        rate=parse_rate(said.rate),
        source=said.source,
        updated_at=tenant.clock.now(),
    )
    known = (await tenant.live_data.rates()).values
    _require_room(rate.pair in known, len(known))
    await tenant.audit.note(actor, "live_data.rate_put", rate.pair, rate)
    await tenant.live_data.put_rate(rate)
    return rate_view(rate)


async def list_flags(tenant: Tenant) -> FlagsView:
    return flags_view(await tenant.live_data.flags())


async def put_flag(tenant: Tenant, actor: str, name: str, said: PutFlag) -> FlagView:
    """As `put_rate`."""
    flag = _flag(tenant, parse_flag_name(name), said)
    known = (await tenant.live_data.flags()).values
    _require_room(flag.name in known, len(known))
    await tenant.audit.note(actor, "live_data.flag_put", flag.name, flag)
    await tenant.live_data.put_flag(flag)
    return flag_view(flag)


async def flag_is_on(tenant: Tenant, name: str, subject: str) -> bool:
    """Whether `subject` has the feature; a flag that nobody put is off. Raises Unavailable when
    nothing was ever read: whoever asks has to know what that means.
    """
    flag = (await tenant.live_data.flags()).values.get(name)
    return flag is not None and flag.is_on(subject)


async def show_providers(tenant: Tenant) -> ProvidersView:
    known = await tenant.live_data.providers()
    return providers_view(known, test_mode=takes_test_keys(tenant))


def _flag(tenant: Tenant, name: str, said: PutFlag) -> Flag:
    now = tenant.clock.now()
    if said.percentage is not None and said.enabled is None:
        return Flag(name=name, kind=FlagKind.PERCENTAGE, percentage=said.percentage, updated_at=now)
    if said.enabled is not None and said.percentage is None:
        percentage = 100 if said.enabled else 0
        return Flag(name=name, kind=FlagKind.BOOLEAN, percentage=percentage, updated_at=now)
    raise Refused("validation_failed", "expected either enabled or percentage", field="enabled")


def _require_room(known: bool, names: int) -> None:
    if not known and names >= NAMES_MAX:
        raise Refused("too_many_names", f"at most {NAMES_MAX} are kept")
