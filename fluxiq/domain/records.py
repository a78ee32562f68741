"""The records that walk through the rooms. Frozen; money in centavos; times are aware, in UTC."""

from datetime import datetime
from enum import Enum, IntFlag, StrEnum
from typing import Any

from msgspec import Struct

Json = dict[str, Any]


# Ledger: TigerBeetle's own words, so that every backend answers alike.


class TransferFlags(IntFlag):
    """https://docs.tigerbeetle.com/reference/transfer/#flags."""

    NONE = 0
    LINKED = 1 << 0
    PENDING = 1 << 1
    POST_PENDING_TRANSFER = 1 << 2
    VOID_PENDING_TRANSFER = 1 << 3


class AccountFlags(IntFlag):
    """https://docs.tigerbeetle.com/reference/account/#flags."""

    NONE = 0
    DEBITS_MUST_NOT_EXCEED_CREDITS = 1 << 1
    CREDITS_MUST_NOT_EXCEED_DEBITS = 1 << 2


class LedgerAccount(Struct, frozen=True, kw_only=True):
    """An account to create: `id` is 128 bits, `ledger` the institution's u32, `code` its role."""

    id: int
    ledger: int
    code: int
    flags: AccountFlags = AccountFlags.NONE


class Balance(Struct, frozen=True, kw_only=True):
    """An account's four counters, in centavos."""

    account_id: int
    debits_pending: int = 0
    debits_posted: int = 0
    credits_pending: int = 0
    credits_posted: int = 0

    @property
    def available(self) -> int:
        """What a credit-normal account may spend: posted credits less posted and held debits."""
        return self.credits_posted - self.debits_posted - self.debits_pending


class Transfer(Struct, frozen=True, kw_only=True):
    """One movement of `amount` centavos; `pending_id` is the hold that a post or void resolves."""

    id: int
    ledger: int
    code: int
    debit_account_id: int = 0
    credit_account_id: int = 0
    amount: int = 0
    pending_id: int = 0
    flags: TransferFlags = TransferFlags.NONE


class TransferStatus(StrEnum):
    """What became of a transfer; names are TigerBeetle's CreateTransferStatus."""

    CREATED = "created"
    EXISTS = "exists"
    EXISTS_WITH_DIFFERENT_FLAGS = "exists_with_different_flags"
    EXISTS_WITH_DIFFERENT_PENDING_ID = "exists_with_different_pending_id"
    EXISTS_WITH_DIFFERENT_DEBIT_ACCOUNT_ID = "exists_with_different_debit_account_id"
    EXISTS_WITH_DIFFERENT_CREDIT_ACCOUNT_ID = "exists_with_different_credit_account_id"
    EXISTS_WITH_DIFFERENT_AMOUNT = "exists_with_different_amount"
    EXISTS_WITH_DIFFERENT_LEDGER = "exists_with_different_ledger"
    EXISTS_WITH_DIFFERENT_CODE = "exists_with_different_code"
    ID_ALREADY_FAILED = "id_already_failed"
    ID_MUST_NOT_BE_ZERO = "id_must_not_be_zero"
    ID_MUST_NOT_BE_INT_MAX = "id_must_not_be_int_max"
    FLAGS_ARE_MUTUALLY_EXCLUSIVE = "flags_are_mutually_exclusive"
    DEBIT_ACCOUNT_ID_MUST_NOT_BE_ZERO = "debit_account_id_must_not_be_zero"
    CREDIT_ACCOUNT_ID_MUST_NOT_BE_ZERO = "credit_account_id_must_not_be_zero"
    ACCOUNTS_MUST_BE_DIFFERENT = "accounts_must_be_different"
    PENDING_ID_MUST_BE_ZERO = "pending_id_must_be_zero"
    PENDING_ID_MUST_NOT_BE_ZERO = "pending_id_must_not_be_zero"
    PENDING_ID_MUST_BE_DIFFERENT = "pending_id_must_be_different"
    LEDGER_MUST_NOT_BE_ZERO = "ledger_must_not_be_zero"
    CODE_MUST_NOT_BE_ZERO = "code_must_not_be_zero"
    DEBIT_ACCOUNT_NOT_FOUND = "debit_account_not_found"
    CREDIT_ACCOUNT_NOT_FOUND = "credit_account_not_found"
    ACCOUNTS_MUST_HAVE_THE_SAME_LEDGER = "accounts_must_have_the_same_ledger"
    TRANSFER_MUST_HAVE_THE_SAME_LEDGER_AS_ACCOUNTS = (
        "transfer_must_have_the_same_ledger_as_accounts"
    )
    PENDING_TRANSFER_NOT_FOUND = "pending_transfer_not_found"
    PENDING_TRANSFER_NOT_PENDING = "pending_transfer_not_pending"
    PENDING_TRANSFER_HAS_DIFFERENT_DEBIT_ACCOUNT_ID = (
        "pending_transfer_has_different_debit_account_id"
    )
    PENDING_TRANSFER_HAS_DIFFERENT_CREDIT_ACCOUNT_ID = (
        "pending_transfer_has_different_credit_account_id"
    )
    PENDING_TRANSFER_HAS_DIFFERENT_LEDGER = "pending_transfer_has_different_ledger"
    PENDING_TRANSFER_HAS_DIFFERENT_CODE = "pending_transfer_has_different_code"
    EXCEEDS_PENDING_TRANSFER_AMOUNT = "exceeds_pending_transfer_amount"
    PENDING_TRANSFER_HAS_DIFFERENT_AMOUNT = "pending_transfer_has_different_amount"
    PENDING_TRANSFER_ALREADY_POSTED = "pending_transfer_already_posted"
    PENDING_TRANSFER_ALREADY_VOIDED = "pending_transfer_already_voided"
    EXCEEDS_CREDITS = "exceeds_credits"
    EXCEEDS_DEBITS = "exceeds_debits"

    @property
    def stands(self) -> bool:
        """Whether the transfer is on the books, now or from an earlier try."""
        return self in {TransferStatus.CREATED, TransferStatus.EXISTS}


