"""What operators let the outside world do, at the real simulator; and nothing where none runs."""

from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import trio
from msgspec import convert
from msgspec.structs import replace

from actors.admin.desk import Desk
from actors.platform import Platform
from actors.simulator_verbs import simulator_verbs
from fluxiq.providers.simulator import Customer, SimulatorConfig, serve
from fluxiq.services.messages.operations.providers import SimulatedPayment, SimulatorStanding
from fluxiq.services.tenant import Tenant
from fluxiq.settings import load
from tests.support.admin_desk import Opened, ask, open_desk
from tests.support.memory_live import MemoryAudit

ISPB, OTHER = "12345678", "87654321"
END_TO_END_ID = "E12345678202611222100abcdefghijk"
DO = {"yes": True, "reason": "to see it arrive"}


class Outside:
    """Where the simulator is, and the institution that asks."""

    def __init__(self, url: str) -> None:
        self.audit = MemoryAudit()
        self.tenant = cast("Tenant", SimpleNamespace(ispb=ISPB, audit=self.audit))
        self.settings = load({})
        self.url = url

    def verbs(self, tenants: Opened) -> Any:
        platform = SimpleNamespace(tenants=tenants, settings=self.settings, simulator_url=self.url)
        return simulator_verbs(cast("Platform", platform))


@pytest.fixture
async def outside(tmp_path: Path) -> AsyncIterator[Outside]:
    customers = tuple(
        Customer(ispb=one, secret="s", notices_url="http://127.0.0.1:1/notices")
        for one in (ISPB, OTHER)
    )
    config = SimulatorConfig(journal=str(tmp_path / "journal"), customers=customers)
    async with trio.open_nursery() as nursery:
        port = await nursery.start(serve, config)
        yield Outside(f"http://127.0.0.1:{port}")
        nursery.cancel_scope.cancel()


async def paid_id(at: Desk) -> str:
    """Of a payment that somebody has made."""
    payment = {"pix_key": "padaria@example.com", "amount": 100}
    paid = await ask(at, "simulator_pay_key", payment=payment, **DO)
    return str(paid["end_to_end_id"])


async def test_somebody_pays_a_key_and_the_deed_is_on_the_trail(
    outside: Outside, tmp_path: Path
) -> None:
    payment = {"pix_key": "padaria@example.com", "amount": 1500}
    async with open_desk(tmp_path, outside.verbs, outside.tenant) as at:
        paid = convert(await ask(at, "simulator_pay_key", payment=payment, **DO), SimulatedPayment)
        assert (paid.amount, paid.txid) == (1500, None)
        seen = convert(await ask(at, "simulator"), SimulatorStanding)
    assert (seen.payments_made, seen.notices_owed) == (1, 1)
    assert outside.audit.lines == [
        ("operator", "simulator.payment", f"{paid.end_to_end_id}: to see it arrive")
    ]


async def test_nobody_speaks_for_the_customer_that_another_institution_is(
    outside: Outside, tmp_path: Path
) -> None:
    async with open_desk(tmp_path, outside.verbs, outside.tenant) as at:
        lie = {"ispb": OTHER, "id": await paid_id(at), "fault": "missing"}
        told = await ask(at, "simulator_falsify", falsehood=lie, **DO)
    assert told["ispb"] == ISPB


async def test_a_report_of_fraud_and_a_false_statement_are_taken(
    outside: Outside, tmp_path: Path
) -> None:
    async with open_desk(tmp_path, outside.verbs, outside.tenant) as at:
        report = {"end_to_end_id": END_TO_END_ID, "situation": "COERCION"}
        assert (await ask(at, "simulator_report_fraud", report=report, **DO))["id"]
        lie = {"id": await paid_id(at), "fault": "amount", "amount": 7}
        told = await ask(at, "simulator_falsify", falsehood=lie, **DO)
    assert told == {"ispb": ISPB, **lie}


async def test_what_cannot_be_paid_is_refused_with_the_simulators_word(
    outside: Outside, tmp_path: Path
) -> None:
    async with open_desk(tmp_path, outside.verbs, outside.tenant) as at:
        refused = await ask(at, "simulator_pay", payment={"br_code": "nonsense"}, **DO)
        assert refused["code"] == "simulator_refused"
        wrong = await ask(at, "simulator_pay", payment={"br_code": 5}, **DO)
    assert (wrong["code"], wrong["message"].partition(":")[0]) == ("bad_arguments", "payment")
    assert outside.audit.lines == []


async def test_without_a_simulator_there_are_no_such_verbs(
    outside: Outside, tmp_path: Path
) -> None:
    off = replace(outside.settings.simulator, enabled=False)
    outside.settings = replace(outside.settings, simulator=off)
    async with open_desk(tmp_path, outside.verbs, outside.tenant) as at:
        assert (await ask(at, "simulator"))["code"] == "unknown_verb"
        assert (await ask(at, "simulator_pay", payment={}, **DO))["code"] == "unknown_verb"
