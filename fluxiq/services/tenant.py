"""One institution as the use cases see it: its settings and the ports that reach its world."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from fluxiq import settings as config
from fluxiq.domain.audit_signature import SealingKey
from fluxiq.domain.limits import LimitsState
from fluxiq.domain.records import Account, ApiKey, Merchant, PixKey
from fluxiq.errors import Refused
from fluxiq.ports import Bell, Cache, Clock, Ids, Ledger, Provider, Store
from fluxiq.ports.accounts import Accounts, Statements
from fluxiq.ports.admission import Admission
from fluxiq.ports.api_keys import ApiKeys
from fluxiq.ports.audit import AuditChain
from fluxiq.ports.backlogs import Backlogs
from fluxiq.ports.contests import Contests
from fluxiq.ports.customers import Customers
from fluxiq.ports.dead_letters import DeadLetters
from fluxiq.ports.endpoint_standings import EndpointStandings
from fluxiq.ports.event_log import EventLog
from fluxiq.ports.fees import Fees
from fluxiq.ports.holds import Holds
from fluxiq.ports.infractions import Infractions
from fluxiq.ports.jobs import Jobs
from fluxiq.ports.limits import LimitRecords
from fluxiq.ports.live_data import Audit, LiveData
from fluxiq.ports.med import MedReports
from fluxiq.ports.payers import Payers
from fluxiq.ports.payment_search import PaymentSearch
from fluxiq.ports.payments import Payments
from fluxiq.ports.payout_batches import PayoutBatches
from fluxiq.ports.privacy import People
from fluxiq.ports.reconciliation import Reconciliation
from fluxiq.ports.refunds import Refunds
from fluxiq.ports.request_log import RequestLog
from fluxiq.ports.scheduled import ScheduledPayouts
from fluxiq.ports.sealing import Sealer
from fluxiq.ports.sealing_keys import SealingDesk
from fluxiq.ports.sessions import Sessions
from fluxiq.ports.settlements import Settlements
from fluxiq.ports.statistics import Statistics
from fluxiq.ports.transfers import Transfers
from fluxiq.ports.upkeep import Removals, Upkeep
from fluxiq.ports.users import Users
from fluxiq.ports.webhooks import Addresses, Webhooks
from fluxiq.services.access_tokens import AccessTokens
from fluxiq.services.anti_scan import AntiScan
from fluxiq.services.kept_answers import KeptAnswers
from fluxiq.services.key_uses import KeyUses
from fluxiq.services.passwords import Passwords
from fluxiq.services.recent import Recent
from fluxiq.services.request_book import RequestBook

RECENT_SECONDS = 1.0  # a revoked key or a blocked account is noticed within this


@dataclass(slots=True)
class Standing:
    """How an institution stands with its callers: its operator may suspend it at any moment."""

    suspended: bool = False

    def check(self) -> None:
        """Raises Refused("institution_suspended"). Not for providers: money that arrives is taken
        in whatever its institution may do.
        """
        if self.suspended:
            raise Refused(
                "institution_suspended", "the institution takes no calls: its operator suspended it"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """Everything a use case needs, as arguments; adapters are chosen by the composition root."""

    institution: config.Institution
    settings: config.Settings
    store: Store
    accounts: Accounts
    statements: Statements
    transfers: Transfers
    payments: Payments
    payout_batches: PayoutBatches
    settlements: Settlements
    payment_search: PaymentSearch
    payers: Payers
    fees: Fees
    customers: Customers
    statistics: Statistics
    payout_limits: LimitRecords
    scheduled: ScheduledPayouts
    med: MedReports
    infractions: Infractions
    contests: Contests
    api_keys: ApiKeys
    users: Users
    sessions: Sessions
    passwords: Passwords
    tokens: AccessTokens
    jobs: Jobs
    upkeep: Upkeep
    people: People
    removals: Removals
    reconciliation: Reconciliation
    dead_letters: DeadLetters
    holds: Holds
    backlogs: Backlogs
    endpoint_standings: EndpointStandings
    ledger: Ledger
    admission: Admission
    cache: Cache
    kept_answers: KeptAnswers
    live_data: LiveData
    request_log: RequestLog
    audit: Audit
    audit_chain: AuditChain
    audit_key: SealingKey
    events: EventLog
    anti_scan: AntiScan
    providers: Mapping[str, Provider]
    refunds: Refunds
    clock: Clock
    ids: Ids
    relay: Bell  # there is something to publish
    couriers: Bell  # there is something to deliver, to the named endpoints
    workers: Bell  # there are jobs
    webhooks: Webhooks
    addresses: Addresses  # where a merchant's endpoint may be
    sealer: Sealer
    sealing: SealingDesk  # rotations
    pepper: bytes  # keys the hash of API keys
    recent_keys: Recent[ApiKey]
    recent_sessions: Recent[bool]  # those that live
    recent_accounts: Recent[tuple[Account, ...]]  # of a merchant, or the one with an id
    recent_limits: Recent[LimitsState]
    recent_payees: Recent[tuple[Merchant, PixKey]]  # by account: who is paid into it, and how
    standing: Standing = field(default_factory=Standing)
    key_uses: KeyUses = field(default_factory=KeyUses)
    request_book: RequestBook = field(default_factory=RequestBook)

    @property
    def ispb(self) -> str:
        return self.institution.ispb

    @property
    def rate_limits(self) -> config.Limits:
        """Rate limits: the institution's own, else everybody's."""
        return self.institution.limits.over(self.settings.limits)

    @property
    def provider(self) -> Provider:
        """The link that payments leave by: the first one declared."""
        return self.providers[self.institution.providers[0].name]

    def provider_named(self, name: str) -> Provider:
        """The link called `name`. Raises Refused("provider_not_found")."""
        try:
            return self.providers[name]
        except KeyError:
            raise Refused("provider_not_found", f"no provider link {name!r} here") from None

    def key_hash(self, text: str) -> bytes:
        """The keyed hash under which an API key is stored: HMAC-SHA256."""
        return hmac.digest(self.pepper, text.encode(), hashlib.sha256)

    def subject(self, *words: object) -> str:
        """A subject of this institution on the bus."""
        return ".".join(["FLUXIQ", self.ispb, *map(str, words)])

    def partition(self, key: str) -> int:
        """The worker that serves everything said under `key`, so that it is served in order."""
        digest = hashlib.blake2b(key.encode(), digest_size=4).digest()
        return int.from_bytes(digest, "big") % self.settings.pix.partitions


class Tenants(Protocol):
    """The institutions of this process."""

    def get(self, ispb: str) -> Tenant:
        """Raises Refused("institution_not_found"), or Unavailable while its branch restarts."""

    def all(self) -> Sequence[Tenant]: ...
