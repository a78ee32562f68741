"""Verbs about what went wrong: the crash book, and who takes how much of the event loop."""

from typing import TYPE_CHECKING

import msgspec

from actors.admin.arguments import Arguments, BadArguments
from actors.admin.verbs import Hooks, Verb
from actors.crash_book import CrashBook
from actors.platform import Platform
from supervisors import Hogs

if TYPE_CHECKING:
    from actors.admin.desk import Desk

HOGS_SHOWN = 20
HOGS_SHOWN_MAX = 1000


def diagnostic_verbs(platform: Platform) -> Hooks:
    return verbs_of(platform.crash_book, platform.hogs)


def verbs_of(book: CrashBook, hogs: Hogs) -> Hooks:
    async def crashes(_desk: "Desk", arguments: Arguments) -> object:
        arguments.done()
        fields = ("fingerprint", "path", "paths", "count", "first", "last", "headline")
        pages = [{name: getattr(page, name) for name in fields} for page in book.pages()]
        return {
            "crashes": msgspec.to_builtins(pages),
            "unwritten": book.unwritten,
            "failures": book.failures,
        }

    async def crash(desk: "Desk", arguments: Arguments) -> object:
        name = arguments.text("name")
        arguments.done()
        page = book.find(name) or book.find(desk.tree.resolve(name))
        if page is None:
            raise BadArguments(f"name: no crash of {name} is in the book")
        return msgspec.to_builtins(page)

    async def top_hogs(_desk: "Desk", arguments: Arguments) -> object:
        count = arguments.number("count", HOGS_SHOWN)
        arguments.done()
        if not 1 <= count <= HOGS_SHOWN_MAX:
            raise BadArguments(f"count: must be 1 to {HOGS_SHOWN_MAX}")
        return {
            **hogs.statistics()._asdict(),
            "top": [hog._asdict() for hog in hogs.top(count)],
        }

    async def watch_hogs(_desk: "Desk", arguments: Arguments) -> object:
        wanted = arguments.flag("on")
        arguments.reason()  # for the book of deeds alone: it leaves no event
        arguments.done()
        hogs.switch_on() if wanted else hogs.switch_off()
        return {"is_on": hogs.is_on}

    return Hooks(
        looks={
            "crashes": Verb(crashes),
            "crash": Verb(crash, ("name",)),
            "hogs": Verb(top_hogs, ("count",)),
        },
        deeds={"watch_hogs": Verb(watch_hogs, ("on", "reason"))},
    )
