"""In-memory twins of what stands behind the API: a Store, a Ledger, a Cache, a Provider, Tenants.

They keep the promises of `fluxiq.ports` that the doors depend on, and no more. `World` puts them
together: one institution, one merchant with one funded account, and keys to give away.
"""

import hashlib
import hmac
import json
import secrets
import string
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any

import msgspec
import trio
from quart_trio import QuartTrio

from fluxiq import settings as config
from fluxiq.api.app import create_app
from fluxiq.api.hub import Hub
from fluxiq.api.server import serve
from fluxiq.cache.live_data import RedisLiveData
from fluxiq.domain.identifiers import new_ulid
from fluxiq.domain.records import (
    Account,
    AccountStatus,
    ApiKey,
    Balance,
    Charge,
    Merchant,
    Notice,
    NoticeKind,
    Payout,
    PixKey,
    Receipt,
    Recipient,
    Step,
    Transfer,
    TransferStatus,
)
from fluxiq.domain.token_bucket import Bucket, BucketSize, Spent, spend
from fluxiq.errors import Refused, Unavailable
from fluxiq.ledgers.model import ModelLedger
from fluxiq.ports import (
    Archived,
    Callback,
    ChargeOpening,
    Differs,
    Fresh,
    HoldSettled,
    Idempotency,
    NoticeRecorded,
    Opening,
    Page,
    PayoutOpening,
    RateDecision,
    Replay,
    Running,
)
from fluxiq.services.anti_scan import AntiScan, anti_scan_size
from fluxiq.services.authenticate import last_characters, new_key
from fluxiq.services.kept_answers import KeptAnswers
from fluxiq.services.passwords import Passwords
from fluxiq.services.recent import Recent
from fluxiq.services.tenant import Tenant
from fluxiq.telemetry.metrics import Metrics
from tests.support.memory import MemoryStore
from tests.support.memory_accounts import MemoryAccounts, MemoryStatements
from tests.support.memory_admission import MemoryAdmission
from tests.support.memory_audit import KEY, MemoryAuditChain
from tests.support.memory_backlogs import MemoryBacklogs
from tests.support.memory_contests import MemoryContests
from tests.support.memory_dead_letters import MemoryDeadLetters, no_holds
from tests.support.memory_endpoint_standings import MemoryEndpointStandings
from tests.support.memory_fees import MemoryFees
from tests.support.memory_infractions import no_infractions
from tests.support.memory_jobs import MemoryJobs, MemoryRemovals, MemoryUpkeep
from tests.support.memory_limits import MemoryLimitRows, MemoryLimits
from tests.support.memory_live import MemoryAudit, MemoryEventLog, MemoryNotices, MemoryTables
from tests.support.memory_med import MemoryMed
from tests.support.memory_overview import (
    MemoryCustomers,
    MemoryPayers,
    MemoryPaymentSearch,
    MemoryStatistics,
    Tables,
)
from tests.support.memory_payments import MemoryApiKeys
from tests.support.memory_payout_batches import MemoryPayoutBatches
from tests.support.memory_people import MemoryPeople
from tests.support.memory_reconciliation import MemoryReconciliation
from tests.support.memory_refunds import MemoryRefunds
from tests.support.memory_request_log import MemoryRequestLog
from tests.support.memory_scheduled import MemoryScheduled
from tests.support.memory_sealing import sealing_desk
from tests.support.memory_settlements import MemorySettlements
from tests.support.memory_transfers import MemoryTransfers
from tests.support.memory_users import MemoryUsers, access_tokens, cheap
from tests.support.memory_webhooks import MemoryAddresses, MemoryWebhooks
from tests.support.seals import keyring
from tests.support.twin_desk import TwinDesk
from tests.support.twin_payments import TwinPayments

ISPB = "12345678"
PROVIDER = "simulator"
OPENED = datetime(2026, 11, 1, 12, tzinfo=UTC)
SIGNING_SECRET = b"between the provider and us"


