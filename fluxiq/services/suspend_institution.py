"""An institution takes no more callers, or takes them again. Twice is once.

Money in flight comes to its end, and money that arrives is taken in: only callers are refused.
"""

from fluxiq.domain.institution import InstitutionEvent, InstitutionState, Registered
from fluxiq.errors import Refused
from fluxiq.ports.institutions import InstitutionRecords


async def suspend_institution(records: InstitutionRecords, ispb: str, reason: str) -> Registered:
    """Raises Refused: institution_not_found, institution_state."""
    return await _move(
        records, ispb, InstitutionEvent.SUSPENDED, InstitutionState.SUSPENDED, reason
    )


async def resume_institution(records: InstitutionRecords, ispb: str, reason: str) -> Registered:
    """Raises Refused: institution_not_found, institution_state."""
    return await _move(records, ispb, InstitutionEvent.RESUMED, InstitutionState.ACTIVE, reason)


async def find_institution(records: InstitutionRecords, ispb: str) -> Registered:
    """Raises Refused("institution_not_found")."""
    found = await records.find(ispb)
    if found is None:
        raise Refused("institution_not_found", f"no institution {ispb} here")
    return found


async def _move(
    records: InstitutionRecords,
    ispb: str,
    event: InstitutionEvent,
    target: InstitutionState,
    reason: str,
) -> Registered:
    found = await find_institution(records, ispb)
    if found.state is target:
        return found
    return await records.move(ispb, event, reason)
