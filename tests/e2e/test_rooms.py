"""`kill -9` of the platform while payments are in each room, one coming in and one going out.

Each is held in its room from outside (`tests.support.rooms`), the platform is killed with it
there and started again, and nobody lends a hand: each payment reaches one end, the provider's books
and ours agree, and the merchant is told of it under one event id.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import pytest
import trio

from fluxiq.admin.client import ask
from fluxiq.asyncio_host import AsyncioHost
from tests.support.aftermath import aftermath
from tests.support.house import House, is_alive, open_house
from tests.support.patience import PATIENCE_SECONDS
from tests.support.rooms import READING, WRITING, Desk, Frozen, desk_of, freeze
from tests.support.storm import Insistent, Json, Storm
from tests.support.verdict import Provider

pytestmark = [pytest.mark.embedded, pytest.mark.timeout(120)]

RECENT_SECONDS = 1.2  # what the platform remembers of accounts and keys is forgotten by then
SLOW_SECONDS = 5.0
RECEIVER, PAYER = "12345678", "87654321"  # who has the payment in, and who the one out

_HELD = "SELECT count(*) > 0 FROM payouts WHERE idempotency_key LIKE $1 || '%' AND stage = 'held'"
_IN_THE_BOOK = "SELECT count(*) > 0 FROM inbox WHERE done_at IS NULL"
_UNSENT = "SELECT count(*) > 0 FROM deliveries WHERE attempts > 0 AND delivered_at IS NULL"
_EVENTS_WAIT = "SELECT count(*) > 0 FROM outbox WHERE work IS NULL"


@dataclass(slots=True)
class Scene:
    """Two institutions and one payment at each, under way or about to be."""

    house: House
    storm: Storm
    receiver: Desk
    payer: Desk
    client: Insistent
    charge: Json
    nursery: trio.Nursery
    locks: AsyncExitStack

    def receive(self) -> None:
        """Somebody pays the charge at the receiver."""
        login = self.house.platform.logins[RECEIVER]
        self.nursery.start_soon(self.storm.be_paid, self.client, login, self.charge)

    def pay(self) -> None:
        login = self.house.platform.logins[PAYER]
        self.nursery.start_soon(self.storm.pay_out, self.client, login, 1)

    async def lock(self, desk: Desk, table: str, mode: str) -> None:
        await self.locks.enter_async_context(desk.locked(table, mode))

    async def pay_until_held(self) -> Frozen:
        """The payout is held, and its order cannot leave: the bus stands still."""
        nats = await freeze(self.house, "nats")
        self.pay()
        await self.payer.until(_HELD, self.storm.name)
        return nats

    def ordered(self) -> bool:
        """Whether the provider has the payout."""
        orders = Provider.read(self.house.platform.data_dir).orders.values()
        return any(one.ispb == PAYER and one.amount == 1_01 for one in orders)


async def at_the_door(scene: Scene) -> None:
    """The provider knocks at a closed door; the merchant's key is being looked at."""
    await trio.sleep(RECENT_SECONDS)
    await scene.lock(scene.payer, "api_keys", READING)
    scene.pay()
    await scene.payer.until_somebody_waits_at("api_keys")
    await ask(
        scene.house.admin_socket, "stop", name="root/gateway/http_api", yes=True, reason="a test"
    )
    scene.receive()
    with trio.fail_after(PATIENCE_SECONDS):
        while not Provider.read(scene.house.platform.data_dir).owed:  # noqa: ASYNC110  a file
            await trio.sleep(0.02)


async def at_the_counter(scene: Scene) -> None:
    """In: verified, not yet in the visitors' book. Out: its account is being looked up."""
    await trio.sleep(RECENT_SECONDS)
    await scene.lock(scene.receiver, "inbox", WRITING)
    await scene.lock(scene.payer, "accounts", READING)
    scene.receive()
    scene.pay()
    await scene.receiver.until_somebody_waits_at("inbox")
    await scene.payer.until_somebody_waits_at("accounts")


async def in_the_study(scene: Scene) -> None:
    """In: being judged. Out: the intent is being written down."""
    await scene.lock(scene.receiver, "receipts", READING)
    await scene.lock(scene.payer, "payouts", WRITING)
    scene.receive()
    scene.pay()
    await scene.receiver.until_somebody_waits_at("receipts")
    await scene.payer.until_somebody_waits_at("payouts")


