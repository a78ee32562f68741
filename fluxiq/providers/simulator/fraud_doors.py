"""The doors of the provider's fraud desk: signed for customers, open for who reports."""

import msgspec

from fluxiq.domain.identifiers import is_end_to_end_id
from fluxiq.errors import Refused
from fluxiq.http1 import Request, Response
from fluxiq.providers.order_messages import InfractionClosing
from fluxiq.providers.simulator.fraud import FraudDesk
from fluxiq.providers.simulator.messages import ReportFraud
from fluxiq.providers.simulator.wire import decode, reply


def tell(desk: FraudDesk, ispb: str, request: Request, rest: str) -> Response | None:
    """POST /infractions/{id}/acknowledge and /close, by the customer `ispb`."""
    report_id, _, verb = rest.partition("/")
    if verb == "acknowledge":
        answer = desk.acknowledge(ispb, report_id)
    elif verb == "close":
        answer = desk.close(ispb, report_id, decode(request.body, _CLOSING).result)
    else:
        raise Refused("no_such_door", f"an infraction is not {verb!r}")
    return None if answer is None else reply(200, answer)


def report(desk: FraudDesk, request: Request) -> Response:
    """POST /frauds."""
    wanted = decode(request.body, _REPORT)
    if not is_end_to_end_id(wanted.end_to_end_id):
        raise Refused("request_invalid", "a malformed end-to-end id", field="end_to_end_id")
    return reply(200, desk.report(wanted))


_CLOSING = msgspec.json.Decoder(InfractionClosing)
_REPORT = msgspec.json.Decoder(ReportFraud)
