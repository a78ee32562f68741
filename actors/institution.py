"""The branch of one institution: links, ledger writer, gateway, desk, couriers, workers, jobs.

Whatever fails, it and those that start after it restart, and no other institution notices.
"""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import trio

from actors.audit_keys import sealing_key
from actors.audit_sealer import audit_sealer
from actors.branch import Branch, Links
from actors.couriers import CourierBell, endpoint_watch, webhook_sender
from actors.gateway_connection import gateway_connection
from actors.jobs import job_workers
from actors.ledger_events import ledger_events
from actors.ledger_parts import LEDGER_WRITER, ledger_writer
from actors.ledger_writer import LedgerByMail
from actors.live_data import live_data, notify_live_data
from actors.moved_accounts import TellingLedger
from actors.origin import with_origins
from actors.outbox_relay import outbox_relay
from actors.pix_workers import order_worker, outcome_worker, receipt_worker, refund_worker
from actors.platform import Platform
from actors.request_log import request_log
from actors.retention import CountedRemovals
from actors.schedules import schedules
from actors.sealing import key_keeper, opened_keyring
from actors.stopping import WEBHOOKS, WORKFLOWS
from actors.weather import Weather
from actors.window import window
from fluxiq.cache.live_data import RedisLiveData
from fluxiq.cache.request_log import RedisRequestLog
from fluxiq.cache.sealed import SealedCache
from fluxiq.couriers.addresses import PublicAddresses
from fluxiq.errors import Unavailable, Unknown
from fluxiq.ports.sealing_keys import SealingDesk
from fluxiq.services.access_tokens import AccessTokens
from fluxiq.services.anti_scan import AntiScan, anti_scan_size
from fluxiq.services.enroll import open_house
from fluxiq.services.kept_answers import KeptAnswers
from fluxiq.services.passwords import Passwords
from fluxiq.services.recent import Recent
from fluxiq.services.signing_keys import SigningKeys
from fluxiq.services.tenant import RECENT_SECONDS, Tenant
from fluxiq.stores.account_changes import PostgresAccounts
from fluxiq.stores.api_keys import PostgresApiKeys
from fluxiq.stores.audit import PostgresAudit
from fluxiq.stores.audit_chain import PostgresAuditChain
from fluxiq.stores.backlogs import PostgresBacklogs
from fluxiq.stores.contests import PostgresContests
from fluxiq.stores.customers import PostgresCustomers
from fluxiq.stores.dead_letters import PostgresDeadLetters
from fluxiq.stores.endpoint_standings import PostgresEndpointStandings
from fluxiq.stores.event_log import PostgresEventLog
from fluxiq.stores.fees import PostgresFees
from fluxiq.stores.holds import PostgresHolds
from fluxiq.stores.infractions import PostgresInfractions
from fluxiq.stores.jobs import PostgresJobs
from fluxiq.stores.limits import PostgresLimits
from fluxiq.stores.med import PostgresMed
from fluxiq.stores.payers import PostgresPayers
from fluxiq.stores.payment_search import PostgresPaymentSearch
from fluxiq.stores.payments import PostgresPayments
from fluxiq.stores.payout_batches import PostgresPayoutBatches
from fluxiq.stores.people import PostgresPeople
from fluxiq.stores.reconciliation import PostgresReconciliation
from fluxiq.stores.refunds import PostgresRefunds
from fluxiq.stores.scheduled import PostgresScheduled
from fluxiq.stores.sealed_rows import PostgresSealedRows
from fluxiq.stores.sealing_keys import PostgresSealingKeys
from fluxiq.stores.sessions import PostgresSessions
from fluxiq.stores.settlements import PostgresSettlements
from fluxiq.stores.statements import PostgresStatements
from fluxiq.stores.statistics import PostgresStatistics
from fluxiq.stores.store import PostgresStore
from fluxiq.stores.transfers import PostgresTransfers
from fluxiq.stores.upkeep import PostgresUpkeep
from fluxiq.stores.users import PostgresUsers
from fluxiq.stores.webhooks import PostgresWebhooks
from supervisors import INFINITY, ChildSpec, Context, DynamicSpec, Strategy, SupervisorSpec


