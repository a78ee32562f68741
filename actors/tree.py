"""The whole tree on one page. Everything that lives longer than a request is somewhere below.

root stands on infrastructure, and the institutions on the ledger they share: when one of those
gives up, all that stands on it starts again, in order.
A stop goes in phases (actors/stopping.py): the doors, the workflows, the ledger writers, the
couriers; then what is left in reverse start order, the servers last.
"""

from collections.abc import Sequence
from functools import partial

from actors.admin.approvals import Approvals
from actors.admin.diagnostics import diagnostic_verbs
from actors.admin.socket import admin_read_socket, admin_socket
from actors.admin.verbs import Hooks, merged
from actors.audit_verbs import audit_verbs
from actors.audit_verifier import audit_verifier
from actors.certificate_watch import certificate_watch
from actors.dead_letters import dead_letter_verbs
from actors.http_api import http_api
from actors.infrastructure import asyncio_host, platform_links
from actors.institution import institution
from actors.institution_verbs import institution_verbs
from actors.institution_watch import institution_watch
from actors.job_verbs import job_verbs
from actors.ledger_breaker import LedgerBreaker, breaker_limits
from actors.ledger_reconciler import ledger_reconciler
from actors.ledger_sessions import ledger_sessions, look_up
from actors.ledger_verbs import ledger_verbs
from actors.payment_verbs import payment_verbs
from actors.platform import Platform
from actors.privacy_verbs import privacy_verbs
from actors.provider_verbs import provider_verbs
from actors.reconciliation_verbs import reconciliation_verbs
from actors.retention import retention_verbs
from actors.sealing_verbs import sealing_verbs
from actors.settings_verbs import settings_verbs
from actors.simulator import simulator
from actors.simulator_verbs import simulator_verbs
from actors.stream_verbs import stream_verbs
from actors.user_verbs import user_verbs
from actors.watchdog import stall_watchdog
from actors.web_apps import served_apps, web_app
from actors.webhook_verbs import webhook_verbs
from supervisors import DynamicSpec, Strategy, SupervisorSpec


def tree_of(platform: Platform) -> SupervisorSpec:
    """Both ways to the operators' desk have the same verbs, and approve what the other proposes."""
    verbs = operators_verbs(platform)
    approvals = Approvals.of(platform.settings.operators, platform.clock)
    return SupervisorSpec(
        id="root",
        strategy=Strategy.REST_FOR_ONE,
        max_restarts=3,
        max_seconds=60.0,
        children=[
            infrastructure(platform),
            ledger(platform),
            institutions(platform, platform.ispbs),
            gateway(platform, verbs, approvals),
            operations(platform, verbs, approvals),
        ],
    )


def desk_of(platform: Platform) -> SupervisorSpec:
    """As much of the tree as it takes to add an institution, or remove one, while nobody is served:
    no branch but the one that is added, to see that it starts, and no door but the operator's.
    """
    verbs = institution_verbs(platform)
    return SupervisorSpec(
        id="root",
        strategy=Strategy.REST_FOR_ONE,
        max_restarts=0,
        children=[
            infrastructure(platform),
            ledger(platform),
            institutions(platform, ()),
            SupervisorSpec(
                id="operations",
                strategy=Strategy.ONE_FOR_ONE,
                children=[admin_socket(platform, verbs)],
            ),
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


def ledger(platform: Platform) -> SupervisorSpec:
    """What all institutions' writers share. Sessions that crash take the breaker along, which then
    asks afresh; a breaker that crashes leaves the sessions alone, and what is in flight there.

    Its budget is large for its size: the breaker's state is on the board, so that a restart costs
    one probe, while giving up would restart every institution.
    """
    cluster = platform.servers.tigerbeetle()
    breaker = LedgerBreaker.spec(
        platform.board,
        partial(look_up, platform),
        breaker_limits(platform.settings.ledger),
        id="breaker",
    )
    return SupervisorSpec(
        id="ledger",
        strategy=Strategy.REST_FOR_ONE,
        max_restarts=10,
        max_seconds=60.0,
        children=[*([ledger_sessions(platform, cluster)] if cluster else []), breaker],
    )


def institutions(platform: Platform, ispbs: Sequence[str]) -> DynamicSpec:
    """One branch each, with its own budget: one that cannot stay up is parked, alone. Whose
    branches start is known once the register was read, which is before this starts.
    """
    return DynamicSpec(
        id="institutions",
        template=lambda ispb: institution(platform, ispb),
        keys=ispbs,
        child_max_restarts=5,
        child_max_seconds=120.0,
    )


def gateway(platform: Platform, verbs: Hooks, approvals: Approvals | None) -> SupervisorSpec:
    """The doors. The simulator is an outsider who happens to live here, for demo and tests."""
    outsiders = [simulator(platform)] if platform.settings.simulator.enabled else []
    return SupervisorSpec(
        id="gateway",
        strategy=Strategy.ONE_FOR_ONE,
        max_restarts=10,
        max_seconds=60.0,
        children=[
            *outsiders,
            http_api(platform, verbs, approvals),
            *(web_app(platform, app) for app in served_apps(platform)),
        ],
    )


def operators_verbs(platform: Platform) -> Hooks:
    """What the rooms of this platform add to the standard verbs of the desk."""
    return merged(
        diagnostic_verbs(platform),
        ledger_verbs(platform),
        job_verbs(platform.tenants),
        dead_letter_verbs(platform.tenants),
        payment_verbs(platform.tenants),
        user_verbs(platform.tenants),
        reconciliation_verbs(platform.tenants),
        retention_verbs(platform.tenants),
        privacy_verbs(platform.tenants),
        institution_verbs(platform),
        audit_verbs(platform),
        sealing_verbs(platform),
        stream_verbs(platform),
        webhook_verbs(platform.tenants),
        provider_verbs(platform),
        simulator_verbs(platform),
        settings_verbs(platform),
    )


def operations(platform: Platform, verbs: Hooks, approvals: Approvals | None) -> SupervisorSpec:
    """What lets an operator look in; it never takes the platform down with it."""
    return SupervisorSpec(
        id="operations",
        strategy=Strategy.ONE_FOR_ONE,
        max_restarts=20,
        max_seconds=60.0,
        children=[
            stall_watchdog(platform),
            institution_watch(platform),
            certificate_watch(platform),
            ledger_reconciler(platform),
            audit_verifier(platform),
            admin_socket(platform, verbs, approvals),
            admin_read_socket(platform, verbs),
        ],
    )
