"""A merchant's API keys."""

from fluxiq.api.contract import (
    NO_CONTENT,
    Call,
    PathText,
    Rate,
    Reply,
    Routes,
    answered,
    known_permissions,
)
from fluxiq.api.paging import PageAsked
from fluxiq.services import api_keys as use
from fluxiq.services.messages.envelope import Data, Listing
from fluxiq.services.messages.merchants import ApiKeyView, OpenApiKey, RotateApiKey

routes = Routes("/api/v1/merchants/{merchant_id}/api-keys")


@routes.post(
    permission="api_keys:write",
    rate=Rate.WRITE,
    reply=Data[ApiKeyView],
    status=201,
    refuses=("merchant_not_found", "idempotency_key_reused"),
)
async def open_api_key(call: Call, merchant_id: PathText, body: OpenApiKey) -> Reply:
    """Make an API key; its text is shown only now."""
    answer = await use.open_api_key(
        call.known_caller,
        merchant_id,
        body,
        call.idempotency(body),
        known_permissions(),
    )
    return answered(answer)


@routes.get(
    permission="api_keys:read",
    rate=Rate.READ,
    reply=Listing[ApiKeyView],
    refuses=("merchant_not_found",),
)
async def list_api_keys(call: Call, merchant_id: PathText, query: PageAsked) -> Listing[ApiKeyView]:
    """The merchant's API keys, newest first, without their texts."""
    return await use.list_api_keys(call.tenant, call.merchant_id, merchant_id, query.wanted)


@routes.post(
    "/{key_id}/rotate",
    permission="api_keys:write",
    rate=Rate.WRITE,
    reply=Data[ApiKeyView],
    status=201,
    refuses=(
        "merchant_not_found",
        "api_key_not_found",
        "api_key_over",
        "api_key_in_use",
        "idempotency_key_reused",
    ),
)
async def rotate_api_key(
    call: Call, merchant_id: PathText, key_id: PathText, body: RotateApiKey
) -> Reply:
    """Make the key that takes the place of another one, which works for `overlap_seconds` more.

    It has the same name, permissions and networks; its text is shown only now.
    """
    answer = await use.rotate_api_key(
        call.known_caller, merchant_id, key_id, body, call.idempotency(body)
    )
    return answered(answer)


@routes.delete(
    "/{key_id}",
    permission="api_keys:write",
    rate=Rate.WRITE,
    refuses=("merchant_not_found", "api_key_not_found", "api_key_in_use"),
)
async def revoke_api_key(call: Call, merchant_id: PathText, key_id: PathText) -> Reply:
    """Revoke an API key for ever."""
    await use.revoke_api_key(call.known_caller, merchant_id, key_id)
    return NO_CONTENT
