"""Fees for receiving: what the institution's people say, and what everybody is told."""

from datetime import date, datetime
from typing import Annotated

from msgspec import Meta, Struct
from msgspec.structs import asdict

from fluxiq.domain.fee import BASIS_POINTS_MAX, AgreedFee, FeePlan
from fluxiq.ports.fees import FeeBucket, FeesWanted, FeeTotal
from fluxiq.services.messages.accounts import Reason

_Centavos = Annotated[int, Meta(ge=0, le=10**12, description="centavos of BRL")]
_BasisPoints = Annotated[
    int, Meta(ge=0, le=BASIS_POINTS_MAX, description="hundredths of a percent")
]


class SetFee(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole plan, in place of what was agreed before: `fixed` and a share in `basis_points`,
    at least `minimum`, at most `maximum` (null: no maximum) and what was received. All zeros:
    receiving is free. `reason` is for the institution's own people and its audit trail.
    """

    fixed: _Centavos = 0
    basis_points: _BasisPoints = 0
    minimum: _Centavos = 0
    maximum: _Centavos | None = None
    reason: Reason

    @property
    def plan(self) -> FeePlan:
        return FeePlan(
            fixed=self.fixed,
            basis_points=self.basis_points,
            minimum=self.minimum,
            maximum=self.maximum,
        )


class FeeView(Struct, frozen=True, kw_only=True):
    """A plan as it was agreed, in centavos and hundredths of a percent, from `valid_from` until the
    next version. `maximum` is null where there is none.
    """

    version: int
    fixed: int
    basis_points: int
    minimum: int
    maximum: int | None
    currency: str
    valid_from: datetime


class FeesView(Struct, frozen=True, kw_only=True):
    """`current` is null where nothing was agreed: receiving is free. `history` has the last hundred
    versions, the one in force first.
    """

    current: FeeView | None
    history: list[FeeView]


class InstitutionFeeView(FeeView, frozen=True, kw_only=True):
    """With who set it, and why: the platform, where it is what all new merchants get."""

    set_by: str
    reason: str


class InstitutionFeesView(Struct, frozen=True, kw_only=True):
    """As `FeesView`."""

    current: InstitutionFeeView | None
    history: list[InstitutionFeeView]


class FeeTotalView(Struct, frozen=True, kw_only=True):
    """Of the day or month that begins on `since`: how many payments paid a fee, what was received
    by them, what was kept, and the rest.
    """

    since: date
    payments: int
    amount: int
    fees: int
    net_amount: int


class FeeTotalsView(Struct, frozen=True, kw_only=True):
    """Days or months in São Paulo, from `since` to `until`, the first one first; those without fees
    are left out.
    """

    bucket: FeeBucket
    since: date
    until: date
    currency: str
    totals: list[FeeTotalView]


def fee_view(fee: AgreedFee) -> FeeView:
    plan = fee.plan
    return FeeView(
        version=fee.version,
        fixed=plan.fixed,
        basis_points=plan.basis_points,
        minimum=plan.minimum,
        maximum=plan.maximum,
        currency="BRL",
        valid_from=fee.valid_from,
    )


def institution_fee_view(fee: AgreedFee) -> InstitutionFeeView:
    return InstitutionFeeView(**asdict(fee_view(fee)), set_by=fee.set_by, reason=fee.reason)


def totals_view(wanted: FeesWanted, totals: list[FeeTotal]) -> FeeTotalsView:
    return FeeTotalsView(
        bucket=wanted.bucket,
        since=wanted.since,
        until=wanted.until,
        currency="BRL",
        totals=[
            FeeTotalView(
                since=one.since,
                payments=one.payments,
                amount=one.amount,
                fees=one.fees,
                net_amount=one.amount - one.fees,
            )
            for one in totals
        ],
    )
