"""One process of the tree: what it is and does, and what can be done about it.

Its name is a query parameter: a path in the tree, a registered name, or the end of a path if only
one has it.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from fluxiq.api.contract import Call, Rate
from fluxiq.api.v1.operations.room import DEED, NOT_YOURS, READ, WRITE, Reason, room
from fluxiq.services.messages.envelope import Data
from fluxiq.services.messages.operations.processes import (
    ProcessDone,
    ProcessState,
    ProcessView,
    process_view,
)

routes = room()

Name = Annotated[str, Meta(min_length=1, max_length=500)]
Deed = Literal["restart", "stop", "suspend", "resume", "release"]

_NAMED = ("no_child", "ambiguous_name")


class Named(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    name: Name


class DoToProcess(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    name: Name
    reason: Reason


@routes.get(
    "/processes",
    permission=READ,
    rate=Rate.READ,
    reply=Data[ProcessView],
    refuses=(*NOT_YOURS, *_NAMED),
)
async def show_process(call: Call, query: Named) -> Data[ProcessView]:
    """All about one process: its node and spec, its mail, where its tasks wait, its last events and
    what led to the last one, its counts, and what would happen if it crashed now.
    """
    desk, operator, name = call.operations, call.operator, query.name
    inspected = await desk.look(operator, "inspect", name=name)
    path = inspected["node"]["path"]
    return Data(
        process_view(
            inspected,
            await desk.look(operator, "why", name=path),
            await desk.look(operator, "statistics", name=path),
            await desk.look(operator, "explain", name=path),
        )
    )


@routes.get(
    "/processes/state",
    permission=READ,
    rate=Rate.READ,
    reply=Data[ProcessState],
    refuses=(*NOT_YOURS, *_NAMED, "not_an_actor", "not_running"),
)
async def show_process_state(call: Call, query: Named) -> Data[ProcessState]:
    """What an actor keeps in memory, between two messages, secrets masked."""
    state = await call.operations.look(call.operator, "get_state", name=query.name)
    return Data(ProcessState(state=state))


@routes.post(
    "/processes/{deed}",
    permission=WRITE,
    rate=Rate.WRITE,
    reply=Data[ProcessDone],
    status=200,
    refuses=(
        *DEED,
        *_NAMED,
        "not_over_http",
        "not_an_actor",
        "not_running",
        "not_quarantined",
    ),
)
async def do_to_process(call: Call, deed: Deed, body: DoToProcess) -> Data[ProcessDone]:
    """`restart` it, `stop` it until it is restarted, `suspend` it (its mail waits) and `resume` it,
    or `release` it from quarantine. Restarting what serves the API itself is refused.
    """
    answer = await call.operations.act(call.operator, deed, reason=body.reason, name=body.name)
    return Data(ProcessDone(path=answer["path"]))
