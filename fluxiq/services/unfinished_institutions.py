"""What a crash left half made or half removed, finished before anybody is served."""

from collections.abc import Callable, Sequence

import structlog

from fluxiq.domain.institution import InstitutionState, Registered
from fluxiq.errors import Refused
from fluxiq.ports.institutions import InstitutionRecords, Place
from fluxiq.services.add_institution import add_institution
from fluxiq.services.remove_institution import remove_institution
from fluxiq.settings import Institution

_log = structlog.get_logger("institutions")


async def finish_institutions(
    records: InstitutionRecords,
    places: Sequence[Place],
    read: Callable[[Registered], Institution],
) -> None:
    """Complete or take back whatever is `adding` or `removing`. Raises Unavailable: try again."""
    for line in await records.all():
        try:
            if line.state is InstitutionState.ADDING:
                await add_institution(records, places, read(line), line.reason)
                _log.warning("institution_completed", institution=line.ispb)
            if line.state is InstitutionState.REMOVING:
                await remove_institution(records, places, read(line), line.reason)
                _log.warning("institution_removal_completed", institution=line.ispb)
        except Refused as refused:
            # What could not be made was undone, and what still had money stays: both are an end.
            _log.error("institution_unfinished", institution=line.ispb, error=str(refused))
