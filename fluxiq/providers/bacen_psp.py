"""The adapter of kind "bacen_psp": a PSP that moves PIX for an indirect participant.

Orders, enquiries and look-ups go out over mutual TLS (docs/providers.md); what comes back is the
BCB's callback, proved by the scheme of the link.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial

from fluxiq.domain.money import AmountUnit
from fluxiq.domain.reconciliation import Flow, Window
from fluxiq.domain.records import Notice
from fluxiq.http1 import HttpClient
from fluxiq.ports import Callback, StatementPage
from fluxiq.providers.access_token import AccessTokens
from fluxiq.providers.bacen_notices import parse_notices
from fluxiq.providers.callbacks.proofs import Verify
from fluxiq.providers.cob_api import CobApi
from fluxiq.providers.order_api import Authorise
from fluxiq.providers.statements import read_pix_listing
from fluxiq.settings.providers import Psp

_HEADER = "authorization"
_BEARER = "Bearer "

# The two listings of a statement, as its cursors name them.
_PIX, _ORDERS = "pix", "orders"


class BacenPspProvider(CobApi):
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
        dynamic_codes: bool = False,
    ) -> None:
        super().__init__(
            client,
            name=name,
            authorise=_bearer(tokens),
            seconds_max=seconds_max,
            payments_path=psp.payments_path,
            refunds_path=psp.refunds_path,
            directory_path=psp.directory_path,
            infractions_path=psp.infractions_path,
            contests_path=psp.contests_path,
            charges_path=psp.charges_path if dynamic_codes else "",
            statement_path=psp.statement_path,
            unauthorised=_forgetting(tokens),
        )
        self._verify = verify
        self._unit = AmountUnit(psp.amount_unit)
        self._pix_path = psp.pix_path
        self._listings = [
            name for name, path in ((_PIX, psp.pix_path), (_ORDERS, psp.statement_path)) if path
        ]

    def verify_callback(self, callback: Callback, now: datetime) -> None:
        """Raises Refused `signature_invalid` unless the PSP makes this call."""
        self._verify(callback, now)

    def parse_notices(self, body: bytes) -> list[Notice]:
        return parse_notices(body, self._unit)

    @property
    def statement_flows(self) -> frozenset[Flow]:
        """The BCB's listing has what was received; only our contract has the rest."""
        received = frozenset({Flow.RECEIVED}) if _PIX in self._listings else frozenset()
        orders = frozenset(Flow) - {Flow.RECEIVED} if _ORDERS in self._listings else frozenset()
        return received | orders

    async def statement(self, window: Window, cursor: str) -> StatementPage:
        """The pages of one listing, then those of the other; `pix:3` is a cursor."""
        if not self._listings:
            return StatementPage(lines=())
        listing, _, number = cursor.partition(":")
        if listing not in self._listings:  # the first one; also where a setting has changed
            listing, number = self._listings[0], "0"
        page = await (self._pix_page if listing == _PIX else self._orders_page)(window, number)
        if page.next_cursor is not None:
            return StatementPage(lines=page.lines, next_cursor=f"{listing}:{page.next_cursor}")
        following = self._listings[self._listings.index(listing) + 1 :]
        after = f"{following[0]}:0" if following else None
        return StatementPage(lines=page.lines, next_cursor=after)

    async def _pix_page(self, window: Window, number: str) -> StatementPage:
        """With the refunds of what was received, unless the other listing has them."""
        read = partial(
            read_pix_listing, unit=self._unit, with_refunds=_ORDERS not in self._listings
        )
        return await self._page(self._pix_path, window, int(number), read)

    async def _orders_page(self, window: Window, number: str) -> StatementPage:
        page = await super().statement(window, number)
        others = tuple(one for one in page.lines if one.flow is not Flow.RECEIVED)
        return StatementPage(lines=others, next_cursor=page.next_cursor)


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
