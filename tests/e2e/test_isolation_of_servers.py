"""The isolation walk, behind the doors: everything that Postgres, NATS and Redis have of others is
tried with the credentials of one institution.

What is walked comes from the servers themselves, so that a new table, function, stream, consumer,
subject, key or command is walked without anybody thinking of it. Aurora walks, Boreal is walked
over; and each walk first shows that Boreal itself gets what Aurora does not.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import nats
import pytest
import redis.asyncio as redis
from redis import exceptions

from actors.embedded.nats import institution_permissions, nats_endpoint
from actors.embedded.valkey import institution_user, valkey_endpoint
from actors.queues import LEDGER_STREAM, STREAM, consumers_of, ledger_consumer
from fluxiq.asyncio_host import AsyncioHost
from fluxiq.stores.provision import role_of
from tests.support.listener import Listener
from tests.support.merchants import Inside, open_caller
from tests.support.platform import PlatformProcess

AURORA, BOREAL = "12345678", "87654321"

Row = Any


@pytest.fixture
async def boreal_at_work(running_platform: PlatformProcess) -> None:
    """There is something to be seen."""
    login = running_platform.logins[BOREAL]
    async with open_caller(running_platform.addresses.api, login) as caller:
        await caller.made("/pix/charges", {"amount": 1_00})


# Postgres.

# Every relation and function outside of Aurora's schema and the system's own.
_RELATIONS = """
SELECT n.nspname AS schema, c.relname AS name, c.relkind AS kind, c.oid::bigint AS oid,
    (SELECT quote_ident(attname) FROM pg_attribute
        WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped ORDER BY attnum LIMIT 1) AS first
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
    AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', $1)
ORDER BY 1, 2
"""
_FUNCTIONS = """
SELECT n.nspname AS schema, p.proname AS name, p.prokind AS kind, ARRAY(
    SELECT 'NULL::' || format_type(one, NULL) FROM unnest(p.proargtypes) AS one
) AS arguments
FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', $1)
ORDER BY 1, 2
"""
_RIGHTS = """
SELECT has_any_column_privilege($1, $2::oid, 'SELECT, INSERT, UPDATE, REFERENCES')
    OR has_table_privilege($1, $2::oid, 'DELETE, TRUNCATE, TRIGGER')
