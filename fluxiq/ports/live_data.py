"""What the use cases need of live data: tables that everybody reads and few write.

Losing Redis loses no answer for as long as something was read before: `Known` says how old it is.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from msgspec import Struct

from fluxiq.domain.live_data import ExchangeRate, Flag, ProviderStatus

T_co = TypeVar("T_co", covariant=True)


class Known(Struct, Generic[T_co], frozen=True, kw_only=True):
    """Values by name as they were at `as_of`; `stale`: they could not be read again since."""

    values: Mapping[str, T_co]
    as_of: datetime
    stale: bool = False


class LiveData(Protocol):
    """The tables of one institution. Reads come from a copy that is at most a second old.

    Reads raise Unavailable only when nothing was ever read; writes when Redis does not answer.
    After a write whoever listens is told; a notice may be lost.
    """

    async def rates(self) -> Known[ExchangeRate]: ...

    async def put_rate(self, rate: ExchangeRate) -> None: ...

    async def flags(self) -> Known[Flag]: ...

    async def put_flag(self, flag: Flag) -> None: ...

    async def providers(self) -> Known[ProviderStatus]: ...

    async def put_provider(self, status: ProviderStatus, *, tell: bool) -> None: ...


class Audit(Protocol):
    """The audit trail, for changes that are no rows of ours."""

    async def note(self, actor: str, action: str, subject: str, written: Struct) -> None:
        """Who does what to what; only the digest of `written` is kept. Raises Unavailable."""
