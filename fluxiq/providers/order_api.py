"""Orders, enquiries and look-ups over HTTP: the contract of docs/providers.md, for every adapter.

The one rule that matters: a request that left and got no clear answer is Unknown, never a failure.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar
from urllib.parse import quote

import msgspec
import trio

from fluxiq.domain.identifiers import is_return_id
from fluxiq.domain.keys import classify
from fluxiq.domain.money import reais
from fluxiq.domain.reconciliation import Flow, Window
from fluxiq.domain.records import Payout, Recipient, Refund
from fluxiq.domain.refund import BACEN_CODE
from fluxiq.errors import Refused, Unavailable, Unknown
from fluxiq.http1 import HttpClient, NoAnswer, NotSent, Response
from fluxiq.ports import OrderAnswer, StatementPage
from fluxiq.providers.order_messages import (
    ErrorReply,
    OrderReply,
    OwnerReply,
    PayeeAccount,
    PaymentOrder,
    RefundOrder,
)
from fluxiq.providers.statements import Read, read_statement, statement_query

# Said by the provider itself (not by something on the way, which may have passed the order on),
# these mean that it was turned away unread.
TURNED_AWAY = frozenset({401, 403, 404, 405, 413, 415, 429, 503})
_REFUSED = frozenset({400, 422})
_OK, _ACCEPTED, _UNAUTHORIZED, _NOT_FOUND = 200, 202, 401, 404
_RETRY_SECONDS_MAX = 300.0

# The headers that say who calls, for a body. Raises Unavailable: then nothing has left.
Authorise = Callable[[bytes], Awaitable[dict[str, str]]]

T = TypeVar("T")


def _nothing(headers: Mapping[str, str]) -> None:
    del headers


class OrderApi:
    """The outgoing half of a `ports.Provider`. `seconds_max` limits each call, waiting included;
    `unauthorised` hears which headers met a 401, so that they are not said again.
    """

    def __init__(
        self,
        client: HttpClient,
        *,
        name: str,
        authorise: Authorise,
        seconds_max: float,
        payments_path: str = "/payments",
        refunds_path: str = "/refunds",
        directory_path: str = "/dict",
        infractions_path: str = "/infractions",
        contests_path: str = "/contests",
        charges_path: str = "",
        statement_path: str = "/statement",
        unauthorised: Callable[[Mapping[str, str]], None] = _nothing,
    ) -> None:
        self._client = client
        self._name = name
        self._authorise = authorise
        self._seconds_max = seconds_max
        self._payments_path = payments_path
        self._refunds_path = refunds_path
        self._directory_path = directory_path
        self._infractions_path = infractions_path
        self._contests_path = contests_path
        self._charges_path = charges_path
        self._statement_path = statement_path
        self._unauthorised = unauthorised

    async def send(self, payout: Payout) -> OrderAnswer:
        """Order the payment; safe to repeat, the provider knows an order by its end-to-end id.

        Raises Unknown when it left and no clear answer came, Unavailable when it certainly was not
        accepted.
        """
        order = PaymentOrder(
            end_to_end_id=payout.end_to_end_id,
            amount=reais(payout.amount),
            pix_key=payout.recipient.pix_key or None,
            account=_account(payout.recipient),
            description=payout.description,
        )
        return await self._order(self._payments_path, payout.end_to_end_id, _encode(order))

    async def send_refund(self, refund: Refund) -> OrderAnswer:
        """Order a refund; safe to repeat, as `send` and with its errors, by its return id."""
        order = RefundOrder(
            return_id=refund.return_id,
            end_to_end_id=refund.end_to_end_id,
            amount=reais(refund.amount),
            reason_code=BACEN_CODE[refund.reason],
            description=refund.description,
        )
        return await self._order(self._refunds_path, refund.return_id, _encode(order))

    async def enquire(self, order_id: str) -> OrderAnswer:
        """What became of an order. Raises Unavailable: also when a 404 does not say `not_found`,
        since a lost route must not look like a lost order.
        """
        path = self._refunds_path if is_return_id(order_id) else self._payments_path
        response = await self._ask(f"{path}/{order_id}")
        reply = decode_whole(response, _ORDER) if response.status in {_OK, _NOT_FOUND} else None
        if reply is None or (reply.state == "not_found") != (response.status == _NOT_FOUND):
            raise self._turned_away(response)
        return OrderAnswer(state=reply.state, reason_code=reply.reason_code)

    async def look_up(self, key: str) -> Recipient | None:
        """Who owns a key; None when nobody does. Raises Unavailable, Refused `invalid_pix_key`."""
        kind, normalised = classify(key)
        response = await self._ask(f"{self._directory_path}/{quote(normalised, safe='')}")
        if response.status == _NOT_FOUND and decode_error(response) is not None:
            return None
        owner = decode_whole(response, _OWNER) if response.status == _OK else None
        if owner is None:
            raise self._turned_away(response)
        return Recipient(
            pix_key=normalised,
            pix_key_type=kind,
            name=owner.name,
            document=owner.document,
            ispb=owner.ispb,
        )

    @property
    def statement_flows(self) -> frozenset[Flow]:
        return frozenset(Flow)

    async def statement(self, window: Window, cursor: str) -> StatementPage:
        """A page of the statement: all flows in one, by the number of the page."""
        return await self._page(self._statement_path, window, int(cursor or "0"), read_statement)

    async def _page(self, path: str, window: Window, number: int, read: Read) -> StatementPage:
        """Page `number` of a listing. Raises Unavailable, also when it makes no sense."""
        response = await self._ask(f"{path}?{statement_query(window, number)}")
        if response.status != _OK or not response.complete:
            raise self._turned_away(response)
        try:
            return read(response.body, number)
        except Refused as refused:
            where = refused.details.get("field", "body")
            text = f"its statement cannot be read: {where}: {refused.message}"
            raise Unavailable(self._name, text, retry_after=60.0) from None

    async def _order(self, target: str, order_id: str, body: bytes) -> OrderAnswer:
        """Post an order, and read what the provider decides of it at once."""
        try:
            response = await self._call("POST", target, body)
        except NotSent as error:
            raise Unavailable(self._name, str(error)) from None
        except NoAnswer as error:
            raise Unknown(self._name, order_id, str(error)) from None

        why = decode_error(response)
        if why is not None and response.status in TURNED_AWAY:
            raise self._turned_away(response)
        if why is not None and response.status in _REFUSED:
            return OrderAnswer(state="rejected", reason_code=why.reason_code)
        reply = decode_whole(response, _ORDER) if response.status in {_OK, _ACCEPTED} else None
        if reply is None or reply.state == "not_found":
            text = f"answered {response.status} with nothing that decides"
            raise Unknown(self._name, order_id, text)
        return OrderAnswer(state=reply.state, reason_code=reply.reason_code)

    async def _ask(self, target: str) -> Response:
        """Asking moves nothing, so no answer is only Unavailable."""
        try:
            return await self._call("GET", target, b"")
        except (NotSent, NoAnswer) as error:
            raise Unavailable(self._name, str(error)) from None

    async def _call(self, method: str, target: str, body: bytes) -> Response:
        """Raises NotSent, NoAnswer, and Unavailable before anything has left."""
        until = trio.current_time() + self._seconds_max
        with trio.move_on_at(until) as limit:
            headers = await self._authorise(body)
        left = until - trio.current_time()
        if limit.cancelled_caught or left <= 0:
            raise NotSent(f"not authorised within {self._seconds_max:g} s")

        if body:
            headers["content-type"] = "application/json"
        response = await self._client.request(
            method, target, headers=headers, body=body, seconds_max=left
        )
        if response.status == _UNAUTHORIZED:
            self._unauthorised(headers)
        return response

    def _turned_away(self, response: Response) -> Unavailable:
        why = decode_error(response)
        text = f"answered {response.status}" + (f": {why.message}" if why else "")
        return Unavailable(self._name, text, retry_after=_retry_after(response))


def _account(recipient: Recipient) -> PayeeAccount | None:
    if recipient.account is None:
        return None
    return PayeeAccount(
        ispb=recipient.ispb,
        branch=recipient.account.branch,
        number=recipient.account.number,
        type=recipient.account.type,
        document=recipient.document,
        name=recipient.name,
    )


def _retry_after(response: Response) -> float:
    """Seconds, as the provider asks for them; a second when it does not."""
    said = dict(response.headers).get("retry-after", "")
    if not (said.isascii() and said.isdigit()):
        return 1.0
    return min(max(float(said[:9]), 1.0), _RETRY_SECONDS_MAX)


def decode_error(response: Response) -> ErrorReply | None:
    """What the provider itself says went wrong; None when it is somebody else who speaks."""
    return decode_whole(response, _ERROR)


def decode_whole(response: Response, decoder: "msgspec.json.Decoder[T]") -> T | None:
    """The record in a whole answer, None when it is something else."""
    if not response.complete:
        return None
    try:
        return decoder.decode(response.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


_encode = msgspec.json.Encoder().encode
_ORDER = msgspec.json.Decoder(OrderReply)
_OWNER = msgspec.json.Decoder(OwnerReply)
_ERROR = msgspec.json.Decoder(ErrorReply)