"""


def statements_about(relation: Row) -> Iterator[str]:
    """Everything that SQL does to a relation."""
    full = f'{relation["schema"]}."{relation["name"]}"'
    if relation["kind"] == b"S":
        yield from (f"SELECT nextval('{full}')", f"SELECT setval('{full}', 1)")
        yield from (f"SELECT last_value FROM {full}", f"DROP SEQUENCE {full}")
        return
    first = relation["first"]
    yield f"SELECT 1 FROM {full}"
    yield f"SELECT 1 FROM {full} FOR UPDATE"
    yield f"INSERT INTO {full} DEFAULT VALUES"
    yield f"UPDATE {full} SET {first} = {first}"
    yield f"DELETE FROM {full}"
    yield f"TRUNCATE {full}"
    yield f"LOCK TABLE {full} IN ACCESS SHARE MODE"
    yield f"COPY {full} TO STDOUT"
    yield f"CREATE INDEX ON {full} ({first})"
    yield f"ALTER TABLE {full} ADD COLUMN mine int"
    yield f"DROP TABLE {full}"
    yield f"GRANT SELECT ON {full} TO PUBLIC"


def call_of(function: Row) -> str:
    full, arguments = f'{function["schema"]}."{function["name"]}"', ", ".join(function["arguments"])
    return f"{'CALL' if function['kind'] == b'p' else 'SELECT'} {full}({arguments})"


async def test_every_table_sequence_and_function_of_others_is_out_of_reach(
    inside: Inside, asyncio_host: AsyncioHost, boreal_at_work: None
) -> None:
    servers = inside.servers

    async def look(connection: Any) -> tuple[list[Row], list[Row]]:
        relations = await connection.fetch(_RELATIONS, role_of(AURORA))
        return relations, await connection.fetch(_FUNCTIONS, role_of(AURORA))

    async def try_all(connection: Any, statements: list[str]) -> list[str]:
        """Those that were not refused for want of a right."""
        let = []
        for statement in statements:
            try:
                async with connection.transaction():
                    await connection.execute(statement)
            except asyncpg.InsufficientPrivilegeError:
                continue
            except asyncpg.PostgresError as error:
                let.append(f"{statement}: {error!r}")
                continue
            let.append(statement)
        return let

    async def rights(connection: Any, relations: list[Row]) -> list[str]:
        return [
            one["name"]
            for one in relations
            if one["kind"] != b"S"
            and await connection.fetchval(_RIGHTS, role_of(AURORA), one["oid"])
        ]

    async with servers.open_postgres(asyncio_host, size=1, seconds_max=10) as admin:
        relations, functions = await admin.run(look)
        # Not only the schema's door is closed: behind it nothing is granted either.
        assert await admin.run(rights, relations) == []
    schemas = {one["schema"] for one in relations}
    assert {role_of(BOREAL), "platform"} <= schemas
    assert len(relations) > 30
    assert len(functions) > 5

    everything = [said for one in relations for said in statements_about(one)]
    everything += [call_of(one) for one in functions]
    async with servers.open_postgres(asyncio_host, AURORA, size=1, seconds_max=10) as aurora:
        assert await aurora.run(try_all, everything) == []

    own = [
        f'SELECT 1 FROM {one["schema"]}."{one["name"]}" LIMIT 1'
        for one in relations
        if one["schema"] == role_of(BOREAL) and one["kind"] != b"S"
    ]
    async with servers.open_postgres(asyncio_host, BOREAL, size=1, seconds_max=10) as boreal:
        assert await boreal.run(try_all, own) == own


# NATS.

# JetStream's API (https://docs.nats.io/reference/reference-protocols/nats_api_reference). What is
# missing here is refused all the same: what an institution may publish is a list of what it may.
_ACCOUNT_API = (
    "INFO",
    "STREAM.NAMES",
    "STREAM.LIST",
    "STREAM.TEMPLATE.NAMES",
    "META.LEADER.STEPDOWN",
)
_STREAM_API = (
    *("STREAM.INFO", "STREAM.CREATE", "STREAM.UPDATE", "STREAM.DELETE", "STREAM.PURGE"),
    *("STREAM.MSG.GET", "STREAM.MSG.DELETE", "STREAM.SNAPSHOT", "STREAM.RESTORE"),
    *("STREAM.PEER.REMOVE", "STREAM.LEADER.STEPDOWN", "DIRECT.GET"),
    *("CONSUMER.NAMES", "CONSUMER.LIST", "CONSUMER.CREATE"),
)
_CONSUMER_API = (
    *("CONSUMER.INFO", "CONSUMER.CREATE", "CONSUMER.DURABLE.CREATE", "CONSUMER.DELETE"),
    *("CONSUMER.MSG.NEXT", "CONSUMER.PAUSE", "CONSUMER.LEADER.STEPDOWN"),
)


class OnTheBus:
    """What there is in JetStream, as its administrator sees it."""

    def __init__(self) -> None:
        self.consumers: list[tuple[str, str]] = []
        self.subjects: set[str] = set()

    @classmethod
    async def look(cls, inside: Inside) -> "OnTheBus":
        found, way = cls(), nats_endpoint(inside.directory)
        client = await nats.connect(
            f"nats://{way.host}:{way.port}", user=way.user, password=way.password
        )
        streams = client.jetstream()
        for info in await streams.streams_info():
            name = info.config.name
            assert name is not None
            found.consumers += [(name, one.name) for one in await streams.consumers_info(name)]
            for one in await streams.consumers_info(name):
                found.subjects.add(one.config.filter_subject or "")
            stored = await streams.stream_info(name, subjects_filter=">")
            found.subjects |= set(stored.state.subjects or {})
        await client.close()
        return found


async def test_every_subject_stream_and_consumer_of_others_is_out_of_reach(
    inside: Inside, asyncio_host: AsyncioHost, boreal_at_work: None
) -> None:
    there = await asyncio_host.run(OnTheBus.look, inside)
    subjects = {one for one in there.subjects if AURORA not in one}
    consumers = [one for one in there.consumers if AURORA not in one[1]]
    streams = sorted({stream for stream, _ in there.consumers})
    assert {f"{STREAM}.{BOREAL}.pix.out.0", f"{LEDGER_STREAM}.{BOREAL}.transfers"} <= subjects
    assert (LEDGER_STREAM, ledger_consumer(BOREAL)) in consumers
    assert len(consumers) > len(list(consumers_of(inside.settings, BOREAL)))

    listen = {*subjects, f"_INBOX_{BOREAL}.>", f"_INBOX_{BOREAL}.x", "_INBOX.>", ">", "*.>"}
    listen |= {f"{stream}.>" for stream in streams} | {f"{stream}.*.>" for stream in streams}
    listen |= {"$JS.>", "$SYS.>", "$JS.ACK.>", "$JS.EVENT.>", "$KV.>", "$O.>"}
    say = {*subjects, f"_INBOX_{BOREAL}.x", "_INBOX.x", "$SYS.REQ.SERVER.PING"}
    say |= {f"$JS.API.{one}" for one in _ACCOUNT_API}
    say |= {f"$JS.API.{one}.{stream}" for one in _STREAM_API for stream in streams}
    say |= {f"$JS.API.DIRECT.GET.{stream}.{one}" for stream in streams for one in subjects}
    for stream, consumer in consumers:
        say |= {f"$JS.API.{one}.{stream}.{consumer}" for one in _CONSUMER_API}
        say.add(f"$JS.ACK.{stream}.{consumer}.1.1.1.1.1")
        say.add(f"$JS.API.CONSUMER.CREATE.{stream}.{consumer}.{STREAM}.{BOREAL}.>")

    async def walk(ispb: str) -> tuple[list[str], list[str], list[str]]:
        listener = Listener(inside, ispb)
        await listener.connect()
        heard = [one for one in sorted(listen) if await listener.may_subscribe(one)]
        said = [one for one in sorted(say) if await listener.may_publish(one)]
        await listener.client.close()
        return heard, said, listener.heard

    assert await asyncio_host.run(walk, AURORA) == ([], [], [])

    async def own() -> bool:
        listener = Listener(inside, BOREAL)
        await listener.connect()
        let = await listener.may_subscribe(f"{STREAM}.{BOREAL}.>")
        await listener.client.close()
        return let

    assert await asyncio_host.run(own)


async def test_what_an_institution_may_say_and_hear_names_nobody_but_itself(
    inside: Inside,
) -> None:
    """Whatever JetStream's API comes to have: no grant is of anything shared."""
    names = [name for name, _ in consumers_of(inside.settings, AURORA)]
    permissions = institution_permissions(AURORA, names)
    granted = [*permissions["publish"]["allow"], *permissions["subscribe"]["allow"]]
    assert len(granted) > len(names)
    for subject in granted:
        token = re.compile(rf"(^|[._]){AURORA}([._]|$)")
        assert token.search(subject), f"{subject} is not only {AURORA}'s"
        assert not subject.startswith(("*", ">", "$JS.API.STREAM", "$JS.API.CONSUMER.CREATE"))


