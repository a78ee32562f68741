"""The running system over the API, for people of an institution: one file a room of operations.

What they ask for is a verb of the operators' desk (docs/admin-socket.md), in typed clothes.
"""

from fluxiq.api.v1.operations import (
    approvals,
    audit_trail,
    console,
    crashes,
    institutions,
    jobs,
    ledger,
    payments,
    process,
    providers,
    queues,
    reconciliation,
    sealing,
    streams,
    system,
    webhooks,
)

RESOURCES = (
    system,
    process,
    crashes,
    ledger,
    approvals,
    payments,
    console,
    institutions,
    jobs,
    queues,
    reconciliation,
    streams,
    webhooks,
    sealing,
    audit_trail,
    providers,
)
