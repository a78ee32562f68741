"""The doors of the provider's contest desk, all of them signed."""

import msgspec

from fluxiq.domain.identifiers import is_end_to_end_id
from fluxiq.domain.money import centavos_of
from fluxiq.errors import Refused
from fluxiq.http1 import Request, Response
from fluxiq.providers.order_messages import ContestOrder
from fluxiq.providers.simulator.contests import ContestDesk
from fluxiq.providers.simulator.journal import Contested
from fluxiq.providers.simulator.wire import decode, reply


def take(desk: ContestDesk, ispb: str, request: Request, contest_id: str) -> Response | None:
    """PUT /contests/{id}, by the customer `ispb`."""
    said = decode(request.body, _ORDER)
    if not is_end_to_end_id(said.end_to_end_id):
        raise Refused("request_invalid", "a malformed end-to-end id", field="end_to_end_id")
    answer = desk.take(
        Contested(
            ispb=ispb,
            id=contest_id,
            end_to_end_id=said.end_to_end_id,
            amount=centavos_of(said.amount),
            situation=said.situation,
            details=said.details,
        )
    )
    return None if answer is None else reply(200, answer)


def tell(desk: ContestDesk, ispb: str, rest: str) -> Response | None:
    """POST /contests/{id}/cancel."""
    contest_id, _, verb = rest.partition("/")
    if verb != "cancel":
        raise Refused("no_such_door", f"a contest is not {verb!r}")
    answer = desk.cancel(ispb, contest_id)
    return None if answer is None else reply(200, answer)


_ORDER = msgspec.json.Decoder(ContestOrder)
