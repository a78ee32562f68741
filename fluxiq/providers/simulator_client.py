"""The adapter of kind "simulator": orders, enquiries and look-ups over HTTP, notices back.

The one rule that matters: a request that left and got no clear answer is Unknown, never a failure.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TypeVar
from urllib.parse import quote

import msgspec

from fluxiq.domain.identifiers import parse_end_to_end_id
from fluxiq.domain.keys import classify
from fluxiq.domain.money import centavos_of, reais, require_amount
from fluxiq.domain.records import Notice, NoticeKind, Payout, Person, Recipient
from fluxiq.errors import Refused, Unavailable, Unknown
from fluxiq.http1 import HttpClient, NoAnswer, NotSent, Response
from fluxiq.ports import OrderAnswer
from fluxiq.providers.signatures import SignatureStrategy
from fluxiq.providers.simulator_messages import (
    ErrorReply,
    Notices,
    OrderReply,
    OutcomeNotice,
    OutcomeStatus,
    OwnerReply,
    Payer,
    PaymentOrder,
    ReceiptNotice,
)

INSTITUTION = "x-institution"

# Said by the provider itself (not by something on the way, which may have passed the order on),
# these mean that it was turned away unread.
_TURNED_AWAY = frozenset({401, 403, 404, 405, 413, 415, 429, 503})
_REFUSED = frozenset({400, 422})
_OK, _ACCEPTED, _NOT_FOUND = 200, 202, 404

T = TypeVar("T")


def _utc_now() -> datetime:
    return datetime.now(UTC)


class SimulatorProvider:
    """`ports.Provider`, for one institution. `seconds_max` limits each call, waiting included."""

    def __init__(
        self,
        client: HttpClient,
        *,
        ispb: str,
        signature: SignatureStrategy,
        seconds_max: float,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._client = client
        self._ispb = ispb
        self._signature = signature
        self._seconds_max = seconds_max
        self._now = now
        self._name = f"provider of {ispb}"

    async def send(self, payout: Payout) -> OrderAnswer:
        """Order the payment; safe to repeat, the provider knows an order by its end-to-end id.

        Raises Unknown when it left and no clear answer came, Unavailable when it certainly was not
        accepted.
        """
        order = PaymentOrder(
            end_to_end_id=payout.end_to_end_id,
            amount=reais(payout.amount),
            pix_key=payout.recipient.pix_key,
            description=payout.description,
        )
        try:
            response = await self._call("POST", "/payments", _encode(order))
        except NotSent as error:
            raise Unavailable(self._name, str(error)) from None
        except NoAnswer as error:
            raise Unknown(self._name, payout.end_to_end_id, str(error)) from None

        why = _decode(response, _ERROR)
        if why is not None and response.status in _TURNED_AWAY:
            raise self._turned_away(response)
        if why is not None and response.status in _REFUSED:
            return OrderAnswer(state="rejected", reason_code=why.reason_code)
        reply = _decode(response, _ORDER) if response.status in {_OK, _ACCEPTED} else None
        if reply is None or reply.state == "not_found":
            text = f"answered {response.status} with nothing that decides"
            raise Unknown(self._name, payout.end_to_end_id, text)
        return OrderAnswer(state=reply.state, reason_code=reply.reason_code)

    async def enquire(self, end_to_end_id: str) -> OrderAnswer:
        """What became of an order. Raises Unavailable: also when a 404 does not say `not_found`,
        since a lost route must not look like a lost order.
        """
        response = await self._ask(f"/payments/{end_to_end_id}")
        reply = _decode(response, _ORDER) if response.status in {_OK, _NOT_FOUND} else None
        if reply is None or (reply.state == "not_found") != (response.status == _NOT_FOUND):
            raise self._turned_away(response)
        return OrderAnswer(state=reply.state, reason_code=reply.reason_code)

    async def look_up(self, key: str) -> Recipient | None:
        """Who owns a key; None when nobody does. Raises Unavailable, Refused `invalid_pix_key`."""
        kind, normalised = classify(key)
        response = await self._ask(f"/dict/{quote(normalised, safe='')}")
        if response.status == _NOT_FOUND and _decode(response, _ERROR) is not None:
            return None
        owner = _decode(response, _OWNER) if response.status == _OK else None
        if owner is None:
            raise self._turned_away(response)
        return Recipient(
            pix_key=normalised,
            pix_key_type=kind,
            name=owner.name,
            document=owner.document,
            ispb=owner.ispb,
        )

    def verify_callback(self, headers: Mapping[str, str], body: bytes, now: datetime) -> None:
        """Raises Refused `signature_invalid` unless the provider signed these bytes lately."""
        self._signature.verify(headers, body, now)

    def parse_notices(self, body: bytes) -> list[Notice]:
        return parse_notices(body)

    async def _ask(self, target: str) -> Response:
        """Asking moves nothing, so no answer is only Unavailable."""
        try:
            return await self._call("GET", target, b"")
        except (NotSent, NoAnswer) as error:
            raise Unavailable(self._name, str(error)) from None

    async def _call(self, method: str, target: str, body: bytes) -> Response:
        headers = self._signature.sign(body, self._now())
        headers[INSTITUTION] = self._ispb
        if body:
            headers["content-type"] = "application/json"
        return await self._client.request(
            method, target, headers=headers, body=body, seconds_max=self._seconds_max
        )

    def _turned_away(self, response: Response) -> Unavailable:
        why = _decode(response, _ERROR)
        text = f"answered {response.status}" + (f": {why.message}" if why else "")
        return Unavailable(self._name, text)


def parse_notices(body: bytes) -> list[Notice]:
    """Everything said in one call, receipts first. Raises Refused `malformed_json`, or
    `invalid_notice` whose `field` is the path of the culprit (`pix[0].valor`); then none counts.
    """
    try:
        said = _NOTICES.decode(body)
    except msgspec.ValidationError as error:
        raise _named(error) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused("malformed_json", f"the notices are not JSON: {error}") from None

    if not said.pix and not said.payments:
        raise Refused("invalid_notice", "nothing was said", field="pix")
    received = [_receipt(one, f"pix[{index}]") for index, one in enumerate(said.pix)]
    ended = [_outcome(one, f"payments[{index}]") for index, one in enumerate(said.payments)]
    return received + ended


def _receipt(said: ReceiptNotice, path: str) -> Notice:
    _check_end_to_end_id(said.endToEndId, path)
    return Notice(
        event_id=said.eventId or said.endToEndId,
        kind=NoticeKind.RECEIVED,
        end_to_end_id=said.endToEndId,
        amount=_amount(said.valor, path),
        occurred_at=_utc(said.horario, path),
        pix_key=said.chave,
        txid=said.txid,
        payer=None if said.pagador is None else _payer(said.pagador, path),
    )


def _outcome(said: OutcomeNotice, path: str) -> Notice:
    rejected = said.status is OutcomeStatus.REJECTED
    if rejected != (said.motivo is not None):
        message = "a rejection has a code, and nothing else has one"
        raise Refused("invalid_notice", message, field=f"{path}.motivo")

    _check_end_to_end_id(said.endToEndId, path)
    return Notice(
        event_id=said.eventId,
        kind=NoticeKind.REJECTED if rejected else NoticeKind.CONFIRMED,
        end_to_end_id=said.endToEndId,
        amount=_amount(said.valor, path),
        occurred_at=_utc(said.horario, path),
        reason_code=said.motivo,
    )


def _payer(said: Payer, path: str) -> Person:
    document = said.cpf or said.cnpj
    if document is None or (said.cpf and said.cnpj):
        message = "a payer has a cpf or a cnpj"
        raise Refused("invalid_notice", message, field=f"{path}.pagador")

    return Person(document=document, name=said.nome)


def _amount(text: str, path: str) -> int:
    try:
        return require_amount(centavos_of(text))
    except Refused as refused:
        raise Refused("invalid_notice", refused.message, field=f"{path}.valor") from None


def _utc(moment: datetime, path: str) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        message = "beyond the years that a date can have"
        raise Refused("invalid_notice", message, field=f"{path}.horario") from None


def _check_end_to_end_id(text: str, path: str) -> None:
    try:
        parse_end_to_end_id(text)
    except Refused as refused:
        raise Refused("invalid_notice", refused.message, field=f"{path}.endToEndId") from None


_encode = msgspec.json.Encoder().encode
_NOTICES = msgspec.json.Decoder(Notices)
_ORDER = msgspec.json.Decoder(OrderReply)
_OWNER = msgspec.json.Decoder(OwnerReply)
_ERROR = msgspec.json.Decoder(ErrorReply)

_WHERE = re.compile(r"^(.*?)(?: - at `\$\.?(.*)`)?$", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`")
_MISSING = re.compile(r"Object missing required field `(.*)`")


def _named(error: msgspec.ValidationError) -> Refused:
    """The refusal behind msgspec's `… - at `$.pix[0].valor``, its field apart. Says nothing of the
    value, which may be a customer's.
    """
    match = _WHERE.match(str(error))
    text, where = match.groups(default="") if match else (str(error), "")
    if named := _UNKNOWN.match(text) or _MISSING.match(text):
        where = f"{where}.{named[1]}" if where else named[1]
    return Refused("invalid_notice", text[:1].lower() + text[1:], field=where or "body")


def _decode(response: Response, decoder: "msgspec.json.Decoder[T]") -> T | None:
    """The record in a whole answer, None when it is something else."""
    if not response.complete:
        return None
    try:
        return decoder.decode(response.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
