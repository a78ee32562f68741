"""The crash book: each bug once."""

from fluxiq.api.contract import Call, PathText, Rate
from fluxiq.api.v1.operations.room import NOT_YOURS, READ, room
from fluxiq.services.messages.envelope import Data
from fluxiq.services.messages.operations.crashes import (
    CrashesView,
    CrashPageView,
    crash_view,
    crashes_view,
)

routes = room()


@routes.get("/crashes", permission=READ, rate=Rate.READ, reply=Data[CrashesView], refuses=NOT_YOURS)
async def list_crashes(call: Call) -> Data[CrashesView]:
    """Each bug once, the one that crashed last first: of operators of the platform all of them, of
    others those that crashed last in their institution.
    """
    return Data(crashes_view(await call.operations.look(call.operator, "crashes")))


@routes.get(
    "/crashes/{fingerprint}",
    permission=READ,
    rate=Rate.READ,
    reply=Data[CrashPageView],
    refuses=("no_child", "ambiguous_name", "not_an_operator"),
)
async def show_crash(call: Call, fingerprint: PathText) -> Data[CrashPageView]:
    """One page of the book, with the report of the last crash."""
    answer = await call.operations.look(call.operator, "crash", name=fingerprint)
    return Data(crash_view(answer))
