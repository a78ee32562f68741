"""What a merchant pays the institution for receiving. Pure arithmetic, in whole centavos.

A plan is a fixed part and a share, kept between a minimum and a maximum. Only receipts cost
anything, whether they pay a charge or not; what is sent, moved or given back is free, and a refund
does not give the fee back (decision 16).
"""

from datetime import datetime

from msgspec import Struct

BASIS_POINTS_MAX = 10_000  # all of it


class FeePlan(Struct, frozen=True, kw_only=True):
    """`fixed`, `minimum` and `maximum` in centavos (None: there is no maximum), `basis_points` in
    hundredths of a percent.
    """

    fixed: int = 0
    basis_points: int = 0
    minimum: int = 0
    maximum: int | None = None

    def __post_init__(self) -> None:
        assert min(self.fixed, self.basis_points, self.minimum) >= 0, f"{self} pays the merchant"
        assert self.basis_points <= BASIS_POINTS_MAX, f"{self} takes more than everything"
        assert self.maximum is None or self.maximum >= self.minimum, f"{self} contradicts itself"


NO_FEE = FeePlan()


class AgreedFee(Struct, frozen=True, kw_only=True):
    """A merchant's plan from `valid_from` on, until there is one with a greater `version`. What was
    agreed is never changed: another version follows it.
    """

    merchant_id: str
    version: int  # from 1
    plan: FeePlan
    valid_from: datetime
    set_by: str
    reason: str = ""


def fee_of(plan: FeePlan, amount: int) -> int:
    """Centavos to keep of a receipt of `amount`: 0 to all of it.

    The share is rounded half up, to the next centavo from exactly half of one on, once and before
    the bounds. A small receipt under a large minimum is kept whole, never more: a merchant owes
    nothing for having been paid.
    """
    assert amount > 0, "SPI settles no empty payments"
    share = (amount * plan.basis_points + BASIS_POINTS_MAX // 2) // BASIS_POINTS_MAX
    fee = max(plan.fixed + share, plan.minimum)
    if plan.maximum is not None:
        fee = min(fee, plan.maximum)
    return min(fee, amount)