def institution(platform: Platform, ispb: str) -> SupervisorSpec:
    """Rest-for-one: each child stands on the earlier ones. Stop order is the reverse: schedules and
    workers first, then couriers, then the desk, the ledger writer, and the links last.
    """
    branch = Branch(platform=platform, institution=platform.institution(ispb))
    partitions = range(platform.settings.pix.partitions)
    own = SupervisorSpec(
        id=ispb,
        strategy=Strategy.REST_FOR_ONE,
        max_restarts=10,
        max_seconds=60.0,
        children=[
            links(branch),
            key_keeper(branch),
            ledger_writer(branch),
            ledger_events(branch),
            # One provider link that fails leaves the others; the budget is small, because a link
            # rides out weather by itself, and a crash here is a bug.
            SupervisorSpec(
                id="gateway_connections",
                strategy=Strategy.ONE_FOR_ONE,
                max_restarts=5,
                max_seconds=60.0,
                children=[gateway_connection(branch, one) for one in branch.institution.providers],
            ),
            desk(branch),
            outbox_relay(branch),
            # One merchant's endpoint that crashes its sender is parked alone: its deliveries stay
            # on paper until an operator releases it.
            DynamicSpec(
                id="webhook_senders",
                template=lambda endpoint_id: webhook_sender(branch, endpoint_id),
                max_children=10_000,
                child_max_restarts=5,
                phase=WEBHOOKS,
            ),
            endpoint_watch(branch),
            window(branch),
            live_data(branch),
            request_log(branch),
            # A partition that crashes on one message does not stall the accounts of the others; the
            # budget allows for a poison message while its neighbours are done one by one.
            SupervisorSpec(
                id="pix_in",
                strategy=Strategy.ONE_FOR_ONE,
                max_restarts=10,
                max_seconds=60.0,
                phase=WORKFLOWS,
                children=[receipt_worker(branch, number) for number in partitions],
            ),
            SupervisorSpec(
                id="pix_out",
                strategy=Strategy.ONE_FOR_ONE,
                max_restarts=10,
                max_seconds=60.0,
                phase=WORKFLOWS,
                children=[
                    *(outcome_worker(branch, number) for number in partitions),
                    *(order_worker(branch, number) for number in partitions),
                    *(refund_worker(branch, number) for number in partitions),
                ],
            ),
            job_workers(branch),
            schedules(branch),
            audit_sealer(branch),
        ],
    )
    return with_origins(own)


def links(branch: Branch) -> ChildSpec:
    """The institution's own pool, bus and cache: its role, subjects and keys, no others."""

    async def start(context: Context) -> None:
        async with _open_links(branch, Weather(context.path)) as opened:
            with branch.links.filled(opened):
                context.ready()
                await trio.sleep_forever()

    # Postgres says which keys there are: that may take an outage.
    return ChildSpec(id="links", start=start, start_timeout=INFINITY)


def desk(branch: Branch) -> ChildSpec:
    """Opens the institution to callers once everything a payment needs is there."""

    async def start(context: Context) -> None:
        tenant = _tenant(branch, context)
        await _ride_out(partial(open_house, tenant), Weather(context.path))
        with branch.tenant.filled(tenant), branch.platform.tenants.open(tenant):
            context.ready()
            await trio.sleep_forever()

    # An outage may last; each try has its own limit, and crashing would only spend the budget.
    return ChildSpec(id="desk", start=start, start_timeout=INFINITY)


async def _ride_out(attempt: Callable[[], Awaitable[None]], weather: Weather) -> None:
    """Until `attempt` meets no outage."""
    while True:
        try:
            await attempt()
        except (Unavailable, Unknown) as error:
            await weather.ride_out(error)
        else:
            weather.cleared()
            return


@asynccontextmanager
async def _open_links(branch: Branch, weather: Weather) -> AsyncIterator[Links]:
    platform, ispb = branch.platform, branch.ispb
    host, servers, settings = platform.host.get(), platform.servers, platform.settings.postgres
    async with (
        servers.open_postgres(
            host,
            ispb,
            size=settings.pool_size,
            seconds_max=settings.statement_seconds_max,
            observe=branch.metrics.pg_seconds.labels(ispb).observe,
        ) as postgres,
        servers.open_nats(host, ispb) as bus,
        servers.open_redis(host, ispb) as cache,
    ):
        connections = branch.metrics.pg_connections.labels(ispb)
        connections.set_function(lambda: postgres.statistics().open)  # looked up at each scrape
        keyring = await opened_keyring(branch, postgres, weather)
        store = PostgresStore(postgres, ispb, keyring)
        yield Links(
            postgres=postgres,
            store=store,
            webhooks=PostgresWebhooks(postgres, ispb, keyring),
            events=PostgresEventLog(postgres, ispb, keyring),
            bus=bus,
            cache=cache,
            keyring=keyring,
        )


