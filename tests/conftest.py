"""Fixtures shared by all tests: real servers, once per session, and the asyncio host.

    async def test_something(asyncio_host: AsyncioHost, postgres_database: str) -> None: ...

`postgres_database` is the URL of a database of the test's own, made from an empty template and
dropped afterwards; `institution_database` is one with an institution in it, migrated.
"""

import gc
import itertools
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

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
from tests.support.template import INSTITUTION_TEMPLATE, make_institution_template

# Property tests have no clock of their own: a busy machine is not a failure.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

_numbers = itertools.count(1)
_FIRST = {"simulation": 0, "e2e": 1, "integration": 2, "contract": 3}


def pytest_configure() -> None:
    """Where the environment wants no bytecode in the tree, what tests start keeps it beside the
    interpreter: compiling seven hundred files cost each platform more than a second.
    """
    if os.environ.pop("PYTHONDONTWRITEBYTECODE", ""):
        os.environ["PYTHONPYCACHEPREFIX"] = str(Path(sys.prefix) / "bytecode")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long files first, or the last of them runs alone at the end: those of whole platforms and
    simulations have few tests and minutes of work.
    """
    items.sort(key=lambda item: _FIRST.get(item.path.parent.name, len(_FIRST)))


def pytest_collection_finish() -> None:
    """What was imported and collected stays: no collection of garbage has to look at it again,
    which was a fifth of the time of a small test.
    """
    gc.collect()
    gc.freeze()


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


@pytest.fixture(scope="session")
def institution_template(postgres_server: PostgresServer) -> str:
    make_institution_template(postgres_server)
    return INSTITUTION_TEMPLATE


@pytest.fixture
def postgres_database(postgres_server: PostgresServer) -> Iterator[str]:
    """The URL of a fresh database, as superuser. Roles are the server's: name yours apart."""
    with _database(postgres_server, "template0") as url:
        yield url


@pytest.fixture
def institution_database(
    postgres_server: PostgresServer, institution_template: str
) -> Iterator[str]:
    """The same, with institution `store_records.ISPB` in it; `open_institution` opens it."""
    with _database(postgres_server, institution_template) as url:
        yield url


@contextmanager
def _database(server: PostgresServer, template: str) -> Iterator[str]:
    name = f"test_{next(_numbers)}"
    server.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")

    yield server.url(name)

    server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def asyncio_host() -> AsyncIterator[AsyncioHost]:
    async with open_asyncio_host() as host:
        yield host
