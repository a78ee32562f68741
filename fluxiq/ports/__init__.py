"""What the use cases need from the outside, as Protocols. Adapters live in the plural folders.

Every method that waits has a deadline of its own, kept by the adapter. All raise `Unavailable`
when the outside does not answer; those that may have moved money raise `Unknown` instead.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from msgspec import Struct, field

from fluxiq.domain.fee import NO_FEE, AgreedFee, FeePlan
from fluxiq.domain.limits import Bounds
from fluxiq.domain.reconciliation import Flow, StatementLine, Window
from fluxiq.domain.records import (
    Account,
    ApiKey,
    Balance,
    Charge,
    Event,
    Hold,
    InboxEntry,
    LedgerAccount,
    Merchant,
    Notice,
    OutboxEntry,
    Outcome,
    Payout,
    PixKey,
    Receipt,
    Recipient,
    Refund,
    Step,
    Transfer,
    TransferStatus,
)
from fluxiq.domain.token_bucket import BucketSize, Spent
from fluxiq.ports.contest_desk import ContestDesk
from fluxiq.ports.fraud_desk import FraudDesk
from fluxiq.ports.locations import Locations
from fluxiq.ports.origin import Origin, origin


class Clock(Protocol):
    def now(self) -> datetime:
        """The wall clock, aware, in UTC."""


class Ids(Protocol):
    def new(self, prefix: str) -> str:
        """A fresh id: prefix, underscore, ULID (26 characters of Crockford's base 32)."""

    def letters(self, count: int) -> str:
        """`count` random characters of A-Z, a-z, 0-9, from the system's entropy."""

    def secret(self, count: int) -> bytes:
        """`count` random bytes from the system's entropy."""


class Bell(Protocol):
    """Wakes somebody who would also look by themselves a little later: never waits, never fails."""

    def ring(self, names: Iterable[str] = ()) -> None: ...


class Ledger(Protocol):
    """Double-entry accounts of one institution, TigerBeetle's semantics (`ledger-failover`)."""

    async def create_accounts(self, accounts: Sequence[LedgerAccount]) -> None:
        """Create, or do nothing where the same account exists. A different one is an assertion."""

    async def create_transfers(self, transfers: Sequence[Transfer]) -> list[TransferStatus]:
        """Apply in order, each on its own; one status per transfer; twice is once.
        Raises Unknown when the answer is lost.
        """

    async def balances(self, account_ids: Sequence[int]) -> dict[int, Balance]:
        """The counters of those of `account_ids` that exist, by account id."""


class Directory(Protocol):
    """DICT, through the institution's provider."""

    async def look_up(self, key: str) -> Recipient | None:
        """Who owns `key` (normalised); None when nobody does."""


class OrderAnswer(Struct, frozen=True, kw_only=True):
    """What a provider says of a payment order: accepted, settled, rejected, or not known to it."""

    state: str  # accepted | settled | rejected | not_found
    reason_code: str | None = None  # BACEN's, when rejected


class StatementPage(Struct, frozen=True, kw_only=True):
    """Some lines of a statement; `next_cursor` asks for those that follow, None after the last."""

    lines: tuple[StatementLine, ...]
    next_cursor: str | None = None


class Callback(Struct, frozen=True, kw_only=True):
    """A call that claims to be a provider's. Names of `headers` are in lower case; of one that is
    there twice, the values stand behind each other as RFC 9110 (5.3) joins them.
    """

    headers: Mapping[str, str]
    body: bytes
    remote: str = ""  # the address that connected to us: the provider's, or a proxy of ours
    query: str = ""  # as sent, without the question mark
    # The client's (DER), where the connection ended with us and one of our authorities issued it.
    certificate: bytes | None = None


class Provider(Directory, FraudDesk, ContestDesk, Locations, Protocol):
    """One gateway connection to a PIX provider."""

    async def send(self, payout: Payout) -> OrderAnswer:
        """Order the payment; the same end-to-end id on every try.

        Raises Unknown when no answer came, Unavailable only when it certainly did not leave.
        """

    async def send_refund(self, refund: Refund) -> OrderAnswer:
        """Order a refund, as `send`; the same return id on every try."""

    async def enquire(self, order_id: str) -> OrderAnswer:
        """What became of an order: a payment's by its end-to-end id, a refund's by its return id.
        Raises Unavailable.
        """

    @property
    def statement_flows(self) -> frozenset[Flow]:
        """Of which its statement has every line, so that one that is not there is missing."""

    async def statement(self, window: Window, cursor: str) -> StatementPage:
        """What settled in `window`, a page of it; the first one has an empty cursor, any other one
        that a page named. Raises Unavailable, also for a page that cannot be read.
        """

    def verify_callback(self, callback: Callback, now: datetime) -> None:
        """Raises Refused("signature_invalid") unless it is the provider who calls."""

    def parse_notices(self, body: bytes) -> list[Notice]:
        """What the provider says, one or several things. Raises Refused naming the field."""


class RateDecision(Struct, frozen=True, kw_only=True):
    """Whether one more use fits the window; `reset_at` is unix seconds."""

    allowed: bool
    limit: int
    remaining: int
    reset_at: int
    local: bool = False  # counted by this process alone: Redis is away


class Cache(Protocol):
    """Redis under the institution's prefix. Losing it may cost time, never truth."""

    async def get(self, key: str) -> bytes | None: ...

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """The values in the order of `keys`, in one round trip."""

    async def put(self, key: str, value: bytes, *, ttl_seconds: int) -> None: ...

    async def allow(self, bucket: str, limit: int, window_seconds: int) -> RateDecision:
        """Count one use of `bucket`; atomic across processes."""

    async def allow_all(
        self, uses: Sequence[tuple[str, int]], window_seconds: int
    ) -> list[RateDecision]:
        """Count one use of each bucket, given with its limit, if it fits them all; else of none."""

    async def spend(
        self, bucket: str, size: BucketSize, cost: int, *, in_debt: bool = False
    ) -> Spent:
        """Take tokens out of `bucket` if they are there, or in any case when `in_debt`; atomic
        across processes.
        """


class Idempotency(Struct, frozen=True, kw_only=True):
    """A caller's key and the digest of what was asked under it (SHA-256 of the canonical body)."""

    key: str
    digest: bytes


class OutboxDraft(Struct, frozen=True, kw_only=True):
    """A message to publish once the transaction that holds it has committed."""

    subject: str
    reference: str
    body: bytes


class Enrollment(Struct, frozen=True, kw_only=True):
    """A merchant with all it begins with. `refusal` is what a replay is told: that it was made,
    since a key is shown once.
    """

    merchant: Merchant
    account: Account
    keys: Sequence[PixKey]
    event: Event
    api_key: ApiKey
    refusal: bytes
    idempotency: Idempotency | None
    fee: AgreedFee | None = None  # None: receiving costs nothing


class ChargeOpening(Struct, frozen=True, kw_only=True):
    charge: Charge
    event: Event
    response: bytes  # what a replay of the idempotency key answers
    idempotency: Idempotency | None
    origin: Origin = field(default_factory=origin)


class PayoutOpening(Struct, frozen=True, kw_only=True):
    """An intent. With `bounds` it uses up its account's limits, or is not written."""

    payout: Payout
    idempotency: Idempotency
    steps: tuple[Step, ...]
    bounds: Bounds | None = None
    origin: Origin = field(default_factory=origin)


class Fresh(Struct, frozen=True):
    """The key was free: the request is now on paper, and these endpoints are owed an event."""

    endpoint_ids: tuple[str, ...] = ()


class Replay(Struct, frozen=True):
    """The same request was answered before: made (the envelope) or refused (code and message)."""

    refused: bool
    body: bytes


class Running(Struct, frozen=True):
    """The same request is being worked on; `resource_id` is what it made."""

    resource_id: str


class Differs(Struct, frozen=True):
    """The key was used for another body."""


class Limited(Struct, frozen=True):
    """Nothing was written: it, with the others of its account that were asked for at once, does not
    fit into the account's limits, or these are no longer what `bounds` says.
    """


Opening = Fresh | Replay | Running | Differs


class HoldSettled(Struct, frozen=True, kw_only=True):
    """The vault's answer to a payout's hold, with all that follows from it in one transaction."""

    hold: Hold
    event: Event
    response: bytes  # what a replay answers: the envelope, or the refusal when the hold has one
    order: OutboxDraft | None  # None when refused
    steps: tuple[Step, ...]
    origin: Origin = field(default_factory=origin)


class NoticeRecorded(Struct, frozen=True, kw_only=True):
    """A line for the visitors' book and the message that hands it on."""

    entry: InboxEntry
    message: OutboxDraft
    steps: tuple[Step, ...]
    origin: Origin = field(default_factory=origin)


class ReceiptContext(Struct, frozen=True, kw_only=True):
    """What the Study needs to judge a notice of money received."""

    charge: Charge | None
    key_owner: Account | None
    charge_owner: Account | None
    receipt: Receipt | None  # this end-to-end id was archived before
    fee: FeePlan = NO_FEE  # of the merchant whose account is credited


class ReceiptArchived(Struct, frozen=True, kw_only=True):
    """A receipt, the charge it pays (if any), and the event that tells the merchant."""

    inbox_id: str
    receipt: Receipt | None  # None: seen before, only the visitors' book is closed
    event: Event | None
    steps: tuple[Step, ...]


class OutcomeArchived(Struct, frozen=True, kw_only=True):
    inbox_id: str | None
    outcome: Outcome | None  # None: nothing to change, only the visitors' book is closed
    event: Event | None
    steps: tuple[Step, ...]
    note: str = ""  # why nothing changes; goes to the audit trail


class Archived(Struct, frozen=True, kw_only=True):
    """Who has something to do after a commit: webhook endpoints with new deliveries."""

    endpoint_ids: tuple[str, ...] = ()


class Page(Struct, frozen=True, kw_only=True):
    number: int = 1
    size: int = 20


class Books(Struct, frozen=True, kw_only=True):
    """The proof of an institution's books: sums of the ledger, and what has not ended yet."""

    debits_posted: int
    credits_posted: int
    debits_pending: int
    credits_pending: int
    payouts_open: int
    payouts_by_stage: Mapping[str, int]
    refunds_open: int
    refunds_by_stage: Mapping[str, int]
    inbox_open: int
    mismatches: tuple[str, ...]  # payments whose record and ledger disagree, in words


class Store(Protocol):
    """The records of one institution. Every method is one transaction; twice is once."""

    # who

    async def find_api_key(self, key_hash: bytes) -> ApiKey | None: ...

    async def enroll(self, enrollment: Enrollment) -> Opening:
        """Raises Refused `pix_key_taken`. Keys are the institution's, not the merchant's."""
        ...

    async def add_merchant(self, merchant: Merchant) -> None: ...

    async def find_merchant(self, merchant_id: str) -> Merchant | None: ...

    async def add_api_key(self, key: ApiKey) -> None: ...

    async def add_account(self, account: Account, keys: Sequence[PixKey], event: Event) -> None: ...

    async def find_account(self, account_id: str) -> Account | None: ...

    async def list_accounts(self, merchant_id: str, page: Page) -> tuple[list[Account], int]:
        """A page of accounts, oldest first, and how many there are in all."""

    async def pix_keys_of(self, account_id: str) -> list[PixKey]: ...

    async def find_pix_key(self, key: str) -> PixKey | None: ...

    async def find_opening(
        self, merchant_id: str, idempotency: Idempotency, now: datetime
    ) -> Replay | Running | Differs | None:
        """What became of the request under this key; None when it is free."""

    # PIX in

    async def open_charge(self, opening: ChargeOpening) -> Opening: ...

    async def find_charge(self, charge_id: str) -> Charge | None: ...

    async def overdue_charges(self, before: datetime, limit: int) -> list[Charge]:
        """Pending charges whose time was over before `before`."""

    async def archive_expiries(self, batch: Sequence[tuple[Charge, Event]]) -> Archived:
        """Turn those that are still pending to expired, and tell."""

    async def record_notices(self, batch: Sequence[NoticeRecorded]) -> list[bool]:
        """Write the visitors' book; False where this provider's event was there already."""

    async def receipt_contexts(self, entries: Sequence[InboxEntry]) -> list[ReceiptContext]: ...

    async def archive_receipts(self, batch: Sequence[ReceiptArchived]) -> Archived:
        """Raises Unavailable also when a charge changed since it was studied: then its receipt is
        not written, the others of the batch are, and the batch should be studied again.
        """

    # PIX out

    async def open_payout(self, opening: PayoutOpening) -> Opening | Limited: ...

    async def settle_hold(self, settled: HoldSettled) -> Archived: ...

    async def find_payout(self, payout_id: str) -> Payout | None: ...

    async def payouts(self, end_to_end_ids: Sequence[str]) -> dict[str, Payout]:
        """Payouts by end-to-end id."""

    async def mark_sent(self, payouts: Sequence[Payout], steps: Sequence[Step]) -> None:
        """Record SENT or IN_DOUBT (the payout's own stage); never overwrites a terminal stage.
        The outbox rows of these payouts are done.
        """

    async def archive_outcomes(self, batch: Sequence[OutcomeArchived]) -> Archived: ...

    async def unheld_payouts(self, before: datetime, limit: int) -> list[Payout]:
        """Intents whose hold was never settled: a crash lies between."""

    async def unanswered_payouts(self, before: datetime, limit: int) -> list[Payout]:
        """SENT or IN_DOUBT and not heard of since `before`."""

    # telling

    async def record_steps(self, steps: Sequence[Step]) -> None: ...

    async def payment_owner(self, end_to_end_id: str) -> str | None:
        """The merchant whose payment this is, in or out; None when there is none."""

    async def walk(self, end_to_end_id: str) -> list[Step]:
        """Every step of a payment, in order of entry."""

    async def prove_books(self) -> Books: ...

    # what is owed to the bus: published by the relay, kept until the work it announces is done

    async def due_outbox(self, now: datetime, limit: int) -> list[OutboxEntry]: ...

    async def outbox_published(self, entries: Sequence[OutboxEntry], now: datetime) -> None:
        """Announcements of events are done with; announcements of work come back later unless the
        work's own archive removes them first (10 s, doubling to 5 min).
        """
