"""Valkey, embedded: a Redis-compatible server on a unix socket, every user with an ACL."""

import hashlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import trio

from actors.embedded.binaries import server_environment, valkey_binary
from actors.embedded.directory import DataDirectory, refusing
from actors.embedded.orphans import stop_orphans
from actors.embedded.privileges import Privileges, privileges_for
from supervisors import ChildSpec, Context
from supervisors.os_process import OsProcess

ADMIN = "fluxiq"
SOCKET = "kv/valkey.sock"
MEMORY_MB_MAX = 256
READY_SECONDS_MAX = 30.0  # reading back the append-only file
STOP_SECONDS_MAX = 10.0

# Reading and writing the institution's own keys, transactions and scripts. What has no key to check
# would show or harm the neighbours: the key space as a whole, the channels, the script cache.
INSTITUTION_COMMANDS = (
    *("-@all", "+@read", "+@write", "+@connection", "+@transaction"),
    *("+eval", "+evalsha", "+eval_ro", "+evalsha_ro", "+script|load", "+script|exists"),
    "+time",  # the clock of rate limits
    *("+publish", "+subscribe", "+unsubscribe"),
    *("-@dangerous", "-@admin", "-scan", "-randomkey", "-dbsize", "-select", "-client|list"),
    "-function",  # one library for all users of the server
)
# The same of what not every server knows: one that does not would refuse the whole rule.
LATER_COMMANDS = ("-clusterscan",)


@dataclass(frozen=True, slots=True, kw_only=True)
class ValkeyEndpoint:
    """How to connect: a unix socket, a user and a password."""

    path: str
    user: str
    password: str

    @property
    def url(self) -> str:
        """unix://user:password@/path, as redis-py reads it."""
        return f"unix://{self.user}:{self.password}@{quote(self.path)}"


def valkey_endpoint(directory: DataDirectory, ispb: str | None = None) -> ValkeyEndpoint:
    """The administrator's way in, or that of one institution (once its ACL is set)."""
    user = ADMIN if ispb is None else institution_user(ispb)
    return ValkeyEndpoint(
        path=str(directory.socket(SOCKET)), user=user, password=directory.secret(f"redis/{user}")
    )


def institution_user(ispb: str) -> str:
    """The ACL user of an institution."""
    assert re.fullmatch(r"[0-9A-Za-z]{8}", ispb), ispb
    return f"institution_{ispb}"


def acl_rules(ispb: str, password: str) -> list[str]:
    """The arguments after `ACL SETUSER institution_<ispb>`: only the keys `fluxiq:<ispb>:*`.

    To be followed by the LATER_COMMANDS, each by itself, and by `ACL SAVE`: the server forgets
    users that are not in its file.
    """
    institution_user(ispb)
    pattern = f"fluxiq:{ispb}:*"
    return ["reset", "on", _hashed(password), f"~{pattern}", f"&{pattern}", *INSTITUTION_COMMANDS]


def valkey_child(directory: DataDirectory, *, id: str = "redis") -> ChildSpec:  # noqa: A002  as ChildSpec
    """The server as a child. Raises StartRefused."""
    binary = valkey_binary()
    rights = privileges_for(binary)
    endpoint = valkey_endpoint(directory)
    folder = directory.path / "redis"
    process = OsProcess(
        [*rights.wrapper, str(binary), *_arguments(endpoint.path, folder)],
        ready=_ready_check(endpoint),
        ready_timeout=READY_SECONDS_MAX,
        stop_timeout=STOP_SECONDS_MAX,
        log=directory.log("redis"),
        env=server_environment(),
        cwd=folder,
    )

    async def start(context: Context) -> None:
        await stop_orphans(folder, "valkey-server")
        _prepare(directory, rights, endpoint)
        await process(context)

    return ChildSpec(
        id=id,
        start=start,
        kind="os_process",
        start_timeout=READY_SECONDS_MAX + 15,
        shutdown=STOP_SECONDS_MAX + 5,
    )


def _prepare(directory: DataDirectory, rights: Privileges, endpoint: ValkeyEndpoint) -> None:
    folder = directory.path / "redis"
    directory.write(folder / "users.acl", _users(folder / "users.acl", endpoint))
    rights.hand_over(folder, through=[directory.path])
    socket = Path(endpoint.path)
    with refusing(socket.parent):
        socket.parent.mkdir(mode=0o700, exist_ok=True)
        rights.hand_over(socket.parent, through=[directory.path, directory.sockets])
        socket.unlink(missing_ok=True)


def _arguments(socket: str, folder: Path) -> list[str]:
    settings = {
        "port": "0",
        "unixsocket": socket,
        "unixsocketperm": "700",
        "dir": str(folder),
        "aclfile": str(folder / "users.acl"),
        "databases": "1",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory": f"{MEMORY_MB_MAX}mb",
        "maxmemory-policy": "noeviction",  # a lost limit is worse than a refused one
        "daemonize": "no",
    }
    return [word for name, value in settings.items() for word in (f"--{name}", value)]


def _users(saved: Path, admin: ValkeyEndpoint) -> str:
    """Nobody without a name, the administrator, and whoever has been saved before."""
    others = []
    if saved.exists():
        lines = saved.read_text().splitlines()
        others = [line for line in lines if line.split()[1:2] not in ([], ["default"], [ADMIN])]

    own = ["user default off", f"user {ADMIN} on {_hashed(admin.password)} ~* &* +@all"]
    return "\n".join([*own, *others, ""])


def _hashed(password: str) -> str:
    """A password as an ACL rule, so that it is in no file and no command line."""
    return "#" + hashlib.sha256(password.encode()).hexdigest()


def _ready_check(endpoint: ValkeyEndpoint) -> Callable[[], Awaitable[bool]]:
    """AUTH and PING. While it reads its files back it answers -LOADING."""
    question = f"AUTH {endpoint.user} {endpoint.password}\r\nPING\r\n".encode()

    async def ready() -> bool:
        answer = b""
        try:
            async with await trio.open_unix_socket(endpoint.path) as stream:
                await stream.send_all(question)
                while answer.count(b"\n") < 2 and (data := await stream.receive_some(1024)):  # noqa: PLR2004  two answers
                    answer += data
        except trio.BrokenResourceError:
            return False

        return answer == b"+OK\r\n+PONG\r\n"

    return ready
