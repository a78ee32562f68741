"""A merchant sees who paid; and the job that makes payers of old receipts countable."""

from typing import Final

import trio

from fluxiq.domain.job import Job
from fluxiq.ports import Page
from fluxiq.services.messages.envelope import Listing, listing
from fluxiq.services.messages.payers import PayerView, payer_view
from fluxiq.services.run_jobs import Kind, NoArgs
from fluxiq.services.tenant import Tenant

BITE: Final = 100  # receipts opened and indexed in one go: two milliseconds
PAUSE_SECONDS: Final = 0.02  # between bites: payments come first


async def list_payers(tenant: Tenant, merchant_id: str, page: Page) -> Listing[PayerView]:
    """The last to pay first."""
    payers, total = await tenant.payers.page(merchant_id, page)
    return listing([payer_view(one) for one in payers], page, total)


async def index_payers(tenant: Tenant) -> None:
    """Of receipts from before there was an index. Nothing to do costs one query."""
    after: str | None = ""
    while after is not None:
        after = await tenant.payers.index(after, BITE)
        await trio.sleep(PAUSE_SECONDS)


async def _run(tenant: Tenant, _args: NoArgs, _job: Job) -> None:
    await index_payers(tenant)


INDEX_PAYERS: Final = Kind(
    name="payers.index", run=_run, concurrency=1, priority=9, seconds_max=3600.0
)
