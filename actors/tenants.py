"""The institutions of this process that are open, as the API sees them."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from actors.admin.arguments import Arguments, BadArguments
from fluxiq.errors import Refused, Unavailable
from fluxiq.services.tenant import Tenant, Tenants


class OpenTenants:
    """`services.tenant.Tenants`: who is declared, and who of them is open right now."""

    def __init__(self, ispbs: Iterable[str]) -> None:
        self._declared = set(ispbs)
        self._open: dict[str, Tenant] = {}

    def declare(self, ispb: str) -> None:
        """It lives here, and opens when it can. Twice is once."""
        self._declared.add(ispb)

    def forget(self, ispb: str) -> None:
        """It does not live here (any more). Twice is once."""
        self._declared.discard(ispb)

    @contextmanager
    def open(self, tenant: Tenant) -> Iterator[None]:
        """Open for the length of the block."""
        self._open[tenant.ispb] = tenant
        try:
            yield
        finally:
            del self._open[tenant.ispb]

    def get(self, ispb: str) -> Tenant:
        tenant = self._open.get(ispb)
        if tenant is not None:
            return tenant
        if ispb in self._declared:
            raise Unavailable("institution", f"{ispb} is restarting")
        raise Refused("institution_not_found", f"no institution {ispb} here")

    def all(self) -> Sequence[Tenant]:
        return tuple(self._open.values())


def tenant_of(tenants: Tenants, arguments: Arguments) -> Tenant:
    """The institution that an operator means: where there is only one, it need not be named."""
    ispb = arguments.text("institution", "")
    if ispb:
        return tenants.get(ispb)

    opened = tenants.all()
    if len(opened) != 1:
        raise BadArguments(f"institution: say which of {sorted(one.ispb for one in opened)}")
    return opened[0]
