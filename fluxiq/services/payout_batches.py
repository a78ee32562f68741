"""The batches that a merchant has written."""

from fluxiq.domain.payout_batch import PayoutBatch
from fluxiq.errors import Refused
from fluxiq.ports import Page
from fluxiq.ports.payout_batches import BatchesWanted
from fluxiq.services.messages.envelope import Listing, listing
from fluxiq.services.messages.released_batches import (
    PayoutBatchView,
    PayoutBatchWithLinesView,
    batch_view,
    with_lines,
)
from fluxiq.services.tenant import Tenant


async def list_batches(
    tenant: Tenant, wanted: BatchesWanted, page: Page
) -> Listing[PayoutBatchView]:
    """Newest first."""
    found, total = await tenant.payout_batches.page(wanted, page)
    return listing([batch_view(one) for one in found], page, total)


async def show_batch(tenant: Tenant, merchant_id: str, batch_id: str) -> PayoutBatchWithLinesView:
    """With its lines as they stand now. Raises Refused("payout_batch_not_found")."""
    batch = await find_batch(tenant, merchant_id, batch_id)
    return with_lines(batch, await tenant.payout_batches.lines(batch_id))


async def find_batch(tenant: Tenant, merchant_id: str, batch_id: str) -> PayoutBatch:
    """Raises Refused("payout_batch_not_found"), also for a batch of another merchant."""
    batch = await tenant.payout_batches.find(batch_id)
    if batch is None or batch.merchant_id != merchant_id:
        raise Refused("payout_batch_not_found", f"no batch {batch_id}", field="payout_batch_id")
    return batch
