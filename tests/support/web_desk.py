"""A small tree with two institutions in it, and the operators' desk behind the API on it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import trio

from actors.admin.approvals import Approvals
from actors.admin.arguments import Arguments
from actors.admin.desk import Desk
from actors.admin.diagnostics import verbs_of as diagnostic_verbs_of
from actors.admin.lasting import open_lasting
from actors.admin.verbs import Hooks, Verb, merged
from actors.admin.web_desk import WebDesk
from actors.crash_book import CrashBook
from fluxiq.ports.origin import origin
from supervisors import (
    Actor,
    Backoff,
    CallTimeout,
    ChildSpec,
    Context,
    DynamicSpec,
    Hogs,
    Strategy,
    SupervisorSpec,
    Tree,
    open_tree,
)

OURS: Final = "12345678"
THEIRS: Final = "87654321"
BRANCH: Final = f"root/institutions/{OURS}"
OTHER: Final = f"root/institutions/{THEIRS}"
SLUGGISH_SECONDS: Final = 0.3


class Till(Actor):
    def __init__(self) -> None:
        self.api_key = "sk_live_1"

    async def handle_cast(self, message: Any) -> None:
        raise RuntimeError(f"the till is stuck: {message}")


def quiet(own_id: str) -> ChildSpec:
    async def start(context: Context) -> None:
        context.ready()
        await trio.sleep_forever()

    return ChildSpec(id=own_id, start=start)


def sluggish(own_id: str) -> ChildSpec:
    """It takes its time to stop."""

    async def start(context: Context) -> None:
        context.ready()
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(SLUGGISH_SECONDS)

    return ChildSpec(id=own_id, start=start)


def branch(ispb: str) -> SupervisorSpec:
    till = Till.spec(id="till", backoff=Backoff(initial=0.0))
    return SupervisorSpec(
        id=ispb,
        strategy=Strategy.ONE_FOR_ONE,
        max_restarts=100,
        children=[quiet("desk"), till],
    )


def room() -> Hooks:
    """Verbs that name their institution, and some that do not; one is for two."""

    async def vault(_desk: Desk, arguments: Arguments) -> object:
        whose = arguments.text("institution", "all")
        arguments.done()
        return {"institution": whose}

    async def turn(_desk: Desk, arguments: Arguments) -> object:
        whose, reason = arguments.text("institution"), arguments.reason()
        arguments.done()
        return {"institution": whose, "reason": reason, "by": origin().credential}

    async def valve(_desk: Desk, arguments: Arguments) -> object:
        arguments.reason()
        arguments.done()
        return {}

    async def slow(_desk: Desk, arguments: Arguments) -> object:
        arguments.done()
        raise CallTimeout("ledger/breaker", 5.0)

    async def told(_desk: Desk, arguments: Arguments) -> object:
        arguments.done()
        return {}

    return Hooks(
        looks={
            "vault": Verb(vault, ("institution",)),
            "slow": Verb(slow),
            "settings": Verb(told),
            "breaker": Verb(told),
        },
        deeds={
            "turn": Verb(turn, ("institution", "reason"), for_two=True),
            "valve": Verb(valve, ("reason",)),
        },
    )


@asynccontextmanager
async def web_desk(
    tmp_path: Path, *, two_people: bool = True, patience_seconds: float = 30.0
) -> AsyncIterator[tuple[WebDesk, Tree]]:
    """The desk behind the API, and its tree: two institutions, and a door to the API."""
    book = CrashBook(tmp_path)
    spec = SupervisorSpec(
        id="root",
        strategy=Strategy.ONE_FOR_ONE,
        children=[
            DynamicSpec(id="institutions", template=branch, keys=[OURS, THEIRS]),
            SupervisorSpec(
                id="gateway",
                strategy=Strategy.ONE_FOR_ONE,
                children=[quiet("http_api"), sluggish("sloth")],
            ),
        ],
    )
    at = datetime(2026, 11, 26, 12, tzinfo=UTC)
    async with (
        open_lasting(patience_seconds) as lasting,
        open_tree(spec, seed=1, on_open=book.attach, on_event=book.note) as tree,
    ):
        yield (
            WebDesk(
                Desk(
                    tree,
                    writes=True,
                    audit=tmp_path / "book",
                    hooks=merged(room(), diagnostic_verbs_of(book, Hogs())),
                    approvals=Approvals(900.0, lambda: at) if two_people else None,
                ),
                "root/gateway/http_api",
                lasting,
            ),
            tree,
        )
