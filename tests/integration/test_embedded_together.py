"""All embedded servers of one platform: gone with it, and back on the same data."""

import os
from pathlib import Path

import pytest
import trio

from actors.embedded import DataDirectory
from actors.embedded.orphans import servers_in
from tests.support.child import other_platform
from tests.support.folders import short_folder

pytestmark = pytest.mark.embedded

SERVERS = {"postgres/16": "postgres", "nats": "nats-server", "redis": "valkey-server"}
PLATFORM = """
import sys, trio
from contextlib import AsyncExitStack
from actors.embedded import DataDirectory, nats_child, postgres_child, valkey_child
from tests.support.child import running

async def main():
    with DataDirectory.open(sys.argv[1]) as directory:
        children = [postgres_child(directory), nats_child(directory, {}), valkey_child(directory)]
        async with AsyncExitStack() as stack:
            for child in children:
                await stack.enter_async_context(running(child.start))

            print("ready", flush=True)
            await trio.sleep_forever()

trio.run(main)
"""


def processes(folder: Path) -> list[int]:
    return [
        pid for place, program in SERVERS.items() for pid in servers_in(folder / place, program)
    ]


async def test_kill_9_of_the_platform_takes_every_server_with_it() -> None:
    with short_folder("own") as folder:
        for _ in range(2):  # the second time on what the first left behind
            async with other_platform(PLATFORM, str(folder)) as (platform, _):
                pids = processes(folder)
                assert len(pids) >= len(SERVERS)
                pidfds = [os.pidfd_open(pid) for pid in pids]
                platform.kill()
                await platform.wait()

            with trio.fail_after(20):
                for pidfd in pidfds:
                    await trio.lowlevel.wait_readable(pidfd)
                    os.close(pidfd)

            assert processes(folder) == []

        with DataDirectory.open(folder) as directory:
            assert directory.path == folder, "the lock went with the platform"
