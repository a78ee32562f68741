"""The records that walk through the rooms. Frozen; money in centavos; times are aware, in UTC."""

from datetime import date, datetime
from enum import Enum, StrEnum
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

# ruff: noqa: PLC0414 - the ledger's records walk with the others, and live in files of their own
from fluxiq.domain.ledger_records import AccountFilter as AccountFilter
from fluxiq.domain.ledger_records import AccountFlags as AccountFlags
from fluxiq.domain.ledger_records import Balance as Balance
from fluxiq.domain.ledger_records import LedgerAccount as LedgerAccount
from fluxiq.domain.ledger_records import QueryFilter as QueryFilter
from fluxiq.domain.ledger_records import Transfer as Transfer
from fluxiq.domain.ledger_records import TransferFlags as TransferFlags
from fluxiq.domain.ledger_statuses import CreateAccountStatus as CreateAccountStatus
from fluxiq.domain.ledger_statuses import TransferStatus as TransferStatus
from fluxiq.domain.med import MedReason
from fluxiq.domain.recipient_account import RecipientAccount
from fluxiq.errors import Refused

Json = dict[str, Any]


# People and accounts.


class Merchant(Struct, frozen=True, kw_only=True):
    id: str  # mch_…
    name: str
    document: str
    city: str
    created_at: datetime


