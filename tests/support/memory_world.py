"""An institution in memory: every port a twin, every call a place where something may fail.

`await MemoryWorld().open()` has one merchant with one account. `fund` lets money come in, `pay`
asks for a payout, `run_rooms` is relay and workers until nothing is due. `faults.plan` says what
goes wrong with the next calls.
"""

import inspect
import random
import string
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any, cast

import msgspec
import trio

from fluxiq import settings as config
from fluxiq.cache.live_data import RedisLiveData
from fluxiq.domain.dead_letter import LetterState
from fluxiq.domain.difference import DifferenceState
from fluxiq.domain.identifiers import IdPrefix, build_end_to_end_id, new_ulid
from fluxiq.domain.infraction import InfractionStatus
from fluxiq.domain.med import MedReason
from fluxiq.domain.recipient_account import AccountType
from fluxiq.domain.reconciliation import Flow, StatementLine, Window
from fluxiq.domain.records import (
    Balance,
    InboxEntry,
    Notice,
    NoticeKind,
    OutboxEntry,
    Payout,
    Recipient,
    Refund,
    SaidInfraction,
)
from fluxiq.domain.token_bucket import Bucket, BucketSize, Spent, spend
from fluxiq.errors import Refused, Unavailable, Unknown
from fluxiq.ledgers.model import ModelLedger
from fluxiq.ledgers.model_cluster import ModelCluster
from fluxiq.ports import (
    Cache,
    Callback,
    Idempotency,
    Ledger,
    OrderAnswer,
    Provider,
    RateDecision,
    StatementPage,
    Store,
)
from fluxiq.ports.accounts import Accounts, Statements
from fluxiq.ports.api_keys import ApiKeys
from fluxiq.ports.contests import Contests
from fluxiq.ports.dead_letters import DeadLetters
from fluxiq.ports.fees import Fees
from fluxiq.ports.holds import Holds
from fluxiq.ports.infractions import Infractions
from fluxiq.ports.jobs import Jobs
from fluxiq.ports.limits import LimitRecords
from fluxiq.ports.locations import LocationWanted
from fluxiq.ports.med import MedReports
from fluxiq.ports.payments import Payments
from fluxiq.ports.payout_batches import PayoutBatches
from fluxiq.ports.privacy import People
from fluxiq.ports.reconciliation import Reconciliation
from fluxiq.ports.refunds import Refunds
from fluxiq.ports.scheduled import ScheduledPayouts
from fluxiq.ports.sessions import Sessions
from fluxiq.ports.settlements import Settlements
from fluxiq.ports.transfers import Transfers
from fluxiq.ports.upkeep import Upkeep
from fluxiq.ports.users import Users
from fluxiq.ports.webhooks import Webhooks
from fluxiq.services.anti_scan import AntiScan, anti_scan_size
from fluxiq.services.dispatch_payouts import dispatch_payouts
from fluxiq.services.enroll import Enrolled, enroll_merchant, open_house
from fluxiq.services.hold_payouts import Order
from fluxiq.services.hold_refund import RefundOrder
from fluxiq.services.kept_answers import KeptAnswers
from fluxiq.services.messages.envelope import Answer, digest_of
from fluxiq.services.messages.payouts import (
    HolderSaid,
    OpenPayout,
    RecipientAccountSaid,
    RecipientSaid,
)
from fluxiq.services.open_payout import open_payout
from fluxiq.services.passwords import Passwords
from fluxiq.services.receive_notices import receive_notices
from fluxiq.services.recent import Recent
from fluxiq.services.sealed_messages import opened_entry
from fluxiq.services.settle_ends import settle_ends
from fluxiq.services.settle_receipts import settle_receipts
from fluxiq.services.settle_refunds import dispatch_refunds
from fluxiq.services.tenant import Tenant
from tests.support.memory import MemoryStore
from tests.support.memory_accounts import MemoryAccounts, MemoryStatements
from tests.support.memory_admission import MemoryAdmission
from tests.support.memory_audit import KEY as AUDIT_KEY
from tests.support.memory_audit import MemoryAuditChain
from tests.support.memory_backlogs import MemoryBacklogs
from tests.support.memory_contests import MemoryContestDesk, MemoryContests
from tests.support.memory_dead_letters import MemoryDeadLetters, MemoryHolds
from tests.support.memory_endpoint_standings import MemoryEndpointStandings
from tests.support.memory_fees import MemoryFees
from tests.support.memory_infractions import MemoryFraudDesk, MemoryInfractions
from tests.support.memory_jobs import MemoryJobs, MemoryRemovals, MemoryUpkeep
from tests.support.memory_limits import MemoryLimits
from tests.support.memory_live import MemoryAudit, MemoryEventLog, MemoryNotices, MemoryTables
from tests.support.memory_med import MemoryMed
from tests.support.memory_overview import (
    MemoryCustomers,
    MemoryPayers,
    MemoryPaymentSearch,
    MemoryStatistics,
    Tables,
)
from tests.support.memory_payments import MemoryApiKeys, MemoryPayments
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
from tests.support.memory_webhooks import MemoryAddresses
from tests.support.seals import keyring

