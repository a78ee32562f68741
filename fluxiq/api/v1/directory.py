"""DICT: who owns a PIX key."""

from typing import Annotated

from msgspec import Meta

from fluxiq.api.contract import Call, Rate, Routes
from fluxiq.services import dict_lookup as use
from fluxiq.services.messages.directory import KeyView
from fluxiq.services.messages.envelope import Data

routes = Routes("/api/v1/pix/dict")

# Keys have characters that other words in paths have not: `+5511…`, `ana@example.com`.
KeyText = Annotated[str, Meta(min_length=1, max_length=77)]


@routes.get(
    "/{key}",
    permission="pix:read",
    rate=Rate.READ,
    reply=Data[KeyView],
    refuses=("invalid_pix_key", "pix_key_not_found"),
)
async def show_key(call: Call, key: KeyText) -> Data[KeyView]:
    """Who owns a PIX key, with the document masked."""
    return Data(await use.show_key(call.tenant, call.merchant_id, key))
