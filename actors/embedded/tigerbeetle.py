"""TigerBeetle, embedded: started when its program is present, else one sentence says so."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import trio

from actors.embedded.binaries import server_environment, tigerbeetle_binary
from actors.embedded.directory import DataDirectory, refusing, sync_folder
from actors.embedded.orphans import stop_orphans
from fluxiq.errors import StartRefused
from supervisors import ChildSpec, Context
from supervisors.os_process import OsProcess, run_to_end

CLUSTER = 0
DATA_FILE = "0_0.tigerbeetle"  # cluster 0, replica 0, as its own documentation names it
FORMAT_SECONDS_MAX = 60.0  # it allocates its file, which takes a while on a slow disk
READY_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 10.0
ABSENT = (
    "TigerBeetle is not installed (no `tigerbeetle` on the PATH, no FLUXIQ_TIGERBEETLE_BIN):"
    " the ledger runs on PostgreSQL."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TigerBeetleEndpoint:
    """How to connect: the cluster's number and its one replica."""

    cluster: int
    address: str


def tigerbeetle_endpoint(
    directory: DataDirectory, environ: Mapping[str, str] = os.environ
) -> TigerBeetleEndpoint | str:
    """The way in, or the sentence that says why there is none. Raises StartRefused."""
    if tigerbeetle_binary(environ) is None:
        return ABSENT

    return _endpoint(directory)


def tigerbeetle_child(
    directory: DataDirectory,
    *,
    development: bool = False,
    environ: Mapping[str, str] = os.environ,
    id: str = "tigerbeetle",  # noqa: A002  as ChildSpec
) -> ChildSpec | None:
    """The server as a child, None when it is absent; its start formats the data file once.

    `development` trades durability for a smaller footprint (no direct I/O, no locked memory).
    """
    binary = tigerbeetle_binary(environ)
    if binary is None:
        return None

    folder = directory.path / "tigerbeetle"
    endpoint = _endpoint(directory)
    mode = ["--development"] if development else []
    # It stays root when we are: locking its memory and io_uring need what a namespace takes away.
    process = OsProcess(
        [str(binary), "start", f"--addresses={endpoint.address}", *mode, str(folder / DATA_FILE)],
        ready=lambda: _accepts(endpoint.address),
        ready_timeout=READY_SECONDS_MAX,
        stop_timeout=STOP_SECONDS_MAX,
        log=directory.log("tigerbeetle"),
        env=server_environment(),
        cwd=folder,
    )

    async def start(context: Context) -> None:
        await stop_orphans(folder, binary.name)
        if not (folder / DATA_FILE).exists():
            await _format(binary, folder, mode)

        await process(context)

    return ChildSpec(
        id=id,
        start=start,
        kind="os_process",
        start_timeout=FORMAT_SECONDS_MAX + READY_SECONDS_MAX,
        shutdown=STOP_SECONDS_MAX + 5,
    )


def _endpoint(directory: DataDirectory) -> TigerBeetleEndpoint:
    return TigerBeetleEndpoint(
        cluster=CLUSTER, address=f"127.0.0.1:{directory.port('tigerbeetle')}"
    )


async def _format(binary: Path, folder: Path, mode: list[str]) -> None:
    """Format a neighbour, then rename: a crash leaves no half-formatted file behind."""
    new = folder / f"{DATA_FILE}.new"
    with refusing(folder):
        new.unlink(missing_ok=True)

    identity = [f"--cluster={CLUSTER}", "--replica=0", "--replica-count=1"]
    finished = await run_to_end(
        [str(binary), "format", *identity, *mode, str(new)],
        limit=FORMAT_SECONDS_MAX,
        env=server_environment(),
        cwd=folder,
    )
    if finished.status != 0:
        said = finished.lines[-1] if finished.lines else f"it ended with {finished.status}"
        raise StartRefused(f"TigerBeetle cannot format its data file in {folder}: {said}")

    with refusing(folder):
        new.rename(folder / DATA_FILE)
        sync_folder(folder)


async def _accepts(address: str) -> bool:
    host, _, port = address.partition(":")
    async with await trio.open_tcp_stream(host, int(port)):
        return True
