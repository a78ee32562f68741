"""From the BCB's callback to notices: every payment that came, every refund that ended."""

import msgspec

from fluxiq.domain.money import AmountUnit
from fluxiq.domain.records import Notice, NoticeKind
from fluxiq.errors import Refused
from fluxiq.providers.bacen_messages import Pix, PixCallback, Refund, RefundStatus
from fluxiq.providers.notice_fields import (
    CODE,
    amount_of,
    decoded,
    end_to_end_id_of,
    moment_of,
    payer_of,
    return_id_of,
)
from fluxiq.providers.order_notices import infraction_of, outcome_of, return_of

_ENDED = {
    RefundStatus.DONE: NoticeKind.CONFIRMED,
    RefundStatus.NOT_DONE: NoticeKind.REJECTED,
}


def parse_notices(body: bytes, unit: AmountUnit = AmountUnit.REAIS) -> list[Notice]:
    """Everything said in one call; `unit` is what the provider's numbers count.

    A payment is said again with each refund of it: the visitors' book takes it once, by its
    end-to-end id. A refund is known by SPI's return id and by how it ended; one that is under way
    says nothing yet. Raises Refused `malformed_json`, or `invalid_notice` whose `field` is the path
    of the culprit (`pix[0].devolucoes[1].valor`); then none counts.
    """
    said = decoded(_CALLBACK, body)
    if not (said.pix or said.payments or said.returns or said.infractions):
        raise Refused(CODE, "nothing was said", field="pix")

    notices: list[Notice] = []
    for index, pix in enumerate(said.pix):
        path = f"pix[{index}]"
        notices.append(receipt_of(pix, path, unit))
        for number, refund in enumerate(pix.devolucoes):
            if refund.status in _ENDED:
                notices.append(refund_end_of(refund, f"{path}.devolucoes[{number}]", unit))

    notices += [outcome_of(one, f"payments[{at}]") for at, one in enumerate(said.payments)]
    notices += [return_of(one, f"returns[{at}]") for at, one in enumerate(said.returns)]
    notices += [infraction_of(one, f"infractions[{at}]") for at, one in enumerate(said.infractions)]
    return notices


def receipt_of(said: Pix, path: str, unit: AmountUnit) -> Notice:
    return Notice(
        event_id=said.endToEndId,
        kind=NoticeKind.RECEIVED,
        end_to_end_id=end_to_end_id_of(said.endToEndId, f"{path}.endToEndId"),
        amount=amount_of(_text(said.valor, f"{path}.valor"), f"{path}.valor", unit),
        occurred_at=moment_of(said.horario, f"{path}.horario"),
        pix_key=said.chave,
        txid=said.txid,
        payer=payer_of(said.pagador, f"{path}.pagador"),
        payer_message=said.infoPagador,
    )


def refund_end_of(said: Refund, path: str, unit: AmountUnit) -> Notice:
    return_id = return_id_of(said.rtrId, f"{path}.rtrId")
    at = said.horario.liquidacao or said.horario.solicitacao
    return Notice(
        event_id=f"{return_id}:{said.status}",
        kind=_ENDED[said.status],
        end_to_end_id=return_id,
        amount=amount_of(_text(said.valor, f"{path}.valor"), f"{path}.valor", unit),
        occurred_at=moment_of(at, f"{path}.horario"),
    )


def _text(raw: msgspec.Raw, field: str) -> str:
    """An amount as it was written: the string, or the number's own characters."""
    text = bytes(raw)
    if text.startswith(b'"'):
        return msgspec.json.decode(text, type=str)
    if text[:1] in _NUMBER_BEGINS:
        return text.decode("ascii")
    raise Refused(CODE, "expected a string or a number", field=field)


_NUMBER_BEGINS = b"-0123456789"
_CALLBACK = msgspec.json.Decoder(PixCallback)
