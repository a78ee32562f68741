"""Starting and stopping the platform as a whole, for the commands and for tests."""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass

import msgspec
import structlog

from actors.addresses import Addresses
from actors.crash_book import CrashBook
from actors.embedded import DataDirectory
from actors.embedded.directory import refusing
from actors.institution_register import InstitutionRegister
from actors.ledger_board import Board
from actors.platform import Platform
from actors.servers import Servers
from actors.stopping import PHASES
from actors.tenants import OpenTenants
from actors.tree import tree_of
from actors.web_apps import served_apps, web_ports, with_own_origins
from fluxiq import garbage
from fluxiq.api.hub import Hub
from fluxiq.errors import FluxiqError, StartRefused
from fluxiq.settings import Settings
from fluxiq.telemetry.metrics import Metrics
from supervisors import (
    Event,
    EventKind,
    OsProcessError,
    StartFailed,
    SupervisionError,
    SupervisorSpec,
    Tree,
    collapse,
    describe,
    open_tree,
)

_log = structlog.get_logger("tree")

# Told as they happen; ordinary starts and stops are for whoever looks at the tree.
_LEVELS = {
    EventKind.CRASHED: "error",
    EventKind.START_FAILED: "error",
    EventKind.GAVE_UP: "error",
    EventKind.QUARANTINED: "error",
    EventKind.STUCK: "error",
    EventKind.FENCED: "error",
    EventKind.OVERDUE: "warning",
    EventKind.RESTARTING: "warning",
    EventKind.DEAD_LETTERS: "warning",
    EventKind.REDELIVERED: "warning",
    EventKind.PHASE: "info",
    EventKind.RELEASED: "warning",
    EventKind.SUSPENDED: "warning",
    EventKind.RESUMED: "warning",
    EventKind.STATE_REPLACED: "warning",
    EventKind.SPEC_CHANGED: "warning",
    EventKind.DOUBLE_REPLY: "warning",
    EventKind.UNKNOWN_MESSAGE: "warning",
    EventKind.OBSERVER_FAILED: "warning",
}


@dataclass(frozen=True, slots=True)
class Running:
    platform: Platform
    tree: Tree


@asynccontextmanager
async def open_platform(
    settings: Settings, plan: Callable[[Platform], SupervisorSpec] = tree_of
) -> AsyncIterator[Running]:
    """The platform, ready, as `plan` has it. Leaving the block stops it in order.

    Raises StartRefused with one sentence that names the room which could not start.
    """
    with ExitStack() as stack:
        directory = stack.enter_context(DataDirectory.open(settings.data_dir))
        with refusing(directory.path):
            book = stack.enter_context(CrashBook.open(directory.run / "crashes"))
        platform = _platform(settings, directory, book)
        if settings.diagnostics.watch_hogs:
            platform.hogs.switch_on()
        stack.callback(platform.hogs.switch_off)

        def told(event: Event) -> None:
            _tell(event)
            book.note(event)

        try:
            async with open_tree(
                plan(platform), on_open=book.attach, on_event=told, phases=PHASES
            ) as tree:
                _leave_address(platform)
                with garbage.started():
                    yield Running(platform, tree)
        except StartFailed as failed:
            raise _refusal(failed) from failed


def _platform(settings: Settings, directory: DataDirectory, book: CrashBook) -> Platform:
    ports = web_ports(settings, directory)
    settings = with_own_origins(settings, ports)
    metrics = Metrics()
    servers = Servers(settings, directory)
    tenants = OpenTenants(one.ispb for one in settings.institutions)
    return Platform(
        settings=settings,
        directory=directory,
        servers=servers,
        tenants=tenants,
        register=InstitutionRegister(settings, tenants),
        metrics=metrics,
        crash_book=book,
        board=Board(metrics, configured=servers.tigerbeetle() is not None),
        hub=Hub(metrics.connections, clients_max=settings.http.sockets_per_merchant),
        http_port=settings.http.port or directory.port("http"),
        simulator_port=settings.simulator.port or directory.port("simulator"),
        web_ports=ports,
    )


def _leave_address(platform: Platform) -> None:
    addresses = Addresses(
        pid=os.getpid(),
        api=platform.api_url,
        simulator=platform.simulator_url if platform.settings.simulator.enabled else None,
        admin_socket=str(platform.admin_socket_path),
        apps={app: platform.web_url(app) for app in served_apps(platform)},
    )
    platform.directory.write(
        platform.directory.run / "platform.json", msgspec.json.encode(addresses).decode()
    )


def _refusal(failed: StartFailed) -> StartRefused:
    """The reason itself where it was written for people, else which room and what it said."""
    cause = collapse(failed.cause or failed)
    if isinstance(cause, FluxiqError):
        return StartRefused(str(cause))
    return StartRefused(f"{failed.path} could not start: {describe(cause)}")


def _tell(event: Event) -> None:
    level = _LEVELS.get(event.kind)
    foreseen = event.kind is EventKind.START_FAILED and _is_foreseen(event.exception)
    if level is None or (foreseen and event.incarnation == 1):
        return  # whoever asked for the first start is told by its exception
    getattr(_log, level)(
        event.kind.value,
        path=event.path,
        incarnation=event.incarnation,
        reason=event.reason,
        exc_info=event.exception if level == "error" and not foreseen else None,
    )


def _is_foreseen(error: BaseException | None) -> bool:
    """Whether the sentence says it all: where in our code it was said would help nobody."""
    while isinstance(error, SupervisionError) and error.__cause__ is not None:
        error = collapse(error.__cause__)
    return isinstance(error, (FluxiqError, OsProcessError))
