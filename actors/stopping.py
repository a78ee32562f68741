"""The order in which the platform stops: nothing loses what the next phase would have taken."""

from supervisors import ShutdownPhases

INTAKE = "intake"
WORKFLOWS = "workflows"
LEDGER_WRITERS = "ledger_writers"
WEBHOOKS = "webhooks"

# In seconds. The doors finish requests in flight; a workflow finishes the round in hand, and what
# it could not is durable; a writer its batch; a courier the deliveries under way.
PHASES = ShutdownPhases(
    phases=((INTAKE, 20.0), (WORKFLOWS, 10.0), (LEDGER_WRITERS, 10.0), (WEBHOOKS, 25.0)),
    total=60.0,
)