# Redis.

SECRET = f"fluxiq:{BOREAL}:secret"
# Commands without a key that an institution may give: about its own connection, a transaction of
# its own, or the time. A new one must be judged before it is added here.
_HARMLESS = frozenset(
    {
        *("auth", "hello", "ping", "echo", "quit", "reset", "time", "asking", "readonly"),
        *("readwrite", "multi", "exec", "discard", "unwatch", "wait", "waitaof", "command"),
        *("command|count", "command|docs", "command|getkeys", "command|getkeysandflags"),
        *("command|info", "command|list", "command|help"),
        *("client|caching", "client|getname", "client|getredir", "client|help", "client|id"),
        *("client|info", "client|reply", "client|setinfo", "client|setname", "client|tracking"),
        *("client|trackinginfo", "client|unblock", "client|no-touch", "client|capa"),
        *("client|import-source", "script|load", "script|exists", "lolwut", "unsubscribe"),
    }
)


@asynccontextmanager
async def _redis(inside: Inside, ispb: str | None) -> AsyncIterator["redis.Redis"]:
    way = valkey_endpoint(inside.directory, ispb)
    client = redis.Redis.from_url(f"unix://{way.path}", username=way.user, password=way.password)
    try:
        yield client
    finally:
        await client.aclose()


class Commands:
    """Every command that the server has, each with words that name a key of Boreal. `ask` gives the
    server's own answers: redis-py's reading of COMMAND leaves subcommands out.
    """

    def __init__(self, ask: Callable[..., Awaitable[Any]]) -> None:
        self._ask = ask
        self.with_key: dict[str, list[str]] = {}
        self.without_key: dict[str, list[str]] = {}

    async def read(self) -> None:
        for command in await self._ask("COMMAND"):
            subcommands = command[9] if len(command) > 9 else ()
            for name, arity, *_ in subcommands or [command]:
                await self._place(name.decode(), abs(arity))

    async def _place(self, name: str, arity: int) -> None:
        words = name.split("|")
        filled = [*words, *[SECRET] * max(arity - len(words), 1)]
        for tried in _variants(filled, len(words)):
            try:
                keys = await self._ask("COMMAND", "GETKEYS", *tried)
            except exceptions.ResponseError:
                continue
            if SECRET.encode() in keys:
                self.with_key[name] = tried
                return
        self.without_key[name] = filled[: max(arity, len(words))]