ISPB = "12345678"
LEDGER = 1
PAYER_ISPB = "00000000"
BY_ACCOUNT = RecipientSaid(
    account=RecipientAccountSaid(
        ispb=PAYER_ISPB,
        branch="0001",
        number="12345-6",
        type=AccountType.CHECKING,
        holder=HolderSaid(name="Maria", document="529.982.247-25"),
    )
)
LINK = "simulator"
OPENED = datetime(2026, 11, 22, 12, tzinfo=UTC)
SIGNED = {"x-signed-by": "the provider"}
KEY = "somebody@example.com"

_UNRESOLVED = {DifferenceState.OPEN, DifferenceState.HEALING}
_OUTGOING = {
    "ledger.create_transfers",
    "provider.send",
    "provider.send_refund",
    "provider.acknowledge_infraction",
    "provider.close_infraction",
    "provider.report_contest",
    "provider.cancel_contest",
}


class Crash(Exception):
    """The process died here: nobody is left to catch this but the test."""


class Fault(Enum):
    """What goes wrong with one call, and whether the work is done all the same."""

    REFUSED = "nothing was done, and the caller is told"
    ANSWER_LOST = "it was done, and the caller is not told"
    CRASH_BEFORE = "the caller dies before"
    CRASH_AFTER = "the caller dies after"


class Faults:
    """What goes wrong: with the next calls in order (`plan`), with the next call of a name (`at`,
    "store.open_payout"), or with every call to a system (`away`). `calls` are all that were made.
    """

    def __init__(self) -> None:
        self.plan: list[Fault | None] = []
        self.at: dict[str, Fault] = {}
        self.away: set[str] = set()
        self.calls: list[str] = []

    def take(self, system: str, name: str) -> Fault | None:
        self.calls.append(f"{system}.{name}")
        planned = self.plan.pop(0) if self.plan else None
        if system in self.away:
            return Fault.REFUSED
        return self.at.pop(f"{system}.{name}", planned)


class Faulty:
    """A port whose coroutines may fail as `faults` says."""

    def __init__(self, port: object, system: str, faults: Faults) -> None:
        self._port, self._system, self._faults = port, system, faults

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)
        if not inspect.iscoroutinefunction(method):
            return method

        async def call(*args: Any, **kwargs: Any) -> Any:
            fault = self._faults.take(self._system, name)
            if fault is Fault.CRASH_BEFORE:
                raise Crash(f"before {self._system}.{name}")
            if fault is Fault.REFUSED:
                raise Unavailable(self._system, "refused by the test")
            result = await method(*args, **kwargs)
            if fault is Fault.CRASH_AFTER:
                raise Crash(f"after {self._system}.{name}")
            if fault is Fault.ANSWER_LOST:
                raise self._lost(name)
            return result

        return call

    def _lost(self, name: str) -> Unavailable | Unknown:
        if self._system in {"store", "refunds"} or f"{self._system}.{name}" in _OUTGOING:
            return Unknown(self._system, name, "lost by the test")
        return Unavailable(self._system, "lost by the test")


