"""Live data of the institution: exchange rates, feature flags, the state of its providers.

Lists say how old they are (`as_of`) and whether they could not be renewed since (`stale`).
"""

from datetime import datetime
from decimal import Decimal

from msgspec import Struct

from fluxiq.sdk.calls import C, Call, Resource
from fluxiq.sdk.request import Request, data, get, path, put, said


class Rate(Struct, frozen=True, kw_only=True):
    """`rate` units of the second currency of `pair` (USD-BRL) for one of the first."""

    pair: str
    rate: Decimal
    source: str
    updated_at: datetime


class OneRate(Rate, frozen=True, kw_only=True):
    as_of: datetime
    stale: bool


class Rates(Struct, frozen=True, kw_only=True):
    rates: tuple[Rate, ...]
    as_of: datetime
    stale: bool


class Flag(Struct, frozen=True, kw_only=True):
    """`percentage` of the subjects have it."""

    name: str
    kind: str
    enabled: bool
    percentage: int
    updated_at: datetime


class Flags(Struct, frozen=True, kw_only=True):
    flags: tuple[Flag, ...]
    as_of: datetime
    stale: bool


class Provider(Struct, frozen=True, kw_only=True):
    """`breaker` is open while the provider is left alone."""

    name: str
    breaker: str
    failures: int
    last_answer_at: datetime | None
    last_failure_at: datetime | None
    seen_at: datetime


class Providers(Struct, frozen=True, kw_only=True):
    """`test_mode`: every link is to the simulator, so no money is real."""

    test_mode: bool
    providers: tuple[Provider, ...]
    as_of: datetime
    stale: bool


class LiveData(Resource[C]):
    @Call
    def rates(self) -> Request[Rates]:
        return get("/rates", data(Rates))

    @Call
    def rate(self, pair: str) -> Request[OneRate]:
        return get(path("/rates/{}", pair), data(OneRate))

    @Call
    def put_rate(self, pair: str, *, rate: Decimal, source: str) -> Request[Rate]:
        """For all merchants of the institution. The last one counts."""
        return put(path("/rates/{}", pair), data(Rate), said(rate=rate, source=source))

    @Call
    def flags(self) -> Request[Flags]:
        return get("/flags", data(Flags))

    @Call
    def put_flag(
        self, name: str, *, enabled: bool | None = None, percentage: int | None = None
    ) -> Request[Flag]:
        """For everybody or nobody (`enabled`), or for a share (`percentage`). The last counts."""
        body = said(enabled=enabled, percentage=percentage)
        return put(path("/flags/{}", name), data(Flag), body)

    @Call
    def providers(self) -> Request[Providers]:
        return get("/providers/status", data(Providers))
