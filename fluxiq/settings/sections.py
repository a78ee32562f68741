"""What is set, section by section: `config/base.toml` has each value with a line on it."""

from typing import Annotated, Literal

from msgspec import Meta, Struct
from msgspec.structs import asdict, replace

from fluxiq.settings.identity import Identity
from fluxiq.settings.providers import ProviderLink
from fluxiq.settings.tls import Tls
from fluxiq.settings.words import Count, Days, Port, Seconds

# How long a caller of the ledger waits for its writer: a quarter of the 40 s that PIX leaves from
# order to settlement. Whoever waits inside the ledger must be told before that.
LEDGER_CALL_SECONDS_MAX = 10.0

# PIX settles within this from a provider's acceptance, or not at all (AB03): by then whoever is
# silent must have been asked.
SETTLEMENT_SECONDS_MAX = 40.0


class Http(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    host: str
    port: Port
    body_bytes_max: Count
    request_seconds_max: Seconds
    public_url: str
    trusted_proxies: tuple[str, ...]
    sockets_per_merchant: Count
    tls: Tls = Tls()


class Web(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The three apps, each at a port of its own; `folder` has their builds (docs/apps.md)."""

    enabled: bool
    host: str
    banking_port: Port
    admin_port: Port
    merchant_port: Port
    folder: str


class Postgres(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    url: str
    pool_size: Count
    statement_seconds_max: Seconds


class Nats(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    url: str
    user: str
    password: str


class Redis(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    url: str


class TigerBeetle(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`cluster` is its id of up to 128 bits, as decimal text: TOML's numbers end at 64."""

    addresses: str
    cluster: Annotated[str, Meta(pattern=r"^[0-9]{1,39}$")]


class Ledger(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When TigerBeetle is left and taken back, and how much may wait and be stood in for."""

    deadline_seconds: Seconds
    failures: Count
    suspect_seconds_max: Seconds
    open_seconds: Seconds
    open_seconds_max: Seconds
    probes: Count
    probe_seconds: Seconds
    sessions: Annotated[int, Meta(ge=1, le=4)]
    batch_max: Annotated[int, Meta(ge=1, le=8189)]
    waiting_max: Annotated[int, Meta(ge=8189)]
    patience_seconds: Seconds
    drain_seconds_max: Seconds
    replay_rows: Count
    mirror_behind_max: Count
    account_cap: Count
    institution_cap: Count


class Limits(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    writes_per_minute: Count
    reads_per_minute: Count
    address_writes_per_minute: Count
    address_reads_per_minute: Count
    callbacks_per_minute: Count
    logins_per_minute: Count


class OwnLimits(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What an institution says of `[limits]` in its own file."""

    writes_per_minute: Count | None = None
    reads_per_minute: Count | None = None
    address_writes_per_minute: Count | None = None
    address_reads_per_minute: Count | None = None
    callbacks_per_minute: Count | None = None
    logins_per_minute: Count | None = None

    def over(self, limits: Limits) -> Limits:
        """`limits`, with what is said here in place of theirs."""
        said = {name: value for name, value in asdict(self).items() if value is not None}
        return replace(limits, **said)


class ReceivingFee(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a new merchant pays for receiving, until something else is agreed: centavos, and
    hundredths of a percent. No `maximum`: there is none.
    """

    fixed: Annotated[int, Meta(ge=0)] = 0
    basis_points: Annotated[int, Meta(ge=0, le=10_000)] = 0
    minimum: Annotated[int, Meta(ge=0)] = 0
    maximum: Annotated[int, Meta(ge=0)] | None = None

    def __post_init__(self) -> None:
        if self.maximum is not None and self.maximum < self.minimum:
            raise ValueError("`maximum` is less than `minimum`")


class Pix(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    partitions: Count
    send_seconds_max: Seconds
    enquire_after_seconds: Annotated[float, Meta(gt=0, le=SETTLEMENT_SECONDS_MAX)]
    charge_expiration_seconds: Count
    payout_amount_max: Count
    night_amount_max_person: Annotated[int, Meta(ge=0)]
    limit_raise_seconds: Seconds
    med_block_seconds: Seconds
    refund_days_max: Count
    batch_payouts_max: Count
    batch_release_hours: Count
    failures_max: Count
    hold_grace_seconds: Seconds


class Directory(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """DICT look-ups: how long an answer is trusted, and a merchant's allowance of them in tokens
    (API DICT, policy ENTRIES_READ_USER_ANTISCAN).
    """

    trust_seconds: Count
    lookups_at_once: Count
    tokens: Count
    tokens_per_minute: Count
    found_tokens: Count
    missing_tokens: Count


class Transfers(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`approval_above` is in centavos; an institution may have its own."""

    approval_above: Annotated[int, Meta(ge=0)]
    approval_seconds: Seconds


class Webhooks(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    deliver_seconds_max: Seconds
    concurrency: Count
    allow_loopback: bool
    allow_http: bool
    endpoints_max: Count
    breaker_failures: Count
    breaker_pause_seconds: Seconds
    breaker_pause_seconds_max: Seconds
    disable_after_seconds: Seconds


class Sealing(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Encryption at rest. `key_file` has the key-encryption keys (docs/encryption.md);
    `rotate_rows_per_second` bounds what a rotation of data keys takes from the others.
    """

    key_file: str
    rotate_rows_per_second: Count


class Jobs(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    workers: Count
    lease_seconds: Annotated[float, Meta(ge=1, le=3600)]


class Audit(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    seal_seconds: Annotated[float, Meta(ge=0.1, le=60)]
    key_generation: Count


class Reconciliation(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Our records beside the providers' statements: docs/reconciliation.md."""

    recent_seconds: Seconds
    margin_seconds: Seconds
    heal_seconds: Seconds


class Retention(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How many days what may be deleted is kept: docs/jobs.md. A caller may rely on its idempotency
    key for 30; the last attempt at a webhook comes three days after its delivery was made.
    """

    delivery_attempts_days: Annotated[int, Meta(ge=4, le=36_500)]
    deliveries_days: Annotated[int, Meta(ge=4, le=36_500)]
    live_events_days: Days
    idempotency_keys_days: Annotated[int, Meta(ge=30, le=36_500)]
    statement_lines_days: Annotated[int, Meta(ge=2, le=36_500)]
    cancelled_jobs_days: Days
    discarded_jobs_days: Days


class Simulator(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    enabled: bool
    host: str
    port: Port


class Log(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    format: Literal["auto", "json", "console"]
    level: Literal["debug", "info", "warning", "error"]


class Operators(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Whether some deeds of operators need two people (docs/admin-socket.md). `institutions` are
    the ISPBs of those whose own people operate the platform over the API, and not only their part
    of it.
    """

    two_people: bool
    approval_seconds: Seconds
    institutions: tuple[Annotated[str, Meta(pattern=r"^[0-9A-Z]{8}$")], ...]


class Diagnostics(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    stall_seconds: Seconds
    watch_hogs: bool


class Institution(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A tenant. `ledger` is its TigerBeetle ledger number, registered once and never reused;
    `ledger_policy` is what it wants while TigerBeetle is away (docs/ledger.md);
    `transfer_approval_above` stands for `transfers.approval_above` where it is said, and `limits`
    for those of `[limits]`. `receiving_fee` is agreed with merchants as they move in.
    """

    ispb: Annotated[str, Meta(pattern=r"^[0-9A-Z]{8}$")]
    name: Annotated[str, Meta(min_length=1, max_length=80)]
    ledger: Annotated[int, Meta(ge=1, le=2**32 - 1)]
    ledger_policy: Literal["fail_closed", "queue_only", "standin_limited", "standin_full"] = (
        "standin_limited"
    )
    transfer_approval_above: Annotated[int, Meta(ge=0)] | None = None
    limits: OwnLimits = OwnLimits()
    receiving_fee: ReceivingFee = ReceivingFee()
    providers: Annotated[tuple[ProviderLink, ...], Meta(min_length=1)]


class Settings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    data_dir: str
    http: Http
    web: Web
    postgres: Postgres
    nats: Nats
    redis: Redis
    tigerbeetle: TigerBeetle
    ledger: Ledger
    limits: Limits
    identity: Identity
    pix: Pix
    directory: Directory
    transfers: Transfers
    webhooks: Webhooks
    sealing: Sealing
    jobs: Jobs
    reconciliation: Reconciliation
    retention: Retention
    audit: Audit
    simulator: Simulator
    log: Log
    diagnostics: Diagnostics
    operators: Operators
    institutions: tuple[Institution, ...] = ()
