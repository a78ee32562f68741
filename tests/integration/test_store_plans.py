"""The plans that PostgreSQL keeps: made while an institution is young, used when it is not.

A batch of a thousand took 60 ms while it was planned for itself, and 960 after the tenth thousand.
"""

import importlib
import json
import pkgutil
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Final

import pytest

import fluxiq.stores
from fluxiq.asyncio_host import AsyncioHost
from fluxiq.stores.payments import PostgresPayments
from fluxiq.stores.pool import Connection, Postgres
from tests.support.seals import keyring
from tests.support.store_records import ISPB, open_store, payout, payout_opening

# Of a few rows, whatever happens.
ONE_ROW: Final = {"hold_watch_place"}
# Kinds of jobs, of which there are a dozen; accounts whose scheduled payouts are due together.
FEW: Final = {
    "job_attempts._END",
    "job_desk._PRUNE",
    "job_queue._CLAIM",
    "scheduled._START",
}
PARTS: Final = {"CTE Scan", "Function Scan", "Materialize"}

MANY: Final = 5000

Plan = Mapping[str, Any]


@pytest.fixture
async def young(asyncio_host: AsyncioHost, institution_database: str) -> AsyncIterator[Postgres]:
    async with open_store(asyncio_host, institution_database) as (_, postgres):
        yield postgres


@pytest.fixture
async def unanalysed(
    asyncio_host: AsyncioHost, institution_database: str
) -> AsyncIterator[Postgres]:
    """Payouts have come, and no autovacuum yet that would tell the planner of them."""
    async with open_store(asyncio_host, institution_database) as (store, postgres):
        payments = PostgresPayments(postgres, ISPB, keyring(ISPB), store)
        await payments.open_payouts([payout_opening(payout()) for _ in range(MANY)])
        yield postgres


def statements() -> dict[str, str]:
    """Every statement of several parts in the stores; templates apart."""
    modules = [
        (one.name, importlib.import_module(f"fluxiq.stores.{one.name}"))
        for one in pkgutil.iter_modules(fluxiq.stores.__path__)
    ]
    return {
        name: said
        for module, content in modules
        for key, value in vars(content).items()
        for name, said in named(f"{module}.{key}", value)
        if said.lstrip().startswith("WITH ") and "{" not in said
    }


def named(name: str, value: object) -> list[tuple[str, str]]:
    """A text, or the texts of a table, each with its name."""
    if isinstance(value, Mapping):
        return [one for key, text in value.items() for one in named(f"{name}[{key}]", text)]
    return [(name, value)] if isinstance(value, str) else []


async def plans_kept(connection: Connection) -> dict[str, Plan]:
    """As they are kept: for any number of rows, on tables of which nothing is known."""
    plans = {}
    await connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")
    for name, statement in statements().items():
        count = max(map(int, re.findall(r"\$(\d+)", statement)), default=0)
        nulls = f"({', '.join(['NULL'] * count)})" if count else ""
        await connection.execute(f"PREPARE kept AS {statement}")
        text = await connection.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE kept{nulls}")
        await connection.execute("DEALLOCATE kept")
        plans[name] = json.loads(text)[0]["Plan"]
    return plans


def nodes(plan: Plan) -> Iterator[Plan]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from nodes(inner)


async def test_statements_planned_while_tables_were_empty_read_by_index(young: Postgres) -> None:
    """`mark_sent` read all of outbox and payouts, and `finish_deliveries` all deliveries."""
    plans = await young.transaction(plans_kept)

    assert {"payouts._SETTLE", "payouts._MARK", "deliveries._FINISH"} <= set(plans)
    read_whole = {
        (name, node["Relation Name"])
        for name, plan in plans.items()
        for node in nodes(plan)
        if node["Node Type"] == "Seq Scan" and node["Relation Name"] not in ONE_ROW
    }
    assert not read_whole


async def test_no_kept_plan_compares_each_row_of_a_batch_with_each(unanalysed: Postgres) -> None:
    """`settle_holds` did, from the sixth batch on: a million comparisons for a thousand rows."""
    plans = await unanalysed.transaction(plans_kept)

    compared = {
        (name, node.get("Join Filter", ""))
        for name, plan in plans.items()
        for node in nodes(plan)
        if node["Node Type"] == "Nested Loop" and node["Plans"][1]["Node Type"] in PARTS
    }
    assert {name for name, _ in compared} <= FEW, compared
