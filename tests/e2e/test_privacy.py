"""A person's data by command, on a running platform: handed out, erased, and what stays is said."""

import json
from typing import Any

from fluxiq.commands.merchant import Merchant
from fluxiq.providers.simulator import SimulatorControl
from fluxiq.providers.simulator.messages import SomePayer
from fluxiq.sdk.resources.charges import Payer
from tests.support.commands import fluxiq
from tests.support.merchants import eventually
from tests.support.platform import PlatformProcess

ISPB = "12345678"
DEBTOR = Payer(document="71428793860", name="Devedora que Pergunta")
PAYER = SomePayer(document=DEBTOR.document, name=DEBTOR.name)
PERSON = ("--ispb", ISPB, "--document", "714.287.938-60")
DEED = ("--reason", "asked by letter", "--yes")


def run(platform: PlatformProcess, *words: str) -> Any:
    done = fluxiq("privacy", *words, data_dir=platform.data_dir)
    assert done.status == 0, done.stderr
    return json.loads(done.stdout)


def tables(exported: Any) -> list[str]:
    return sorted(one["table"] for one in exported["records"])


async def test_a_person_gets_all_of_it_and_what_may_go_goes_once(
    running_platform: PlatformProcess,
) -> None:
    addresses, login = running_platform.addresses, running_platform.logins[ISPB]
    async with (
        Merchant.open(addresses.api, login) as merchant,
        SimulatorControl.open(str(addresses.simulator)) as simulator,
    ):
        charges = merchant.api.charges
        paid = await charges.create(amount=7_00, payer=DEBTOR, idempotency_key="privacy-paid")
        void = await charges.create(amount=8_00, payer=DEBTOR, idempotency_key="privacy-void")
        await charges.cancel(void.id)
        await simulator.pay(ispb=ISPB, br_code=paid.qr_code, payer=PAYER)

        async def is_paid() -> bool:
            return (await charges.get(paid.id)).status == "paid"

        await eventually(is_paid)

    before = run(running_platform, "export", *PERSON, *DEED)
    assert {"charges", "receipts", "inbox", "events"} <= set(tables(before))
    shown = [one["record"]["payer"] for one in before["records"] if one["table"] == "charges"]
    assert [one["name"] for one in shown] == [DEBTOR.name] * 2

    erased = run(running_platform, "erase", *PERSON, *DEED, "--json")
    assert erased["erased"] == {"charges": 1}, "the one that nobody paid"
    stays = {one["table"]: one for one in erased["stays"]}
    assert "9.613" in stays["receipts"]["why"]
    assert stays["receipts"]["until"] > "2030"
    assert run(running_platform, "erasure", *PERSON, "--json") == erased

    after = run(running_platform, "export", *PERSON, *DEED)
    assert len(after["records"]) == len(before["records"]) - 1
    assert tables(after).count("charges") == 1
    again = run(running_platform, "erase", *PERSON, *DEED, "--json")
    assert again["erased"] == {}


async def test_the_book_of_deeds_has_the_deed_and_not_the_person(
    running_platform: PlatformProcess,
) -> None:
    run(running_platform, "export", *PERSON, *DEED)
    book = (running_platform.data_dir / "run" / "admin_audit.jsonl").read_text(encoding="utf-8")
    deeds = [json.loads(line) for line in book.splitlines()]
    [*_, last] = [one for one in deeds if one["verb"] == "privacy_export"]
    assert last["reason"] == "asked by letter"
    assert last["arguments"]["document"] == "***.***.938-**"
    assert not any(said in book for said in (DEBTOR.document, "714.287.938-60"))


async def test_without_a_word_nothing_is_handed_out(running_platform: PlatformProcess) -> None:
    done = fluxiq("privacy", "export", *PERSON, data_dir=running_platform.data_dir)
    assert done.status == 1
    assert "yes" in done.stderr
    assert done.stdout == ""
    wrong = ("--ispb", ISPB, "--document", "714.287.938-61")
    done = fluxiq("privacy", "erase", *wrong, *DEED, data_dir=running_platform.data_dir)
    assert done.status == 1
    assert "not a valid CPF or CNPJ" in done.stderr
