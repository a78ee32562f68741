"""What an account can be opened as."""

from msgspec import Struct

from fluxiq.sdk.calls import C, Call, Resource
from fluxiq.sdk.request import Request, data, get, path


class Product(Struct, frozen=True, kw_only=True):
    id: str
    name: str
    description: str


class Products(Resource[C]):
    @Call
    def all(self) -> Request[tuple[Product, ...]]:
        """There are few, so they are not paged."""
        return get("/products", data(tuple[Product, ...]))

    @Call
    def get(self, product_id: str) -> Request[Product]:
        return get(path("/products/{}", product_id), data(Product))