class MemoryClock:
    """Stands still until told."""

    def __init__(self) -> None:
        self.at = OPENED

    def now(self) -> datetime:
        return self.at

    def pass_seconds(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)

    def monotonic(self) -> float:
        return (self.at - OPENED).total_seconds()

    def nanoseconds(self) -> int:
        """As ledgers count them."""
        return int(self.at.timestamp()) * 1_000_000_000


class MemoryIds:
    """The same ids at every run."""

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)
        self._milliseconds = int(OPENED.timestamp() * 1000)

    def new(self, prefix: str) -> str:
        assert prefix in set(IdPrefix), f"{prefix!r} is not a prefix of ours"
        self._milliseconds += 1
        return f"{prefix}_{new_ulid(self._milliseconds, self.secret(10))}"

    def letters(self, count: int) -> str:
        return "".join(self._random.choices(string.ascii_letters + string.digits, k=count))

    def secret(self, count: int) -> bytes:
        return self._random.randbytes(count)


class MemoryBell:
    def __init__(self) -> None:
        self.rings = 0
        self.names: list[str] = []

    def ring(self, names: Iterable[str] = ()) -> None:
        self.rings += 1
        self.names.extend(names)


class MemoryCache:
    def __init__(self) -> None:
        self.values: dict[str, tuple[bytes, int]] = {}  # with the seconds they may live
        self.used: dict[str, int] = {}
        self.buckets: dict[str, Bucket] = {}
        self.now_ms = 0

    async def get(self, key: str) -> bytes | None:
        await trio.lowlevel.checkpoint()
        value = self.values.get(key)
        return None if value is None else value[0]

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        return [await self.get(key) for key in keys]

    async def put(self, key: str, value: bytes, *, ttl_seconds: int) -> None:
        await trio.lowlevel.checkpoint()
        self.values[key] = (value, ttl_seconds)

    async def spend(
        self, bucket: str, size: BucketSize, cost: int, *, in_debt: bool = False
    ) -> Spent:
        await trio.lowlevel.checkpoint()
        self.buckets[bucket], spent = spend(
            self.buckets.get(bucket), size, cost, self.now_ms, in_debt=in_debt
        )
        return spent

    async def allow(self, bucket: str, limit: int, window_seconds: int) -> RateDecision:
        [decision] = await self.allow_all([(bucket, limit)], window_seconds)
        return decision

    async def allow_all(
        self, uses: Sequence[tuple[str, int]], window_seconds: int
    ) -> list[RateDecision]:
        await trio.lowlevel.checkpoint()
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
                    reset_at=window_seconds,
                )
            )
        return decisions


