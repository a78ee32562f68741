"""The operator's desk without its socket, for the verbs of one room."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from actors.admin.askers import Peer
from actors.admin.desk import Desk
from actors.admin.verbs import Hooks
from fluxiq.admin.protocol import VERSION, Question
from fluxiq.errors import Refused
from fluxiq.services.tenant import Tenant, Tenants
from supervisors import Strategy, SupervisorSpec, open_tree

PEER = Peer(pid=1, uid=0)


class Opened:
    """`services.tenant.Tenants`: these are open."""

    def __init__(self, *tenants: Tenant) -> None:
        self._tenants = tenants

    def get(self, ispb: str) -> Tenant:
        for one in self._tenants:
            if one.ispb == ispb:
                return one
        raise Refused("institution_not_found", f"no institution {ispb} here")

    def all(self) -> Sequence[Tenant]:
        return self._tenants


@asynccontextmanager
async def open_desk(
    tmp_path: Path, verbs: Callable[[Tenants], Hooks], *tenants: Tenant
) -> AsyncIterator[Desk]:
    root = SupervisorSpec(id="root", strategy=Strategy.ONE_FOR_ONE, children=[])
    async with open_tree(root, seed=1) as tree:
        hooks = verbs(Opened(*tenants))
        yield Desk(tree, writes=True, audit=tmp_path / "admin_audit.jsonl", hooks=hooks)


async def ask(at: Desk, verb: str, **arguments: Any) -> Any:
    question = Question(version=VERSION, verb=verb, arguments=arguments)
    reply = msgspec.json.decode(await at.answer_line(question, PEER))
    return reply["answer"] if "answer" in reply else reply["error"]
