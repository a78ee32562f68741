"""What the simulated provider is told at its start."""

from typing import Annotated

from msgspec import Meta, Struct

ISPB = "99999004"

Seconds = Annotated[float, Meta(ge=0)]
Count = Annotated[int, Meta(ge=1)]


class Customer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An institution that pays through this provider. `secret` signs calls in both directions."""

    ispb: Annotated[str, Meta(pattern=r"^[0-9A-Z]{8}$")]
    secret: Annotated[str, Meta(min_length=1)]
    notices_url: Annotated[str, Meta(pattern=r"^https?://[^/]+/")]

    def __repr__(self) -> str:
        return f"Customer(ispb={self.ispb!r}, notices_url={self.notices_url!r})"


class SimulatorConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`journal` is the file by which orders survive any crash; `port` 0 is a free one."""

    journal: str
    customers: tuple[Customer, ...]
    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535)] = 0
    confirm_seconds: Seconds = 0.02  # from accepting an order to settling it
    slow_seconds: Seconds = 3.0  # the same for `slow@…`
    owing_max: Count = 100_000  # open orders and owed notices; above it, orders get a 503
    orders_max: Count = 1_000_000  # older ones that have ended are forgotten
