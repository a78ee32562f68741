"""Ctrl-C as people mean it: once stops in order, twice stops at once."""

import signal

import click
import trio

from supervisors import Tree


async def stop_on_signals(tree: Tree) -> None:
    """Until cancelled."""
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as received:
        async for number in received:
            name = signal.Signals(number).name
            click.echo(f"\n{name}: stopping in order; once more stops at once", err=True)
            tree.stop(name)
