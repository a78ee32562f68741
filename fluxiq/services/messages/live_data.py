"""Live data as the API says it, and as it is pushed."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from fluxiq.domain.live_data import ExchangeRate, Flag, FlagKind, ProviderStatus
from fluxiq.ports.live_data import Known

Percentage = Annotated[int, Meta(ge=0, le=100)]


class PutRate(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`rate` is a decimal text: units of the second currency for one of the first."""

    rate: str
    source: Annotated[str, Meta(min_length=1, max_length=80)]


class PutFlag(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One of both: `enabled` for everybody or nobody, `percentage` for a share."""

    enabled: bool | None = None
    percentage: Percentage | None = None


class RateView(Struct, frozen=True, kw_only=True):
    pair: str
    rate: str
    source: str
    updated_at: datetime


class RatesView(Struct, frozen=True, kw_only=True):
    """As it was at `as_of`; `stale`: it could not be read again since."""

    rates: list[RateView]
    as_of: datetime
    stale: bool


class OneRateView(RateView, frozen=True, kw_only=True):
    """One rate, with how old our knowledge of it is."""

    as_of: datetime
    stale: bool


class FlagView(Struct, frozen=True, kw_only=True):
    name: str
    kind: FlagKind
    enabled: bool
    percentage: int
    updated_at: datetime


class FlagsView(Struct, frozen=True, kw_only=True):
    """As it was at `as_of`; `stale`: it could not be read again since."""

    flags: list[FlagView]
    as_of: datetime
    stale: bool


class ProviderView(Struct, frozen=True, kw_only=True):
    """`seen_at` is when the process that uses the link last said so."""

    name: str
    breaker: str
    failures: int
    last_answer_at: datetime | None
    last_failure_at: datetime | None
    seen_at: datetime


class ProvidersView(Struct, frozen=True, kw_only=True):
    """As it was at `as_of`; `stale`: it could not be read again since. `test_mode`: every link is
    to the simulator, so no money is real.
    """

    test_mode: bool
    providers: list[ProviderView]
    as_of: datetime
    stale: bool


def rate_view(rate: ExchangeRate) -> RateView:
    return msgspec.convert(rate, RateView, from_attributes=True)


def rates_view(known: Known[ExchangeRate]) -> RatesView:
    rates = [rate_view(one) for one in known.values.values()]
    return RatesView(rates=rates, as_of=known.as_of, stale=known.stale)


def flag_view(flag: Flag) -> FlagView:
    """`enabled` says whether anybody has it."""
    return FlagView(
        name=flag.name,
        kind=flag.kind,
        enabled=flag.percentage > 0,
        percentage=flag.percentage,
        updated_at=flag.updated_at,
    )


def flags_view(known: Known[Flag]) -> FlagsView:
    flags = [flag_view(one) for one in known.values.values()]
    return FlagsView(flags=flags, as_of=known.as_of, stale=known.stale)


def providers_view(known: Known[ProviderStatus], *, test_mode: bool) -> ProvidersView:
    providers = [
        msgspec.convert(one, ProviderView, from_attributes=True) for one in known.values.values()
    ]
    return ProvidersView(
        test_mode=test_mode, providers=providers, as_of=known.as_of, stale=known.stale
    )
