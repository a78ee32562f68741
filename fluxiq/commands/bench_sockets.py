"""Idle websockets on a whole platform: memory for each, CPU at rest, and one event for all.

The platform, its servers and the clients share the machine. The clients are one thread of this
process (`crowd`).
"""

import os
import resource
import time
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import trio

from fluxiq.commands.bench_payments import bench_platform
from fluxiq.commands.crowd import Crowd
from fluxiq.commands.figures import Figure, percentile
from fluxiq.commands.merchant import Merchant
from fluxiq.errors import StartRefused

FILES_BESIDE: Final = 500  # descriptors that are not websockets
CONNECTING: Final = 64  # clients that are connected and not greeted yet
GREET_SECONDS_MAX: Final = 600.0
DELIVER_SECONDS_MAX: Final = 120.0
SETTLE_SECONDS: Final = 5.0
LOOK_SECONDS: Final = 0.02
CLIENTS_AIMED: Final = 10_000


async def measure_sockets(clients: int, events: int, rest_seconds: float) -> list[Figure]:
    """`clients` of one merchant; `events` one after the other; CPU over `rest_seconds`."""
    _allow_files(clients + FILES_BESIDE)
    setting = {"FLUXIQ_HTTP__SOCKETS_PER_MERCHANT": str(clients)}
    async with (
        bench_platform(**setting) as (addresses, login),
        Merchant.open(addresses.api, login) as merchant,
    ):
        at = urlsplit(addresses.api)
        with Crowd(at.hostname or "", at.port or 0, login.api_key, "/api/v1/ws") as crowd:
            pid, before = addresses.pid, _resident_bytes(addresses.pid)
            started = time.monotonic()
            await _fill(crowd, clients)
            connected = time.monotonic() - started
            await trio.sleep(SETTLE_SECONDS)
            memory = (_resident_bytes(pid) - before) / clients

            pings, cpu = crowd.pings, _cpu_seconds(pid)
            await trio.sleep(rest_seconds)
            at_rest = (_cpu_seconds(pid) - cpu) / rest_seconds
            pinged = (crowd.pings - pings) / rest_seconds

            here = crowd.ready + crowd.refused - crowd.lost
            firsts, lasts = await _tell(merchant, crowd, here, events)
            return [
                Figure(
                    name="websocket clients at once",
                    value=float(here),
                    unit="clients",
                    aim=f"{CLIENTS_AIMED:,}",
                    holds=here >= CLIENTS_AIMED,
                    note=f"{crowd.refused} were refused at first, and came again",
                ),
                Figure(name="clients greeted", value=clients / connected, unit="clients/s"),
                Figure(name="memory for each", value=memory / 1024, unit="KiB"),
                Figure(
                    name="CPU at rest",
                    value=at_rest * 100,
                    unit="% of a core",
                    note=f"of the whole platform's process; {pinged:.0f} pings/s among it",
                ),
                Figure(
                    name="one event, until the first client has it, p50",
                    value=percentile(firsts, 0.5) * 1000,
                    unit="ms",
                    note="from the request that caused it",
                ),
                Figure(
                    name="one event, until all clients have it, p50",
                    value=percentile(lasts, 0.5) * 1000,
                    unit="ms",
                ),
            ]


async def _fill(crowd: Crowd, clients: int) -> None:
    with trio.move_on_after(GREET_SECONDS_MAX):
        joined = 0
        while crowd.ready < clients:
            under_way = joined - crowd.refused - crowd.ready
            if under_way < CONNECTING and crowd.ready + under_way < clients:
                await trio.to_thread.run_sync(crowd.join)
                joined += 1
            else:
                await trio.sleep(LOOK_SECONDS / 10)
        return
    raise StartRefused(f"of {clients} clients {crowd.ready} were greeted")


async def _tell(
    merchant: Merchant, crowd: Crowd, clients: int, events: int
) -> tuple[list[float], list[float]]:
    """Seconds from the request that causes an event until the first, and the last, has it."""
    firsts, lasts = [], []
    for _ in range(events):
        crowd.heard.clear()
        asked = time.monotonic()
        await merchant.api.charges.create(amount=1_00, description="bench")
        with trio.move_on_after(DELIVER_SECONDS_MAX):
            while len(crowd.heard) < clients:  # noqa: ASYNC110  another thread counts
                await trio.sleep(LOOK_SECONDS)
        if len(crowd.heard) != clients:
            raise StartRefused(
                f"of {clients} clients {len(crowd.heard)} heard of the event; the server closed "
                f"{dict(crowd.ends)}, and {crowd.lost} are gone"
            )
        firsts.append(crowd.heard[0] - asked)
        lasts.append(crowd.heard[-1] - asked)
    return firsts, lasts


def _allow_files(wanted: int) -> None:
    """Descriptors for us, and for the platform, which inherits the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise StartRefused(f"this needs {wanted} open files, and the hard limit is {hard}")
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _resident_bytes(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize()


def _cpu_seconds(pid: int) -> float:
    """User and system time (proc(5), fields 14 and 15 of stat)."""
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")
