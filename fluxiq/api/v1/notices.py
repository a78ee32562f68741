"""The Door for providers: they say what happened, signed. Not signed by them: 401, nothing stored.

The answer comes once every notice is in the visitors' book; understanding them is work for later.
"""

from msgspec import Struct

from fluxiq.api.contract import PUBLIC, Call, PathText, Rate, Routes
from fluxiq.api.server_tls import peer_certificate
from fluxiq.ports import Callback
from fluxiq.services.messages.envelope import Data
from fluxiq.services.receive_notices import receive_notices as use

routes = Routes("/api/v1/institutions/{ispb}/providers/{provider}/notices")


class NoticesTaken(Struct, frozen=True):
    """How many notices were new; known ones are taken without a word."""

    received: int


def notices_path(ispb: str, provider: str) -> str:
    """Where the provider link `provider` of an institution delivers its notices."""
    return routes.prefix.format(ispb=ispb, provider=provider)


# Public, since no API key is asked: the provider's signature speaks for it.
@routes.post(
    permission=PUBLIC,
    rate=Rate.CALLBACK,
    reply=Data[NoticesTaken],
    status=200,
    refuses=(
        "institution_not_found",
        "provider_not_found",
        "signature_invalid",
        "malformed_json",
        "invalid_notice",
    ),
)
async def receive_notices(
    call: Call, ispb: PathText, provider: PathText, raw: bytes
) -> Data[NoticesTaken]:
    """Take a provider's notices."""
    headers: dict[str, str] = {}
    for name, value in call.headers.items():
        before = headers.get(name.lower())
        headers[name.lower()] = value if before is None else f"{before}, {value}"

    callback = Callback(
        headers=headers,
        body=raw,
        remote=call.remote,
        query=call.query_text,
        certificate=peer_certificate(),
    )
    return Data(NoticesTaken(await use(call.tenants.get(ispb), provider, callback)))
