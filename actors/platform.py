"""What the whole process shares: settings, directory, servers, the slots of the infrastructure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from msgspec.structs import replace

from actors.crash_book import CrashBook
from actors.embedded import DataDirectory
from actors.institution_register import InstitutionRegister
from actors.key_file import key_file
from actors.ledger_board import Board
from actors.servers import Servers
from actors.slot import Slot
from actors.system import SystemClock, SystemIds
from actors.tenants import OpenTenants
from fluxiq import settings as config
from fluxiq.api.hub import Hub
from fluxiq.asyncio_host import AsyncioHost
from fluxiq.bus import Bus
from fluxiq.cache import Cache
from fluxiq.ledgers.tigerbeetle import Sessions
from fluxiq.providers import ProviderAddress
from fluxiq.sealing import KeyFile
from fluxiq.settings.providers import ProviderLink
from fluxiq.stores.pool import Postgres
from fluxiq.telemetry.metrics import Metrics
from supervisors import Hogs

DEED_BOOK = "admin_audit.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformLinks:
    """The administrator's connections: they make institutions and answer for the servers."""

    postgres: Postgres
    bus: Bus
    cache: Cache


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """One process. Made once by `start.open_platform`; the tree's actors fill its slots."""

    settings: config.Settings
    directory: DataDirectory
    servers: Servers
    tenants: OpenTenants
    register: InstitutionRegister
    metrics: Metrics
    crash_book: CrashBook
    board: Board
    hub: Hub
    http_port: int
    simulator_port: int
    web_ports: Mapping[str, int]  # of the apps, by name
    clock: SystemClock = field(default_factory=SystemClock)
    ids: SystemIds = field(default_factory=SystemIds)
    hogs: Hogs = field(default_factory=Hogs)
    host: Slot[AsyncioHost] = field(default_factory=lambda: Slot("asyncio host"))
    sessions: Slot[Sessions] = field(default_factory=lambda: Slot("TigerBeetle sessions"))
    links: Slot[PlatformLinks] = field(default_factory=lambda: Slot("infrastructure"))

    @property
    def key_wrapper(self) -> KeyFile:
        """What wraps the keys of every institution's seals."""
        return key_file(self.settings, self.directory)

    @property
    def api_url(self) -> str:
        """How others reach the API."""
        given = self.settings.http.public_url
        return given or f"http://{self.settings.http.host}:{self.http_port}"

    def web_url(self, app: str) -> str:
        return f"http://{self.settings.web.host}:{self.web_ports[app]}"

    @property
    def simulator_url(self) -> str:
        return f"http://{self.settings.simulator.host}:{self.simulator_port}"

    @property
    def admin_read_socket_path(self) -> Path:
        """Where those who only look come in."""
        return self.directory.run / "admin-ro.sock"

    @property
    def admin_socket_path(self) -> Path:
        return self.directory.socket("admin.sock")

    @property
    def deed_book_path(self) -> Path:
        """Where the desk of those who act writes down what they did."""
        return self.admin_socket_path.with_name(DEED_BOOK)

    @property
    def tenant_settings(self) -> config.Settings:
        """As use cases see them: with everybody who lives here, those who were added too."""
        return replace(self.settings, institutions=self.register.all())

    @property
    def ispbs(self) -> Sequence[str]:
        """Who lives here, at the time of looking."""
        return self.register.keys

    def institution(self, ispb: str) -> config.Institution:
        found = self.register.find(ispb)
        assert found is not None, f"{ispb} does not live here"
        return found

    def provider_address(
        self, institution: config.Institution, link: ProviderLink
    ) -> ProviderAddress:
        """Where a provider link leads, and what both sides sign with."""
        return ProviderAddress(
            link=link,
            ispb=institution.ispb,
            url=link.url or self.simulator_url,
            secret=self.directory.secret(f"providers/{institution.ispb}/{link.name}"),
        )
