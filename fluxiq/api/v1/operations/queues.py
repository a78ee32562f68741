"""Queues: messages that nobody could work on, and holds that need a person (docs/queues.md)."""

from typing import Annotated, Literal

from msgspec import Meta, convert

from fluxiq.api.contract import Call, Rate
from fluxiq.api.v1.operations.room import (
    DEED_AT_ONE,
    LOOK_AT_ONE,
    READ,
    WRITE,
    Digits,
    OfInstitution,
    Why,
    room,
)
from fluxiq.services.messages.envelope import Data
from fluxiq.services.messages.operations.queues import (
    DeadLetterLine,
    DeadLetterShown,
    HoldFinding,
    LettersReplayed,
    dead_letter_shown,
)

routes = room()


class LettersAsked(OfInstitution, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The last first."""

    state: Literal["dead", "replayed", "discarded", "any"] = "dead"
    limit: Annotated[int, Meta(ge=1, le=1000)] = 50


@routes.get(
    "/dead-letters",
    permission=READ,
    rate=Rate.READ,
    reply=Data[list[DeadLetterLine]],
    refuses=LOOK_AT_ONE,
)
async def list_dead_letters(call: Call, query: LettersAsked) -> Data[list[DeadLetterLine]]:
    """Messages that nobody could work on, the last first: those that are undecided unless told."""
    answer = await call.operations.look(
        call.operator, "dead_letters", state=query.state, limit=query.limit, **query.asked
    )
    return Data(convert(answer, list[DeadLetterLine]))


@routes.get(
    "/dead-letters/{dead_letter_id}",
    permission=READ,
    rate=Rate.READ,
    reply=Data[DeadLetterShown],
    refuses=LOOK_AT_ONE,
)
async def show_dead_letter(
    call: Call, dead_letter_id: Digits, query: OfInstitution
) -> Data[DeadLetterShown]:
    """All of one, with its message and the end of the traceback."""
    answer = await call.operations.look(
        call.operator, "dead_letter", id=int(dead_letter_id), **query.asked
    )
    return Data(dead_letter_shown(answer))


@routes.post(
    "/dead-letters/{dead_letter_id}/replay",
    permission=WRITE,
    rate=Rate.WRITE,
    reply=Data[LettersReplayed],
    status=200,
    refuses=(*DEED_AT_ONE, "dead_letter_decided"),
)
async def replay_dead_letter(
    call: Call, dead_letter_id: Digits, query: OfInstitution, body: Why
) -> Data[LettersReplayed]:
    """Announce it again, with all its tries before it."""
    answer = await call.operations.act(
        call.operator,
        "dead_letter_replay",
        reason=body.reason,
        id=int(dead_letter_id),
        **query.asked,
    )
    return Data(convert(answer, LettersReplayed))


@routes.post(
    "/dead-letters/replay",
    permission=WRITE,
    rate=Rate.WRITE,
    reply=Data[LettersReplayed],
    status=200,
    refuses=DEED_AT_ONE,
)
async def replay_dead_letters(call: Call, query: OfInstitution, body: Why) -> Data[LettersReplayed]:
    """Announce all that are undecided again, oldest first: a thousand at most."""
    answer = await call.operations.act(
        call.operator, "dead_letter_replay", reason=body.reason, all=True, **query.asked
    )
    return Data(convert(answer, LettersReplayed))


@routes.post(
    "/dead-letters/{dead_letter_id}/discard",
    permission=WRITE,
    rate=Rate.WRITE,
    reply=Data[DeadLetterShown],
    status=200,
    refuses=(*DEED_AT_ONE, "dead_letter_decided"),
)
async def discard_dead_letter(
    call: Call, dead_letter_id: Digits, query: OfInstitution, body: Why
) -> Data[DeadLetterShown]:
    """Nobody will do that work."""
    answer = await call.operations.act(
        call.operator,
        "dead_letter_discard",
        reason=body.reason,
        id=int(dead_letter_id),
        **query.asked,
    )
    return Data(dead_letter_shown(answer))


@routes.get(
    "/holds", permission=READ, rate=Rate.READ, reply=Data[list[HoldFinding]], refuses=LOOK_AT_ONE
)
async def list_holds(call: Call, query: OfInstitution) -> Data[list[HoldFinding]]:
    """Holds of the ledger that need a person, and why."""
    answer = await call.operations.look(call.operator, "holds", **query.asked)
    return Data(convert(answer, list[HoldFinding]))
