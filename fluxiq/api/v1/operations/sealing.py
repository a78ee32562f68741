"""Sealing and retention: the keys of the seals, and what is too old (docs/encryption.md)."""

from msgspec import convert

from fluxiq.api.contract import Call, Rate
from fluxiq.api.v1.operations.room import (
    DEED_AT_ONE,
    LOOK_AT_ONE,
    READ,
    WRITE,
    OfInstitution,
    Why,
    room,
)
from fluxiq.services.messages.envelope import Data
from fluxiq.services.messages.operations.jobs import JobQueued
from fluxiq.services.messages.operations.sealing import AgedRecords, SealingStanding

routes = room()


@routes.get(
    "/sealing", permission=READ, rate=Rate.READ, reply=Data[SealingStanding], refuses=LOOK_AT_ONE
)
async def show_sealing(call: Call, query: OfInstitution) -> Data[SealingStanding]:
    """The keys of the seals, and column by column how far a rotation is."""
    answer = await call.operations.look(call.operator, "sealing", **query.asked)
    return Data(convert(answer, SealingStanding))


@routes.post(
    "/sealing/rotate",
    permission=WRITE,
    rate=Rate.WRITE,
    reply=Data[SealingStanding],
    status=200,
    refuses=(*DEED_AT_ONE, "too_many_approvals"),
)
async def rotate_sealing(call: Call, query: OfInstitution, body: Why) -> Data[SealingStanding]:
    """A new data key; what is sealed under the old one is sealed anew at a bounded pace. Where two
    people are asked for it is proposed, and somebody else approves it.
    """
    answer = await call.operations.act(
        call.operator, "sealing_rotate", reason=body.reason, **query.asked
    )
    return Data(convert(answer, SealingStanding))


@routes.get(
    "/retention",
    permission=READ,
    rate=Rate.READ,
    reply=Data[list[AgedRecords]],
    refuses=LOOK_AT_ONE,
)
async def show_retention(call: Call, query: OfInstitution) -> Data[list[AgedRecords]]:
    """How long each class of records is kept, and how many would be deleted now."""
    answer = await call.operations.look(call.operator, "retention", **query.asked)
    return Data(convert(answer, list[AgedRecords]))


@routes.post(
    "/retention/runs",
    permission=WRITE,
    rate=Rate.WRITE,
    reply=Data[JobQueued],
    status=202,
    refuses=DEED_AT_ONE,
)
async def run_retention(call: Call, query: OfInstitution, body: Why) -> Data[JobQueued]:
    """Delete now what is too old: a job does it."""
    answer = await call.operations.act(
        call.operator, "retention_run", reason=body.reason, **query.asked
    )
    return Data(convert(answer, JobQueued))
