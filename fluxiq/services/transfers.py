"""The transfers that a merchant has made."""

from fluxiq.domain.transfer import BookTransfer
from fluxiq.errors import Refused
from fluxiq.ports import Page
from fluxiq.ports.transfers import TransferFilter
from fluxiq.services.messages.envelope import Listing, listing
from fluxiq.services.messages.transfers import TransferView, transfer_view
from fluxiq.services.tenant import Tenant


async def list_transfers(
    tenant: Tenant, wanted: TransferFilter, page: Page
) -> Listing[TransferView]:
    """Newest first."""
    found, total = await tenant.transfers.page(wanted, page)
    return listing([transfer_view(tenant.ispb, one) for one in found], page, total)


async def show_transfer(tenant: Tenant, merchant_id: str, transfer_id: str) -> TransferView:
    """Raises Refused("transfer_not_found")."""
    return transfer_view(tenant.ispb, await find_transfer(tenant, merchant_id, transfer_id))


async def find_transfer(tenant: Tenant, merchant_id: str, transfer_id: str) -> BookTransfer:
    """Raises Refused("transfer_not_found"), also for a transfer of another merchant."""
    transfer = await tenant.transfers.find(transfer_id)
    if transfer is None or transfer.merchant_id != merchant_id:
        raise Refused("transfer_not_found", f"no transfer {transfer_id}", field="transfer_id")
    return transfer
