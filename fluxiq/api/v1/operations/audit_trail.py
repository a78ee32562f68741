"""The audit trail: is it as it was written, and the proof of a line (docs/audit.md)."""

from msgspec import Struct, convert

from fluxiq.api.contract import Call, Rate
from fluxiq.api.v1.operations.room import LOOK_AT_ONE, READ, Digits, OfInstitution, room
from fluxiq.services.messages.envelope import Data
from fluxiq.services.messages.operations.audit_trail import (
    AuditKeyShown,
    AuditProof,
    AuditVerification,
)

routes = room()


class VerifyTrail(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`checkpoints`: compare with what the bus was told of the seals, too."""

    checkpoints: bool = False


@routes.post(
    "/audit/verifications",
    permission=READ,  # it changes nothing, but may take minutes
    rate=Rate.WRITE,
    reply=Data[AuditVerification],
    status=202,
    refuses=LOOK_AT_ONE,
)
async def verify_audit_trail(
    call: Call, query: OfInstitution, body: VerifyTrail
) -> Data[AuditVerification]:
    """Begin to verify every seal and every line under it, or join who does; its `number` is asked
    about. One at a time on a platform.
    """
    answer = await call.operations.look(
        call.operator, "audit_verify", checkpoints=body.checkpoints, **query.asked
    )
    return Data(convert(answer, AuditVerification))


@routes.get(
    "/audit/verifications/{number}",
    permission=READ,
    rate=Rate.READ,
    reply=Data[AuditVerification],
    refuses=(*LOOK_AT_ONE, "audit_verification_not_found"),
)
async def show_audit_verification(
    call: Call, number: Digits, query: OfInstitution
) -> Data[AuditVerification]:
    """How far a verification is, and what it found."""
    answer = await call.operations.look(
        call.operator, "audit_verify", run=int(number), **query.asked
    )
    return Data(convert(answer, AuditVerification))


@routes.get(
    "/audit/lines/{line}/proof",
    permission=READ,
    rate=Rate.READ,
    reply=Data[AuditProof],
    refuses=(
        *LOOK_AT_ONE,
        "audit_line_not_found",
        "audit_line_not_sealed",
        "audit_trail_damaged",
    ),
)
async def prove_audit_line(call: Call, line: Digits, query: OfInstitution) -> Data[AuditProof]:
    """The proof that a line is on the trail, which needs nothing of us but a public key."""
    answer = await call.operations.look(call.operator, "audit_prove", line=int(line), **query.asked)
    return Data(convert(answer, AuditProof))


@routes.get(
    "/audit/keys",
    permission=READ,
    rate=Rate.READ,
    reply=Data[list[AuditKeyShown]],
    refuses=LOOK_AT_ONE,
)
async def list_audit_keys(call: Call, query: OfInstitution) -> Data[list[AuditKeyShown]]:
    """The public keys that sealed the trail, the newest last."""
    answer = await call.operations.look(call.operator, "audit_keys", **query.asked)
    return Data(convert(answer, list[AuditKeyShown]))
