"""`run.py up`: the platform in the foreground, with its demo institutions when there are none."""

import click
import trio

from actors.start import Running, open_platform
from actors.web_apps import served_apps
from fluxiq import settings as config
from fluxiq.commands.demo_data import Login, demo_logins
from fluxiq.commands.signals import stop_on_signals
from fluxiq.telemetry import logs


@click.command()
def up() -> None:
    """Start everything and stay up. Ctrl-C stops in order, twice at once."""
    settings = config.load()
    logs.configure(settings.log)
    trio.run(_up, settings)


async def _up(settings: config.Settings) -> None:
    started = trio.current_time()
    async with open_platform(settings) as running, trio.open_nursery() as nursery:
        nursery.start_soon(stop_on_signals, running.tree)
        logins = await demo_logins(running.platform) if settings.simulator.enabled else []
        click.echo(greeting(running, logins, trio.current_time() - started))
        await running.tree.wait()
        nursery.cancel_scope.cancel()


def greeting(running: Running, logins: list[Login], seconds: float) -> str:
    """What a newcomer needs next: where things are, and keys that open them."""
    platform = running.platform
    lines = [
        f"FluxiQ Core is up after {seconds:.1f} s.",
        f"  API        {platform.api_url}/api/v1   (also /readyz, /metrics)",
        f"  websocket  {platform.api_url.replace('http', 'ws', 1)}/api/v1/ws",
    ]
    lines += [f"  {app:<10} {platform.web_url(app)}" for app in served_apps(platform)]
    if platform.settings.simulator.enabled:
        lines.append(f"  simulator  {platform.simulator_url}   an outside PIX provider")
    lines.append(f"  ledger     {platform.servers.ledger_note()}")
    lines.append(f"  data       {platform.directory.path}")
    for login in logins:
        lines.append(f"  {login.ispb}   {login.institution}: {login.merchant}")
        lines.append(f"             Authorization: Bearer {login.api_key}")
        lines.append(f"             account {login.account_id}, PIX key {login.pix_key}")
        for word, one in (("owner", login.owner), ("institution's owner", login.chief)):
            if one is not None:
                lines.append(f"             {word} CPF {one.document}, password {one.password}")
    lines.append("See the tree with `.venv/bin/python run.py tree`. Ctrl-C stops in order.")
    return "\n".join(lines)
