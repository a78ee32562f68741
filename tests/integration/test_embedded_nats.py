"""The embedded NATS: JetStream that survives, and institutions that see only themselves."""

import asyncio
import json
import os
import signal
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import nats
import pytest
import trio
from nats.aio.client import Client
from nats.js.api import ConsumerConfig

from actors.embedded import DataDirectory, NatsEndpoint, nats_child, nats_endpoint, reload_nats
from actors.embedded.nats import institution_permissions
from supervisors.os_process import OsProcessExited
from tests.support.child import running
from tests.support.embedded import temporary_data_directory

pytestmark = pytest.mark.embedded

OURS, THEIRS = "12345678", "87654321"
CONSUMER = f"pix_in_{OURS}"
NOBODY: dict[str, tuple[str, ...]] = {}


@pytest.fixture
def directory() -> Iterator[DataDirectory]:
    with temporary_data_directory() as directory:
        yield directory


async def in_asyncio(talk: Callable[..., Coroutine[Any, Any, None]], *args: object) -> None:
    """Run a conversation of the asyncio client beside trio."""

    async def limited() -> None:
        await asyncio.wait_for(talk(*args), 30)

    await trio.to_thread.run_sync(asyncio.run, limited())


async def connect(endpoint: NatsEndpoint, errors: list[str] | None = None) -> Client:
    async def note(error: Exception) -> None:
        if errors is not None:
            errors.append(str(error))

    return await nats.connect(
        endpoint.url,
        inbox_prefix=endpoint.inbox_prefix.encode(),
        error_cb=note,
        allow_reconnect=False,
        max_reconnect_attempts=0,
    )


async def make_stream(directory: DataDirectory) -> None:
    client = await connect(nats_endpoint(directory))
    stream = client.jetstream()
    await stream.add_stream(name="FLUXIQ", subjects=["FLUXIQ.>"])
    await stream.add_consumer(
        "FLUXIQ", ConsumerConfig(durable_name=CONSUMER, filter_subject=f"FLUXIQ.{OURS}.pix.in")
    )
    await client.close()


async def count_messages(directory: DataDirectory, expected: int) -> None:
    client = await connect(nats_endpoint(directory))
    assert (await client.jetstream().stream_info("FLUXIQ")).state.messages == expected
    await client.close()


async def test_an_institution_publishes_and_reads_its_own_subjects(
    directory: DataDirectory,
) -> None:
    async def talk() -> None:
        await make_stream(directory)
        client = await connect(nats_endpoint(directory, OURS))
        stream = client.jetstream()
        await stream.publish(f"FLUXIQ.{OURS}.pix.in", b"hello")
        reader = await stream.pull_subscribe_bind(durable=CONSUMER, stream="FLUXIQ")
        [message] = await reader.fetch(1, timeout=5)
        assert message.data == b"hello"
        await message.ack_sync()
        await client.close()

    async with running(nats_child(directory, {OURS: [CONSUMER]}).start):
        await in_asyncio(talk)


async def test_an_institution_is_refused_everything_of_another(directory: DataDirectory) -> None:
    errors: list[str] = []

    async def talk() -> None:
        await make_stream(directory)
        client = await connect(nats_endpoint(directory, THEIRS), errors)
        await client.publish(f"FLUXIQ.{OURS}.pix.in", b"forged")
        await client.publish(f"FLUXIQ_LEDGER.{OURS}.transfers", b"forged")
        await client.publish(f"$JS.API.CONSUMER.MSG.NEXT.FLUXIQ.{CONSUMER}", b"1")
        await client.publish(f"$JS.API.CONSUMER.MSG.NEXT.FLUXIQ_LEDGER.{OURS}_ledger", b"1")
        await client.publish("$JS.API.STREAM.MSG.GET.FLUXIQ", b'{"seq":1}')
        await client.publish("$JS.API.STREAM.DELETE.FLUXIQ", b"")
        own = (f"FLUXIQ.{OURS}.>", f"FLUXIQ_LEDGER.{OURS}.>", f"_INBOX_{OURS}.>")
        for subject in (*own, "FLUXIQ.>", "FLUXIQ_LEDGER.>", "_INBOX.>", ">"):
            await client.subscribe(subject)

        while len(errors) < 13:  # the client hands them out in tasks of its own
            await client.flush()

        await client.close()
        await count_messages(directory, 0)

    institutions = {OURS: [CONSUMER], THEIRS: [f"pix_in_{THEIRS}"]}
    async with running(nats_child(directory, institutions).start):
        await in_asyncio(talk)

    assert len(errors) == 13
    assert all("permissions violation" in error.lower() for error in errors)


