"""Whether a webhook is from the platform: Standard Webhooks 1.0.0, from the receiver's side.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md

Written apart from the product's own code on purpose. It goes where the SDK goes, without the
platform; and what signs and what verifies agree because both read the standard, not each other:
a mistake in code they shared would be believed by both.
"""

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Struct

from fluxiq.sdk.errors import SignatureInvalid

TOLERANCE_SECONDS: Final = 300
SIGNATURES_MAX: Final = 16

T = TypeVar("T")
Kind = type[T]  # inside Event, `type` is a field

_PREFIX = "whsec_"
_VERSION = "v1,"
_DIGITS_MAX = 12


class Event(Struct, frozen=True, kw_only=True):
    """What happened. `id` is the same in every delivery of it: remember those you have handled."""

    id: str
    type: str
    created_at: datetime
    data: dict[str, Any]

    def read(self, kind: Kind[T]) -> T:
        """`data` as what it is: `event.read(Charge)`. Raises msgspec.ValidationError."""
        return msgspec.convert(self.data, kind)


class WebhookVerifier:
    """Holds an endpoint's secrets (`whsec_…`): one, or during a rotation the new and the old one.

    Raises ValueError for a text that is no secret.
    """

    def __init__(self, *secrets: str, now: Callable[[], float] = time.time) -> None:
        if not secrets:
            raise ValueError("without a secret nothing can be believed")
        self._keys = tuple(_key(secret) for secret in secrets)
        self._now = now

    def verify(self, body: bytes, headers: Mapping[str, str]) -> Event:
        """The event, once it is known to be the platform's and signed within 5 minutes of now.

        `body` is as it came, not decoded and encoded again; the case of `headers` does not matter.
        Raises SignatureInvalid.
        """
        said = {name.lower(): value for name, value in headers.items()}
        try:
            message_id, timestamp = said["webhook-id"], said["webhook-timestamp"]
            signature = said["webhook-signature"]
        except KeyError as missing:
            raise SignatureInvalid(f"there is no header {missing}") from None

        moment = _seconds(timestamp)
        self._require_signature(message_id, moment, body, signature)
        # Asked last, so that a stranger learns nothing of our clock.
        if abs(self._now() - moment) > TOLERANCE_SECONDS:
            raise SignatureInvalid(f"signed more than {TOLERANCE_SECONDS} s away from now")
        try:
            return _decode(body)
        except msgspec.DecodeError as error:
            raise SignatureInvalid(f"signed, but no event: {error}") from None

    def _require_signature(self, message_id: str, moment: int, body: bytes, said: str) -> None:
        """One of the signatures must fit one of the keys. All pairs are compared, each in constant
        time, so that the time taken does not tell how near a guess was.
        """
        given = [one.removeprefix(_VERSION) for one in said.split(" ") if one.startswith(_VERSION)]
        if len(given) > SIGNATURES_MAX:
            raise SignatureInvalid(f"more than {SIGNATURES_MAX} signatures")

        signed = b"%b.%d.%b" % (message_id.encode(), moment, body)
        wanted = [base64.b64encode(hmac.digest(key, signed, hashlib.sha256)) for key in self._keys]
        fits = [hmac.compare_digest(one, its.encode()) for one in wanted for its in given]
        if not any(fits):
            raise SignatureInvalid("no signature fits")


_decode = msgspec.json.Decoder(Event).decode


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        raise ValueError("a webhook secret is whsec_ and base64")  # without the text: it is secret
    return key


def _seconds(timestamp: str) -> int:
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= _DIGITS_MAX):
        raise SignatureInvalid("the timestamp is not in unix seconds")
    return int(timestamp)
