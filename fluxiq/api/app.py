"""The API as an ASGI application: every endpoint behind the same door."""

from collections.abc import Mapping
from time import perf_counter

import trio
from quart import request
from quart_trio import QuartTrio
from quart_trio.wrappers import TrioResponse
from werkzeug.exceptions import HTTPException

from fluxiq.api import docs_page
from fluxiq.api import health as health_routes
from fluxiq.api.contract import Endpoint
from fluxiq.api.cross_origin import admit_origins
from fluxiq.api.door import REQUEST_ID, ApiConnection, ApiRequest, Door, drain, refusal
from fluxiq.api.errors import failure_of
from fluxiq.api.guard import Guard
from fluxiq.api.health import Ping
from fluxiq.api.hub import Hub
from fluxiq.api.matching import MatchingRule
from fluxiq.api.remote import Remote
from fluxiq.api.security_headers import security_headers
from fluxiq.api.v1 import ENDPOINTS
from fluxiq.api.v1.sockets import Sockets
from fluxiq.ports import Clock, Ids
from fluxiq.ports.operations import OperationsDesk
from fluxiq.services.tenant import Tenants
from fluxiq.settings import Settings
from fluxiq.telemetry.metrics import Metrics

CONTRACTS = "contracts"  # app.extensions: the endpoints as data, for the OpenAPI document

# Anybody may invent a path or a method: each would be a series of its own.
_UNMATCHED = "unmatched"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def create_app(
    tenants: Tenants,
    settings: Settings,
    *,
    hub: Hub,
    health: Mapping[str, Ping],
    clock: Clock,
    ids: Ids,
    metrics: Metrics,
    operations: OperationsDesk | None = None,
) -> QuartTrio:
    """`health` names the services behind us, each with a ping that raises when it is down;
    `operations` is the operators' desk, where there is one.
    """
    app = QuartTrio("fluxiq", static_folder=None, template_folder=None)
    app.url_rule_class = MatchingRule
    app.request_class = ApiRequest
    app.asgi_http_class = ApiConnection
    app.url_map.merge_slashes = False  # it would answer with redirects
    app.config.update(
        MAX_CONTENT_LENGTH=settings.http.body_bytes_max,
        RESPONSE_TIMEOUT=settings.http.request_seconds_max,
    )

    guard = Guard(tenants, clock, trio.current_time, metrics)
    remote = Remote(settings.http.trusted_proxies)
    door = Door(
        tenants,
        guard,
        remote,
        clock=clock,
        ids=ids,
        metrics=metrics,
        seconds_max=settings.http.request_seconds_max,
        always=security_headers(settings.http.public_url),
        operations=operations,
    )
    endpoints = contracts(health, metrics)
    for endpoint in endpoints:
        _add(app, door, endpoint)
    app.extensions[CONTRACTS] = endpoints
    Sockets(hub, guard, door, remote, operations).register(app)
    _answer_strays(app, door, metrics)
    admit_origins(app, frozenset(settings.identity.web_origins))
    return app


def contracts(health: Mapping[str, Ping], metrics: Metrics) -> tuple[Endpoint, ...]:
    """Every endpoint of the API, and those that describe them."""
    served = (*ENDPOINTS, *health_routes.endpoints(health, metrics))
    return (*served, *docs_page.endpoints(served))


def _add(app: QuartTrio, door: Door, endpoint: Endpoint) -> None:
    app.add_url_rule(
        endpoint.rule,
        endpoint.name,
        door.view(endpoint),
        methods=[endpoint.method],
        provide_automatic_options=False,
    )


def _answer_strays(app: QuartTrio, door: Door, metrics: Metrics) -> None:
    """Requests that reach no endpoint are answered in the same envelope."""

    async def answer(error: HTTPException) -> TrioResponse:
        started = perf_counter()
        await drain()
        headers = door.greet(request.headers.get(REQUEST_ID))
        response = refusal(failure_of(error), headers)
        method = request.method if request.method in _METHODS else _UNMATCHED
        spent = perf_counter() - started
        metrics.observe_http(method, _UNMATCHED, response.status_code, "", spent)
        return response

    app.register_error_handler(HTTPException, answer)
