"""How orders ended, payments that came back, and reports of fraud: what our contract adds to the
BCB's callback.
"""

from fluxiq.domain.med import MedReason
from fluxiq.domain.records import Notice, NoticeKind, SaidInfraction
from fluxiq.errors import Refused
from fluxiq.providers.notice_fields import (
    CODE,
    amount_of,
    end_to_end_id_of,
    moment_of,
    order_id_of,
    return_id_of,
)
from fluxiq.providers.order_messages import (
    InfractionNotice,
    InfractionState,
    OutcomeNotice,
    OutcomeStatus,
    ReturnNotice,
)


def outcome_of(said: OutcomeNotice, path: str) -> Notice:
    rejected = said.status is OutcomeStatus.REJECTED
    if rejected != (said.motivo is not None):
        message = "a rejection has a code, and nothing else has one"
        raise Refused(CODE, message, field=f"{path}.motivo")

    return Notice(
        event_id=said.eventId,
        kind=NoticeKind.REJECTED if rejected else NoticeKind.CONFIRMED,
        end_to_end_id=order_id_of(said.endToEndId, f"{path}.endToEndId"),
        amount=amount_of(said.valor, f"{path}.valor"),
        occurred_at=moment_of(said.horario, f"{path}.horario"),
        reason_code=said.motivo,
    )


def return_of(said: ReturnNotice, path: str) -> Notice:
    return Notice(
        event_id=said.eventId,
        kind=NoticeKind.RETURNED,
        end_to_end_id=end_to_end_id_of(said.endToEndId, f"{path}.endToEndId"),
        amount=amount_of(said.valor, f"{path}.valor"),
        occurred_at=moment_of(said.horario, f"{path}.horario"),
        reason_code=said.motivo,
        return_id=return_id_of(said.rtrId, f"{path}.rtrId"),
    )


def infraction_of(said: InfractionNotice, path: str) -> Notice:
    withdrawn = said.status == InfractionState.CANCELLED
    return Notice(
        event_id=said.eventId,
        kind=NoticeKind.INFRACTION_WITHDRAWN if withdrawn else NoticeKind.INFRACTION,
        end_to_end_id=end_to_end_id_of(said.endToEndId, f"{path}.endToEndId"),
        amount=0,
        occurred_at=moment_of(said.horario, f"{path}.horario"),
        infraction=SaidInfraction(
            number=said.id, reason=MedReason(said.situacao.lower()), details=said.detalhes
        ),
    )
