"""What the actors of one institution share: slots that one fills and the later ones read."""

from dataclasses import dataclass, field

from actors.doorbell import Doorbell
from actors.moved_accounts import MovedAccounts
from actors.platform import Platform
from actors.provider_board import ProviderBoard
from actors.slot import Slot
from fluxiq import settings as config
from fluxiq.bus import Bus
from fluxiq.cache import Cache
from fluxiq.ledgers.writer import Writer
from fluxiq.ports import Provider
from fluxiq.sealing import Keyring
from fluxiq.services.tenant import Tenant
from fluxiq.stores.event_log import PostgresEventLog
from fluxiq.stores.pool import Postgres
from fluxiq.stores.sealed import House
from fluxiq.stores.store import PostgresStore
from fluxiq.stores.webhooks import PostgresWebhooks
from fluxiq.telemetry.metrics import Metrics


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """The institution's own connections, under its own credentials."""

    postgres: Postgres
    store: PostgresStore
    webhooks: PostgresWebhooks
    events: PostgresEventLog
    bus: Bus
    cache: Cache
    keyring: Keyring


@dataclass(slots=True, kw_only=True)
class Branch:
    """One institution. Slots are filled in the order of the tree and emptied in reverse."""

    platform: Platform
    institution: config.Institution
    links: Slot[Links] = field(default_factory=lambda: Slot("institution"))
    ledger: Slot[Writer] = field(default_factory=lambda: Slot("ledger"))
    tenant: Slot[Tenant] = field(default_factory=lambda: Slot("institution"))
    providers: dict[str, Slot[Provider]] = field(default_factory=dict)
    relay: Doorbell = field(default_factory=Doorbell)
    moved: MovedAccounts = field(default_factory=MovedAccounts)
    provider_board: ProviderBoard = field(default_factory=ProviderBoard)
    workers: Doorbell = field(default_factory=Doorbell)
    courier_bells: dict[str, Doorbell] = field(default_factory=dict)
    endpoints_changed: Doorbell = field(default_factory=Doorbell)
    open_breakers: set[str] = field(default_factory=set)  # endpoints that are left alone

    @property
    def ispb(self) -> str:
        return self.institution.ispb

    @property
    def house(self) -> House:
        """Whose rows these are, for statements that have no adapter."""
        return House(self.ispb, self.links.get().keyring)

    @property
    def path(self) -> str:
        """Where the branch stands in the tree."""
        return f"root/institutions/{self.ispb}"

    def provider(self, name: str) -> Slot[Provider]:
        """Where the gateway connection called `name` leaves its provider."""
        return self.providers.setdefault(name, Slot(f"provider {name}"))

    @property
    def metrics(self) -> Metrics:
        return self.platform.metrics
