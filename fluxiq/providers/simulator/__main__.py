"""`python -m fluxiq.providers.simulator < config.json`: the provider in a process of its own.

Prints `{"port": …}` on a line once it serves, and stops on SIGTERM or SIGINT.
"""

import signal
import sys
from functools import partial

import msgspec
import trio

from fluxiq.errors import StartRefused
from fluxiq.providers.simulator import SimulatorConfig, serve


async def _main(config: SimulatorConfig) -> str | None:
    """Serve until told to stop; why it could not start, else None."""
    why: str | None = None
    try:
        async with trio.open_nursery() as nursery:
            with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
                port: int = await nursery.start(partial(serve, config))
                sys.stdout.write(msgspec.json.encode({"port": port}).decode() + "\n")
                sys.stdout.flush()
                await anext(aiter(signals))
                nursery.cancel_scope.cancel()
    except* StartRefused as group:
        refused: BaseException = group
        while isinstance(refused, BaseExceptionGroup):
            refused = refused.exceptions[0]
        why = str(refused)
    return why


def main() -> None:
    try:
        config = msgspec.json.decode(sys.stdin.buffer.read(), type=SimulatorConfig)
    except msgspec.DecodeError as error:
        sys.exit(f"simulator: the configuration on standard input is wrong: {error}")

    why = trio.run(_main, config)
    if why is not None:
        sys.exit(f"simulator: {why}")


if __name__ == "__main__":
    main()
