"""What an account can be opened as. Products are named, not numbered: a merchant's code says which.

The list is closed: a product decides what an account may do, and that is code.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from fluxiq.errors import Refused


class Product(Struct, frozen=True, kw_only=True):
    """`has_pix_key`: an account of it is opened with a random key (EVP), and can be paid by PIX."""

    id: str  # prod_…
    name: str
    description: str
    has_pix_key: bool


PIX_MERCHANT: Final = Product(
    id="prod_pix_merchant",
    name="PIX merchant account",
    description="Receives PIX by a key of its own, pays by PIX, and takes part in transfers.",
    has_pix_key=True,
)
PIX_SETTLEMENT: Final = Product(
    id="prod_pix_settlement",
    name="PIX settlement account",
    description="Collects money by transfers and pays it out by PIX; nobody can pay into it.",
    has_pix_key=False,
)

PRODUCTS: Mapping[str, Product] = MappingProxyType(
    {product.id: product for product in (PIX_MERCHANT, PIX_SETTLEMENT)}
)


def product_named(product_id: str) -> Product:
    """Raises Refused("product_not_found")."""
    try:
        return PRODUCTS[product_id]
    except KeyError:
        raise Refused("product_not_found", f"no product {product_id}", field="product_id") from None