class MemoryProvider(MemoryFraudDesk, MemoryContestDesk):
    """A PIX provider that pays or rejects an order once, whatever it is sent again."""

    def __init__(self) -> None:
        MemoryFraudDesk.__init__(self)
        MemoryContestDesk.__init__(self)
        self.owners = {
            KEY: Recipient(pix_key=KEY, pix_key_type="EMAIL", name="Somebody", ispb=PAYER_ISPB)
        }
        self.orders: dict[str, OrderAnswer] = {}
        self.amounts: dict[str, int] = {}
        self.sent: list[str] = []  # every order that arrived, again and again
        self.asked: list[str] = []
        self.hosts = False  # whether it hosts charges
        self.hosted: dict[str, LocationWanted] = {}  # by txid
        self.statement_flows = frozenset(Flow)
        self.lines: list[StatementLine] = []  # of its statement, in the order of time
        self.lines_per_page = 3
        self._events = 0

    @property
    def offers_locations(self) -> bool:
        return self.hosts

    async def open_location(self, wanted: LocationWanted) -> str:
        await trio.lowlevel.checkpoint()
        self.hosted[wanted.txid] = wanted
        return f"pix.example.com/qr/v2/{wanted.txid}"

    async def close_location(self, txid: str) -> None:
        await trio.lowlevel.checkpoint()
        self.hosted.pop(txid, None)

    async def look_up(self, key: str) -> Recipient | None:
        await trio.lowlevel.checkpoint()
        self.asked.append(key)
        return self.owners.get(key)

    async def send(self, payout: Payout) -> OrderAnswer:
        await trio.lowlevel.checkpoint()
        self.sent.append(payout.end_to_end_id)
        self.amounts[payout.end_to_end_id] = payout.amount
        return self.orders.setdefault(payout.end_to_end_id, OrderAnswer(state="accepted"))

    async def send_refund(self, refund: Refund) -> OrderAnswer:
        await trio.lowlevel.checkpoint()
        self.sent.append(refund.return_id)
        self.amounts[refund.return_id] = refund.amount
        return self.orders.setdefault(refund.return_id, OrderAnswer(state="accepted"))

    async def enquire(self, order_id: str) -> OrderAnswer:
        await trio.lowlevel.checkpoint()
        self.asked.append(order_id)
        return self.orders.get(order_id, OrderAnswer(state="not_found"))

    async def statement(self, window: Window, cursor: str) -> StatementPage:
        await trio.lowlevel.checkpoint()
        told = [one for one in self.lines if window.holds(one.settled_at)]
        first = int(cursor or 0)
        last = first + self.lines_per_page
        following = str(last) if last < len(told) else None
        return StatementPage(lines=tuple(told[first:last]), next_cursor=following)

    def verify_callback(self, callback: Callback, now: datetime) -> None:
        del now
        if callback.headers != SIGNED:
            raise Refused("signature_invalid", "the signature is not the provider's")

    def parse_notices(self, body: bytes) -> list[Notice]:
        try:
            return msgspec.json.decode(body, type=list[Notice])
        except msgspec.DecodeError as error:
            raise Refused("invalid_notice", str(error)) from None

    # What happens at the provider.

    def settle(self, end_to_end_id: str) -> Notice:
        """The order is paid. The notice says so."""
        self.orders[end_to_end_id] = OrderAnswer(state="settled")
        return self.notice(NoticeKind.CONFIRMED, end_to_end_id)

    def reject(self, end_to_end_id: str, reason_code: str = "AC03") -> Notice:
        """The order is not paid, and never will be. The notice says so."""
        self.orders[end_to_end_id] = OrderAnswer(state="rejected", reason_code=reason_code)
        return self.notice(NoticeKind.REJECTED, end_to_end_id, reason_code=reason_code)

    def returned(self, end_to_end_id: str, amount: int, return_id: str) -> Notice:
        """The payee's institution gave back `amount` of a payout. The notice says so."""
        return self.notice(
            NoticeKind.RETURNED,
            end_to_end_id,
            amount=amount,
            return_id=return_id,
            reason_code="MD06",
        )

    def reported(self, end_to_end_id: str, number: str = "report-1") -> Notice:
        """Another institution reports a payment as fraud. The notice says so."""
        self.standing.setdefault(number, InfractionStatus.OPEN)
        said = SaidInfraction(number=number, reason=MedReason.SCAM, details="they say")
        return self.notice(NoticeKind.INFRACTION, end_to_end_id, amount=0, infraction=said)

    def withdrawn(self, end_to_end_id: str, number: str = "report-1") -> Notice:
        """It takes that back. The notice says so."""
        self.standing[number] = InfractionStatus.CANCELLED
        said = SaidInfraction(number=number, reason=MedReason.SCAM)
        kind = NoticeKind.INFRACTION_WITHDRAWN
        return self.notice(kind, end_to_end_id, amount=0, infraction=said)

    def notice(self, kind: NoticeKind, end_to_end_id: str, **said: Any) -> Notice:
        """A new thing said, true or not."""
        self._events += 1
        return Notice(
            event_id=f"event {self._events}",
            kind=kind,
            end_to_end_id=end_to_end_id,
            amount=said.pop("amount", self.amounts.get(end_to_end_id, 1)),
            occurred_at=said.pop("occurred_at", OPENED),
            **said,
        )


def signed(body: bytes) -> Callback:
    """A callback of the provider's."""
    return Callback(headers=SIGNED, body=body)


