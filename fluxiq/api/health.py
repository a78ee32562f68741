"""Is it alive, is it ready, and what has it counted: for orchestrators and Prometheus."""

from collections.abc import Awaitable, Callable, Mapping
from time import perf_counter
from typing import Final

import structlog
import trio
from msgspec import Struct

from fluxiq.api.contract import PUBLIC, Call, Endpoint, Rate, Reply, Routes
from fluxiq.services.messages.envelope import encode
from fluxiq.telemetry.metrics import CONTENT_TYPE, Metrics

PING_SECONDS: Final = 1.0

# Asks one service for a sign of life; raises when there is none.
Ping = Callable[[], Awaitable[object]]

_log = structlog.get_logger("fluxiq.api")


class Alive(Struct, frozen=True):
    status: str = "alive"


class ServiceHealth(Struct, frozen=True, kw_only=True):
    status: str  # up | down
    milliseconds: float


class Readiness(Struct, frozen=True, kw_only=True):
    """`ready` only when every service answered in time."""

    status: str  # ready | unready
    services: dict[str, ServiceHealth]


def endpoints(pings: Mapping[str, Ping], metrics: Metrics) -> list[Endpoint]:
    """`/livez`, `/readyz` and `/metrics`, which need no key."""
    routes = Routes("")

    @routes.get("/livez", permission=PUBLIC, rate=Rate.NONE, reply=Alive)
    async def livez(call: Call) -> Alive:
        """The process answers."""
        del call
        return Alive()

    @routes.get(
        "/readyz", permission=PUBLIC, rate=Rate.NONE, reply=Readiness, also={503: Readiness}
    )
    async def readyz(call: Call) -> Reply:
        """Every service behind the process answers: 200, else 503."""
        del call
        readiness = await ask_all(pings)
        return Reply(body=encode(readiness), status=200 if readiness.status == "ready" else 503)

    @routes.get("/metrics", permission=PUBLIC, rate=Rate.NONE, reply=None, media=(CONTENT_TYPE,))
    async def show_metrics(call: Call) -> Reply:
        """All series, in Prometheus' text format."""
        del call
        return Reply(body=metrics.exposition(), content_type=CONTENT_TYPE)

    return routes.endpoints


async def ask_all(pings: Mapping[str, Ping]) -> Readiness:
    """Ping all services at once, each with PING_SECONDS."""
    services: dict[str, ServiceHealth] = {}

    async def ask(name: str, ping: Ping) -> None:
        started = perf_counter()
        status = "down"
        with trio.move_on_after(PING_SECONDS):
            try:
                await ping()
                status = "up"
            except Exception as error:  # noqa: BLE001 - whatever a ping raises means down
                _log.warning("service_did_not_answer", service=name, error=str(error))
        spent = round((perf_counter() - started) * 1000, 3)
        services[name] = ServiceHealth(status=status, milliseconds=spent)

    async with trio.open_nursery() as nursery:
        for name, ping in pings.items():
            nursery.start_soon(ask, name, ping)

    ready = all(service.status == "up" for service in services.values())
    return Readiness(
        status="ready" if ready else "unready", services=dict(sorted(services.items()))
    )
