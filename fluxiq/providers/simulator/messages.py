"""What people outside say to the simulator: pay this, show me that. Amounts are int centavos."""

from enum import StrEnum
from typing import Annotated, Literal

from msgspec import Meta, Struct

from fluxiq.providers.order_messages import Situation

Centavos = Annotated[int, Meta(ge=1, le=999_999_999_999)]
Copies = Annotated[int, Meta(ge=1, le=10)]
PAYMENTS_PER_CALL_MAX = 1_000


class SomePayer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: Annotated[str, Meta(min_length=1, max_length=140)] = "Fulano de Tal"
    document: Annotated[str, Meta(pattern=r"^([0-9]{11}|[0-9A-Z]{12}[0-9]{2})$")] = "12345678909"


class PayBrCode(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody pays a static BR Code of the customer `ispb`. `amount` overrides the code's;
    `copies` notices are sent, some with the same event id and some with another.
    """

    ispb: str
    br_code: Annotated[str, Meta(max_length=512)]
    payer: SomePayer = SomePayer()
    amount: Centavos | None = None
    copies: Copies = 1
    is_told: bool = True  # False: it settles, and its notice is never sent


class PayKey(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody pays a key of the customer `ispb`."""

    ispb: str
    pix_key: Annotated[str, Meta(min_length=1, max_length=77)]
    amount: Centavos
    payer: SomePayer = SomePayer()
    copies: Copies = 1
    is_told: bool = True


class ReportFraud(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody reports a payment to the customer `ispb` as fraud; whether there was one is not
    looked at. `copies` as of a payment; `withdrawn`: taken back, which is told after the report or
    before it. `details` may name a plan, as a key does: of `lost@…` the customer's first words get
    no answer, and how the return of the money fares is decided by it too.
    """

    ispb: str
    end_to_end_id: str
    situation: Situation = Situation.SCAM
    details: Annotated[str, Meta(max_length=2000)] = ""
    copies: Copies = 1
    withdrawn: Literal["never", "last", "first"] = "never"


class FraudTold(Struct, frozen=True, kw_only=True):
    """A report is owed to its customer."""

    id: str


class PayMany(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    payments: Annotated[tuple[PayBrCode, ...], Meta(min_length=1, max_length=PAYMENTS_PER_CALL_MAX)]


class Paid(Struct, frozen=True, kw_only=True):
    """A payment left the payer; its notice is owed."""

    end_to_end_id: str
    amount: int
    txid: str | None = None


class PaidMany(Struct, frozen=True, kw_only=True):
    payments: tuple[Paid, ...]


class Statistics(Struct, frozen=True, kw_only=True):
    """Counted since this process started, but for `orders`, `orders_open` and `notices_owed`."""

    orders: int
    orders_open: int
    orders_repeated: int
    notices_owed: int
    notices_answered: int
    calls_failed: int
    payments_made: int


class StatementFault(StrEnum):
    """What is wrong with a line of the statement: it is not there, or twice, or its amount is
    another one. NONE takes it back.
    """

    NONE = "none"
    MISSING = "missing"
    DOUBLED = "doubled"
    AMOUNT = "amount"


class Falsify(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From now on the line `id` (an end-to-end or return id) of the customer `ispb` is false.
    `amount` is what it says with AMOUNT.
    """

    ispb: str
    id: Annotated[str, Meta(min_length=32, max_length=32)]
    fault: StatementFault
    amount: Centavos = 1
