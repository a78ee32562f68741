"""What the rooms of operations share."""

from typing import Annotated, Final

from msgspec import Meta, Struct

from fluxiq.api.contract import Call, Routes
from fluxiq.errors import Refused
from fluxiq.services.tenant import Tenant

READ: Final = "operations:read"
WRITE: Final = "operations:write"

# Codes that every deed at the desk may answer; a look only the first.
NOT_YOURS: Final = ("not_an_operator",)
DEED: Final = ("not_an_operator", "needs_approval", "refused", "still_running")

# The same of what is some institution's.
LOOK_AT_ONE: Final = (*NOT_YOURS, "institution_not_found")
DEED_AT_ONE: Final = (*DEED, "institution_not_found")

# In a path: the number of a record.
Digits = Annotated[str, Meta(pattern=r"^[0-9]{1,15}$")]
Reason = Annotated[str, Meta(min_length=1, max_length=500)]
Ispb = Annotated[str, Meta(pattern=r"^[0-9A-Z]{8}$")]


class OfInstitution(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Whose: one's own institution unless an operator of the platform names another."""

    institution: Ispb | None = None

    @property
    def asked(self) -> dict[str, str]:
        """As an argument of the desk."""
        return {} if self.institution is None else {"institution": self.institution}


class Why(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Why it is done, for the book of deeds and the audit trail."""

    reason: Reason


def room() -> Routes:
    return Routes("/api/v1/operations", institution=True)


def tenant_asked(call: Call, whose: OfInstitution) -> Tenant:
    """Where the records are asked themselves, without the desk. Raises Refused: not_an_operator,
    institution_not_found; Unavailable.
    """
    operator, ispb = call.operator, whose.institution
    if ispb in {None, operator.ispb}:
        return call.tenant
    if not operator.of_platform:
        raise Refused("not_an_operator", "another institution is not yours to see")
    assert ispb is not None, "one's own was answered above"
    return call.tenants.get(ispb)
