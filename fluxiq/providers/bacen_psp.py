"""The adapter of kind "bacen_psp": a PSP that moves PIX for an indirect participant.

Orders, enquiries and look-ups go out over mutual TLS (docs/providers.md); what comes back is the
BCB's callback, proved by the scheme of the link.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

from fluxiq.domain.money import AmountUnit
from fluxiq.domain.records import Notice
from fluxiq.http1 import HttpClient
from fluxiq.ports import Callback
from fluxiq.providers.access_token import AccessTokens
from fluxiq.providers.bacen_notices import parse_notices
from fluxiq.providers.callbacks.proofs import Verify
from fluxiq.providers.order_api import Authorise, OrderApi
from fluxiq.settings_providers import Psp

_HEADER = "authorization"
_BEARER = "Bearer "


class BacenPspProvider(OrderApi):
    """`ports.Provider`, for one institution. `tokens` is None where the certificate is enough."""

    def __init__(
        self,
        client: HttpClient,
        psp: Psp,
        *,
        name: str,
        verify: Verify,
        tokens: AccessTokens | None,
        seconds_max: float,
    ) -> None:
        super().__init__(
            client,
            name=name,
            authorise=_bearer(tokens),
            seconds_max=seconds_max,
            payments_path=psp.payments_path,
            refunds_path=psp.refunds_path,
            directory_path=psp.directory_path,
            unauthorised=_forgetting(tokens),
        )
        self._verify = verify
        self._unit = AmountUnit(psp.amount_unit)

    def verify_callback(self, callback: Callback, now: datetime) -> None:
        """Raises Refused `signature_invalid` unless the PSP makes this call."""
        self._verify(callback, now)

    def parse_notices(self, body: bytes) -> list[Notice]:
        return parse_notices(body, self._unit)


def _bearer(tokens: AccessTokens | None) -> Authorise:
    async def authorise(body: bytes) -> dict[str, str]:
        del body  # nothing signs it: the connection is the proof
        return {} if tokens is None else {_HEADER: f"{_BEARER}{await tokens.get()}"}

    return authorise


def _forgetting(tokens: AccessTokens | None) -> Callable[[Mapping[str, str]], None]:
    def forget(headers: Mapping[str, str]) -> None:
        if tokens is not None:
            tokens.forget(headers[_HEADER].removeprefix(_BEARER))

    return forget
