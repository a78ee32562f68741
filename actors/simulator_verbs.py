"""What operators let the outside world do, where this platform runs the simulated one: pay a code
or a key, report a payment as fraud, let a statement lie. Nothing of it exists anywhere else.
"""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from msgspec import to_builtins

from actors.admin.arguments import Arguments, BadArguments
from actors.admin.verbs import Hooks, Verb
from actors.platform import Platform
from actors.tenants import tenant_of
from fluxiq.errors import Refused
from fluxiq.providers.simulator.control import SimulatorControl
from fluxiq.providers.simulator.messages import (
    Falsify,
    FraudTold,
    Paid,
    PayBrCode,
    PayKey,
    ReportFraud,
)
from fluxiq.services.tenant import Tenant

if TYPE_CHECKING:
    from actors.admin.desk import Desk

Wanted = TypeVar("Wanted", PayBrCode, PayKey, ReportFraud, Falsify)
Doing = Callable[[SimulatorControl, Wanted], Awaitable[Any]]

REFUSED = "simulator_refused"  # whatever code it has for it: those are an outsider's own


def simulator_verbs(platform: Platform) -> Hooks:
    """The verbs; none where there is no simulator."""
    if not platform.settings.simulator.enabled:
        return Hooks()

    async def simulator(_desk: "Desk", arguments: Arguments) -> object:
        arguments.done()
        async with SimulatorControl.open(platform.simulator_url) as control:
            return to_builtins(await control.statistics())

    deeds = {
        "simulator_pay": _verb(platform, "payment", PayBrCode, _pay),
        "simulator_pay_key": _verb(platform, "payment", PayKey, _pay_key),
        "simulator_report_fraud": _verb(platform, "report", ReportFraud, _report),
        "simulator_falsify": _verb(platform, "falsehood", Falsify, _falsify),
    }
    return Hooks(looks={"simulator": Verb(simulator)}, deeds=deeds)


def _verb(platform: Platform, field: str, kind: type[Wanted], do: Doing[Wanted]) -> Verb:
    """A deed that says `kind`, but for whose customer: that is the institution's."""

    async def run(_desk: "Desk", arguments: Arguments) -> object:
        tenant, said = tenant_of(platform.tenants, arguments), arguments.mapping(field)
        reason = arguments.reason()
        arguments.done()
        wanted = _read(tenant, field, kind, said)
        async with SimulatorControl.open(platform.simulator_url) as control:
            try:
                answer = await do(control, wanted)
            except Refused as refused:
                details = refused.details | {"code": refused.code}
                raise Refused(REFUSED, refused.message, details=details) from None
        told: dict[str, Any] = to_builtins(answer)
        subject = told.get("end_to_end_id") or told["id"]
        await tenant.audit.note("operator", f"simulator.{field}", f"{subject}: {reason}", wanted)
        return told

    return Verb(run, ("institution", field, "reason"))


def _read(tenant: Tenant, field: str, kind: type[Wanted], said: dict[str, object]) -> Wanted:
    """Raises BadArguments naming the field."""
    try:
        return msgspec.convert(said | {"ispb": tenant.ispb}, kind)
    except msgspec.ValidationError as error:
        raise BadArguments(f"{field}: {error}") from None


async def _pay(control: SimulatorControl, wanted: PayBrCode) -> Paid:
    return await control.pay(
        ispb=wanted.ispb,
        br_code=wanted.br_code,
        payer=wanted.payer,
        amount=wanted.amount,
        copies=wanted.copies,
        is_told=wanted.is_told,
    )


async def _pay_key(control: SimulatorControl, wanted: PayKey) -> Paid:
    return await control.pay_key(
        ispb=wanted.ispb,
        pix_key=wanted.pix_key,
        amount=wanted.amount,
        payer=wanted.payer,
        is_told=wanted.is_told,
    )


async def _report(control: SimulatorControl, wanted: ReportFraud) -> FraudTold:
    return await control.report_fraud(
        ispb=wanted.ispb,
        end_to_end_id=wanted.end_to_end_id,
        situation=wanted.situation,
        details=wanted.details,
        copies=wanted.copies,
        withdrawn=wanted.withdrawn,
    )


async def _falsify(control: SimulatorControl, wanted: Falsify) -> Falsify:
    await control.falsify(
        ispb=wanted.ispb, line_id=wanted.id, fault=wanted.fault, amount=wanted.amount
    )
    return wanted
