"""The bare server that benchmarks compare with: hypercorn and quart-trio, JSON in, JSON out.

`python -m fluxiq.commands.echo` prints `{"port": …}` once it serves, and ends with SIGTERM.
"""

import sys

import msgspec
import trio
from quart import Response, request
from quart_trio import QuartTrio

from fluxiq.api.server import Address, serve
from fluxiq.settings import Http, Log
from fluxiq.telemetry import logs


def echo_app() -> QuartTrio:
    app = QuartTrio("echo")

    @app.post("/")
    async def echo() -> Response:
        said = msgspec.json.decode(await request.get_data())
        return Response(msgspec.json.encode({"data": said}), content_type="application/json")

    return app


class _Say(trio.TaskStatus[Address]):
    def started(self, value: Address | None = None) -> None:
        assert value is not None, "a server says where it listens"
        sys.stdout.write(msgspec.json.encode({"port": value[1]}).decode() + "\n")
        sys.stdout.flush()


async def _main() -> None:
    http = Http(
        host="127.0.0.1",
        port=0,
        body_bytes_max=1_048_576,
        request_seconds_max=30.0,
        public_url="",
        trusted_proxies=(),
        sockets_per_merchant=1,
    )
    await serve(echo_app(), http, task_status=_Say())


if __name__ == "__main__":
    logs.configure(Log(format="json", level="error"), sys.stderr)
    trio.run(_main)
