"""Providers: the links and their certificates (docs/providers.md), and the simulated outside world,
where this platform runs one.
"""

from typing import Any

from msgspec import convert

from fluxiq.api.contract import Call, Rate
from fluxiq.api.v1.operations.room import (
    DEED_AT_ONE,
    LOOK_AT_ONE,
    NOT_YOURS,
    READ,
    WRITE,
    OfInstitution,
    room,
)
from fluxiq.errors import Refused
from fluxiq.services.messages.envelope import Data
from fluxiq.services.messages.operations.providers import (
    CertificateOf,
    ProviderLinks,
    SimulatedFalsehood,
    SimulatedFraud,
    SimulatedPayment,
    SimulateFalsehood,
    SimulateFraud,
    SimulateKeyPayment,
    SimulatePayment,
    SimulatorStanding,
    said,
)

routes = room()

OUTSIDE = (*DEED_AT_ONE, "not_found", "simulator_refused")


@routes.get(
    "/providers", permission=READ, rate=Rate.READ, reply=Data[ProviderLinks], refuses=LOOK_AT_ONE
)
async def show_provider_links(call: Call, query: OfInstitution) -> Data[ProviderLinks]:
    """The institution's provider links: breaker, rate, last words, and certificates."""
    answer = await call.operations.look(call.operator, "providers", **query.asked)
    return Data(convert(answer, ProviderLinks))


@routes.get(
    "/certificates",
    permission=READ,
    rate=Rate.READ,
    reply=Data[list[CertificateOf]],
    refuses=NOT_YOURS,
)
async def list_certificates(call: Call) -> Data[list[CertificateOf]]:
    """Every certificate that the platform is configured with, and when it ends. For operators of
    the platform.
    """
    answer = await call.operations.look(call.operator, "certificates")
    return Data(convert(answer, list[CertificateOf]))


@routes.get(
    "/simulator",
    permission=READ,
    rate=Rate.READ,
    reply=Data[SimulatorStanding],
    refuses=("not_an_operator", "not_found"),
)
async def show_simulator(call: Call) -> Data[SimulatorStanding]:
    """How busy the simulated provider is. For operators of the platform."""
    try:
        answer = await call.operations.look(call.operator, "simulator")
    except Refused as refused:
        raise _nobody_outside(refused) from None
    return Data(convert(answer, SimulatorStanding))


@routes.post(
    "/simulator/pay",
    permission=WRITE,
    rate=Rate.WRITE,
    reply=Data[SimulatedPayment],
    status=200,
    refuses=OUTSIDE,
)
async def simulate_payment(
    call: Call, query: OfInstitution, body: SimulatePayment
) -> Data[SimulatedPayment]:
    """Somebody outside pays a BR Code."""
    answer = await _outside(call, "simulator_pay", query, body.reason, payment=said(body))
    return Data(convert(answer, SimulatedPayment))


@routes.post(
    "/simulator/pay-key",
    permission=WRITE,
    rate=Rate.WRITE,
    reply=Data[SimulatedPayment],
    status=200,
    refuses=OUTSIDE,
)
async def simulate_key_payment(
    call: Call, query: OfInstitution, body: SimulateKeyPayment
) -> Data[SimulatedPayment]:
    """Somebody outside pays a PIX key."""
    answer = await _outside(call, "simulator_pay_key", query, body.reason, payment=said(body))
    return Data(convert(answer, SimulatedPayment))


@routes.post(
    "/simulator/frauds",
    permission=WRITE,
    rate=Rate.WRITE,
    reply=Data[SimulatedFraud],
    status=200,
    refuses=OUTSIDE,
)
async def simulate_fraud(
    call: Call, query: OfInstitution, body: SimulateFraud
) -> Data[SimulatedFraud]:
    """Somebody outside reports a payment as fraud."""
    answer = await _outside(call, "simulator_report_fraud", query, body.reason, report=said(body))
    return Data(convert(answer, SimulatedFraud))


@routes.post(
    "/simulator/statement-faults",
    permission=WRITE,
    rate=Rate.WRITE,
    reply=Data[SimulatedFalsehood],
    status=200,
    refuses=OUTSIDE,
)
async def simulate_falsehood(
    call: Call, query: OfInstitution, body: SimulateFalsehood
) -> Data[SimulatedFalsehood]:
    """The provider's statement is wrong about a payment from now on."""
    answer = await _outside(call, "simulator_falsify", query, body.reason, falsehood=said(body))
    return Data(convert(answer, SimulatedFalsehood))


async def _outside(call: Call, verb: str, query: OfInstitution, reason: str, **told: Any) -> Any:
    try:
        return await call.operations.act(call.operator, verb, reason=reason, **told, **query.asked)
    except Refused as refused:
        raise _nobody_outside(refused) from None


def _nobody_outside(refused: Refused) -> Refused:
    """A desk without the simulator's verbs is that of a platform without the simulator."""
    if refused.code != "unknown_verb":
        return refused
    return Refused("not_found", "this platform runs no simulator")
