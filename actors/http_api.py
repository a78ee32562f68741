"""The doors for merchants, providers and operators: the HTTP and websocket API."""

from typing import Final

import msgspec
import trio

from actors.admin.approvals import Approvals
from actors.admin.desk import Desk
from actors.admin.lasting import open_lasting
from actors.admin.verbs import Hooks
from actors.admin.web_desk import WebDesk
from actors.platform import Platform
from actors.stopping import INTAKE
from fluxiq.api.app import create_app
from fluxiq.api.health import Ping
from fluxiq.api.server import GRACE_SECONDS, Address, serve
from supervisors import ChildSpec, Context

# Of a request's time, what an operator waits for a deed: what is left is for asking and answering.
DEED_SHARE: Final = 0.8


def http_api(
    platform: Platform, verbs: Hooks | None = None, approvals: Approvals | None = None
) -> ChildSpec:
    """Serves until stopped; then takes no new requests and finishes those in flight. `verbs` and
    `approvals` are those of the admin socket: operators reach the same desk here.
    """

    async def start(context: Context) -> None:
        desk = Desk(
            context.tree,
            writes=True,
            audit=platform.deed_book_path,
            hooks=verbs,
            approvals=approvals,
        )
        tls = platform.settings.http.tls
        if tls.is_on:
            context.report(tls_address=f"{tls.host or platform.settings.http.host}:{tls.port}")
        http = msgspec.structs.replace(platform.settings.http, port=platform.http_port)
        async with open_lasting(DEED_SHARE * http.request_seconds_max) as lasting:
            app = create_app(
                platform.tenants,
                platform.settings,
                hub=platform.hub,
                health=_pings(platform),
                clock=platform.clock,
                ids=platform.ids,
                metrics=platform.metrics,
                operations=WebDesk(desk, context.path, lasting),
            )
            await serve(
                app,
                http,
                on_stopping=platform.hub.close,
                task_status=Listening(context),
            )

    return ChildSpec(id="http_api", start=start, shutdown=GRACE_SECONDS + 5, phase=INTAKE)


class Listening(trio.TaskStatus[Address]):
    """Listening is what ready means here."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def started(self, value: Address | None = None) -> None:
        assert value is not None, "a server says where it listens"
        host, port = value
        self._context.report(address=f"{host}:{port}")
        self._context.ready(value)


def _pings(platform: Platform) -> dict[str, Ping]:
    """What `/readyz` asks: the servers behind us, through the administrator's links."""

    async def postgres() -> None:
        await platform.links.get().postgres.ping()

    async def nats() -> None:
        await platform.links.get().bus.ping()

    async def redis() -> None:
        await platform.links.get().cache.ping()

    return {"postgres": postgres, "nats": nats, "redis": redis}
