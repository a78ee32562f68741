"""The whole tree on one page. Everything that lives longer than a request is somewhere below.

root stands on infrastructure: when that gives up, all that stands on it starts again, in order.
A stop goes in phases (actors/stopping.py): the doors, the workflows, the ledger writers, the
couriers; then what is left in reverse start order, the servers last.
"""

from actors.admin.diagnostics import diagnostic_verbs
from actors.admin.socket import admin_read_socket, admin_socket
from actors.http_api import http_api
from actors.infrastructure import asyncio_host, platform_links
from actors.institution import institution
from actors.platform import Platform
from actors.simulator import simulator
from actors.watchdog import stall_watchdog
from supervisors import DynamicSpec, Strategy, SupervisorSpec


def tree_of(platform: Platform) -> SupervisorSpec:
    return SupervisorSpec(
        id="root",
        strategy=Strategy.REST_FOR_ONE,
        max_restarts=3,
        max_seconds=60.0,
        children=[
            infrastructure(platform),
            institutions(platform),
            gateway(platform),
            operations(platform),
        ],
    )


def infrastructure(platform: Platform) -> SupervisorSpec:
    """No restarts here but in `servers`: who holds a dead asyncio host must start again with it."""
    return SupervisorSpec(
        id="infrastructure",
        strategy=Strategy.REST_FOR_ONE,
        max_restarts=0,
        children=[
            # A server that dies comes back by itself; its clients ride it out as weather.
            SupervisorSpec(
                id="servers",
                strategy=Strategy.ONE_FOR_ONE,
                max_restarts=10,
                max_seconds=60.0,
                children=platform.servers.children(),
            ),
            asyncio_host(platform),
            platform_links(platform),
        ],
    )


def institutions(platform: Platform) -> DynamicSpec:
    """One branch each, with its own budget: one that cannot stay up is parked, alone."""
    return DynamicSpec(
        id="institutions",
        template=lambda ispb: institution(platform, ispb),
        keys=platform.ispbs,
        child_max_restarts=5,
        child_max_seconds=120.0,
    )


def gateway(platform: Platform) -> SupervisorSpec:
    """The doors. The simulator is an outsider who happens to live here, for demo and tests."""
    outsiders = [simulator(platform)] if platform.settings.simulator.enabled else []
    return SupervisorSpec(
        id="gateway",
        strategy=Strategy.ONE_FOR_ONE,
        max_restarts=10,
        max_seconds=60.0,
        children=[*outsiders, http_api(platform)],
    )


def operations(platform: Platform) -> SupervisorSpec:
    """What lets an operator look in; it never takes the platform down with it."""
    return SupervisorSpec(
        id="operations",
        strategy=Strategy.ONE_FOR_ONE,
        max_restarts=20,
        max_seconds=60.0,
        children=[
            stall_watchdog(platform),
            admin_socket(platform, diagnostic_verbs(platform)),
            admin_read_socket(platform, diagnostic_verbs(platform)),
        ],
    )