class ApiKey(Struct, frozen=True, kw_only=True):
    """A merchant's key; of its text only the keyed hash and the last four characters are stored.

    `networks` are those it works from, in CIDR notation; none: from anywhere. `owner_id` is the
    person who made it, or whose key did, for whom it counts where two people are asked for.
    `replaced_by` took its place: until `expires_at` both work.
    """

    id: str  # key_…
    merchant_id: str
    name: str
    key_hash: bytes
    permissions: tuple[str, ...]
    created_at: datetime
    revoked_at: datetime | None = None
    expires_at: datetime | None = None  # None: never
    last_characters: str = ""  # unknown of keys from before these were kept
    is_test: bool = False
    networks: tuple[str, ...] = ()
    owner_id: str | None = None
    replaced_by: str | None = None

    def require_replaceable(self, now: datetime) -> None:
        """Raises Refused("api_key_over"): a key is replaced once, and while it works."""
        if self.replaced_by is not None or not self.works_at(now):
            raise Refused(
                "api_key_over",
                "the key is revoked, expired or replaced already",
                details={"replaced_by": self.replaced_by},
            )

    def replaced(self, by: str, now: datetime, until: datetime) -> "ApiKey":
        """The same key, which works until `until` and never again; revoked where that is over."""
        ended = replace(self, replaced_by=by)
        if until <= now:
            return replace(ended, revoked_at=now)
        return replace(ended, expires_at=min(until, self.expires_at or until))

    def works_at(self, now: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class AccountStatus(StrEnum):
    ACTIVE = "active"
    INACTIVE = "inactive"
    BLOCKED = "blocked"


class Account(Struct, frozen=True, kw_only=True):
    """A customer's payment account; `ledger_id` is its 128-bit id in the ledger."""

    id: str  # acc_…
    merchant_id: str
    ledger_id: int
    product_id: str
    name: str
    status: AccountStatus
    created_at: datetime
    metadata: Json = {}
    block_reason: str | None = None  # while it is blocked


class PixKey(Struct, frozen=True, kw_only=True):
    key: str
    kind: str  # CPF CNPJ PHONE EMAIL EVP
    account_id: str
    created_at: datetime


# PIX in.


class Person(Struct, frozen=True, kw_only=True):
    document: str
    name: str


class ChargeStatus(StrEnum):
    PENDING = "pending"
    PAID = "paid"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"


STATIC_TXID_LENGTH_MAX = 25  # BACEN, Manual de Padrões para Iniciação do Pix


class Charge(Struct, frozen=True, kw_only=True):
    """A request to be paid: one BR Code, matched by its txid. One of 26 characters and more is that
    of a charge that the provider hosts (dynamic code); a static code holds 25.
    """

    id: str  # chg_…
    merchant_id: str
    account_id: str
    txid: str
    amount: int
    description: str
    payer: Person | None
    pix_key: str
    qr_code: str
    status: ChargeStatus
    expires_at: datetime
    created_at: datetime
    paid_at: datetime | None = None
    end_to_end_id: str | None = None
    refunded_amount: int = 0  # of completed refunds
    metadata: Json = {}
    fee: int = 0  # kept of what paid it

    @property
    def has_location(self) -> bool:
        return len(self.txid) > STATIC_TXID_LENGTH_MAX


class ReceiptReason(StrEnum):
    """Why a receipt did, or did not, pay a charge."""

    PAYS_CHARGE = "pays_charge"
    NO_CHARGE = "no_charge"
    LATE = "late"
    UNDERPAID = "underpaid"
    OVERPAID = "overpaid"
    CHARGE_ALREADY_PAID = "charge_already_paid"
    CHARGE_CANCELLED = "charge_cancelled"
    UNIDENTIFIED = "unidentified"


class Receipt(Struct, frozen=True, kw_only=True):
    """Money that arrived: one per end-to-end id, for ever. No `account_id`: unidentified."""

    id: str  # pay_…
    end_to_end_id: str
    amount: int
    reason: ReceiptReason
    account_id: str | None
    merchant_id: str | None
    charge_id: str | None
    payer: Person | None
    transfer_id: int
    received_at: datetime
    fee: int = 0  # kept of it, as the ledger has it: at most all


# PIX out.


class PayoutStage(StrEnum):
    """Where a payout stands, and a refund: both are orders to a provider. Callers see only the
    status that a stage belongs to. Only payouts are scheduled, cancelled and returned.
    """

    SCHEDULED = "scheduled"
    CREATED = "created"
    HELD = "held"
    SENT = "sent"
    IN_DOUBT = "in_doubt"
    CONFIRMED = "confirmed"
    FAILED = "failed"
    RETURNED = "returned"
    CANCELLED = "cancelled"


class Recipient(Struct, frozen=True, kw_only=True):
    """Whom a payout pays: by a key, with the owner that DICT names, or by an account, with the
    holder that the payer names; of a payment by account both texts of the key are empty.
    """

    pix_key: str = ""
    pix_key_type: str = ""
    name: str = ""
    document: str = ""
    ispb: str = ""
    account: RecipientAccount | None = None


class Payout(Struct, frozen=True, kw_only=True):
    id: str  # pay_…
    merchant_id: str
    account_id: str
    end_to_end_id: str
    amount: int
    description: str
    recipient: Recipient
    stage: PayoutStage
    created_at: datetime
    updated_at: datetime
    failure_code: str | None = None  # ours, from domain.reasons
    reason_code: str | None = None  # BACEN's
    returned_amount: int = 0  # what the payee's institution gave back
    scheduled_for: date | None = None  # a day in São Paulo; None: it was for at once
    metadata: Json = {}

    @property
    def order_id(self) -> str:
        """Its name at the provider and in SPI."""
        return self.end_to_end_id


# Money that goes back: SPI's returns (pacs.004), out of our accounts and into them.


class RefundReason(StrEnum):
    """Why a merchant gives money back; `domain.refund` has BACEN's codes."""

    CUSTOMER = "customer"
    OPERATIONAL = "operational"
    FRAUD = "fraud"
    CASH = "cash"


class Refund(Struct, frozen=True, kw_only=True):
    """All or a part of a receipt, given back to its payer. `end_to_end_id` is the receipt's;
    `charge_id` the charge that the receipt paid, if it paid one; `med_report_id` the fraud report
    that had it returned.
    """

    id: str  # ref_…
    merchant_id: str
    account_id: str
    end_to_end_id: str
    return_id: str
    charge_id: str | None
    amount: int
    reason: RefundReason
    description: str
    stage: PayoutStage
    created_at: datetime
    updated_at: datetime
    failure_code: str | None = None  # ours, from domain.reasons
    reason_code: str | None = None  # BACEN's
    metadata: Json = {}
    med_report_id: str | None = None

    @property
    def order_id(self) -> str:
        """Its name at the provider and in SPI."""
        return self.return_id


class PayoutReturn(Struct, frozen=True, kw_only=True):
    """All or a part of a payout, given back by the payee's institution: once per return id."""

    return_id: str
    payout_id: str
    amount: int
    reason_code: str | None  # BACEN's
    transfer_id: int
    returned_at: datetime


# What a provider tells us.


class NoticeKind(Enum):
    RECEIVED = "received"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    RETURNED = "returned"
    INFRACTION = "infraction"
    INFRACTION_WITHDRAWN = "infraction_withdrawn"


class SaidInfraction(Struct, frozen=True, kw_only=True):
    """What another institution reports of a payment; `number` is the provider's name for it."""

    number: str
    reason: MedReason
    details: str = ""


class Notice(Struct, frozen=True, kw_only=True):
    """One thing a provider said. `event_id` is the provider's own, unique per thing said.

    Of an order that ended, `end_to_end_id` is the order's id: a refund's is its return id (D…).
    RETURNED: `amount` of the payout `end_to_end_id` came back as `return_id`. Of an infraction,
    `end_to_end_id` is the payment that it is about, and no amount is said: it is 0.
    """

    event_id: str
    kind: NoticeKind
    end_to_end_id: str
    amount: int
    occurred_at: datetime
    pix_key: str | None = None
    txid: str | None = None
    payer: Person | None = None
    reason_code: str | None = None
    return_id: str | None = None
    payer_message: str | None = None  # what the payer wrote beside the money
    infraction: SaidInfraction | None = None


class InboxEntry(Struct, frozen=True, kw_only=True):
    """A line of the visitors' book: the notice and the raw bytes it came in."""

    id: str  # evt_…
    provider: str
    notice: Notice
    received_at: datetime


# What we tell others.


class Event(Struct, frozen=True, kw_only=True):
    """Something a merchant may want to know; `data` is the view of it at that time."""

    id: str  # evt_…
    merchant_id: str
    type: str
    created_at: datetime
    data: Any  # a record or plain data that JSON can say


class DisabledReason(StrEnum):
    """Why nothing is sent to an endpoint any more."""

    MERCHANT = "merchant"
    GONE = "gone"  # it answered 410
    FAILING = "failing"  # nothing was delivered for too long


class WebhookEndpoint(Struct, frozen=True, kw_only=True):
    """Where a merchant is told of events. A deleted one stays on record, and is disabled too."""

    id: str  # whk_…
    merchant_id: str
    url: str
    events: tuple[str, ...]  # empty: all
    secret: str  # whsec_…
    created_at: datetime
    disabled_at: datetime | None = None
    disabled_reason: DisabledReason | None = None
    description: str = ""
    ordered: bool = False  # one event at a time, in the order of their times
    previous_secret: str | None = None  # signs too, until the overlap of a rotation is over
    previous_secret_until: datetime | None = None
    failing_since: datetime | None = None  # the first failure since the last success
    deleted_at: datetime | None = None


class Delivery(Struct, frozen=True, kw_only=True):
    """One event owed to one endpoint; `body` is the exact bytes that are signed and sent."""

    id: str  # dlv_…
    endpoint_id: str
    event_id: str
    event_type: str
    body: bytes
    attempt: int
    reference: str | None  # the end-to-end id whose walk it belongs to
    attempts_before: int = 0  # those before it was asked to be sent again
    created_at: datetime | None = None  # its event's

    @property
    def try_number(self) -> int:
        """Which attempt of the retry schedule this is, from 1: asking again starts it over."""
        return self.attempt - self.attempts_before


class OutboxEntry(Struct, frozen=True, kw_only=True):
    """A message owed to the bus. It stays until the work it announces has happened."""

    id: int
    subject: str
    reference: str
    body: bytes
    attempt: int
    due_at: datetime | None = None


class Room(StrEnum):
    """The rooms a payment walks through, in the words of the architecture page."""

    DOOR = "door"
    COUNTER = "counter"
    VISITORS_BOOK = "visitors_book"
    POST_ROOM = "post_room"
    STUDY = "study"
    VAULT = "vault"
    ARCHIVE = "archive"
    GATE = "gate"
    COURIER = "courier"
    WINDOW = "window"


class Step(Struct, frozen=True):
    """A payment was in `room` from `entered_at` to `left_at`; `detail` names what it left.

    No `left_at`: it leaves as the step is written down, at the end of its transaction.
    """

    end_to_end_id: str
    room: Room
    entered_at: datetime
    left_at: datetime | None
    detail: str = ""


class Hold(Struct, frozen=True, kw_only=True):
    """What the vault said about a payout's hold: refused when `failure_code` is set."""

    payout_id: str
    at: datetime
    failure_code: str | None = None


class Outcome(Struct, frozen=True, kw_only=True):
    """A payout reached its end: `stage` is CONFIRMED or FAILED."""

    payout: Payout
    stage: PayoutStage
    at: datetime
    failure_code: str | None = None
    reason_code: str | None = None
    inbox_id: str | None = None
