"""One frozen settings object, read once at the start and passed down.

Layers, later wins: `config/base.toml`, the profile, `config/institutions/*.toml`, the file named by
`FLUXIQ_CONFIG`, then `FLUXIQ_<SECTION>__<KEY>`, or `FLUXIQ_<SECTION>__<KEY>_FILE` where a text is
better kept in a file. Unknown and mistyped keys are errors that name key and source.
"""

import os
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import asdict, replace

from fluxiq.errors import SettingsInvalid
from fluxiq.settings_files import IN_FILE, read_secret
from fluxiq.settings_identity import Identity
from fluxiq.settings_providers import ProviderLink, problem_of
from fluxiq.settings_tls import Tls, check_tls

Port = Annotated[int, Meta(ge=0, le=65535)]
Count = Annotated[int, Meta(ge=1)]
Days = Annotated[int, Meta(ge=1, le=36_500)]
Seconds = Annotated[float, Meta(gt=0, le=31_536_000)]  # a year: infinity is no deadline

# How long a caller of the ledger waits for its writer: a quarter of the 40 s that PIX leaves from
# order to settlement. Whoever waits inside the ledger must be told before that.
LEDGER_CALL_SECONDS_MAX = 10.0

# PIX settles within this from a provider's acceptance, or not at all (AB03): by then whoever is
# silent must have been asked.
SETTLEMENT_SECONDS_MAX = 40.0

# Named apart from settings: they say where settings are, or belong to somebody else.
_NOT_SETTINGS = {"FLUXIQ_CONFIG", "FLUXIQ_CONFIG_DIR", "FLUXIQ_PROFILE", "FLUXIQ_TIGERBEETLE_BIN"}


