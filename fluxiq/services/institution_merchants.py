"""The institution's own people look for its merchants."""

from fluxiq.domain.documents import parse_document
from fluxiq.errors import Refused
from fluxiq.ports import Page
from fluxiq.ports.customers import CustomersWanted
from fluxiq.services.messages.customers import (
    InstitutionMerchantView,
    merchant_alone,
    merchant_in_list,
)
from fluxiq.services.messages.envelope import Listing, listing
from fluxiq.services.tenant import Tenant


async def list_merchants(
    tenant: Tenant, text: str | None, page: Page
) -> Listing[InstitutionMerchantView]:
    """Newest first. `text` that is a CPF or CNPJ is looked for as one, any other in names."""
    customers, total = await tenant.customers.page(_wanted(text), page)
    return listing([merchant_in_list(one) for one in customers], page, total)


async def show_merchant(tenant: Tenant, merchant_id: str) -> InstitutionMerchantView:
    """Raises Refused("merchant_not_found")."""
    customer = await tenant.customers.find(merchant_id)
    if customer is None:
        raise Refused("merchant_not_found", f"no merchant {merchant_id}", field="merchant_id")
    return merchant_alone(customer)


def _wanted(text: str | None) -> CustomersWanted:
    if text is None:
        return CustomersWanted()
    try:
        _, document = parse_document(text)
    except Refused:
        return CustomersWanted(name=text)
    return CustomersWanted(document=document)
