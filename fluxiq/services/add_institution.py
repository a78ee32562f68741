"""An institution moves in: a place in each room, or in none.

Its claim is on paper before the first place is made, and `active` after the last one: who dies in
between leaves `adding` behind, which the next start or the same command finishes. Twice is once.
"""

from collections.abc import Sequence

import structlog
from msgspec import Struct

from fluxiq.domain.institution import InstitutionEvent, InstitutionState, Registered
from fluxiq.errors import FluxiqError, Refused, Unavailable
from fluxiq.ports.institutions import InstitutionRecords, Place
from fluxiq.settings import Institution

_log = structlog.get_logger("institutions")


class Added(Struct, frozen=True, kw_only=True):
    """`is_new` is False where it was there already. `notes` are left for a person to do."""

    line: Registered
    is_new: bool
    notes: tuple[str, ...] = ()


async def add_institution(
    records: InstitutionRecords, places: Sequence[Place], one: Institution, reason: str
) -> Added:
    """Make every place of `one`, in order. What fails undoes those before it, in reverse order.

    Raises Refused: institution_invalid, institution_exists, institution_state while it is being
    removed, and institution_not_added, which says what failed and what was undone.
    """
    line = await records.claim(one, reason)
    if line.state is InstitutionState.REMOVING:
        raise Refused("institution_state", f"{one.ispb} is being removed: finish that first")
    if line.state is not InstitutionState.ADDING:
        return Added(line=line, is_new=False)

    notes: list[str] = []
    begun: list[Place] = []
    try:
        for place in places:
            begun.append(place)
            notes += await place.make(one)
        line = await records.move(one.ispb, InstitutionEvent.OPENED, reason)
    except Exception as error:
        # Whatever it was, our own bug too: nobody is left with half an institution. A cancellation
        # is no Exception: it is as a crash is, and `adding` stays.
        raise await _undone(records, begun, one, error) from error
    return Added(line=line, is_new=True, notes=tuple(notes))


async def _undone(
    records: InstitutionRecords, begun: Sequence[Place], one: Institution, error: Exception
) -> FluxiqError:
    """Undo what was begun, the last first; returns what whoever asked is told."""
    said = str(error) if isinstance(error, FluxiqError) else f"{type(error).__name__}: {error}"
    said = f"{begun[-1].name}: {said}" if begun else said
    _log.error("institution_not_added", institution=one.ispb, error=said, exc_info=error)
    undone: list[str] = []
    try:
        for place in reversed(begun):
            await place.unmake(one, erase=True)
            undone.append(place.name)
        await records.withdraw(one.ispb, said)
    except FluxiqError as also:
        left = ", ".join(place.name for place in begun[: len(begun) - len(undone)]) or "register"
        return Unavailable(
            "institution",
            f"{one.ispb} was not added: {said}; not undone: {left}: {also}. The next start, or the"
            " same command again, finishes it",
        )
    names = ", ".join(undone) or "nothing"
    return Refused("institution_not_added", f"{one.ispb} was not added: {said}; undone: {names}")
