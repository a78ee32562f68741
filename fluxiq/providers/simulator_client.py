"""The adapter of kind "simulator": orders, enquiries and look-ups over HTTP, notices back."""

from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from fluxiq.domain.records import Notice, NoticeKind
from fluxiq.errors import Refused
from fluxiq.http1 import HttpClient
from fluxiq.ports import Callback
from fluxiq.providers.cob_api import CobApi
from fluxiq.providers.notice_fields import (
    CODE,
    amount_of,
    decoded,
    end_to_end_id_of,
    moment_of,
    payer_of,
)
from fluxiq.providers.order_messages import (
    Notices,
    ReceiptNotice,
)
from fluxiq.providers.order_notices import infraction_of, outcome_of, return_of
from fluxiq.providers.signatures import SignatureStrategy

INSTITUTION = "x-institution"


def _utc_now() -> datetime:
    return datetime.now(UTC)


class SimulatorProvider(CobApi):
    """`ports.Provider`, for one institution: both sides sign every body with one secret."""

    def __init__(
        self,
        client: HttpClient,
        *,
        ispb: str,
        signature: SignatureStrategy,
        seconds_max: float,
        dynamic_codes: bool = False,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        async def sign(body: bytes) -> dict[str, str]:
            return {**signature.sign(body, now()), INSTITUTION: ispb}

        super().__init__(
            client,
            name=f"provider of {ispb}",
            authorise=sign,
            seconds_max=seconds_max,
            charges_path="/cob" if dynamic_codes else "",
        )
        self._signature = signature

    def verify_callback(self, callback: Callback, now: datetime) -> None:
        """Raises Refused `signature_invalid` unless the provider signed these bytes lately."""
        self._signature.verify(callback.headers, callback.body, now)

    def parse_notices(self, body: bytes) -> list[Notice]:
        return parse_notices(body)


def parse_notices(body: bytes) -> list[Notice]:
    """Everything said in one call, receipts first. Raises Refused `malformed_json`, or
    `invalid_notice` whose `field` is the path of the culprit (`pix[0].valor`); then none counts.
    """
    said = decoded(_NOTICES, body)
    if not (said.pix or said.payments or said.returns or said.infractions):
        raise Refused(CODE, "nothing was said", field="pix")
    received = [_receipt(one, f"pix[{index}]") for index, one in enumerate(said.pix)]
    ended = [outcome_of(one, f"payments[{index}]") for index, one in enumerate(said.payments)]
    returned = [return_of(one, f"returns[{index}]") for index, one in enumerate(said.returns)]
    reported = [infraction_of(one, f"infractions[{at}]") for at, one in enumerate(said.infractions)]
    return received + ended + returned + reported


def _receipt(said: ReceiptNotice, path: str) -> Notice:
    return Notice(
        event_id=said.eventId or said.endToEndId,
        kind=NoticeKind.RECEIVED,
        end_to_end_id=end_to_end_id_of(said.endToEndId, f"{path}.endToEndId"),
        amount=amount_of(said.valor, f"{path}.valor"),
        occurred_at=moment_of(said.horario, f"{path}.horario"),
        pix_key=said.chave,
        txid=said.txid,
        payer=payer_of(said.pagador, f"{path}.pagador"),
    )


_NOTICES = msgspec.json.Decoder(Notices)
