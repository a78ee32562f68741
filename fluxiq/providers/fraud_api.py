"""What is said about infractions over HTTP: our contract, beside that of orders.

No BACEN shape exists for it: DICT speaks XML with participants, and an indirect one has a PSP in
between. The words are DICT's.
"""

from typing import Final
from urllib.parse import quote

import msgspec

from fluxiq.domain.infraction import InfractionStatus
from fluxiq.errors import Unavailable, Unknown
from fluxiq.http1 import NoAnswer, NotSent, Response
from fluxiq.providers.order_api import TURNED_AWAY, OrderApi, decode_error, decode_whole
from fluxiq.providers.order_messages import (
    AnalysisResult,
    InfractionClosing,
    InfractionReply,
    InfractionState,
)

_OK, _NOT_FOUND = 200, 404
_UNKNOWN_HERE: Final = "not_found"

_STATUS: Final = {
    (InfractionState.OPEN, None): InfractionStatus.OPEN,
    (InfractionState.ACKNOWLEDGED, None): InfractionStatus.ACKNOWLEDGED,
    (InfractionState.CLOSED, AnalysisResult.AGREED): InfractionStatus.AGREED,
    (InfractionState.CLOSED, AnalysisResult.DISAGREED): InfractionStatus.DISAGREED,
    (InfractionState.CANCELLED, None): InfractionStatus.CANCELLED,
}


class FraudApi(OrderApi):
    """`ports.fraud_desk.FraudDesk`, beside the orders."""

    async def acknowledge_infraction(self, number: str) -> InfractionStatus | None:
        return await self._tell(number, "acknowledge", b"{}")

    async def close_infraction(self, number: str, *, agreed: bool) -> InfractionStatus | None:
        result = AnalysisResult.AGREED if agreed else AnalysisResult.DISAGREED
        return await self._tell(number, "close", _encode(InfractionClosing(result=result)))

    async def find_infraction(self, number: str) -> InfractionStatus | None:
        response = await self._ask(self._infraction(number))
        if _is_unknown(response):
            return None
        status = _status_of(response)
        if status is None:
            raise self._turned_away(response)
        return status

    async def _tell(self, number: str, verb: str, body: bytes) -> InfractionStatus | None:
        try:
            response = await self._call("POST", f"{self._infraction(number)}/{verb}", body)
        except NotSent as error:
            raise Unavailable(self._name, str(error)) from None
        except NoAnswer as error:
            raise Unknown(self._name, number, str(error)) from None

        if _is_unknown(response):
            return None
        if response.status in TURNED_AWAY and decode_error(response) is not None:
            raise self._turned_away(response)
        status = _status_of(response)
        if status is None:
            text = f"answered {response.status} with nothing that decides"
            raise Unknown(self._name, number, text)
        return status

    def _infraction(self, number: str) -> str:
        return f"{self._infractions_path}/{quote(number, safe='')}"


def _is_unknown(response: Response) -> bool:
    """A 404 that says so: a lost route must not look like a lost report."""
    why = decode_error(response) if response.status == _NOT_FOUND else None
    return why is not None and why.code == _UNKNOWN_HERE


def _status_of(response: Response) -> InfractionStatus | None:
    reply = decode_whole(response, _REPLY) if response.status == _OK else None
    return None if reply is None else _STATUS.get((reply.status, reply.result))


_encode = msgspec.json.Encoder().encode
_REPLY = msgspec.json.Decoder(InfractionReply)
