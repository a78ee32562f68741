"""`run.py ledger verify`: are the invariants of every institution's ledger kept?"""

import sys
from pathlib import Path
from typing import Any

import click
import trio

from actors.addresses import read_addresses
from actors.ledger_reconciler import verify_institution
from actors.start import open_platform
from fluxiq import settings as config
from fluxiq.admin.client import ask
from fluxiq.admin.render_ledger import render_verification
from fluxiq.commands.asking import json_option, print_json
from fluxiq.errors import StartRefused, Unavailable
from fluxiq.ledgers.breaker import BreakerState
from fluxiq.telemetry import logs

LOOK_SECONDS = 0.5
SETTLE_SECONDS_MAX = 30.0


@click.group()
def ledger() -> None:
    """The ledger of every institution. See docs/ledger.md."""


@ledger.command()
@click.option("--deep", is_flag=True, help="read the whole journal and look up every transfer")
@json_option
def verify(*, deep: bool, as_json: bool) -> None:
    """Check I1 to I8 on the running platform, or start it for that. Exit 1 if something is found.

    Nothing is changed, and payments go on meanwhile.
    """
    settings = config.load()
    logs.configure(settings.log)
    report = trio.run(_verify, settings, deep)
    if as_json:
        print_json(report)
    else:
        click.echo(render_verification(report, deep=deep))
    if any(one["findings"] for one in report):
        sys.exit(1)


async def _verify(settings: config.Settings, deep: bool) -> list[dict[str, Any]]:
    try:
        socket = Path(read_addresses(settings.data_dir).admin_socket)
        run = await ask(socket, "ledger_verify", deep=deep)
    except (StartRefused, Unavailable):
        return await _verify_alone(settings, deep=deep)

    while not run["is_over"]:
        await trio.sleep(LOOK_SECONDS)
        run = await ask(socket, "ledger_verify", run=run["number"])
    report: list[dict[str, Any]] = run["report"]
    return report


async def _verify_alone(settings: config.Settings, *, deep: bool) -> list[dict[str, Any]]:
    """Of a platform that was not running: once its ledgers have settled what the last stop left."""
    async with open_platform(settings) as running:
        board = running.platform.board
        with trio.move_on_after(SETTLE_SECONDS_MAX):
            while board.breaker.state is BreakerState.SUSPECT or board.still_out():  # noqa: ASYNC110 - of others
                await trio.sleep(LOOK_SECONDS)
        return [
            await verify_institution(running.platform, one, deep=deep)
            for one in running.platform.register.all()
        ]
