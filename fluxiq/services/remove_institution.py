"""An institution leaves: what it opens is taken from it; what is written of it stays.

Only one that is suspended, at rest, and with no money in its accounts (or with its books archived,
and somebody who says where). Money may come in until its branch has stopped, so that is looked at
twice: found then, it stays, suspended as it was. A removal that was interrupted goes on where the
register says it began.
"""

from collections.abc import Sequence

import structlog
from msgspec import Struct

from fluxiq.domain.institution import InstitutionEvent, InstitutionState, Registered
from fluxiq.errors import Refused
from fluxiq.ports.institutions import InstitutionRecords, Place
from fluxiq.services.suspend_institution import find_institution
from fluxiq.settings import Institution

_log = structlog.get_logger("institutions")


class Removed(Struct, frozen=True, kw_only=True):
    """`notes` say what was kept, and what is left for a person to do."""

    line: Registered
    notes: tuple[str, ...] = ()


async def remove_institution(
    records: InstitutionRecords,
    places: Sequence[Place],
    one: Institution,
    reason: str,
    *,
    archive: str = "",
) -> Removed:
    """Unmake every place of `one`, the last made first. `archive` names where its books are kept.

    Raises Refused: institution_not_found, institution_state for one that is not suspended, and
    institution_not_empty, which says what there is.
    """
    found = await find_institution(records, one.ispb)
    if found.state is InstitutionState.REMOVED:
        return Removed(line=found)
    if found.state is not InstitutionState.REMOVING:
        if found.state is not InstitutionState.SUSPENDED:
            raise Refused("institution_state", f"{one.ispb} is {found.state}: suspend it first")
        await _check_empty(records, one.ispb, archive)
        found = await records.move(one.ispb, InstitutionEvent.LEAVING, reason, archive=archive)

    branch, *rest = reversed(places)
    notes = [*await branch.unmake(one, erase=False)]
    try:
        await _check_empty(records, one.ispb, found.archive)
    except Refused:
        await records.move(one.ispb, InstitutionEvent.KEPT, "money had come in")
        await branch.make(one)
        raise
    for place in rest:
        notes += await place.unmake(one, erase=False)
    line = await records.move(one.ispb, InstitutionEvent.REMOVED, reason or found.reason)
    _log.warning("institution_removed", institution=one.ispb, reason=reason, notes=notes)
    return Removed(line=line, notes=tuple(notes))


async def _check_empty(records: InstitutionRecords, ispb: str, archive: str) -> None:
    remainder = await records.remainder(ispb)
    if remainder.is_settled and (archive or not remainder.balances):
        return
    raise Refused(
        "institution_not_empty",
        f"{ispb} still has {remainder}",
        details={"balances": remainder.balances, **dict(remainder.in_flight)},
    )
