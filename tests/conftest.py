"""Fixtures shared by all tests: real servers, once per session, and the asyncio host.

    async def test_something(asyncio_host: AsyncioHost, postgres_database: str) -> None: ...

`postgres_database` is the URL of a database of the test's own, made from an empty template and
dropped afterwards.
"""

import itertools
from collections.abc import AsyncIterator, Iterator

import pytest
from hypothesis import HealthCheck, settings

from fluxiq.asyncio_host import AsyncioHost, open_asyncio_host
from tests.support.servers import (
    NatsServer,
    PostgresServer,
    ValkeyServer,
    run_nats,
    run_postgres,
    run_valkey,
)

# Property tests have no clock of their own: a busy machine is not a failure.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    with run_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def nats_server() -> Iterator[NatsServer]:
    with run_nats() as server:
        yield server


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[ValkeyServer]:
    with run_valkey() as server:
        yield server


@pytest.fixture
def postgres_database(postgres_server: PostgresServer) -> Iterator[str]:
    """The URL of a fresh database, as superuser. Roles are the server's: name yours apart."""
    name = f"test_{next(_numbers)}"
    postgres_server.execute(f"CREATE DATABASE {name} TEMPLATE template0 STRATEGY file_copy")

    yield postgres_server.url(name)

    postgres_server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def asyncio_host() -> AsyncIterator[AsyncioHost]:
    async with open_asyncio_host() as host:
        yield host
