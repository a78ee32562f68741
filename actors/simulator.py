"""The simulated provider: an OS process of its own, reached only through HTTP, like a real one."""

import sys
from collections.abc import Iterator

import msgspec
import trio

from actors.platform import Platform
from fluxiq.api.v1.notices import notices_path
from fluxiq.errors import StartRefused
from fluxiq.http1 import bind
from fluxiq.providers.simulator import Customer, SimulatorConfig
from supervisors import ChildSpec, Context, OsProcess

PORT_SECONDS_MAX = 3.0
PORT_LOOK_SECONDS = 0.05

# Its configuration has secrets: it comes through a private file, not through the command line.
_RUN = 'exec "$0" -m fluxiq.providers.simulator < "$1"'


def simulator(platform: Platform) -> ChildSpec:
    """Its journal survives `kill -9` of everything: an outside provider does not forget."""
    directory = platform.directory
    process = OsProcess(
        ["/bin/sh", "-c", _RUN, sys.executable, str(directory.run / "simulator.json")],
        ready=lambda: _answers(platform),
        log=directory.log("simulator"),
        stop_timeout=5.0,
    )

    async def start(context: Context) -> None:
        directory.write(
            directory.run / "simulator.json", msgspec.json.encode(_config(platform)).decode()
        )
        context.report(url=platform.simulator_url)
        await _await_port(platform)
        await process(context)

    return ChildSpec(id="simulator", start=start, kind="os_process", shutdown=10.0)


def _config(platform: Platform) -> SimulatorConfig:
    return SimulatorConfig(
        journal=str(platform.directory.path / "simulator.journal"),
        customers=tuple(_customers(platform)),
        host=platform.settings.simulator.host,
        port=platform.simulator_port,
    )


def _customers(platform: Platform) -> Iterator[Customer]:
    for institution in platform.register.all():
        for link in institution.providers:
            if not link.url:  # a link with an address of its own goes to somebody else
                address = platform.provider_address(institution, link)
                path = notices_path(institution.ispb, link.name)
                yield Customer(
                    ispb=institution.ispb,
                    secret=address.secret,
                    notices_url=f"{platform.api_url}{path}",
                )


async def _await_port(platform: Platform) -> None:
    """Whoever else listens there would answer the ready check in the simulator's name.

    A predecessor that is just ending gets a moment. Raises StartRefused.
    """
    host, port = platform.settings.simulator.host, platform.simulator_port
    deadline = trio.current_time() + PORT_SECONDS_MAX
    while True:
        try:
            listeners = await bind(host, port, name="the provider simulator")
        except StartRefused as refused:
            if trio.current_time() > deadline:
                raise StartRefused(f"{refused}; set FLUXIQ_SIMULATOR__PORT") from None
            await trio.sleep(PORT_LOOK_SECONDS)
        else:
            for listener in listeners:
                await listener.aclose()
            return


async def _answers(platform: Platform) -> bool:
    host, port = platform.settings.simulator.host, platform.simulator_port
    async with await trio.open_tcp_stream(host, port):
        return True