async def test_nobody_enters_without_a_password(directory: DataDirectory) -> None:
    endpoint = nats_endpoint(directory)
    async with running(nats_child(directory, NOBODY).start):
        for login in ({}, {"user": "fluxiq"}, {"user": "fluxiq", "pass": "wrong"}):
            async with await trio.open_tcp_stream(endpoint.host, endpoint.port) as stream:
                await stream.send_all(f"CONNECT {json.dumps(login)}\r\nPING\r\n".encode())
                answer = b"".join([data async for data in stream])

            assert b"-ERR 'Authorization Violation'" in answer
            assert b"PONG" not in answer


async def test_messages_survive_a_stop_and_a_kill_on_the_same_port(
    directory: DataDirectory,
) -> None:
    child = nats_child(directory, {OURS: [CONSUMER]})

    async def publish() -> None:
        client = await connect(nats_endpoint(directory, OURS))
        await client.jetstream().publish(f"FLUXIQ.{OURS}.pix.in", b"hello")
        await client.close()

    async with running(child.start):
        await in_asyncio(make_stream, directory)
        await in_asyncio(publish)

    with pytest.RaisesGroup(pytest.RaisesExc(OsProcessExited, match="SIGKILL")):
        async with running(child.start) as context:
            await in_asyncio(publish)
            os.kill(context.pid, signal.SIGKILL)
            await trio.sleep_forever()

    async with running(child.start):
        await in_asyncio(count_messages, directory, 2)


async def test_a_new_institution_is_admitted_without_disturbing_the_others(
    directory: DataDirectory,
) -> None:
    institutions = {OURS: [CONSUMER]}
    admitted = trio.Event()

    async def talk(enter: Callable[[], None]) -> None:
        client = await connect(nats_endpoint(directory, OURS))
        await asyncio.to_thread(enter)
        assert client.is_connected
        newcomer = await connect(nats_endpoint(directory, THEIRS))
        await client.publish(f"FLUXIQ.{OURS}.pix.in", b"still here")
        await client.flush()
        await newcomer.close()
        await client.close()

    async def admit() -> None:
        institutions[THEIRS] = [f"pix_in_{THEIRS}"]
        await reload_nats(directory, institutions)
        admitted.set()

    token = trio.lowlevel.current_trio_token()
    async with running(nats_child(directory, institutions).start):
        await in_asyncio(talk, lambda: trio.from_thread.run(admit, trio_token=token))

    assert admitted.is_set()


def test_the_permissions_name_only_the_institutions_subjects_and_consumers() -> None:
    assert institution_permissions(OURS, ["pix_in"]) == {
        "publish": {
            "allow": [
                "FLUXIQ.12345678.>",
                "FLUXIQ_LEDGER.12345678.>",
                "FLUXIQ_AUDIT.12345678.>",
                "$JS.API.CONSUMER.MSG.NEXT.FLUXIQ.pix_in",
                "$JS.API.CONSUMER.INFO.FLUXIQ.pix_in",
                "$JS.ACK.FLUXIQ.pix_in.>",
                "$JS.API.CONSUMER.MSG.NEXT.FLUXIQ_LEDGER.12345678_ledger",
                "$JS.API.CONSUMER.INFO.FLUXIQ_LEDGER.12345678_ledger",
                "$JS.ACK.FLUXIQ_LEDGER.12345678_ledger.>",
            ]
        },
        "subscribe": {
            "allow": ["_INBOX_12345678.>", "FLUXIQ.12345678.>", "FLUXIQ_LEDGER.12345678.>"]
        },
    }


@pytest.mark.parametrize("name", ["", "*", ">", "12345678.>", "1 2", "a\n"])
def test_a_name_that_means_something_in_a_subject_is_a_bug(name: str) -> None:
    with pytest.raises(AssertionError):
        institution_permissions(name, [])

    with pytest.raises(AssertionError):
        institution_permissions(OURS, [name])
