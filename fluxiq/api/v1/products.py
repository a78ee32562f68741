"""What an account can be opened as."""

from fluxiq.api.contract import Call, PathText, Rate, Routes
from fluxiq.domain.product import PRODUCTS, product_named
from fluxiq.services.messages.accounts import ProductView, product_view
from fluxiq.services.messages.envelope import Data

routes = Routes("/api/v1/products", institution=True)


@routes.get(permission="accounts:read", rate=Rate.READ, reply=Data[list[ProductView]])
async def list_products(call: Call) -> Data[list[ProductView]]:
    """Every product; there are few, so they are not paged."""
    del call
    return Data([product_view(product) for product in PRODUCTS.values()])


@routes.get(
    "/{product_id}",
    permission="accounts:read",
    rate=Rate.READ,
    reply=Data[ProductView],
    refuses=("product_not_found",),
)
async def show_product(call: Call, product_id: PathText) -> Data[ProductView]:
    """One product."""
    del call
    return Data(product_view(product_named(product_id)))
