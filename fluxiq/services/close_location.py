"""A charge that was called off here is called off where payers find it.

A job, written with the cancellation: until it has been told, a payer may still pay, and is treated
as one who has the old code on a screen (`domain.receipt`). Nothing is told of charges that expire
or are paid: the provider ends those by itself.
"""

from typing import Final

from msgspec import Struct

from fluxiq.domain.job import Job
from fluxiq.services.run_jobs import Kind
from fluxiq.services.tenant import Tenant


class CloseLocation(Struct, frozen=True, forbid_unknown_fields=True):
    txid: str


async def _close_location(tenant: Tenant, args: CloseLocation, job: Job) -> None:
    """Raises Unavailable: the job comes again."""
    del job
    if tenant.provider.offers_locations:
        await tenant.provider.close_location(args.txid)


CLOSE_LOCATION: Final = Kind(
    name="charges.close_location", run=_close_location, args={1: CloseLocation}
)
