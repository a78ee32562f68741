"""What tests of provider links share: a watcher that remembers, files with secrets, payouts."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fluxiq.domain.circuit import Circuit, CircuitState
from fluxiq.domain.records import Payout, PayoutStage, Recipient
from fluxiq.errors import Refused
from fluxiq.ports import Callback
from fluxiq.providers.callbacks import verification
from fluxiq.settings.providers import CallbackScheme

NOW = datetime(2026, 11, 22, 21, 0, tzinfo=UTC)
END_TO_END_ID = "E12345678202611222100abcdefghijk"


# Text outside ASCII, and a byte that is no text: signatures are over bytes.
BODY = '{"pix":[{"infoPagador":"ação"}]}'.encode() + b"\xff"


def call(body: bytes = BODY, query: str = "", remote: str = "", **headers: str) -> Callback:
    """A call to us; `x_y` is the header x-y."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Callback(headers=named, body=body, query=query, remote=remote)


def accepts(scheme: CallbackScheme, callback: Callback, now: datetime = NOW) -> None:
    verification(scheme)(callback, now)


def refusal(scheme: CallbackScheme, callback: Callback, now: datetime = NOW) -> str:
    """Why the scheme refuses the call: what it says, after the code that it must have."""
    with pytest.raises(Refused) as refused:
        verification(scheme)(callback, now)
    assert refused.value.code == "signature_invalid"
    return refused.value.message


class Watch:
    """`providers.Watcher`: every call by operation and outcome, every state of the breaker."""

    def __init__(self) -> None:
        self.calls: Counter[tuple[str, str]] = Counter()
        self.states: list[CircuitState] = []

    def called(self, operation: str, outcome: str) -> None:
        self.calls[operation, outcome] += 1

    def circuit_changed(self, circuit: Circuit) -> None:
        self.states.append(circuit.state)


def private(file: Path, content: bytes) -> str:
    """A file that only its owner reads; its path, as settings name it."""
    file.touch(mode=0o600)
    file.write_bytes(content)
    return str(file)


def a_payout() -> Payout:
    return Payout(
        id="pay_1",
        merchant_id="mch_1",
        account_id="acc_1",
        end_to_end_id=END_TO_END_ID,
        amount=12_34,
        description="books",
        recipient=Recipient(
            pix_key="somebody@example.com",
            pix_key_type="EMAIL",
            name="Somebody",
            ispb="00000000",
        ),
        stage=PayoutStage.HELD,
        created_at=NOW,
        updated_at=NOW,
    )
