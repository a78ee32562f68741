"""NATS with JetStream, embedded: a loopback port, one administrator, one user per institution."""

import json
import os
import re
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import trio

from actors.embedded.binaries import nats_binary, server_environment
from actors.embedded.directory import DataDirectory
from actors.embedded.orphans import servers_in, stop_orphans
from actors.embedded.privileges import privileges_for
from supervisors import ChildSpec, Context
from supervisors.os_process import OsProcess

ADMIN = "fluxiq"
STREAM = "FLUXIQ"
AUDIT_STREAM = "FLUXIQ_AUDIT"  # to which each institution adds, and of which it reads nothing
LEDGER_STREAM = "FLUXIQ_LEDGER"  # of which each institution has the consumer <ispb>_ledger
PAYLOAD_BYTES_MAX = 1024 * 1024
MEMORY_BYTES_MAX = 64 * 1024 * 1024
DISK_BYTES_MAX = 4 * 1024 * 1024 * 1024
READY_SECONDS_MAX = 30.0
STOP_SECONDS_MAX = 10.0
RELOAD_SECONDS_MAX = 5.0
RELOAD_LOOK_AGAIN_SECONDS = 0.02
HANDSHAKE_BYTES_MAX = 64 * 1024

# ISPB -> the names of the JetStream consumers that this institution reads
Institutions = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class NatsEndpoint:
    """How to connect: a loopback port, a user and a password."""

    host: str
    port: int
    user: str
    password: str
    inbox_prefix: str

    @property
    def url(self) -> str:
        """nats://user:password@host:port"""
        return f"nats://{self.user}:{self.password}@{self.host}:{self.port}"


def nats_endpoint(directory: DataDirectory, ispb: str | None = None) -> NatsEndpoint:
    """The administrator's way in, or that of one institution; the port is remembered."""
    user = ADMIN if ispb is None else _checked(ispb)
    return NatsEndpoint(
        host="127.0.0.1",
        port=directory.port("nats"),
        user=user,
        password=directory.secret(f"nats/{user}"),
        inbox_prefix="_INBOX" if ispb is None else f"_INBOX_{ispb}",
    )


def institution_permissions(ispb: str, consumers: Sequence[str]) -> dict[str, Any]:
    """What an institution may publish and subscribe: its own subjects, its own consumers."""
    _checked(ispb)
    subjects = [f"{STREAM}.{ispb}.>", f"{LEDGER_STREAM}.{ispb}.>"]
    publish = [*subjects, f"{AUDIT_STREAM}.{ispb}.>"]
    own = [*((STREAM, _checked(one)) for one in consumers), (LEDGER_STREAM, f"{ispb}_ledger")]
    for stream, consumer in own:
        publish += [
            f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}",
            f"$JS.API.CONSUMER.INFO.{stream}.{consumer}",
            f"$JS.ACK.{stream}.{consumer}.>",
        ]

    subscribe = [f"_INBOX_{ispb}.>", *subjects]
    return {"publish": {"allow": publish}, "subscribe": {"allow": subscribe}}


def nats_child(
    directory: DataDirectory,
    institutions: Institutions,
    *,
    id: str = "nats",  # noqa: A002  as ChildSpec
) -> ChildSpec:
    """The server as a child. `institutions` is read at each start. Raises StartRefused."""
    binary = nats_binary()
    rights = privileges_for(binary)
    folder = directory.path / "nats"
    process = OsProcess(
        [*rights.wrapper, str(binary), "--config", str(folder / "server.json")],
        ready=_ready_check(nats_endpoint(directory)),
        ready_timeout=READY_SECONDS_MAX,
        stop_timeout=STOP_SECONDS_MAX,
        log=directory.log("nats"),
        env=server_environment(),
        cwd=folder,
    )

    async def start(context: Context) -> None:
        await stop_orphans(folder, "nats-server")
        _write_configuration(directory, institutions)
        rights.hand_over(folder, through=[directory.path])
        await process(context)

    return ChildSpec(
        id=id,
        start=start,
        kind="os_process",
        start_timeout=READY_SECONDS_MAX + 15,
        shutdown=STOP_SECONDS_MAX + 5,
    )


async def reload_nats(directory: DataDirectory, institutions: Institutions) -> None:
    """Make the running server know exactly these; returns when the last of them can connect.

    Whose user has not changed stays connected. Raises trio.TooSlowError. Pass the same mapping that
    `nats_child` got, or the next restart forgets what is new.
    """
    _write_configuration(directory, institutions)
    checks = [_ready_check(nats_endpoint(directory, ispb)) for ispb in institutions]
    for pid in servers_in(directory.path / "nats", "nats-server"):
        with suppress(ProcessLookupError):  # its next incarnation reads the file anyway
            os.kill(pid, signal.SIGHUP)

    with trio.fail_after(RELOAD_SECONDS_MAX):
        for check in checks:
            while not await check():  # noqa: ASYNC110  the server does not say when
                await trio.sleep(RELOAD_LOOK_AGAIN_SECONDS)


def _write_configuration(directory: DataDirectory, institutions: Institutions) -> None:
    """NATS reads JSON as configuration. Passwords are in it, hence the private file."""
    admin = nats_endpoint(directory)
    users: list[dict[str, Any]] = [{"user": admin.user, "password": admin.password}]
    for ispb, consumers in institutions.items():
        endpoint = nats_endpoint(directory, ispb)
        permissions = institution_permissions(ispb, consumers)
        users.append({"user": ispb, "password": endpoint.password, "permissions": permissions})

    folder = directory.path / "nats"
    configuration = {
        "server_name": "fluxiq",
        "listen": f"{admin.host}:{admin.port}",
        "max_payload": PAYLOAD_BYTES_MAX,
        "jetstream": {
            "store_dir": str(folder / "store"),
            "max_memory_store": MEMORY_BYTES_MAX,
            "max_file_store": DISK_BYTES_MAX,
        },
        "authorization": {"users": users},
    }
    directory.write(folder / "server.json", json.dumps(configuration, indent=1))


def _checked(name: str) -> str:
    """An ISPB or a consumer's name: nothing that means something in a subject."""
    assert re.fullmatch(r"[0-9A-Za-z_-]{1,64}", name), name
    return name


def _ready_check(endpoint: NatsEndpoint) -> Callable[[], Awaitable[bool]]:
    """Log in and ping; JetStream must be on."""
    connect = {
        "user": endpoint.user,
        "pass": endpoint.password,
        "verbose": False,
        "pedantic": False,
        "lang": "python",
        "version": "0",
        "protocol": 1,
    }
    question = f"CONNECT {json.dumps(connect)}\r\nPING\r\n".encode()

    async def ready() -> bool:
        try:
            async with await trio.open_tcp_stream(endpoint.host, endpoint.port) as stream:
                await stream.send_all(question)
                answer = await _read_until(stream, b"PONG\r\n", b"-ERR")
        except trio.BrokenResourceError:
            return False

        return b"PONG\r\n" in answer and b'"jetstream":true' in answer

    return ready


async def _read_until(stream: trio.SocketStream, *ends: bytes) -> bytes:
    answer = b""
    while not any(end in answer for end in ends) and len(answer) < HANDSHAKE_BYTES_MAX:
        data = await stream.receive_some(4096)
        if not data:
            break

        answer += data

    return answer
