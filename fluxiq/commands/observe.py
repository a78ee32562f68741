"""`run.py observe`: the live tree, the processes and one in detail, in a terminal."""

import os
import sys
from pathlib import Path

import click
import trio

from actors.addresses import read_addresses
from fluxiq import settings
from fluxiq.admin.observer.app import observe as observe_platform
from fluxiq.admin.observer.terminal import look_of
from fluxiq.errors import StartRefused

READ_ONLY_SOCKET = "admin-ro.sock"


@click.command()
@click.option("--read-only", is_flag=True, help="only look, over the socket that allows no more")
@click.option("--ascii", "ascii_only", is_flag=True, help="draw with ASCII, whatever the locale")
def observe(*, read_only: bool, ascii_only: bool) -> None:
    """Watch and operate the live tree in a terminal; `?` shows the keys."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise StartRefused("observe needs a terminal; use `tree` or `watch` here")
    look = look_of(os.environ, ascii_only=ascii_only)
    data_dir = settings.load().data_dir

    def find_socket() -> Path:
        # Read anew at each connection: the next platform may have left another address.
        socket = Path(read_addresses(data_dir).admin_socket)
        return Path(data_dir) / "run" / READ_ONLY_SOCKET if read_only else socket

    find_socket()  # where no platform has ever run there is nothing to wait for

    async def main() -> int:
        return await observe_platform(find_socket, look, read_only=read_only)

    sys.exit(trio.run(main))