@asynccontextmanager
async def _asking(client: "redis.Redis") -> AsyncIterator[Callable[..., Awaitable[Any]]]:
    pool = client.connection_pool
    connection = await pool.get_connection()

    async def ask(*words: str) -> Any:
        await connection.send_command(*words)
        return await connection.read_response()

    try:
        yield ask
    finally:
        await pool.release(connection)


def _variants(filled: list[str], head: int) -> Iterator[list[str]]:
    """With the number of keys where some commands have it, and the word before them."""
    yield filled
    for place in range(head, min(head + 3, len(filled) + 1)):
        yield [*filled[:place], "1", SECRET, *filled[place + 2 :]]
    yield [*filled[:head], "STREAMS", SECRET, "0"]
    yield [*filled[:head], "GROUP", "g", "c", "STREAMS", SECRET, "0"]
    yield [*filled[:head], "h", "1", SECRET, "0", "1"]


async def test_every_command_is_refused_for_every_key_of_others(
    inside: Inside, asyncio_host: AsyncioHost, boreal_at_work: None
) -> None:
    async def walk() -> tuple[list[str], list[str], list[str], int, int]:
        async with (
            _redis(inside, None) as admin,
            _redis(inside, BOREAL) as boreal,
            _asking(admin) as ask,
        ):
            await boreal.set(SECRET, "the secret")
            commands = Commands(ask)
            await commands.read()

            async def lets(ispb: str, words: list[str]) -> bool:
                said: Any = await ask("ACL", "DRYRUN", institution_user(ispb), *words)
                return bool(said == b"OK")

            let = [name for name, said in commands.with_key.items() if await lets(AURORA, said)]
            used = [name for name, said in commands.with_key.items() if await lets(BOREAL, said)]
            loose = [
                name
                for name, said in commands.without_key.items()
                if name not in _HARMLESS and await lets(AURORA, said)
            ]
            keys = [key.decode() async for key in admin.scan_iter(match=f"fluxiq:{BOREAL}:*")]
            read = [key for key in keys if await lets(AURORA, ["EXISTS", key])]
            return let, loose, read, len(used), len(keys)

    let, loose, read, used, keys = await asyncio_host.run(walk)
    assert (let, loose, read) == ([], [], [])
    assert used > 60, "Boreal itself may do with its key what Aurora may not"
    assert keys >= 1
