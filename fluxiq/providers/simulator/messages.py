"""What people outside say to the simulator: pay this, show me that. Amounts are int centavos."""

from typing import Annotated

from msgspec import Meta, Struct

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


class PayKey(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody pays a key of the customer `ispb`."""

    ispb: str
    pix_key: Annotated[str, Meta(min_length=1, max_length=77)]
    amount: Centavos
    payer: SomePayer = SomePayer()
    copies: Copies = 1


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
