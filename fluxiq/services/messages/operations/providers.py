"""Provider links and their certificates, and the simulated provider, as operators see them."""

from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, to_builtins

from fluxiq.domain.circuit import CircuitState
from fluxiq.services.messages.words import Centavos

Reason = Annotated[str, Meta(min_length=1, max_length=500)]
Copies = Annotated[int, Meta(ge=1, le=10)]


class CertificateShown(Struct, frozen=True, kw_only=True):
    """What a certificate is for and when it ends; of one that cannot be read, the `problem`."""

    kind: str
    expires_at: datetime | None
    days_left: int | None
    urgency: str | None
    problem: str | None


class CertificateOf(CertificateShown, frozen=True, kw_only=True):
    """`institution` and `provider` are empty for our own end of TLS."""

    institution: str
    provider: str


class LinkGuard(Struct, frozen=True, kw_only=True):
    """Breaker and rate as they are now. `failures` are in a row; `probe_after_seconds` until one
    call may go out, while the breaker is open; `calls_left` could leave at once.
    """

    breaker: CircuitState
    failures: int
    probe_after_seconds: float | None
    requests_per_second: int
    calls_left: int


class ProviderLinkShown(Struct, frozen=True, kw_only=True):
    """`url` is null for the simulator of this platform. `last_answer_at` and `last_failure_at` are
    as whoever uses the link saw them at `seen_at`; null: it was not used since the start.
    """

    name: str
    kind: str
    url: str | None
    dynamic_codes: bool
    connections_max: int
    guard: LinkGuard
    last_answer_at: datetime | None
    last_failure_at: datetime | None
    seen_at: datetime | None
    certificates: list[CertificateShown]


class ProviderLinks(Struct, frozen=True, kw_only=True):
    """As it was at `as_of`; `stale`: it could not be read again since."""

    institution: str
    as_of: datetime
    stale: bool
    providers: list[ProviderLinkShown]


class SimulatedPayer(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A CPF or a CNPJ without punctuation."""

    name: Annotated[str, Meta(min_length=1, max_length=140)] = "Fulano de Tal"
    document: Annotated[str, Meta(min_length=11, max_length=14)] = "12345678909"


class SimulatePayment(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Somebody outside pays a BR Code of the institution. `amount` (centavos) overrides the code's;
    `copies` notices are sent, or none where it is not told.
    """

    br_code: Annotated[str, Meta(min_length=1, max_length=512)]
    amount: Centavos | None = None
    payer: SimulatedPayer = SimulatedPayer()
    copies: Copies = 1
    is_told: bool = True
    reason: Reason


class SimulateKeyPayment(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Somebody outside pays a PIX key of the institution, without any code."""

    pix_key: Annotated[str, Meta(min_length=1, max_length=77)]
    amount: Centavos
    payer: SimulatedPayer = SimulatedPayer()
    is_told: bool = True
    reason: Reason


class SimulateFraud(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Somebody outside reports a payment to the institution as fraud, and perhaps takes it back."""

    end_to_end_id: Annotated[str, Meta(min_length=32, max_length=32)]
    situation: Literal["SCAM", "ACCOUNT_TAKEOVER", "COERCION", "FRAUDULENT_ACCESS", "OTHER"] = (
        "SCAM"
    )
    details: Annotated[str, Meta(max_length=2000)] = ""
    copies: Copies = 1
    withdrawn: Literal["never", "last", "first"] = "never"
    reason: Reason


class SimulateFalsehood(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """From now on the provider's statement is wrong about what has this end-to-end or return id:
    its line is missing, doubled, or says another `amount`. NONE takes it back.
    """

    id: Annotated[str, Meta(min_length=32, max_length=32)]
    fault: Literal["none", "missing", "doubled", "amount"]
    amount: Centavos = 1
    reason: Reason


class SimulatedPayment(Struct, frozen=True, kw_only=True):
    """It left the payer; its notice is owed to us."""

    end_to_end_id: str
    amount: int
    txid: str | None


class SimulatedFraud(Struct, frozen=True, kw_only=True):
    """The report's id, of which our notice is owed."""

    id: str


class SimulatedFalsehood(Struct, frozen=True, kw_only=True):
    id: str
    fault: str
    amount: int


class SimulatorStanding(Struct, frozen=True, kw_only=True):
    """Counted since the simulator started, but for `orders`, `orders_open` and `notices_owed`."""

    orders: int
    orders_open: int
    orders_repeated: int
    notices_owed: int
    notices_answered: int
    calls_failed: int
    payments_made: int


def said(wanted: Struct) -> dict[str, Any]:
    """What the simulator is told: all but why."""
    given = to_builtins(wanted)
    return {name: one for name, one in given.items() if one is not None and name != "reason"}
