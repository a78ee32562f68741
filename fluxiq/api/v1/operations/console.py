"""The operator console: any verb of the desk, as at the admin socket.

Only who may act may use it, also to look: some looks tell of people, whom the roles below do not
see elsewhere.
"""

from typing import Any

import msgspec
from msgspec import Struct

from fluxiq.api.contract import Call, PathText, Rate
from fluxiq.api.v1.operations.room import DEED, NOT_YOURS, READ, WRITE, Reason, room
from fluxiq.errors import Refused
from fluxiq.services.messages.envelope import Data
from fluxiq.services.messages.operations.console import VerbAnswer, VerbView

routes = room()


class AskVerb(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`arguments` by name, as `GET /operations/verbs` lists them; a deed needs a `reason`."""

    arguments: dict[str, Any] = {}
    reason: Reason | None = None


@routes.get(
    "/verbs", permission=READ, rate=Rate.READ, reply=Data[list[VerbView]], refuses=NOT_YOURS
)
async def list_verbs(call: Call) -> Data[list[VerbView]]:
    """Every verb that the caller's institution may use, with its arguments."""
    return Data(await _verbs(call))


@routes.post(
    "/verbs/{verb}",
    permission=WRITE,
    rate=Rate.WRITE,
    reply=Data[VerbAnswer],
    status=200,
    refuses=("unknown_verb", *DEED, "not_over_http"),
)
async def ask_verb(call: Call, verb: PathText, body: AskVerb) -> Data[VerbAnswer]:
    """Look, or with a reason act, by any verb. What each refuses is in docs/admin-socket.md."""
    known = {one.verb: one for one in await _verbs(call)}
    if verb not in known:
        raise Refused("unknown_verb", f"there is no verb {verb!r} for you", field="verb")
    _check_arguments(known[verb], body)

    desk, operator = call.operations, call.operator
    if known[verb].kind == "look":
        return Data(VerbAnswer(answer=await desk.look(operator, verb, **body.arguments)))
    assert body.reason is not None, "a deed without one was refused"
    answer = await desk.act(operator, verb, reason=body.reason, **body.arguments)
    return Data(VerbAnswer(answer=answer))


async def _verbs(call: Call) -> list[VerbView]:
    return msgspec.convert(await call.operations.look(call.operator, "verbs"), list[VerbView])


def _check_arguments(known: VerbView, body: AskVerb) -> None:
    """Raises Refused("validation_failed"). The reason has a place of its own."""
    for name in body.arguments:
        if name not in known.arguments or name == "reason":
            raise Refused("validation_failed", "is no argument of it", field=f"arguments.{name}")
    if known.kind == "deed" and body.reason is None:
        raise Refused("validation_failed", "say why", field="reason")
