"""The embedded Valkey: durable enough for limits, and one user per institution."""

import os
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
import trio
from redis.backoff import NoBackoff
from redis.retry import Retry

from actors.embedded import DataDirectory, acl_rules, valkey_child, valkey_endpoint
from actors.embedded.valkey import ValkeyEndpoint, institution_user
from supervisors.os_process import OsProcessExited
from tests.support.child import running
from tests.support.embedded import temporary_data_directory

pytestmark = pytest.mark.embedded

OURS, THEIRS = "12345678", "87654321"
Client = redis.Redis


@pytest.fixture
def directory() -> Iterator[DataDirectory]:
    with temporary_data_directory() as directory:
        yield directory


def connect(endpoint: ValkeyEndpoint) -> Client:
    return redis.Redis.from_url(endpoint.url, decode_responses=True, socket_timeout=10)


def admit(directory: DataDirectory, ispb: str) -> None:
    with connect(valkey_endpoint(directory)) as admin:
        password = valkey_endpoint(directory, ispb).password
        admin.execute_command("ACL SETUSER", institution_user(ispb), *acl_rules(ispb, password))
        admin.execute_command("ACL SAVE")


def set_limit(directory: DataDirectory, value: str) -> None:
    with connect(valkey_endpoint(directory, OURS)) as client:
        client.set(f"fluxiq:{OURS}:limit", value)


def get_limit(directory: DataDirectory) -> str:
    with connect(valkey_endpoint(directory, OURS)) as client:
        return str(client.get(f"fluxiq:{OURS}:limit"))


async def test_it_listens_on_a_private_socket_only(directory: DataDirectory) -> None:
    def check() -> None:
        with connect(valkey_endpoint(directory)) as admin:
            assert admin.config_get("port") == {"port": "0"}
            assert admin.config_get("appendonly") == {"appendonly": "yes"}

        socket = Path(valkey_endpoint(directory).path)
        assert stat.S_IMODE(socket.stat().st_mode) == 0o700

    async with running(valkey_child(directory).start):
        await trio.to_thread.run_sync(check)


async def test_nobody_enters_without_a_password(directory: DataDirectory) -> None:
    def check() -> None:
        path = valkey_endpoint(directory).path
        for login in ({}, {"username": "fluxiq", "password": "wrong"}):
            client = redis.Redis(unix_socket_path=path, retry=Retry(NoBackoff(), 0), **login)
            with client, pytest.raises(redis.AuthenticationError):
                client.ping()

    async with running(valkey_child(directory).start):
        await trio.to_thread.run_sync(check)


async def test_an_institution_uses_its_own_keys(directory: DataDirectory) -> None:
    def check() -> None:
        admit(directory, OURS)
        key = f"fluxiq:{OURS}:bucket"
        with connect(valkey_endpoint(directory, OURS)) as client:
            assert client.incrby(key, 3) == 3
            assert client.expire(key, 60)
            assert client.eval("return redis.call('INCRBY', KEYS[1], 1)", 1, key) == 4
            script = client.script_load("return redis.call('GET', KEYS[1])")
            assert client.evalsha(script, 1, key) == "4"
            with client.pipeline(transaction=True) as pipeline:
                assert pipeline.incr(key).get(key).execute() == [5, "5"]

    async with running(valkey_child(directory).start):
        await trio.to_thread.run_sync(check)


REFUSED = [
    ["GET", f"fluxiq:{THEIRS}:x"],
    ["SET", f"fluxiq:{THEIRS}:x", "1"],
    ["GET", "x"],
    ["EVAL", f"return redis.call('GET', 'fluxiq:{THEIRS}:x')", "0"],
    ["EVAL", "return redis.call('GET', KEYS[1])", "1", f"fluxiq:{THEIRS}:x"],
    ["EVAL", "return redis.call('KEYS', '*')", "0"],
    ["KEYS", "*"],
    ["SCAN", "0"],
    ["RANDOMKEY"],
    ["DBSIZE"],
    ["SELECT", "0"],
    ["FLUSHALL"],
    ["FLUSHDB"],
    ["CONFIG", "GET", "*"],
    ["ACL", "LIST"],
    ["CLIENT", "LIST"],
    ["CLIENT", "KILL", "ID", "1"],
    ["SCRIPT", "FLUSH"],
    ["FUNCTION", "LIST"],
    ["MONITOR"],
    ["SHUTDOWN"],
    ["SAVE"],
    ["INFO"],
    ["SORT", f"fluxiq:{OURS}:x"],
    ["PUBSUB", "CHANNELS"],
    ["PUBLISH", f"fluxiq:{THEIRS}:news", "1"],
    ["SUBSCRIBE", f"fluxiq:{THEIRS}:news"],
    ["PSUBSCRIBE", "*"],
]


async def test_an_institution_is_refused_what_is_not_its_own(directory: DataDirectory) -> None:
    def check() -> None:
        admit(directory, OURS)
        with connect(valkey_endpoint(directory)) as admin:
            admin.set(f"fluxiq:{THEIRS}:x", "theirs")

        with connect(valkey_endpoint(directory, OURS)) as client:
            for command in REFUSED:
                with pytest.raises(redis.ResponseError, match=r"(?i)no permissions|ACL"):
                    client.execute_command(*command)

    async with running(valkey_child(directory).start):
        await trio.to_thread.run_sync(check)


async def test_keys_and_users_survive_a_stop_and_a_kill(directory: DataDirectory) -> None:
    child = valkey_child(directory)
    async with running(child.start):
        await trio.to_thread.run_sync(admit, directory, OURS)
        await trio.to_thread.run_sync(set_limit, directory, "stopped")

    with pytest.RaisesGroup(pytest.RaisesExc(OsProcessExited, match="SIGKILL")):
        async with running(child.start) as context:
            assert await trio.to_thread.run_sync(get_limit, directory) == "stopped"
            await trio.to_thread.run_sync(set_limit, directory, "killed")
            os.kill(context.pid, signal.SIGKILL)
            await trio.sleep_forever()

    async with running(child.start):
        assert await trio.to_thread.run_sync(get_limit, directory) == "killed"


async def test_no_password_is_written_down(directory: DataDirectory) -> None:
    async with running(valkey_child(directory).start) as context:
        await trio.to_thread.run_sync(admit, directory, OURS)
        command_line = Path(f"/proc/{context.pid}/cmdline").read_text()  # noqa: ASYNC240  /proc

    saved = (directory.path / "redis" / "users.acl").read_text()
    assert institution_user(OURS) in saved
    for ispb in (None, OURS):
        password = valkey_endpoint(directory, ispb).password
        assert password not in saved
        assert password not in command_line


def test_an_ispb_that_means_something_in_a_pattern_is_a_bug() -> None:
    for ispb in ("*", "1234567*", "1234:678", "12345678\n"):
        with pytest.raises(AssertionError):
            acl_rules(ispb, "secret")
