"""The desk's book, as the audit trails take it in: each deed once, by whom it concerns."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from actors.admin.arguments import Arguments
from actors.admin.askers import Peer
from actors.admin.book import DeedBook, deed_of, take_in_deeds
from actors.admin.desk import Desk
from actors.admin.verbs import Hooks, Verb
from fluxiq.ports.origin import NOWHERE, Origin, origin
from fluxiq.services.tenant import Tenants
from tests.support.admin_desk import ask, open_desk
from tests.support.memory_audit import MemoryAuditChain

ISPB, OTHER = "12345678", "87654321"


def written(**changed: Any) -> bytes:
    record = {
        "at": 1.0,
        "deed": "deed_1",
        "user": "ana",
        "uid": 1000,
        "pid": 7,
        "verb": "restart",
        "name": None,
        "reason": "because",
        "arguments": {},
        "outcome": "done",
    }
    return json.dumps({**record, **changed}).encode()


@pytest.fixture
def book(tmp_path: Path) -> DeedBook:
    return DeedBook(tmp_path / "admin_audit.jsonl")


def append(tmp_path: Path, *lines: bytes) -> None:
    with (tmp_path / "admin_audit.jsonl").open("ab") as file:
        file.write(b"".join(line + b"\n" for line in lines))


async def actions(chain: MemoryAuditChain) -> list[str]:
    return [one.action for one in chain.trail.values()]


async def test_a_deed_is_taken_in_once(tmp_path: Path, book: DeedBook) -> None:
    chain = MemoryAuditChain()
    append(tmp_path, written(outcome="asked"), written())
    assert await take_in_deeds(chain, book, ISPB) == 2
    assert await take_in_deeds(chain, book, ISPB) == 0
    append(tmp_path, written(verb="stop"))
    assert await take_in_deeds(chain, book, ISPB) == 1
    assert await actions(chain) == ["operator.restart", "operator.restart", "operator.stop"]
    last = chain.trail[2]
    assert (last.actor, last.credential, last.request_id, last.note, last.subject) == (
        "operator", "unix:ana", "deed_1", "done: because", "platform"
    )  # fmt: skip


async def test_where_nobody_did_anything_there_is_nothing(book: DeedBook) -> None:
    assert await take_in_deeds(MemoryAuditChain(), book, ISPB) == 0


async def test_half_a_line_waits_for_its_other_half(tmp_path: Path, book: DeedBook) -> None:
    chain, line = MemoryAuditChain(), written()
    with (tmp_path / "admin_audit.jsonl").open("ab") as file:
        file.write(line[:20])
    assert await take_in_deeds(chain, book, ISPB) == 0
    append(tmp_path, line[20:])
    assert await take_in_deeds(chain, book, ISPB) == 1


async def test_a_new_book_is_read_from_its_beginning(tmp_path: Path, book: DeedBook) -> None:
    chain = MemoryAuditChain()
    append(tmp_path, written())
    await take_in_deeds(chain, book, ISPB)
    path = tmp_path / "admin_audit.jsonl"
    path.rename(tmp_path / "admin_audit.jsonl.1")
    append(tmp_path, written(verb="stop"))
    assert await take_in_deeds(chain, book, ISPB) == 1
    assert await actions(chain) == ["operator.restart", "operator.stop"]


async def test_a_book_that_was_emptied_is_read_again(tmp_path: Path, book: DeedBook) -> None:
    chain = MemoryAuditChain()
    append(tmp_path, written(), written())
    await take_in_deeds(chain, book, ISPB)
    os.truncate(tmp_path / "admin_audit.jsonl", 0)
    append(tmp_path, written(verb="stop"))
    assert await take_in_deeds(chain, book, ISPB) == 1


@pytest.mark.parametrize(
    ("said", "whose"),
    [
        ({}, {ISPB, OTHER}),
        ({"name": "gateway/http_api"}, {ISPB, OTHER}),
        ({"name": f"root/institutions/{OTHER}/desk"}, {OTHER}),
        ({"name": f"{ISPB}/desk"}, {ISPB}),
        ({"name": f"institutions/{ISPB}"}, {ISPB}),
        ({"arguments": {"institution": OTHER, "id": "job_1"}}, {OTHER}),
        ({"arguments": {"ispb": OTHER}}, {OTHER}),
    ],
)
def test_a_deed_is_on_the_trail_of_whom_it_concerns(said: dict[str, Any], whose: set[str]) -> None:
    assert {ispb for ispb in (ISPB, OTHER) if deed_of(written(**said), ispb)} == whose


@pytest.mark.parametrize("line", [b"nonsense", b"{}", b"[1]", b'"x"', b'{"verb": "stop"}'])
def test_a_line_that_the_desk_did_not_write_is_a_deed_of_its_own(line: bytes) -> None:
    deed = deed_of(line, ISPB)
    assert deed is not None
    assert deed.action == "operator.unreadable"


def test_a_user_without_a_name_is_told_by_number() -> None:
    assert Peer(pid=1, uid=2**31 - 7).user == str(2**31 - 7)
    assert Peer(pid=1, uid=0).user == "root"


async def test_what_the_desk_writes_the_book_reads(tmp_path: Path, book: DeedBook) -> None:
    """And what the deed itself writes meanwhile comes from the same operator and deed."""
    seen: list[Origin] = []

    async def poke(_desk: Desk, arguments: Arguments) -> object:
        arguments.reason()
        arguments.done()
        seen.append(origin())
        return {}

    def verbs(_tenants: Tenants) -> Hooks:
        return Hooks(deeds={"poke": Verb(poke, ("reason",))})

    async with open_desk(tmp_path, verbs) as at:
        await ask(at, "poke", reason="why", yes=True)
    assert origin() == NOWHERE

    chain = MemoryAuditChain()
    assert await take_in_deeds(chain, book, ISPB) == 2
    asked, done = chain.trail.values()
    assert (asked.note, done.note) == ("asked: why", "done: why")
    [during] = seen
    for line in (asked, done):
        assert (line.credential, line.address, line.request_id) == (
            during.credential, during.address, during.request_id
        )  # fmt: skip
    assert during.credential == "unix:root"