# People and accounts.


class Merchant(Struct, frozen=True, kw_only=True):
    id: str  # mch_…
    name: str
    document: str
    city: str
    created_at: datetime


class ApiKey(Struct, frozen=True, kw_only=True):
    """A merchant's key; only the keyed hash of its text is stored."""

    id: str  # key_…
    merchant_id: str
    name: str
    key_hash: bytes
    permissions: tuple[str, ...]
    created_at: datetime
    revoked_at: datetime | None = None


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


class Charge(Struct, frozen=True, kw_only=True):
    """A request to be paid: one BR Code, matched by its txid (25 characters, static code)."""

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
    metadata: Json = {}


class ReceiptReason(StrEnum):
    """Why a receipt did, or did not, pay a charge."""

    PAYS_CHARGE = "pays_charge"
    NO_CHARGE = "no_charge"
    LATE = "late"
    WRONG_AMOUNT = "wrong_amount"
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


# PIX out.


class PayoutStage(StrEnum):
    """Where a payout stands; callers see only the status that a stage belongs to."""

    CREATED = "created"
    HELD = "held"
    SENT = "sent"
    IN_DOUBT = "in_doubt"
    CONFIRMED = "confirmed"
    FAILED = "failed"
    RETURNED = "returned"


class Recipient(Struct, frozen=True, kw_only=True):
    pix_key: str
    pix_key_type: str
    name: str = ""
    document: str = ""
    ispb: str = ""


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
    metadata: Json = {}


# What a provider tells us.


class NoticeKind(Enum):
    RECEIVED = "received"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"


class Notice(Struct, frozen=True, kw_only=True):
    """One thing a provider said. `event_id` is the provider's own, unique per thing said."""

    event_id: str
    kind: NoticeKind
    end_to_end_id: str
    amount: int
    occurred_at: datetime
    pix_key: str | None = None
    txid: str | None = None
    payer: Person | None = None
    reason_code: str | None = None


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


class WebhookEndpoint(Struct, frozen=True, kw_only=True):
    id: str  # whk_…
    merchant_id: str
    url: str
    events: tuple[str, ...]  # empty: all
    secret: str  # whsec_…
    created_at: datetime
    disabled_at: datetime | None = None


class Delivery(Struct, frozen=True, kw_only=True):
    """One event owed to one endpoint; `body` is the exact bytes that are signed and sent."""

    id: str  # dlv_…
    endpoint_id: str
    event_id: str
    event_type: str
    body: bytes
    attempt: int
    reference: str | None  # the end-to-end id whose walk it belongs to


class OutboxEntry(Struct, frozen=True, kw_only=True):
    """A message owed to the bus. It stays until the work it announces has happened."""

    id: int
    subject: str
    reference: str
    body: bytes
    attempt: int


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