def access_tokens(platform: Platform, ispb: str) -> AccessTokens:
    """The tokens of an institution's people, under keys of its own."""
    identity = platform.settings.identity

    def derive(name: str) -> bytes:
        return bytes.fromhex(platform.directory.secret(f"access_tokens/{ispb}/{name}"))

    return AccessTokens(ispb, identity, SigningKeys(ispb, identity, derive))


def _tenant(branch: Branch, context: Context) -> Tenant:
    platform, opened = branch.platform, branch.links.get()
    writer = context.ref(f"institutions/{branch.ispb}/{LEDGER_WRITER}")
    pepper = platform.directory.secret(f"api_keys/{branch.ispb}").encode()
    sealed = opened.postgres, branch.ispb, opened.keyring
    cache = SealedCache(opened.cache, opened.keyring.quiet())
    by_mail = LedgerByMail(writer, branch.ledger)
    return Tenant(
        institution=branch.institution,
        settings=platform.tenant_settings,
        store=opened.store,
        accounts=PostgresAccounts(*sealed),
        statements=PostgresStatements(opened.postgres, branch.ispb),
        transfers=PostgresTransfers(*sealed),
        refunds=PostgresRefunds(*sealed),
        payments=PostgresPayments(*sealed, opened.store),
        payout_batches=PostgresPayoutBatches(*sealed),
        settlements=PostgresSettlements(opened.postgres),
        payment_search=PostgresPaymentSearch(*sealed),
        payers=PostgresPayers(*sealed),
        fees=PostgresFees(*sealed),
        customers=PostgresCustomers(*sealed),
        statistics=PostgresStatistics(opened.postgres),
        payout_limits=PostgresLimits(*sealed),
        scheduled=PostgresScheduled(*sealed),
        med=PostgresMed(*sealed),
        infractions=PostgresInfractions(*sealed),
        contests=PostgresContests(*sealed),
        api_keys=PostgresApiKeys(*sealed),
        users=PostgresUsers(*sealed),
        sessions=PostgresSessions(opened.postgres, opened.keyring),
        passwords=Passwords(platform.settings.identity),
        tokens=access_tokens(platform, branch.ispb),
        jobs=PostgresJobs(opened.postgres),
        upkeep=PostgresUpkeep(opened.postgres),
        people=PostgresPeople(*sealed),
        removals=CountedRemovals(branch.metrics, branch.ispb),
        reconciliation=PostgresReconciliation(opened.postgres),
        dead_letters=PostgresDeadLetters(opened.postgres),
        holds=PostgresHolds(opened.postgres),
        backlogs=PostgresBacklogs(opened.postgres),
        endpoint_standings=PostgresEndpointStandings(opened.postgres),
        ledger=TellingLedger(by_mail, branch.moved),
        admission=by_mail,
        cache=cache,
        kept_answers=KeptAnswers(cache, pepper, time.monotonic),
        live_data=RedisLiveData(
            opened.cache, platform.clock, time.monotonic, partial(notify_live_data, branch)
        ),
        request_log=RedisRequestLog(opened.cache, platform.clock),
        audit=PostgresAudit(opened.postgres),
        audit_chain=PostgresAuditChain(opened.postgres),
        audit_key=sealing_key(platform, branch.ispb),
        events=opened.events,
        anti_scan=AntiScan(
            opened.cache, anti_scan_size(platform.settings.directory), time.monotonic
        ),
        providers={name: slot.get() for name, slot in branch.providers.items()},
        clock=platform.clock,
        ids=platform.ids,
        relay=branch.relay,
        couriers=CourierBell(branch),
        webhooks=opened.webhooks,
        addresses=PublicAddresses(allow_loopback=platform.settings.webhooks.allow_loopback),
        workers=branch.workers,
        sealer=opened.keyring,
        sealing=SealingDesk(
            PostgresSealingKeys(opened.postgres), PostgresSealedRows(opened.postgres)
        ),
        pepper=pepper,
        standing=platform.register.standing(branch.ispb),
        recent_keys=Recent(RECENT_SECONDS, time.monotonic),
        recent_sessions=Recent(RECENT_SECONDS, time.monotonic),
        recent_accounts=Recent(RECENT_SECONDS, time.monotonic),
        recent_limits=Recent(RECENT_SECONDS, time.monotonic),
        recent_payees=Recent(RECENT_SECONDS, time.monotonic),
    )
