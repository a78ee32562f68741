"""What this process knows of its provider links: noted as calls end, published by `live_data`."""

from datetime import datetime

import msgspec

from actors.doorbell import Doorbell
from fluxiq.domain.circuit import Circuit
from fluxiq.domain.live_data import ProviderStatus

_FAILED = frozenset({"unavailable", "unknown"})


class _Seen(msgspec.Struct):
    circuit: Circuit
    last_answer_at: datetime | None = None
    last_failure_at: datetime | None = None


class ProviderBoard:
    """Links by name. Never waits, never fails: the hot path writes here."""

    def __init__(self) -> None:
        self.changed = Doorbell()  # a breaker has turned
        self._seen: dict[str, _Seen] = {}

    def called(self, name: str, outcome: str, now: datetime) -> None:
        seen = self._seen.setdefault(name, _Seen(Circuit()))
        if outcome == "answered":
            seen.last_answer_at = now
        elif outcome in _FAILED:
            seen.last_failure_at = now

    def circuit_changed(self, name: str, circuit: Circuit) -> None:
        self._seen.setdefault(name, _Seen(circuit)).circuit = circuit
        self.changed.ring()

    def statuses(self, now: datetime) -> list[ProviderStatus]:
        return [
            ProviderStatus(
                name=name,
                breaker=seen.circuit.state.value,
                failures=seen.circuit.failures,
                last_answer_at=seen.last_answer_at,
                last_failure_at=seen.last_failure_at,
                seen_at=now,
            )
            for name, seen in self._seen.items()
        ]
