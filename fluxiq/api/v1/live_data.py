"""Live data of the institution: exchange rates, the state of providers, feature flags."""

from fluxiq.api.contract import Call, PathText, Rate, Routes
from fluxiq.services import live_data as use
from fluxiq.services.messages.envelope import Data
from fluxiq.services.messages.live_data import (
    FlagsView,
    FlagView,
    OneRateView,
    ProvidersView,
    PutFlag,
    PutRate,
    RatesView,
    RateView,
)

routes = Routes("/api/v1", institution=True)

READ = "live_data:read"
WRITE = "live_data:write"  # for all merchants of the institution: `*` does not include it


@routes.get("/rates", permission=READ, rate=Rate.READ, reply=Data[RatesView])
async def list_rates(call: Call) -> Data[RatesView]:
    """All exchange rates, as decimal texts."""
    return Data(await use.list_rates(call.tenant))


@routes.get(
    "/rates/{pair}",
    permission=READ,
    rate=Rate.READ,
    reply=Data[OneRateView],
    refuses=("invalid_currency_pair", "rate_not_found"),
)
async def show_rate(call: Call, pair: PathText) -> Data[OneRateView]:
    """The rate of a pair such as USD-BRL: reais for one dollar."""
    return Data(await use.show_rate(call.tenant, pair))


@routes.put(
    "/rates/{pair}",
    permission=WRITE,
    rate=Rate.WRITE,
    reply=Data[RateView],
    refuses=("invalid_currency_pair", "invalid_rate", "too_many_names"),
)
async def put_rate(call: Call, pair: PathText, body: PutRate) -> Data[RateView]:
    """Set a rate, for all merchants of the institution. The last one counts."""
    return Data(await use.put_rate(call.tenant, call.actor, pair, body))


@routes.get("/providers/status", permission=READ, rate=Rate.READ, reply=Data[ProvidersView])
async def show_providers(call: Call) -> Data[ProvidersView]:
    """The provider links: their breakers, and when they last answered."""
    return Data(await use.show_providers(call.tenant))


@routes.get("/flags", permission=READ, rate=Rate.READ, reply=Data[FlagsView])
async def list_flags(call: Call) -> Data[FlagsView]:
    """The feature flags of the institution."""
    return Data(await use.list_flags(call.tenant))


@routes.put(
    "/flags/{name}",
    permission=WRITE,
    rate=Rate.WRITE,
    reply=Data[FlagView],
    refuses=("invalid_flag_name", "too_many_names"),
)
async def put_flag(call: Call, name: PathText, body: PutFlag) -> Data[FlagView]:
    """Set a flag, for everybody, nobody or a share of the subjects. The last one counts."""
    return Data(await use.put_flag(call.tenant, call.actor, name, body))
