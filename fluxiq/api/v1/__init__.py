"""Version 1 of the API: one file per resource, each a list of routes."""

from fluxiq.api.contract import Endpoint
from fluxiq.api.v1 import accounts, charges, notices, payouts, walks, webhooks

ENDPOINTS: tuple[Endpoint, ...] = tuple(
    endpoint
    for resource in (charges, payouts, accounts, webhooks, walks, notices)
    for endpoint in resource.routes.endpoints
)
