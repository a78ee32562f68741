"""TigerBeetle on trio: records packed straight into the wheel's C library, no threads of ours.

    async with open_sessions(Cluster(0, "127.0.0.1:3001"), count=3) as sessions:
        await sessions.probe(seconds=2)  # Unavailable names address and cluster
        ledger = TigerBeetleLedger(sessions, ledger=76)
        await ledger.create_transfers(transfers)

A deadline that passes while a request is in flight is Unknown, never an error: the library retries
for ever, and what was given up may still be carried out.
"""

from fluxiq.ledgers.tigerbeetle.ledger import TigerBeetleLedger
from fluxiq.ledgers.tigerbeetle.native import Cluster
from fluxiq.ledgers.tigerbeetle.sessions import Sessions, open_sessions

__all__ = ["Cluster", "Sessions", "TigerBeetleLedger", "open_sessions"]
