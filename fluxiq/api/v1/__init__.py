"""Version 1 of the API: one file per resource, each a list of routes."""

from fluxiq.api.contract import Endpoint
from fluxiq.api.v1 import (
    accounts,
    api_keys,
    audit,
    auth,
    charges,
    directory,
    live_data,
    med,
    merchants,
    notices,
    payouts,
    products,
    qr_codes,
    refunds,
    transfers,
    users,
    walks,
    webhooks,
)

ENDPOINTS: tuple[Endpoint, ...] = tuple(
    endpoint
    for resource in (
        charges,
        payouts,
        refunds,
        med,
        directory,
        qr_codes,
        accounts,
        products,
        transfers,
        merchants,
        api_keys,
        auth,
        users,
        audit,
        webhooks,
        live_data,
        walks,
        notices,
    )
    for endpoint in resource.routes.endpoints
)
