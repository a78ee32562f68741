"""A server is gone for a while under load: documented answers, nothing lost or paid twice, and
nobody lends a hand afterwards.

Some seconds in the suite. By hand a minute each:

    OUTAGE_SECONDS=60 .venv/bin/python -m pytest tests/e2e/test_outages.py -s
"""

import itertools
import os
import sys
from collections import Counter
from collections.abc import Iterator

import pytest
import trio

from fluxiq.admin.client import ask
from fluxiq.asyncio_host import AsyncioHost
from fluxiq.commands.demo_data import Login
from tests.support.aftermath import aftermath
from tests.support.house import SERVERS, House, open_house
from tests.support.storm import WORDS, Insistent, Storm

OUTAGE_SECONDS = float(os.environ.get("OUTAGE_SECONDS", "5"))
RECOVERY_SECONDS_MAX = 30.0
CALM_SECONDS = 60.0 + 6 * OUTAGE_SECONDS  # what the outbox announces again, it does ever later
CLIENTS = 3  # of each institution

# docs/queues.md: what callers are told while a server is away. None: nothing, they notice nothing.
ANSWERS = {
    "postgres": {
        "unavailable",
        "ledger_unavailable",
        "outcome_unknown",
        "idempotency_in_progress",
    },
    "nats": set(),
    "redis": set(),
}

pytestmark = [pytest.mark.embedded, pytest.mark.timeout(180 + 10 * OUTAGE_SECONDS)]


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with open_house() as house:
        yield house


@pytest.mark.parametrize("server", ANSWERS)
async def test_payments_are_answered_for_and_end_once_while_a_server_is_away(
    house: House, asyncio_host: AsyncioHost, server: str
) -> None:
    storm = Storm(house.platform, house.sink, f"outage-{server}")
    over = trio.Event()
    async with trio.open_nursery() as load:
        for login in house.platform.logins.values():
            numbers = itertools.count()
            for _ in range(CLIENTS):
                load.start_soon(_pay_and_be_paid, storm, house, login, numbers, over)
        await _until_more_are_accepted(storm)

        await _order(house, "stop", server)
        began, accepted = len(storm.unclear), len(storm.accepted)
        await trio.sleep(OUTAGE_SECONDS)
        told = Counter(one.partition(": ")[2] for one in storm.unclear[began:])
        meanwhile = len(storm.accepted) - accepted
        await _order(house, "restart", server)
        back = trio.current_time()
        await _until_more_are_accepted(storm)
        seconds = trio.current_time() - back
        over.set()

    sys.stdout.write(
        f"\n{server}: {meanwhile} payouts accepted while it was away, {dict(told)} told; the next"
        f" one {seconds:.1f} s after it was back\n"
    )
    assert set(told) <= ANSWERS[server]
    assert bool(meanwhile) is not bool(ANSWERS[server])
    await aftermath(house, asyncio_host, storm, CALM_SECONDS)


async def _pay_and_be_paid(
    storm: Storm, house: House, login: Login, numbers: Iterator[int], over: trio.Event
) -> None:
    client = Insistent(house.platform, storm.unclear)
    while not over.is_set():
        number = next(numbers)
        await storm.pay_out(client, login, number, WORDS[number % len(WORDS)])
        charge = await storm.charge(client, login, number)
        await storm.be_paid(client, login, charge, copies=1 + number % 3)


async def _until_more_are_accepted(storm: Storm) -> None:
    wanted = len(storm.accepted) + CLIENTS
    with trio.fail_after(RECOVERY_SECONDS_MAX):
        while len(storm.accepted) < wanted:  # noqa: ASYNC110  a list that others grow
            await trio.sleep(0.05)


async def _order(house: House, verb: str, server: str) -> None:
    await ask(
        house.admin_socket, verb, name=f"{SERVERS}/{server}", yes=True, reason="an outage of a test"
    )
