"""Merchants, as the institution's own people see them."""

from typing import Annotated

from msgspec import Meta

from fluxiq.api.contract import Call, PathText, Rate, Routes
from fluxiq.api.paging import PageAsked
from fluxiq.services import institution_merchants as use
from fluxiq.services.messages.customers import InstitutionMerchantView
from fluxiq.services.messages.envelope import Data, Listing

routes = Routes("/api/v1/institution/merchants", institution=True)

READ = "institution:read"


class MerchantsAsked(PageAsked, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`q` is a whole CPF or CNPJ, or a part of a name, whatever its case and accents."""

    q: Annotated[str, Meta(min_length=1, max_length=140)] | None = None


@routes.get(permission=READ, rate=Rate.READ, reply=Listing[InstitutionMerchantView])
async def list_institution_merchants(
    call: Call, query: MerchantsAsked
) -> Listing[InstitutionMerchantView]:
    """The merchants of the institution, newest first, with masked documents."""
    return await use.list_merchants(call.tenant, query.q, query.wanted)


@routes.get(
    "/{merchant_id}",
    permission=READ,
    rate=Rate.READ,
    reply=Data[InstitutionMerchantView],
    refuses=("merchant_not_found",),
)
async def show_institution_merchant(
    call: Call, merchant_id: PathText
) -> Data[InstitutionMerchantView]:
    """One merchant."""
    return Data(await use.show_merchant(call.tenant, merchant_id))
