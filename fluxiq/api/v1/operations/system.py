"""The system as a whole: its tree, its settings, how much it logs."""

from typing import Annotated

from msgspec import Meta, Struct

from fluxiq.api.contract import Call, Rate
from fluxiq.api.v1.operations.room import DEED, NOT_YOURS, READ, WRITE, Reason, room
from fluxiq.services.messages.envelope import Data
from fluxiq.services.messages.operations.system import (
    LogLevelView,
    SettingsView,
    log_level_view,
    settings_view,
)
from fluxiq.services.messages.operations.tree import TreeView, tree_view

routes = room()


class SetLogLevel(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Louder or quieter for `seconds`; level `settings` ends a change. `logger` is the one meant
    and all below it, or all of them.
    """

    level: str
    logger: str | None = None
    seconds: Annotated[int, Meta(ge=1, le=86_400)] = 900
    reason: Reason


@routes.get("/tree", permission=READ, rate=Rate.READ, reply=Data[TreeView], refuses=NOT_YOURS)
async def show_tree(call: Call) -> Data[TreeView]:
    """The supervision tree as it is now: all of it for operators of the platform, for others the
    branch of their institution. The websocket topic `tree` tells what changes.
    """
    return Data(tree_view(await call.operations.look(call.operator, "tree")))


@routes.get(
    "/settings", permission=READ, rate=Rate.READ, reply=Data[SettingsView], refuses=NOT_YOURS
)
async def show_settings(call: Call) -> Data[SettingsView]:
    """Every setting as it is in force, secrets hidden. For operators of the platform."""
    return Data(settings_view(await call.operations.look(call.operator, "settings")))


@routes.get(
    "/log-level",
    permission=READ,
    rate=Rate.READ,
    reply=Data[LogLevelView],
    refuses=(*NOT_YOURS, "refused"),
)
async def show_log_level(call: Call) -> Data[LogLevelView]:
    """How much is logged, and which changes of that are in force. For operators of the platform."""
    return Data(log_level_view(await call.operations.look(call.operator, "log_level")))


@routes.post(
    "/log-level",
    permission=WRITE,
    rate=Rate.WRITE,
    reply=Data[LogLevelView],
    status=200,
    refuses=DEED,
)
async def set_log_level(call: Call, body: SetLogLevel) -> Data[LogLevelView]:
    """Change how much is logged, for a while: it falls back by itself. For operators of the
    platform.
    """
    said = {} if body.logger is None else {"logger": body.logger}
    answer = await call.operations.act(
        call.operator,
        "set_log_level",
        reason=body.reason,
        level=body.level,
        seconds=body.seconds,
        **said,
    )
    return Data(log_level_view(answer))
