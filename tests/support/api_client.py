"""A merchant at a client of the API, and what an answer says."""

from typing import Any

from quart.wrappers import Response

from tests.support.api_twin import World, bearer


class Merchant:
    """Calls with a key of its own; `permissions` are all unless said."""

    def __init__(
        self, world: World, merchant_id: str | None = None, *, permissions: tuple[str, ...] = ("*",)
    ) -> None:
        self.merchant_id = merchant_id or world.merchant_id
        self.client = world.app().test_client()
        self.key = world.key(*permissions, merchant_id=merchant_id)

    async def post(self, path: str, body: Any, **headers: str) -> Response:
        return await self.client.post(path, json=body, headers=bearer(self.key, **headers))

    async def get(self, path: str) -> Response:
        return await self.client.get(path, headers=bearer(self.key))

    async def delete(self, path: str) -> Response:
        return await self.client.delete(path, headers=bearer(self.key))


async def data_of(response: Response) -> Any:
    body = await response.get_json()
    assert set(body) == {"data"}, body
    return body["data"]


async def page_of(response: Response) -> tuple[list[Any], dict[str, int]]:
    """A list's records and its meta."""
    body = await response.get_json()
    assert set(body) == {"data", "meta"}, body
    return body["data"], body["meta"]


async def error_of(response: Response) -> tuple[int, str]:
    body = await response.get_json()
    return response.status_code, body["error"]["code"]


async def field_of(response: Response) -> str:
    """The field that a refusal names."""
    field: str = (await response.get_json())["error"]["details"]["field"]
    return field
