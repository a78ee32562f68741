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
from fluxiq.errors import Refused
from fluxiq.ports.operations import Operator
from fluxiq.settings import Settings
from fluxiq.telemetry.metrics import Metrics
from tests.support.api_twin import TwinTenants
from tests.support.api_world import ApiWorld
from tests.support.memory_users import add_person
from tests.support.memory_world import ISPB, LINK
from tests.support.served_world import Told, run_in_thread
from tests.support.twin_desk import TwinDesk

BODY_BYTES_MAX: Final = 1_000_000  # more than is ever drawn: another test is about its limit
UNCOUNTED: Final = 1_000_000_000
FUNDS: Final = 1_000_000_00


@dataclass(frozen=True)
class Fuzzed:
    """Where it is served, a key that may do everything, the token of an owner of the institution's
    own people, ids of what is there, and what an owner says to log in.
    """

    url: str
    key: str
    chief: str
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
    chief = {**owner, "document": "11144477735", "ispb": ISPB}
    # Whom the fuzz names, and changes: not those who log in.
    _, user, _ = [
        await add_person(
            twin.users,
            twin.tenant.passwords,
            document,
            owner["password"],
            twin.clock.now(),
            merchant_id=merchant_id,
        )
        for document, merchant_id in (
            (owner["document"], twin.merchant_id),
            ("39053344705", twin.merchant_id),
            (chief["document"], None),
        )
    ]
    logged_in = await app.test_client().post("/api/v1/auth/login", json=chief)
    token = (await logged_in.get_json())["data"]["access_token"]
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
        key = api.key("*", *known_permissions())
        told(Fuzzed(f"http://{host}:{port}", key, token, ids, owner))


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
        operations=ClosedDesk(),
    )
    return hub, app


class ClosedDesk(TwinDesk):
    """Nobody is let near the running system: what is asked well is refused, as it may always be."""

    async def look(self, operator: Operator, verb: str, /, **arguments: Any) -> Any:
        await trio.lowlevel.checkpoint()
        raise Refused("not_an_operator", f"{verb}: not for {operator.ispb}")


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
