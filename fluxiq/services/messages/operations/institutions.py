"""Institutions of the platform, as their operators declare and read them."""

from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, json

from fluxiq.domain.institution import InstitutionEvent, InstitutionState
from fluxiq.settings.providers import ProviderLink
from fluxiq.settings.sections import OwnLimits

Ispb = Annotated[str, Meta(pattern=r"^[0-9A-Z]{8}$")]
Name = Annotated[str, Meta(min_length=1, max_length=80)]


class DeclareInstitution(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What an institution's file says (docs/institutions.md). `ledger` is the next that nobody ever
    had unless told; `transfer_approval_above` is in centavos; payments leave by the first link.
    """

    ispb: Ispb
    name: Name
    ledger: Annotated[int, Meta(ge=1, le=2**32 - 1)] | None = None
    ledger_policy: Literal["fail_closed", "queue_only", "standin_limited", "standin_full"] = (
        "standin_limited"
    )
    transfer_approval_above: Annotated[int, Meta(ge=0)] | None = None
    limits: OwnLimits | None = None
    providers: Annotated[tuple[ProviderLink, ...], Meta(min_length=1, max_length=16)]
    reason: Annotated[str, Meta(min_length=1, max_length=500)]

    def declaration(self) -> dict[str, Any]:
        """As its file would have it."""
        said = json.decode(json.encode(self))  # lists, where `to_builtins` leaves tuples
        return {name: one for name, one in said.items() if one is not None and name != "reason"}


class EnrollMerchant(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A CNPJ or a CPF, and the city that stands in its BR Codes."""

    name: Annotated[str, Meta(min_length=1, max_length=140)]
    document: Annotated[str, Meta(min_length=11, max_length=18)]
    city: Annotated[str, Meta(min_length=1, max_length=80)]
    reason: Annotated[str, Meta(min_length=1, max_length=500)]


class InstitutionLine(Struct, frozen=True, kw_only=True):
    """A line of the register. `is_open`: it takes calls in this process just now. `archive` names
    where the books of a removed one went.
    """

    ispb: str
    name: str
    ledger: int
    state: InstitutionState
    is_open: bool
    reason: str
    archive: str
    created_at: datetime
    changed_at: datetime


class InstitutionStep(Struct, frozen=True, kw_only=True):
    """What happened to it, and the state that this left."""

    event: InstitutionEvent
    state: str
    reason: str
    at: datetime


class InstitutionRemainder(Struct, frozen=True, kw_only=True):
    """What it still has: accounts with money in them, and by kind what is not at its end."""

    balances: int
    in_flight: dict[str, int]


class InstitutionShown(InstitutionLine, frozen=True, kw_only=True):
    """With what was declared, what it still has, and the last steps of its life, newest first."""

    declaration: dict[str, Any] | None
    remainder: InstitutionRemainder
    steps: list[InstitutionStep]


class InstitutionAdded(InstitutionLine, frozen=True, kw_only=True):
    """`is_new`: it was not there before. `notes` are what is left for a person to do."""

    is_new: bool
    notes: list[str]


class MerchantEnrolled(Struct, frozen=True, kw_only=True):
    """`api_key` is told this once, and may do everything of the merchant's."""

    merchant_id: str
    account_id: str
    pix_keys: list[str]
    api_key: str
