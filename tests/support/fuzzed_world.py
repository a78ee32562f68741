"""What the fuzz is aimed at: `ApiWorld`, whose every port keeps its promises, on a real socket.

Nobody's calls are counted, and the key may do everything that any endpoint asks for.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec
import trio
from quart_trio import QuartTrio

from fluxiq.api.app import create_app
from fluxiq.api.contract import known_permissions
from fluxiq.api.hub import Hub
from fluxiq.api.server import serve
from fluxiq.settings import Settings
from fluxiq.telemetry.metrics import Metrics
from tests.support.api_twin import TwinTenants
from tests.support.api_world import ApiWorld
from tests.support.memory_users import add_person
from tests.support.memory_world import ISPB, LINK
from tests.support.served_world import Told, run_in_thread

BODY_BYTES_MAX: Final = 1_000_000  # more than is ever drawn: another test is about its limit
UNCOUNTED: Final = 1_000_000_000
FUNDS: Final = 1_000_000_00


@dataclass(frozen=True)
class Fuzzed:
    """Where it is served, a key that may do everything, ids of what is there, and what an owner
    says to log in.
    """

    url: str
    key: str
    ids: dict[str, str]
    owner: dict[str, str]


@contextmanager
def fuzzed_world() -> Iterator[Fuzzed]:
    """One institution with one funded account, until the block ends."""
    with run_in_thread(_serve) as fuzzed:
        yield fuzzed


async def _serve(told: Told[Fuzzed]) -> None:
    api = await ApiWorld.open()
    await api.world.fund(FUNDS)
    settings = _uncounted(api.world.tenant.settings)
    api.world.tenant = replace(api.world.tenant, settings=settings)
    hub, app = _app(api, settings)
    twin = api.world
    owner = {"document": "52998224725", "password": "um tigre, dois tigres"}
    # Whom the fuzz names, and changes: not the one who logs in.
    _, user = [
        await add_person(
            twin.users,
            twin.tenant.passwords,
            document,
            owner["password"],
            twin.clock.now(),
            merchant_id=twin.merchant_id,
        )
        for document in (owner["document"], "39053344705")
    ]
    ids = {
        "user_id": user.id,
        "ispb": ISPB,
        "provider": LINK,
        "merchant_id": api.world.merchant_id,
        "account_id": api.account.id,
    }
    async with trio.open_nursery() as nursery:
        host, port = await nursery.start(
            lambda task_status: serve(
                app, settings.http, on_stopping=hub.close, task_status=task_status
            )
        )
        told(Fuzzed(f"http://{host}:{port}", api.key("*", *known_permissions()), ids, owner))


def _app(api: ApiWorld, settings: Settings) -> tuple[Hub, QuartTrio]:
    metrics = Metrics(process=False)
    hub = Hub(metrics.connections, queue_size=4, clients_max=2)
    app = create_app(
        TwinTenants({ISPB: api.world.tenant}),
        settings,
        hub=hub,
        health={},
        clock=api.world.clock,
        ids=api.world.ids,
        metrics=metrics,
    )
    return hub, app


def _uncounted(settings: Settings) -> Settings:
    """On any free port, and with limits that nobody reaches: wrong passwords are drawn as well."""
    limits: dict[str, Any] = {
        name: UNCOUNTED
        for name in settings.limits.__struct_fields__
        if name.endswith("_per_minute")
    }
    http = msgspec.structs.replace(settings.http, port=0, body_bytes_max=BODY_BYTES_MAX)
    identity = msgspec.structs.replace(settings.identity, lock_after_failures=UNCOUNTED)
    return msgspec.structs.replace(
        settings,
        identity=identity,
        http=http,
        limits=msgspec.structs.replace(settings.limits, **limits),
    )
