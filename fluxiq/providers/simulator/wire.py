"""Bodies in, answers out: what every door of the provider does alike."""

from typing import TypeVar

import msgspec

from fluxiq.errors import Refused
from fluxiq.http1 import Response

T = TypeVar("T")

_JSON = {"content-type": "application/json"}
_encode = msgspec.json.Encoder().encode


def decode(body: bytes, decoder: "msgspec.json.Decoder[T]") -> T:
    """Raises Refused("request_invalid")."""
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused("request_invalid", str(error)) from None


def reply(status: int, body: object) -> Response:
    return Response(status=status, body=_encode(body), headers=_JSON)
