"""Statements over HTTP: pages of JSON, and whole periods as files."""

import csv
import io
from typing import Any

import pytest

from fluxiq.services import show_statement
from tests.support.api_world import ACCOUNTS, TRANSFERS, ApiWorld, Said

DAY = 86_400


class Scene:
    def __init__(self, api: ApiWorld, other: str) -> None:
        self.api = api
        self.other = other

    async def statement(self, query: str = "") -> Said:
        path = f"{ACCOUNTS}/{self.api.account.id}/statement?{query}"
        return await self.api.get(path, self.api.key("accounts:read"))

    async def send(self, amount: int, description: str = "rent") -> Any:
        body = {
            "source_account_id": self.api.account.id,
            "destination_account_id": self.other,
            "amount": amount,
            "description": description,
            "idempotency_key": f"{amount}",
        }
        return (await self.api.post(TRANSFERS, body, self.api.key())).data


@pytest.fixture
async def scene() -> Scene:
    """R$ 100.00 came on 22 November 2026, at noon; another account waits for transfers."""
    api = await ApiWorld.open()
    await api.world.fund(100_00)
    opened = await api.post(ACCOUNTS, {"name": "Savings"}, api.key())
    return Scene(api, opened.data["id"])


async def test_each_movement_is_a_line_with_the_balance_after_it(scene: Scene) -> None:
    sent = await scene.send(10_00)
    said = await scene.statement()

    received, transferred = said.data
    assert received["kind"] == "pix_in"
    assert received["reference"].startswith("pay_")
    assert received["balance_after"] == 100_00
    assert transferred.pop("at").startswith("2026-11-22T12:00:")
    assert transferred == {
        "id": sent["ledger_entry_id"],
        "kind": "transfer_out",
        "amount": -10_00,
        "balance_after": 90_00,
        "description": "rent",
        "reference": sent["id"],
    }
    assert said.body["meta"] == {
        "page": 1,
        "per_page": 20,
        "total": 2,
        "total_pages": 1,
        "opening_balance": 0,
        "closing_balance": 90_00,
        "currency": "BRL",
    }


async def test_pages_say_the_balances_of_the_whole_period(scene: Scene) -> None:
    for amount in (1, 2, 3):
        await scene.send(amount)
    pages = [await scene.statement(f"per_page=3&page={page}") for page in (1, 2, 3)]

    assert [[one["balance_after"] for one in page.data] for page in pages] == [
        [100_00, 99_99, 99_97],
        [99_94],
        [],
    ]
    for page in pages:
        meta = page.body["meta"]
        assert (meta["opening_balance"], meta["closing_balance"]) == (0, 99_94)
        assert (meta["total"], meta["total_pages"]) == (4, 2)


async def test_a_period_is_of_whole_utc_days_both_included(scene: Scene) -> None:
    scene.api.world.clock.pass_seconds(DAY)
    await scene.send(10_00)
    scene.api.world.clock.pass_seconds(DAY)
    await scene.send(5_00)

    said = await scene.statement("start_date=2026-11-23&end_date=2026-11-23")
    assert [one["amount"] for one in said.data] == [-10_00]
    meta = said.body["meta"]
    assert (meta["opening_balance"], meta["closing_balance"]) == (100_00, 90_00)
    before = await scene.statement("end_date=2026-11-21")
    assert (before.data, before.body["meta"]["closing_balance"]) == ([], 0)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("start_date=2026-11-23&end_date=2026-11-22", "end_date"),
        ("start_date=yesterday", "start_date"),
        ("format=pdf", "format"),
        ("per_page=101", "per_page"),
    ],
)
async def test_a_query_that_breaks_its_contract_is_refused_by_name(
    scene: Scene, query: str, field: str
) -> None:
    said = await scene.statement(query)
    assert (said.status, said.details) == (422, {"field": field})


async def test_another_merchants_statement_does_not_exist(scene: Scene) -> None:
    other = await scene.api.world.enroll(name="Outra", document="00038166000105")
    for kind in ("json", "csv"):
        path = f"{ACCOUNTS}/{other.account.id}/statement?format={kind}"
        said = await scene.api.get(path, scene.api.key())
        assert (said.status, said.code) == (404, "account_not_found")


async def test_a_csv_file_has_a_header_and_every_line_of_the_period(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(show_statement, "READ_LINES", 2)
    await scene.send(10_00, 'rent, "March"')
    await scene.send(5_07, "=1+1")
    said = await scene.statement("format=csv&per_page=1")

    assert said.headers["Content-Type"] == "text/csv; charset=utf-8; header=present"
    name = f'attachment; filename="statement-{scene.api.account.id}.csv"'
    assert said.headers["Content-Disposition"] == name
    rows = list(csv.DictReader(io.StringIO(said.raw.decode(), newline="")))
    assert [row["amount_centavos"] for row in rows] == ["10000", "-1000", "-507"]
    assert [row["amount"] for row in rows] == ["100.00", "-10.00", "-5.07"]
    assert [row["balance_after"] for row in rows] == ["100.00", "90.00", "84.93"]
    assert rows[1]["description"] == 'rent, "March"'
    assert rows[2]["description"] == "'=1+1"
    assert said.raw.count(b"\r\n") == 4


async def test_an_ofx_file_is_an_attachment_too(scene: Scene) -> None:
    said = await scene.statement("format=ofx")

    assert said.headers["Content-Type"] == "application/x-ofx"
    assert said.raw.startswith(b"OFXHEADER:100\r\n")
    assert said.raw.count(b"<STMTTRN>") == 1


async def test_a_file_that_would_be_too_long_is_refused_and_says_how_long(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(show_statement, "EXPORT_LINES_MAX", 1)
    await scene.send(1)
    said = await scene.statement("format=csv")

    assert (said.status, said.code) == (422, "statement_too_long")
    assert said.details == {"lines": 2, "lines_max": 1}
    assert (await scene.statement()).status == 200
