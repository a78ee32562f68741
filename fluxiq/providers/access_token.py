"""The access token that a PSP wants with every call: OAuth2 client credentials (RFC 6749, 4.4).

Asked for once by whoever needs it first, kept, and renewed before it expires. While it still works,
a token server that is away disturbs nobody.
"""

import base64
import re
from collections.abc import Callable
from typing import Final
from urllib.parse import quote, urlencode

import msgspec
import trio
from msgspec import Struct

from fluxiq.errors import Unavailable
from fluxiq.http1 import HttpClient, NoAnswer, NotSent, Response

RENEW_SECONDS_BEFORE: Final = 60.0
RENEW_SHARE_BEFORE: Final = 0.1  # of its life, where that is less
RETRY_SECONDS: Final = 5.0  # until a renewal that failed is tried again
LIFE_SECONDS_DEFAULT: Final = 300.0  # the standard recommends to say `expires_in`, no more
LIFE_SECONDS_MAX: Final = 86_400.0

_OK = 200
_VISIBLE = re.compile(r"[!-~]{1,8192}")


class TokenReply(Struct, frozen=True, kw_only=True):
    """RFC 6749, 5.1, as far as it matters here."""

    access_token: str
    token_type: str
    expires_in: float | None = None


class _Held(Struct, frozen=True):
    text: str
    renew_at: float
    ends_at: float


class AccessTokens:
    """`secret` is read at each renewal, so that it may be rotated. Times are trio's clock."""

    def __init__(
        self,
        client: HttpClient,
        target: str,
        *,
        client_id: str,
        secret: Callable[[], bytes],
        scope: str,
        seconds_max: float,
    ) -> None:
        self._client = client
        self._target = target
        self._client_id = client_id
        self._secret = secret
        self._scope = scope
        self._seconds_max = seconds_max
        self._held: _Held | None = None
        self._renewing = trio.Lock()

    async def get(self) -> str:
        """A token that works now. Raises Unavailable: nothing has left in its name."""
        held = self._held
        if held is not None and trio.current_time() < held.renew_at:
            return held.text

        async with self._renewing:
            held, now = self._held, trio.current_time()
            if held is not None and now < held.renew_at:
                return held.text
            try:
                self._held = await self._ask()
            except Unavailable:
                if held is None or now >= held.ends_at:
                    raise
                self._held = msgspec.structs.replace(held, renew_at=now + RETRY_SECONDS)
                return held.text
            return self._held.text

    def forget(self, text: str) -> None:
        """The provider does not take this token any more, whatever was said of its life. One that
        has come in its place meanwhile stays.
        """
        if self._held is not None and self._held.text == text:
            self._held = None

    async def _ask(self) -> _Held:
        form = {"grant_type": "client_credentials"}
        if self._scope:
            form["scope"] = self._scope
        words = f"{quote(self._client_id, safe='')}:{quote(self._secret(), safe='')}"
        asked = trio.current_time()
        try:
            response = await self._client.request(
                "POST",
                self._target,
                headers={
                    "authorization": f"Basic {base64.b64encode(words.encode()).decode()}",
                    "content-type": "application/x-www-form-urlencoded",
                    "accept": "application/json",
                },
                body=urlencode(form).encode(),
                seconds_max=self._seconds_max,
            )
        except (NotSent, NoAnswer) as error:
            raise Unavailable("token server", str(error)) from None
        return _held(response, asked)


def _held(response: Response, asked: float) -> _Held:
    """The token in an answer, its life counted from before it was asked for."""
    reply = None
    if response.status == _OK and response.complete:
        try:
            reply = _REPLY.decode(response.body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            reply = None
    if reply is None or reply.token_type.lower() != "bearer":
        raise Unavailable("token server", f"answered {response.status} without a bearer token")
    # It goes into a header: what could break the line is no token.
    if _VISIBLE.fullmatch(reply.access_token) is None:
        raise Unavailable("token server", "answered with a token that no header can carry")

    life = LIFE_SECONDS_DEFAULT if reply.expires_in is None else reply.expires_in
    life = min(max(life, 0.0), LIFE_SECONDS_MAX)
    early = min(RENEW_SECONDS_BEFORE, life * RENEW_SHARE_BEFORE)
    return _Held(reply.access_token, asked + life - early, asked + life)


_REPLY = msgspec.json.Decoder(TokenReply)