async def in_the_vault(scene: Scene) -> None:
    """In: about to be credited. Out: about to be held."""
    await scene.lock(scene.receiver, "ledger_authority", WRITING)
    await scene.lock(scene.payer, "ledger_authority", WRITING)
    scene.receive()
    scene.pay()
    await scene.receiver.until_somebody_waits_at("ledger_authority")
    await scene.payer.until_somebody_waits_at("ledger_authority")


async def in_the_post_room(scene: Scene) -> None:
    """In and out: on paper, and the bus does not take it."""
    await scene.pay_until_held()
    scene.receive()
    await scene.receiver.until(_IN_THE_BOOK)


async def at_the_gate(scene: Scene) -> None:
    """In: credited, not yet archived. Out: the provider has it, and we have not written that."""
    nats = await scene.pay_until_held()
    await scene.lock(scene.payer, "payouts", WRITING)
    await scene.lock(scene.receiver, "receipts", WRITING)
    nats.thaw()
    scene.receive()
    await scene.payer.until_somebody_waits_at("payouts")
    await scene.receiver.until_somebody_waits_at("receipts")
    assert scene.ordered()


async def in_the_vault_again(scene: Scene) -> None:
    """Out: the provider has paid, the hold is about to be posted."""
    nats = await scene.pay_until_held()
    await scene.lock(scene.payer, "ledger_authority", WRITING)
    nats.thaw()
    scene.receive()
    await scene.payer.until_somebody_waits_at("ledger_authority")
    assert scene.ordered()


async def with_the_courier(scene: Scene) -> None:
    """The merchant's endpoint has the event and does not answer."""
    scene.house.sink.slow_seconds = SLOW_SECONDS
    scene.receive()
    scene.pay()
    await scene.receiver.until(_UNSENT)
    await scene.payer.until(_UNSENT)


async def at_the_window(scene: Scene) -> None:
    """It is archived, and who watches has not been told: the bus stands still."""
    nats = await scene.pay_until_held()
    async with (
        scene.payer.locked("payouts", WRITING),
        scene.receiver.locked("receipts", WRITING),
    ):
        nats.thaw()
        scene.receive()
        await scene.payer.until_somebody_waits_at("payouts", 2)  # it was sent, and it was paid
        await scene.receiver.until_somebody_waits_at("receipts")
        await freeze(scene.house, "nats")
    await scene.receiver.until(_EVENTS_WAIT)
    await scene.payer.until(_EVENTS_WAIT)


ROOMS: dict[str, Callable[[Scene], Awaitable[None]]] = {
    "door": at_the_door,
    "visitors_book_and_counter": at_the_counter,
    "study_and_archive": in_the_study,
    "vault": in_the_vault,
    "post_room": in_the_post_room,
    "archive_and_gate": at_the_gate,
    "vault_again": in_the_vault_again,
    "courier": with_the_courier,
    "window": at_the_window,
}


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with open_house() as house:
        yield house


@pytest.mark.parametrize("room", ROOMS)
async def test_a_payment_in_a_room_where_the_platform_is_killed_ends_once(
    house: House, asyncio_host: AsyncioHost, room: str
) -> None:
    async with scene_in(house, asyncio_host, room) as scene:
        async with scene.locks:
            await ROOMS[room](scene)
            servers = await house.server_pids()
            house.platform.kill()
        house.sink.slow_seconds = 0.0
        await _until_dead(servers)
        await trio.to_thread.run_sync(house.platform.start)

    assert len(scene.storm.accepted) == len(scene.storm.charges) == 1
    await aftermath(house, asyncio_host, scene.storm)


@asynccontextmanager
async def scene_in(house: House, host: AsyncioHost, room: str) -> AsyncIterator[Scene]:
    """Ends when both payments were taken: the merchant and the payer insist."""
    storm = Storm(house.platform, house.sink, f"room-{room}")
    client = Insistent(house.platform, storm.unclear)
    charge = await storm.charge(client, house.platform.logins[RECEIVER], 1)
    async with (
        desk_of(house, host, RECEIVER) as receiver,
        desk_of(house, host, PAYER) as payer,
        trio.open_nursery() as nursery,
    ):
        yield Scene(house, storm, receiver, payer, client, charge, nursery, AsyncExitStack())


async def _until_dead(servers: dict[str, int]) -> None:
    with trio.fail_after(PATIENCE_SECONDS):
        while any(map(is_alive, servers.values())):  # noqa: ASYNC110  they are not our children
            await trio.sleep(0.02)
