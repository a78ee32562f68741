"""The three web apps, each served at a port of its own; what they are is in fluxiq/ui."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
import trio

from actors.embedded import DataDirectory
from actors.http_api import Listening
from actors.platform import Platform
from actors.stopping import INTAKE
from fluxiq.api.server import GRACE_SECONDS, Named, serve
from fluxiq.api.web_app import PAGE, create_web_app, read_build
from fluxiq.settings import Settings
from fluxiq.settings.tls import Tls
from supervisors import ChildSpec, Context

APPS: Final = ("banking", "admin", "merchant")

_BUILDS: Final = Path(__file__).resolve().parents[1] / "fluxiq" / "ui" / "apps"
_LOOPBACK: Final = ("localhost", "127.0.0.1")


def web_app(platform: Platform, app: str) -> ChildSpec:
    """Serves one app until stopped."""

    async def start(context: Context) -> None:
        files = await trio.to_thread.run_sync(read_build, _build(platform.settings, app))
        served = create_web_app(
            files, platform.settings.http.public_url, lambda host: api_url(platform, host)
        )
        http = msgspec.structs.replace(
            platform.settings.http,
            host=platform.settings.web.host,
            port=platform.web_ports[app],
            tls=Tls(),
        )
        await serve(served, http, named=_named(app), task_status=Listening(context))

    return ChildSpec(id=app, start=start, shutdown=GRACE_SECONDS + 5, phase=INTAKE)


def served_apps(platform: Platform) -> Sequence[str]:
    """Those that are built; none where another server has their files."""
    if not platform.settings.web.enabled:
        return ()
    return [app for app in APPS if (_build(platform.settings, app) / PAGE).is_file()]


def web_ports(settings: Settings, directory: DataDirectory) -> Mapping[str, int]:
    web = settings.web
    said = {"banking": web.banking_port, "admin": web.admin_port, "merchant": web.merchant_port}
    return {app: port or directory.port(app) for app, port in said.items()}


def with_own_origins(settings: Settings, ports: Mapping[str, int]) -> Settings:
    """`settings` that believe the pages which we serve ourselves, also under loopback's names. What
    the world reaches by https is said in `[identity] web_origins`: no page of http is believed.
    """
    if not settings.web.enabled or settings.http.public_url.startswith("https://"):
        return settings
    hosts = {settings.web.host, *(_LOOPBACK if settings.web.host in _LOOPBACK else ())}
    own = (f"http://{host}:{port}" for host in sorted(hosts) for port in ports.values())
    origins = tuple(dict.fromkeys((*settings.identity.web_origins, *own)))
    identity = msgspec.structs.replace(settings.identity, web_origins=origins)
    return msgspec.structs.replace(settings, identity=identity)


def api_url(platform: Platform, host: str) -> str:
    """The API's for a page at `host`. On one machine under the same name: to a browser `localhost`
    and `127.0.0.1` are two sites, and the refresh cookie stays within one.
    """
    name = host.rpartition(":")[0] or host
    if not platform.settings.http.public_url and name in _LOOPBACK:
        return f"http://{name}:{platform.http_port}"
    return platform.api_url


def _build(settings: Settings, app: str) -> Path:
    folder = settings.web.folder
    return (Path(folder) if folder else _BUILDS) / app / "dist"


def _named(app: str) -> Named:
    return Named(
        event=f"{app}_app",
        title=f"the {app.title()} app",
        host_variable="FLUXIQ_WEB__HOST",
        port_variable=f"FLUXIQ_WEB__{app.upper()}_PORT",
    )