class TwinClock:
    def __init__(self) -> None:
        self.at = datetime(2026, 11, 22, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at


class TwinIds:
    def new(self, prefix: str) -> str:
        return f"{prefix}_{new_ulid(1_800_000_000_000, secrets.token_bytes(10))}"

    def letters(self, count: int) -> str:
        return "".join(secrets.choice(string.ascii_letters) for _ in range(count))

    def secret(self, count: int) -> bytes:
        return secrets.token_bytes(count)


class TwinBell:
    def __init__(self) -> None:
        self.rung: list[str] = []

    def ring(self, names: Sequence[str] = ()) -> None:
        self.rung.extend(names or ["*"])


class TwinCache:
    """`away` makes every question fail; `asked` counts them."""

    def __init__(self) -> None:
        self.away = False
        self.asked = 0
        self.values: dict[str, bytes] = {}
        self.used: dict[str, int] = {}
        self.buckets: dict[str, Bucket] = {}

    async def get(self, key: str) -> bytes | None:
        await self._wait()
        return self.values.get(key)

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        return [await self.get(key) for key in keys]

    async def spend(
        self, bucket: str, size: BucketSize, cost: int, *, in_debt: bool = False
    ) -> Spent:
        await self._wait()
        self.buckets[bucket], spent = spend(
            self.buckets.get(bucket), size, cost, 0, in_debt=in_debt
        )
        return spent

    async def put(self, key: str, value: bytes, *, ttl_seconds: int) -> None:
        del ttl_seconds
        await self._wait()
        self.values[key] = value

    async def allow(self, bucket: str, limit: int, window_seconds: int) -> RateDecision:
        [decision] = await self.allow_all([(bucket, limit)], window_seconds)
        return decision

    async def allow_all(
        self, uses: Sequence[tuple[str, int]], window_seconds: int
    ) -> list[RateDecision]:
        await self._wait()
        reset_at = int(TwinClock().now().timestamp()) + window_seconds
        fits = all(self.used.get(bucket, 0) < limit for bucket, limit in uses)
        decisions = []
        for bucket, limit in uses:
            before = self.used.get(bucket, 0)
            self.used[bucket] = before + fits
            decisions.append(
                RateDecision(
                    allowed=before < limit,
                    limit=limit,
                    remaining=max(0, limit - before - fits),
                    reset_at=reset_at,
                )
            )
        return decisions

    async def _wait(self) -> None:
        await trio.lowlevel.checkpoint()
        self.asked += 1
        if self.away:
            raise Unavailable("redis", "connection refused at secret-host:6379")


class TwinLedger:
    """Counters per account; a hold above what is there is refused."""

    def __init__(self) -> None:
        self.counters: dict[int, Balance] = {}
        self.breaks: Exception | None = None

    async def create_transfers(self, transfers: Sequence[Transfer]) -> list[TransferStatus]:
        await trio.lowlevel.checkpoint()
        if self.breaks is not None:
            raise self.breaks
        return [self._apply(transfer) for transfer in transfers]

    async def balances(self, account_ids: Sequence[int]) -> dict[int, Balance]:
        await trio.lowlevel.checkpoint()
        return {one: self.counters[one] for one in account_ids if one in self.counters}

    def _apply(self, transfer: Transfer) -> TransferStatus:
        counters = self.counters[transfer.debit_account_id]
        if transfer.amount > counters.available:
            return TransferStatus.EXCEEDS_CREDITS
        held = counters.debits_pending + transfer.amount
        self.counters[transfer.debit_account_id] = msgspec.structs.replace(
            counters, debits_pending=held
        )
        return TransferStatus.CREATED


class TwinProvider:
    """Signs with HMAC-SHA256 over the body, in hexadecimal; knows one recipient."""

    offers_locations = False

    async def look_up(self, key: str) -> Recipient | None:
        await trio.lowlevel.checkpoint()
        if key != "somebody@example.com":
            return None
        return Recipient(pix_key=key, pix_key_type="EMAIL", name="Somebody", ispb="00000000")

    def verify_callback(self, callback: Callback, now: datetime) -> None:
        del now
        if not hmac.compare_digest(callback.headers.get("x-signature", ""), sign(callback.body)):
            raise Refused("signature_invalid", "the signature is not the provider's")

    def parse_notices(self, body: bytes) -> list[Notice]:
        return [
            Notice(
                event_id=one["event_id"],
                kind=NoticeKind.RECEIVED,
                end_to_end_id=one["end_to_end_id"],
                amount=one["amount"],
                occurred_at=OPENED,
            )
            for one in json.loads(body)["notices"]
        ]


class TwinStore:
    """Dictionaries, with the store's rule for idempotency keys."""

    def __init__(self) -> None:
        self.keys: dict[bytes, ApiKey] = {}
        self.merchants: dict[str, Merchant] = {}
        self.accounts: dict[str, Account] = {}
        self.pix_keys: dict[str, PixKey] = {}
        self.charges: dict[str, Charge] = {}
        self.payouts: dict[str, Payout] = {}
        self.notices: dict[str, NoticeRecorded] = {}
        self.steps: list[Step] = []
        self.answers: dict[tuple[str, str, str], tuple[bytes, str, Replay | None]] = {}
        self.breaks: Exception | None = None

    async def find_api_key(self, key_hash: bytes) -> ApiKey | None:
        await self._wait()
        return self.keys.get(key_hash)

    async def find_merchant(self, merchant_id: str) -> Merchant | None:
        await self._wait()
        return self.merchants.get(merchant_id)

    async def find_account(self, account_id: str) -> Account | None:
        await self._wait()
        return self.accounts.get(account_id)

    async def list_accounts(self, merchant_id: str, page: Page) -> tuple[list[Account], int]:
        await self._wait()
        own = [one for one in self.accounts.values() if one.merchant_id == merchant_id]
        first = (page.number - 1) * page.size
        return own[first : first + page.size], len(own)

    async def pix_keys_of(self, account_id: str) -> list[PixKey]:
        await self._wait()
        return [one for one in self.pix_keys.values() if one.account_id == account_id]

    async def find_pix_key(self, key: str) -> PixKey | None:
        await self._wait()
        return self.pix_keys.get(key)

    async def open_charge(self, opening: ChargeOpening) -> Opening:
        await self._wait()
        charge, idempotency = opening.charge, opening.idempotency
        if idempotency is not None:
            where = (charge.merchant_id, "charge", idempotency.key)
            if where in self.answers:
                return self._again(where, idempotency.digest)
            replay = Replay(False, opening.response)
            self.answers[where] = (idempotency.digest, charge.id, replay)
        self.charges[charge.id] = charge
        return Fresh()

    async def find_charge(self, charge_id: str) -> Charge | None:
        await self._wait()
        return self.charges.get(charge_id)

    async def find_opening(
        self, merchant_id: str, idempotency: Idempotency, now: datetime
    ) -> Replay | Running | Differs | None:
        del now
        await self._wait()
        for kind in ("charge", "payout"):
            where = (merchant_id, kind, idempotency.key)
            if where in self.answers:
                return self._again(where, idempotency.digest)
        return None

    async def open_payout(self, opening: PayoutOpening) -> Opening:
        await self._wait()
        payout, idempotency = opening.payout, opening.idempotency
        where = (payout.merchant_id, "payout", idempotency.key)
        if where in self.answers:
            return self._again(where, idempotency.digest)
        self.answers[where] = (idempotency.digest, payout.id, None)
        self.payouts[payout.id] = payout
        self.steps.extend(opening.steps)
        return Fresh()

    async def settle_hold(self, settled: HoldSettled) -> Archived:
        await self._wait()
        replay = Replay(settled.hold.failure_code is not None, settled.response)
        for where, (digest, resource_id, _) in list(self.answers.items()):
            if resource_id == settled.hold.payout_id:
                self.answers[where] = (digest, resource_id, replay)
        self.steps.extend(settled.steps)
        return Archived()

    async def find_payout(self, payout_id: str) -> Payout | None:
        await self._wait()
        return self.payouts.get(payout_id)

    async def record_notices(self, batch: Sequence[NoticeRecorded]) -> list[bool]:
        await self._wait()
        new = []
        for one in batch:
            event_id = one.entry.notice.event_id
            new.append(event_id not in self.notices)
            self.notices.setdefault(event_id, one)
        return new

    async def payment_owner(self, end_to_end_id: str) -> str | None:
        await self._wait()
        owners = (
            one.merchant_id for one in self.payouts.values() if one.end_to_end_id == end_to_end_id
        )
        return next(owners, None)

    async def walk(self, end_to_end_id: str) -> list[Step]:
        await self._wait()
        return [step for step in self.steps if step.end_to_end_id == end_to_end_id]

    def _again(self, where: tuple[str, str, str], digest: bytes) -> Replay | Running | Differs:
        known, resource_id, replay = self.answers[where]
        if known != digest:
            return Differs()
        return replay or Running(resource_id)

    async def _wait(self) -> None:
        await trio.lowlevel.checkpoint()
        if self.breaks is not None:
            raise self.breaks


@dataclass
class TwinTenants:
    known: dict[str, Tenant]
    restarting: set[str] = field(default_factory=set)

    def get(self, ispb: str) -> Tenant:
        if ispb in self.restarting:
            raise Unavailable(f"institution {ispb}", "its branch restarts", retry_after=7.0)
        try:
            return self.known[ispb]
        except KeyError:
            raise Refused("institution_not_found", f"no institution {ispb}") from None

    def all(self) -> Sequence[Tenant]:
        return list(self.known.values())


@dataclass(frozen=True)
class Served:
    """Where a World is served, and what stops it."""

    host: str
    port: int
    scope: trio.CancelScope
    ended: trio.Event

    async def stop(self) -> None:
        """Stop it, and wait for its end."""
        self.scope.cancel()
        await self.ended.wait()

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"


class World:
    """One institution behind the real API. Keywords replace settings of `[http]`, `[identity]` and
    `[limits]`.
    """

    def __init__(
        self,
        *,
        http: Mapping[str, Any] | None = None,
        identity: Mapping[str, Any] | None = None,
        **limits: int,
    ) -> None:
        self.settings = _settings(http or {}, identity or {}, limits)
        self.clock, self.ids, self.metrics = TwinClock(), TwinIds(), Metrics(process=False)
        self.store, self.ledger, self.cache = TwinStore(), TwinLedger(), TwinCache()
        self.jobs = MemoryJobs()
        self.transfers = MemoryTransfers(MemoryStore(ISPB, ModelLedger(1)))
        self.statements = MemoryStatements(
            ISPB, ModelLedger(1), MemoryStore(ISPB, ModelLedger(1)), self.transfers
        )
        self.request_log = MemoryRequestLog()
        self.settlements = MemorySettlements(self.transfers, self.store.accounts.__getitem__)
        self.payments = TwinPayments(self.store)
        self.payout_batches = MemoryPayoutBatches(self.jobs, self.store.payouts)
        self.users = MemoryUsers(self.store.merchants)
        self.receipts: dict[str, Receipt] = {}  # by end-to-end id
        overview = Tables(
            merchants=self.store.merchants,
            accounts=self.store.accounts,
            api_keys=self.store.keys,
            users=self.users.people,
            charges=self.store.charges,
            payouts=self.store.payouts,
            receipts=self.receipts,
            transfers=self.transfers.rows,
        )
        self.fees = MemoryFees({}, self.receipts, ModelLedger(1), lambda _: ())
        self.payment_search = MemoryPaymentSearch(overview)
        self.payers, self.customers = MemoryPayers(overview), MemoryCustomers(overview)
        self.waiting = (0, 0)  # dead letters, differences
        self.statistics = MemoryStatistics(overview, lambda: self.waiting)
        self.relay, self.couriers = TwinBell(), TwinBell()
        self.events, self.audit = MemoryEventLog(), MemoryAudit()
        self.audit_chain = MemoryAuditChain()
        self.tables, self.notices = MemoryTables(), MemoryNotices()
        self.webhooks, self.addresses = MemoryWebhooks(), MemoryAddresses()
        self.admission = MemoryAdmission()
        self.hub = Hub(self.metrics.connections, queue_size=4, clients_max=2)
        self.pings: dict[str, Any] = {}
        self.desk = TwinDesk()
        self.tenant = self._tenant()
        self.tenants = TwinTenants({ISPB: self.tenant})
        self.merchant_id = self.enroll("Padaria do Bairro", "padaria@example.com")

    def app(self) -> QuartTrio:
        return create_app(
            self.tenants,
            self.settings,
            hub=self.hub,
            health=self.pings,
            clock=self.clock,
            ids=self.ids,
            metrics=self.metrics,
            operations=self.desk,
        )

    def enroll(self, name: str, pix_key: str) -> str:
        """A merchant with one account that holds R$ 1,000.00."""
        merchant = Merchant(
            id=self.ids.new("mch"),
            name=name,
            document="00038166000105",
            city="Sao Paulo",
            created_at=OPENED,
        )
        account = Account(
            id=self.ids.new("acc"),
            merchant_id=merchant.id,
            ledger_id=len(self.store.accounts) + 1,
            product_id="prod_pix_merchant",
            name="Conta",
            status=AccountStatus.ACTIVE,
            created_at=OPENED,
        )
        self.store.merchants[merchant.id] = merchant
        self.store.accounts[account.id] = account
        self.store.pix_keys[pix_key] = PixKey(
            key=pix_key, kind="EMAIL", account_id=account.id, created_at=OPENED
        )
        self.ledger.counters[account.ledger_id] = Balance(
            account_id=account.ledger_id, credits_posted=100_000
        )
        return merchant.id

    def key(self, *permissions: str, merchant_id: str | None = None, revoked: bool = False) -> str:
        """The text of a new API key."""
        text = new_key(self.tenant)
        digest = self.tenant.key_hash(text)
        self.store.keys[digest] = ApiKey(
            id=self.ids.new("key"),
            merchant_id=merchant_id or self.merchant_id,
            name="test",
            key_hash=digest,
            permissions=permissions,
            created_at=OPENED,
            revoked_at=OPENED if revoked else None,
            last_characters=last_characters(text),
        )
        return text

    def account_id(self, merchant_id: str | None = None) -> str:
        wanted = merchant_id or self.merchant_id
        return next(one.id for one in self.store.accounts.values() if one.merchant_id == wanted)

    def _tenant(self) -> Tenant:
        institution = config.Institution(
            ispb=ISPB,
            name="Banco de Teste",
            ledger=1,
            providers=(config.ProviderLink(name=PROVIDER, kind="simulator"),),
        )
        return Tenant(
            institution=institution,
            settings=self.settings,
            store=self.store,  # type: ignore[arg-type]
            accounts=MemoryAccounts(self.store),  # type: ignore[arg-type]
            statements=self.statements,
            transfers=self.transfers,
            payments=self.payments,
            payout_batches=self.payout_batches,
            settlements=self.settlements,
            fees=self.fees,
            payment_search=self.payment_search,
            payers=self.payers,
            customers=self.customers,
            statistics=self.statistics,
            med=MemoryMed(
                MemoryStore(ISPB, ModelLedger(1)), MemoryRefunds(MemoryStore(ISPB, ModelLedger(1)))
            ),
            infractions=no_infractions(ISPB),
            contests=MemoryContests(self.store),  # type: ignore[arg-type]
            scheduled=MemoryScheduled(MemoryStore(ISPB, ModelLedger(1)), self.jobs),
            payout_limits=MemoryLimits(
                MemoryLimitRows(), self.store.accounts, self.store.merchants
            ),
            refunds=MemoryRefunds(MemoryStore(ISPB, ModelLedger(1))),
            api_keys=MemoryApiKeys(self.store.keys),
            users=self.users,
            sessions=self.users.sessions,
            passwords=Passwords(self.settings.identity),
            tokens=access_tokens(ISPB, self.settings.identity),
            ledger=self.ledger,  # type: ignore[arg-type]
            admission=self.admission,
            jobs=self.jobs,
            upkeep=MemoryUpkeep(MemoryStore(ISPB, ModelLedger(1))),
            people=MemoryPeople(),
            removals=MemoryRemovals(),
            reconciliation=MemoryReconciliation(
                MemoryStore(ISPB, ModelLedger(1)), MemoryRefunds(MemoryStore(ISPB, ModelLedger(1)))
            ),
            dead_letters=MemoryDeadLetters(MemoryStore(ISPB, ModelLedger(1))),
            holds=no_holds(),
            backlogs=MemoryBacklogs(self.webhooks, list),
            endpoint_standings=MemoryEndpointStandings(self.webhooks),
            workers=TwinBell(),  # type: ignore[arg-type]
            cache=self.cache,
            kept_answers=KeptAnswers(self.cache, b"pepper", trio.current_time),
            live_data=RedisLiveData(self.tables, self.clock, trio.current_time, self.notices),
            request_log=self.request_log,
            audit=self.audit,
            audit_chain=self.audit_chain,
            audit_key=KEY,
            events=self.events,
            anti_scan=AntiScan(self.cache, anti_scan_size(self.settings.directory), lambda: 0.0),
            providers={PROVIDER: TwinProvider()},  # type: ignore[dict-item]
            clock=self.clock,
            ids=self.ids,
            relay=self.relay,  # type: ignore[arg-type]
            couriers=self.couriers,  # type: ignore[arg-type]
            webhooks=self.webhooks,
            addresses=self.addresses,
            sealer=keyring(ISPB),
            sealing=sealing_desk(),
            pepper=b"pepper",
            # A test changes its mind between two requests: nothing is remembered.
            recent_keys=Recent(0.0, lambda: 0.0),
            recent_sessions=Recent(0.0, lambda: 0.0),
            recent_accounts=Recent(0.0, lambda: 0.0),
            recent_limits=Recent(0.0, lambda: 0.0),
            recent_payees=Recent(0.0, lambda: 0.0),
        )


@asynccontextmanager
async def serving(world: World, *, grace_seconds: float = 5.0) -> AsyncIterator[Served]:
    """The API on a real socket; leaving stops it in order, and waits for its end."""
    scope, ended = trio.CancelScope(), trio.Event()
    app, http = world.app(), world.settings.http

    async def run(*, task_status: trio.TaskStatus[tuple[str, int]]) -> None:
        stopping, grace = world.hub.close, grace_seconds
        with scope:
            await serve(
                app, http, on_stopping=stopping, grace_seconds=grace, task_status=task_status
            )
        ended.set()

    async with trio.open_nursery() as nursery:
        host, port = await nursery.start(run)
        yield Served(host, port, scope, ended)
        scope.cancel()


def bearer(key: str, **headers: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}", **headers}


def sign(body: bytes) -> str:
    """What TwinProvider signs a body with."""
    return hmac.new(SIGNING_SECRET, body, hashlib.sha256).hexdigest()


def _settings(
    http: Mapping[str, Any], identity: Mapping[str, Any], limits: Mapping[str, int]
) -> config.Settings:
    loaded = _loaded()
    defaults = {"port": 0, "body_bytes_max": 4096}
    return msgspec.structs.replace(
        loaded,
        identity=msgspec.structs.replace(cheap(loaded.identity), **identity),
        http=msgspec.structs.replace(loaded.http, **(defaults | dict(http))),
        limits=msgspec.structs.replace(loaded.limits, **limits),
    )


@cache
def _loaded() -> config.Settings:
    """Once: there is a world for each of thousands of tests."""
    return config.load({})