class MemoryWorld:
    """One institution, and the post room between its workers."""

    def __init__(self, *, seed: int = 0, **pix: Any) -> None:
        self.clock, self.ids, self.faults = MemoryClock(), MemoryIds(seed), Faults()
        self.ledger = ModelLedger(LEDGER, ModelCluster(self.clock.nanoseconds))
        self.store = MemoryStore(ISPB, self.ledger)
        self.refunds = MemoryRefunds(self.store)
        self.users = MemoryUsers(self.store.merchants)
        self.limits = MemoryLimits(
            self.store.limits,
            self.store.accounts,
            self.store.merchants,
            lambda event: self.store._tell(event, None),
        )
        self.accounts, self.transfers = MemoryAccounts(self.store), MemoryTransfers(self.store)
        self.statements = MemoryStatements(ISPB, self.ledger, self.store, self.transfers)
        self.cache, self.provider = MemoryCache(), MemoryProvider()
        self.jobs, self.upkeep = MemoryJobs(), MemoryUpkeep(self.store)
        self.people = MemoryPeople()
        self.request_log = MemoryRequestLog()
        self.removals = MemoryRemovals()
        self.reconciliation = MemoryReconciliation(self.store, self.refunds)
        self.scheduled = MemoryScheduled(self.store, self.jobs)
        self.fees = MemoryFees(
            self.store.agreed_fees,
            self.store.receipts,
            self.ledger,
            lambda event: self.store._tell(event, None),
        )
        self.settlements = MemorySettlements(self.transfers, self.store.accounts.__getitem__)
        self.payout_batches = MemoryPayoutBatches(self.jobs, self.store.payouts_by_id)
        self.med = MemoryMed(self.store, self.refunds)
        self.infractions = MemoryInfractions(self.store, self.med)
        self.contests = MemoryContests(self.store)
        self.dead_letters = MemoryDeadLetters(self.store)
        self.holds = MemoryHolds(self.store, self.refunds, self.dead_letters, self.ledger)
        tables = Tables(
            merchants=self.store.merchants,
            accounts=self.store.accounts,
            api_keys=self.store.api_keys,
            users=self.users.people,
            charges=self.store.charges,
            payouts=self.store.payouts_by_id,
            receipts=self.store.receipts,
            refunds=self.refunds.by_id,
            transfers=self.transfers.rows,
        )
        self.customers, self.payers = MemoryCustomers(tables), MemoryPayers(tables)
        self.payment_search = MemoryPaymentSearch(tables)
        self.statistics = MemoryStatistics(tables, self._waiting)
        self.relay, self.couriers, self.workers = MemoryBell(), MemoryBell(), MemoryBell()
        self.addresses, self.admission = MemoryAddresses(), MemoryAdmission()
        self.bus: list[OutboxEntry] = []
        self.tenant = self._tenant(pix)
        self._requests = 0
        self._enrolled: Enrolled | None = None

    async def open(self) -> "MemoryWorld":
        await open_house(self.tenant)
        self._enrolled = await self.enroll()
        self.store.outbox.clear()
        self.relay.rings = 0
        self.faults.calls.clear()
        return self

    async def enroll(self, **said: Any) -> Enrolled:
        """Another merchant."""
        who = {"name": "Padaria do Bairro", "document": "52998224725", "city": "Curitiba"}
        return await enroll_merchant(self.tenant, **(who | said))

    @property
    def merchant(self) -> Enrolled:
        assert self._enrolled is not None, "open() first"
        return self._enrolled

    @property
    def merchant_id(self) -> str:
        return self.merchant.merchant.id

    async def balance(self) -> Balance:
        ledger_id = self.merchant.account.ledger_id
        return (await self.ledger.balances([ledger_id]))[ledger_id]

    # Money in.

    def received(self, amount: int, **said: Any) -> Notice:
        """The provider's notice of money for the merchant's own key, unless said otherwise."""
        said.setdefault("pix_key", self.merchant.pix_keys[0])
        end_to_end_id = said.pop("end_to_end_id", None) or build_end_to_end_id(
            PAYER_ISPB, self.clock.now(), self.ids.letters(11)
        )
        said.setdefault("occurred_at", self.clock.now())
        return self.provider.notice(NoticeKind.RECEIVED, end_to_end_id, amount=amount, **said)

    async def receive(self, *notices: Notice) -> int:
        return await receive_notices(self.tenant, LINK, signed(msgspec.json.encode(notices)))

    async def fund(self, amount: int) -> None:
        await self.receive(self.received(amount))
        await self.run_rooms()

    # Money out.

    async def pay(
        self, amount: int, key: str | RecipientSaid = KEY, *, under: str = "", **said: Any
    ) -> Answer:
        """A payout; each has an idempotency key of its own unless `under` is given."""
        self._requests += 1
        recipient = RecipientSaid(pix_key=key) if isinstance(key, str) else key
        request = OpenPayout(amount=amount, recipient=recipient, **said)
        idempotency = Idempotency(
            key=under or f"request {self._requests}", digest=digest_of(request)
        )
        return await open_payout(
            self.tenant, self.merchant_id, request, idempotency, self.clock.now()
        )

    async def held(self, amount: int = 40_00) -> Payout:
        """A payout that is held, whose order is not sent yet."""
        return await self.payout_of(await self.pay(amount))

    async def payout_of(self, answer: Answer) -> Payout:
        payout_id = msgspec.json.decode(answer.body)["data"]["id"]
        return self.store.payouts_by_id[payout_id]

    def now_of(self, payout: Payout) -> Payout:
        """The payout as it is on record now."""
        return self.store.payouts_by_id[payout.id]

    # The post room.

    async def run_rooms(self) -> None:
        """Publish and work until nothing is due."""
        while await self.publish():
            await self.work(self.take())

    async def publish(self) -> int:
        """What the relay does in one round."""
        due = await self.tenant.store.due_outbox(self.clock.now(), 500)
        self.bus += due
        await self.tenant.store.outbox_published(due, self.clock.now())
        return len(due)

    def take(self) -> list[OutboxEntry]:
        taken, self.bus = self.bus, []
        return taken

    async def work(self, messages: Sequence[OutboxEntry], *, redelivered: bool = False) -> None:
        """What the workers do with one batch each."""
        receipts, orders, refunds, ends = (
            [one for one in messages if one.subject.split(".")[2:4] == ["pix", queue]]
            for queue in ("in", "out", "refund", "outcome")
        )
        if receipts:
            await settle_receipts(self.tenant, [self._entry(one) for one in receipts])
        if orders:
            ids = [msgspec.json.decode(one.body, type=Order).end_to_end_id for one in orders]
            await dispatch_payouts(self.tenant, ids, redelivered=redelivered)
        if refunds:
            ids = [msgspec.json.decode(one.body, type=RefundOrder).return_id for one in refunds]
            await dispatch_refunds(self.tenant, ids, redelivered=redelivered)
        if ends:
            await settle_ends(self.tenant, [self._entry(one) for one in ends])

    def _entry(self, message: OutboxEntry) -> InboxEntry:
        return opened_entry(self.tenant, message.body, message.reference)

    def _waiting(self) -> tuple[int, int]:
        """Dead letters and differences that nobody has decided."""
        letters = self.dead_letters.by_id.values()
        rows = self.reconciliation.rows.values()
        dead = sum(one.state is LetterState.DEAD for one in letters)
        return dead, sum(one.state in _UNRESOLVED for one in rows)

    def _tenant(self, pix: Mapping[str, Any]) -> Tenant:
        loaded = config.load({})
        identity = cheap(loaded.identity)
        cache = cast("Cache", Faulty(self.cache, "cache", self.faults))
        return Tenant(
            institution=config.Institution(
                ispb=ISPB,
                name="Banco de Teste",
                ledger=LEDGER,
                providers=(config.ProviderLink(name=LINK, kind="simulator"),),
            ),
            settings=msgspec.structs.replace(
                loaded, identity=identity, pix=msgspec.structs.replace(loaded.pix, **pix)
            ),
            store=cast("Store", Faulty(self.store, "store", self.faults)),
            payments=cast(
                "Payments", Faulty(MemoryPayments(self.store, self.jobs), "store", self.faults)
            ),
            payment_search=self.payment_search,
            payers=self.payers,
            customers=self.customers,
            statistics=self.statistics,
            fees=cast("Fees", Faulty(self.fees, "fees", self.faults)),
            settlements=cast("Settlements", Faulty(self.settlements, "settlements", self.faults)),
            payout_batches=cast(
                "PayoutBatches", Faulty(self.payout_batches, "batches", self.faults)
            ),
            med=cast("MedReports", Faulty(self.med, "med", self.faults)),
            infractions=cast("Infractions", Faulty(self.infractions, "infractions", self.faults)),
            contests=cast("Contests", Faulty(self.contests, "contests", self.faults)),
            scheduled=cast("ScheduledPayouts", Faulty(self.scheduled, "scheduled", self.faults)),
            payout_limits=cast("LimitRecords", Faulty(self.limits, "limits", self.faults)),
            api_keys=cast(
                "ApiKeys", Faulty(MemoryApiKeys(self.store.api_keys), "store", self.faults)
            ),
            users=cast("Users", Faulty(self.users, "users", self.faults)),
            sessions=cast("Sessions", Faulty(self.users.sessions, "sessions", self.faults)),
            passwords=Passwords(identity),
            tokens=access_tokens(ISPB, identity),
            refunds=cast("Refunds", Faulty(self.refunds, "refunds", self.faults)),
            accounts=cast("Accounts", Faulty(self.accounts, "accounts", self.faults)),
            statements=cast("Statements", Faulty(self.statements, "statements", self.faults)),
            transfers=cast("Transfers", Faulty(self.transfers, "transfers", self.faults)),
            jobs=cast("Jobs", Faulty(self.jobs, "jobs", self.faults)),
            upkeep=cast("Upkeep", Faulty(self.upkeep, "upkeep", self.faults)),
            people=cast("People", Faulty(self.people, "people", self.faults)),
            removals=self.removals,
            reconciliation=cast(
                "Reconciliation", Faulty(self.reconciliation, "reconciliation", self.faults)
            ),
            dead_letters=cast("DeadLetters", Faulty(self.dead_letters, "letters", self.faults)),
            holds=cast("Holds", Faulty(self.holds, "holds", self.faults)),
            backlogs=MemoryBacklogs(
                self.store.webhooks, lambda: [one.due_at for one in self.store.outbox.values()]
            ),
            endpoint_standings=MemoryEndpointStandings(self.store.webhooks),
            ledger=cast("Ledger", Faulty(self.ledger, "ledger", self.faults)),
            admission=self.admission,
            cache=cache,
            kept_answers=KeptAnswers(cache, b"pepper", self.clock.monotonic),
            live_data=RedisLiveData(
                MemoryTables(), self.clock, self.clock.monotonic, MemoryNotices()
            ),
            request_log=self.request_log,
            audit=MemoryAudit(),
            audit_chain=MemoryAuditChain(),
            audit_key=AUDIT_KEY,
            events=MemoryEventLog(),
            anti_scan=AntiScan(cache, anti_scan_size(loaded.directory), self.clock.monotonic),
            providers={LINK: cast("Provider", Faulty(self.provider, "provider", self.faults))},
            clock=self.clock,
            ids=self.ids,
            relay=self.relay,
            couriers=self.couriers,
            webhooks=cast("Webhooks", Faulty(self.store.webhooks, "store", self.faults)),
            addresses=self.addresses,
            workers=self.workers,
            sealer=keyring(ISPB),
            sealing=sealing_desk(),
            pepper=b"pepper",
            recent_keys=Recent(1.0, self.clock.monotonic),
            recent_sessions=Recent(1.0, self.clock.monotonic),
            recent_accounts=Recent(1.0, self.clock.monotonic),
            recent_limits=Recent(1.0, self.clock.monotonic),
            recent_payees=Recent(1.0, self.clock.monotonic),
        )


def keeps_its_promises(world: MemoryWorld) -> tuple[Store, Ledger, Cache, Provider]:
    """The twins are ports: said here so that the type checker looks."""
    return world.store, world.ledger, world.cache, world.provider
