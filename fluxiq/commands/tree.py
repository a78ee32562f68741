"""`run.py tree`: the live tree of the platform that runs in the data directory."""

from pathlib import Path

import click
import trio

from actors.addresses import read_addresses
from fluxiq import settings
from fluxiq.admin.client import ask_tree
from fluxiq.admin.render import render_tree


@click.command()
def tree() -> None:
    """Print the live supervision tree, over the admin socket."""
    addresses = read_addresses(settings.load().data_dir)
    click.echo(render_tree(trio.run(ask_tree, Path(addresses.admin_socket))))
