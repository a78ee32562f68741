"""Institutions: who is in the register, and their lives. Adding, suspending and resuming are the
platform's; to remove one is a command's deed (docs/institutions.md).
"""

from msgspec import convert

from fluxiq.api.contract import Call, PathText, Rate
from fluxiq.api.v1.operations.room import (
    DEED,
    DEED_AT_ONE,
    LOOK_AT_ONE,
    NOT_YOURS,
    READ,
    WRITE,
    Why,
    room,
)
from fluxiq.services.messages.envelope import Data
from fluxiq.services.messages.operations.institutions import (
    DeclareInstitution,
    EnrollMerchant,
    InstitutionAdded,
    InstitutionLine,
    InstitutionShown,
    MerchantEnrolled,
)

routes = room()


@routes.get(
    "/institutions",
    permission=READ,
    rate=Rate.READ,
    reply=Data[list[InstitutionLine]],
    refuses=NOT_YOURS,
)
async def list_institutions(call: Call) -> Data[list[InstitutionLine]]:
    """Everybody in the register, also who was removed; for others than operators of the platform
    their own institution alone.
    """
    answer = await call.operations.look(call.operator, "institutions")
    return Data(convert(answer, list[InstitutionLine]))


@routes.get(
    "/institutions/{ispb}",
    permission=READ,
    rate=Rate.READ,
    reply=Data[InstitutionShown],
    refuses=LOOK_AT_ONE,
)
async def show_institution(call: Call, ispb: PathText) -> Data[InstitutionShown]:
    """One of them: what was declared, what it still has, and the steps of its life."""
    answer = await call.operations.look(call.operator, "institution", institution=ispb)
    return Data(convert(answer, InstitutionShown))


@routes.post(
    "/institutions",
    permission=WRITE,
    rate=Rate.WRITE,
    reply=Data[InstitutionAdded],
    status=201,
    refuses=(
        *DEED,
        "institution_exists",
        "institution_invalid",
        "institution_not_added",
        "institution_state",
    ),
)
async def add_institution(call: Call, body: DeclareInstitution) -> Data[InstitutionAdded]:
    """Add one, whole or not at all, while the platform runs. Twice is once; one that was removed
    comes back with its records. For operators of the platform.
    """
    answer = await call.operations.act(
        call.operator, "institution_add", reason=body.reason, declaration=body.declaration()
    )
    return Data(convert(answer, InstitutionAdded))


@routes.post(
    "/institutions/{ispb}/suspend",
    permission=WRITE,
    rate=Rate.WRITE,
    reply=Data[InstitutionLine],
    status=200,
    refuses=(*DEED_AT_ONE, "institution_state"),
)
async def suspend_institution(call: Call, ispb: PathText, body: Why) -> Data[InstitutionLine]:
    """Its callers are refused within a second; money in flight ends, and money that arrives is
    taken in. For operators of the platform.
    """
    return await _turn(call, "institution_suspend", ispb, body)


@routes.post(
    "/institutions/{ispb}/resume",
    permission=WRITE,
    rate=Rate.WRITE,
    reply=Data[InstitutionLine],
    status=200,
    refuses=(*DEED_AT_ONE, "institution_state"),
)
async def resume_institution(call: Call, ispb: PathText, body: Why) -> Data[InstitutionLine]:
    """It takes calls again. For operators of the platform."""
    return await _turn(call, "institution_resume", ispb, body)


@routes.post(
    "/institutions/{ispb}/merchants",
    permission=WRITE,
    rate=Rate.WRITE,
    reply=Data[MerchantEnrolled],
    status=201,
    refuses=(
        *DEED_AT_ONE,
        "invalid_document",
        "merchant_enrolled",
        "idempotency_key_reused",
    ),
)
async def enroll_merchant(
    call: Call, ispb: PathText, body: EnrollMerchant
) -> Data[MerchantEnrolled]:
    """A merchant moves in: its record, an account with a PIX key, and an API key, which is told
    this once. Under one Idempotency-Key one moves in: asked again, the answer is 409
    `merchant_enrolled`, whose details say `merchant_id` and `account_id`.
    """
    key = call.said_key()
    under = {} if key is None else {"idempotency_key": key}
    answer = await call.operations.act(
        call.operator,
        "merchant_enroll",
        reason=body.reason,
        institution=ispb,
        name=body.name,
        document=body.document,
        city=body.city,
        **under,
    )
    return Data(convert(answer, MerchantEnrolled))


async def _turn(call: Call, verb: str, ispb: str, body: Why) -> Data[InstitutionLine]:
    answer = await call.operations.act(call.operator, verb, reason=body.reason, institution=ispb)
    return Data(convert(answer, InstitutionLine))
