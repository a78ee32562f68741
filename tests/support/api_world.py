"""`memory_world.MemoryWorld` behind the real API: every port keeps its promises, the ledger too.

world = await ApiWorld.open()
answer = await world.post("/api/v1/transfers", {...}, world.key("transfers:*"))
"""

from dataclasses import dataclass, replace
from typing import Any, Self

import msgspec
from quart_trio import QuartTrio
from werkzeug.datastructures import Headers

from fluxiq.api.app import create_app
from fluxiq.api.hub import Hub
from fluxiq.domain.records import Account, ApiKey
from fluxiq.services.authenticate import last_characters, new_key
from fluxiq.services.tenant import Tenant
from fluxiq.telemetry.metrics import Metrics
from tests.support.api_twin import TwinTenants, bearer
from tests.support.memory_world import ISPB, MemoryWorld

ACCOUNTS = "/api/v1/accounts"
TRANSFERS = "/api/v1/transfers"


@dataclass(frozen=True)
class Said:
    """An answer of the API."""

    status: int
    raw: bytes
    headers: Headers

    @property
    def body(self) -> Any:
        return msgspec.json.decode(self.raw)

    @property
    def data(self) -> Any:
        return self.body["data"]

    @property
    def code(self) -> str:
        code: str = self.body["error"]["code"]
        return code

    @property
    def details(self) -> Any:
        return self.body["error"]["details"]


class ApiWorld:
    """One institution. `world` is what it is made of."""

    def __init__(self, world: MemoryWorld, app: QuartTrio) -> None:
        self.world = world
        self.app = app

    @classmethod
    async def open(cls, *, approval_above: int | None = None) -> Self:
        """With `approval_above` (centavos) the institution has its own limit for transfers."""
        world = await MemoryWorld().open()
        world.tenant = _with_approval(world.tenant, approval_above)
        metrics = Metrics(process=False)
        app = create_app(
            TwinTenants({ISPB: world.tenant}),
            world.tenant.settings,
            hub=Hub(metrics.connections, queue_size=4, clients_max=2),
            health={},
            clock=world.clock,
            ids=world.ids,
            metrics=metrics,
        )
        return cls(world, app)

    @property
    def account(self) -> Account:
        """The first merchant's first account."""
        return self.world.merchant.account

    def key(self, *permissions: str, merchant_id: str | None = None) -> str:
        """The text of a new API key; each is somebody else."""
        text = new_key(self.world.tenant)
        digest = self.world.tenant.key_hash(text)
        self.world.store.api_keys[digest] = ApiKey(
            id=self.world.ids.new("key"),
            merchant_id=merchant_id or self.world.merchant_id,
            name="test",
            key_hash=digest,
            permissions=permissions or ("*",),
            created_at=self.world.clock.now(),
            last_characters=last_characters(text),
        )
        return text

    async def get(self, path: str, key: str) -> Said:
        return await self._ask("GET", path, key)

    async def post(self, path: str, body: Any, key: str, **headers: str) -> Said:
        return await self._ask("POST", path, key, body, headers)

    async def put(self, path: str, body: Any, key: str) -> Said:
        return await self._ask("PUT", path, key, body)

    async def patch(self, path: str, body: Any, key: str) -> Said:
        return await self._ask("PATCH", path, key, body)

    async def _ask(
        self,
        method: str,
        path: str,
        key: str,
        body: Any = None,
        headers: dict[str, str] | None = None,
    ) -> Said:
        said = bearer(key, **(headers or {}))
        client = self.app.test_client()
        if body is None:
            response = await client.open(path, method=method, headers=said)
        else:
            response = await client.open(path, method=method, headers=said, json=body)
        raw = await response.get_data(as_text=False)
        return Said(response.status_code, bytes(raw), response.headers)


def _with_approval(tenant: Tenant, above: int | None) -> Tenant:
    institution = msgspec.structs.replace(tenant.institution, transfer_approval_above=above)
    return replace(tenant, institution=institution)
