"""A PIX provider outside the house: its own server, its own memory, its own ideas of punctuality.

It takes orders, settles or rejects them, notifies, answers enquiries and DICT look-ups, and plays
the stranger who pays a BR Code. The recipient's key or account decides how an order fares (see
`plan`).

    await nursery.start(serve, SimulatorConfig(journal=…, customers=(…,)))   # in this process
    python -m fluxiq.providers.simulator < config.json                       # or in its own
"""

from fluxiq.providers.simulator.app import serve
from fluxiq.providers.simulator.config import Customer, SimulatorConfig
from fluxiq.providers.simulator.control import SimulatorControl
from fluxiq.providers.simulator.messages import (
    Paid,
    PayBrCode,
    PayKey,
    SomePayer,
    StatementFault,
    Statistics,
)

__all__ = [
    "Customer",
    "Paid",
    "PayBrCode",
    "PayKey",
    "SimulatorConfig",
    "SimulatorControl",
    "SomePayer",
    "StatementFault",
    "Statistics",
    "serve",
]