class Http(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    host: str
    port: Port
    body_bytes_max: Count
    request_seconds_max: Seconds
    public_url: str
    trusted_proxies: tuple[str, ...]
    sockets_per_merchant: Count
    tls: Tls = Tls()


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
    """Whether some deeds at the admin socket need two people (docs/admin-socket.md)."""

    two_people: bool
    approval_seconds: Seconds


class Diagnostics(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    stall_seconds: Seconds
    watch_hogs: bool


class Institution(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A tenant. `ledger` is its TigerBeetle ledger number, registered once and never reused;
    `ledger_policy` is what it wants while TigerBeetle is away (docs/ledger.md);
    `transfer_approval_above` stands for `transfers.approval_above` where it is said, and `limits`
    for those of `[limits]`.
    """

    ispb: Annotated[str, Meta(pattern=r"^[0-9A-Z]{8}$")]
    name: Annotated[str, Meta(min_length=1, max_length=80)]
    ledger: Annotated[int, Meta(ge=1, le=2**32 - 1)]
    ledger_policy: Literal["fail_closed", "queue_only", "standin_limited", "standin_full"] = (
        "standin_limited"
    )
    transfer_approval_above: Annotated[int, Meta(ge=0)] | None = None
    limits: OwnLimits = OwnLimits()
    providers: Annotated[tuple[ProviderLink, ...], Meta(min_length=1)]


class Settings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    data_dir: str
    http: Http
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


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Read every layer. Raises SettingsInvalid naming the key and the file or variable."""
    environ = os.environ if environ is None else environ
    folder = Path(environ.get("FLUXIQ_CONFIG_DIR") or _default_folder())
    profile = environ.get("FLUXIQ_PROFILE") or "embedded"

    merged: dict[str, Any] = {}
    origin: dict[str, str] = {}
    layers = [folder / "base.toml", folder / f"{profile}.toml"]
    if own := environ.get("FLUXIQ_CONFIG"):
        layers.append(Path(own))

    for file in layers:
        _merge(merged, _read(file), str(file), origin)

    _merge_environment(merged, environ, origin)

    given = merged.pop("institutions", None)
    settings = _convert(merged, Settings, origin)
    _check_ledger(settings, origin)
    _check_reconciliation(settings, origin)
    _check_proxies(settings, origin)
    check_tls(settings.http.tls, origin.get("http.tls", "the settings"))
    institutions = _institutions(folder, given, simulated=settings.simulator.enabled)
    return replace(settings, institutions=institutions)


def _default_folder() -> Path:
    """`config/` beside the packages in a checkout, or the copy that ships in the wheel."""
    here = Path(__file__).resolve().parent
    checkout = here.parent / "config"
    return checkout if checkout.is_dir() else here / "_config"


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsInvalid(f"cannot read {file}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsInvalid(f"{file} is not valid TOML: {error}") from None


def _merge(
    into: dict[str, Any],
    layer: Mapping[str, Any],
    source: str,
    origin: dict[str, str],
    at: str = "",
) -> None:
    """Lay `layer` over `into`, remembering for each key which source said it last."""
    for key, value in layer.items():
        path = f"{at}{key}"
        if isinstance(value, Mapping) and isinstance(into.get(key, {}), dict):
            _merge(into.setdefault(key, {}), value, source, origin, f"{path}.")
        else:
            into[key] = value
        origin[path] = source


def _merge_environment(
    into: dict[str, Any], environ: Mapping[str, str], origin: dict[str, str]
) -> None:
    for variable, text in sorted(environ.items()):
        if not variable.startswith("FLUXIQ_") or variable in _NOT_SETTINGS:
            continue

        path: Sequence[str] = variable.removeprefix("FLUXIQ_").lower().split("__")
        said = text
        if in_file := _path_in_file(path):
            path, said = in_file, read_secret(variable, text, environ)
        layer: Any = said if _kind_of(path) is str else _as_toml(said)
        for key in reversed(path):
            layer = {key: layer}
        _merge(into, layer, variable, origin)


def _path_in_file(path: Sequence[str]) -> Sequence[str] | None:
    """The text setting that `…_FILE` keeps in a file, or None: `sealing.key_file` is its own."""
    *above, name = path
    found = [*above, name.removesuffix(IN_FILE.lower())]
    is_ours = name.endswith(IN_FILE.lower()) and _kind_of(path) is None and _kind_of(found) is str
    return found if is_ours else None


def _kind_of(path: Sequence[str]) -> Any:
    """The declared type of the setting at `path`, or None when there is no such setting."""
    kind: Any = Settings
    for key in path:
        if not (isinstance(kind, type) and issubclass(kind, Struct)):
            return None
        kind = get_type_hints(kind).get(key)
    return kind


def _as_toml(text: str) -> Any:
    """Where a setting is not text, its variable is read as TOML reads a value."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _convert(layer: dict[str, Any], kind: type[Settings], origin: Mapping[str, str]) -> Settings:
    """Check strictly, and name the culprit."""
    try:
        return msgspec.convert(layer, kind)
    except msgspec.ValidationError as error:
        raise _named(error, origin) from None


def _named(error: msgspec.ValidationError, origin: Mapping[str, str]) -> SettingsInvalid:
    """Turn msgspec's `… - at `$.http.port`` into a sentence with the key and its source."""
    text, _, where = str(error).partition(" - at `$")
    key = where.strip("`.")
    if text.startswith("Object contains unknown field"):
        unknown = text.split("`")[1]
        key = f"{key}.{unknown}" if key else unknown
        return SettingsInvalid(f"unknown setting {key!r} in {origin.get(key, 'the settings')}")

    source = origin.get(key, "the settings")
    return SettingsInvalid(f"setting {key!r} in {source}: {text[:1].lower()}{text[1:]}")


def _check_ledger(settings: Settings, origin: Mapping[str, str]) -> None:
    """What no single value says: together they must leave room for one another."""
    ledger = settings.ledger
    checks = (
        (
            int(settings.tigerbeetle.cluster) < 2**128,
            "tigerbeetle.cluster",
            "has more than 128 bits",
        ),
        (
            ledger.suspect_seconds_max >= ledger.deadline_seconds,
            "ledger.suspect_seconds_max",
            "is shorter than deadline_seconds: no probe could end",
        ),
        (
            ledger.open_seconds_max >= ledger.open_seconds,
            "ledger.open_seconds_max",
            "is shorter than open_seconds",
        ),
        (
            ledger.patience_seconds < LEDGER_CALL_SECONDS_MAX,
            "ledger.patience_seconds",
            f"must be below {LEDGER_CALL_SECONDS_MAX:g}, after which a caller leaves",
        ),
        (
            ledger.institution_cap >= ledger.account_cap,
            "ledger.institution_cap",
            "is less than account_cap",
        ),
    )
    for good, key, problem in checks:
        if not good:
            raise SettingsInvalid(
                f"setting {key!r} in {origin.get(key, 'the settings')}: {problem}"
            )


def _check_reconciliation(settings: Settings, origin: Mapping[str, str]) -> None:
    """What is looked at every hour must overlap, and be more than its own edge."""
    key = "reconciliation.recent_seconds"
    if settings.reconciliation.recent_seconds <= settings.reconciliation.margin_seconds:
        source = origin.get(key, "the settings")
        raise SettingsInvalid(f"setting {key!r} in {source}: is not longer than margin_seconds")


def _check_proxies(settings: Settings, origin: Mapping[str, str]) -> None:
    for text in settings.http.trusted_proxies:
        try:
            ip_network(text)
        except ValueError:
            source = origin.get("http.trusted_proxies", "the settings")
            raise SettingsInvalid(
                f"setting 'http.trusted_proxies' in {source}: {text!r} is neither an address nor a "
                "network such as 10.0.0.0/24"
            ) from None


def _institutions(folder: Path, given: Any, *, simulated: bool) -> tuple[Institution, ...]:
    """One file per institution; ISPB and ledger number must be unique."""
    if given is not None:
        raise SettingsInvalid(
            "unknown setting 'institutions': each has a file of its own in institutions/*.toml"
        )

    found: dict[str, Institution] = {}
    for file in sorted((folder / "institutions").glob("*.toml")):
        institution = read_institution(file, simulated=simulated)
        if institution.ispb != file.stem:
            raise SettingsInvalid(f"setting 'ispb' in {file}: must equal the file's name")
        check_ledger_is_free(institution, found.values(), str(file))
        found[institution.ispb] = institution
    return tuple(found.values())


def read_institution(file: Path, *, simulated: bool) -> Institution:
    """What an institution's file says. Raises SettingsInvalid that names key and file."""
    return check_institution(_read(file), str(file), simulated=simulated)


def check_institution(said: Any, source: str, *, simulated: bool) -> Institution:
    """`said`, plain data from `source`, as an institution. Raises SettingsInvalid."""
    try:
        institution = msgspec.convert(said, Institution)
    except msgspec.ValidationError as error:
        raise _named(error, _AlwaysFrom(source)) from None
    _check_providers(institution, source, simulated=simulated)
    return institution


def check_ledger_is_free(one: Institution, others: Iterable[Institution], source: str) -> None:
    """Raises SettingsInvalid when the ledger number of `one` is somebody else's."""
    for other in others:
        if other.ledger == one.ledger and other.ispb != one.ispb:
            raise SettingsInvalid(
                f"setting 'ledger' in {source}: {one.ledger} belongs to {other.ispb}"
            )


def _check_providers(institution: Institution, source: str, *, simulated: bool) -> None:
    """Each link has a name of its own, and leads somewhere."""
    names = [link.name for link in institution.providers]
    if len(set(names)) < len(names):
        raise SettingsInvalid(f"setting 'providers' in {source}: two links have the same name")
    for link in institution.providers:
        if problem := problem_of(link, simulated=simulated):
            raise SettingsInvalid(f"setting 'providers' in {source}: link {link.name!r} {problem}")


class _AlwaysFrom(dict[str, str]):
    """An origin table for a single file."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self._source = source

    def get(self, key: str, default: Any = None) -> Any:
        del key, default
        return self._source
