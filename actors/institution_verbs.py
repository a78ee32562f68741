"""What an operator asks and orders of institutions: see them, add, suspend, resume, remove one.

One order at a time: two at once would each see half of what the other does.
"""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import trio
from msgspec import Struct, to_builtins
from msgspec.structs import asdict

from actors.admin.arguments import Arguments
from actors.admin.verbs import Hooks, Run, Verb
from actors.institution_places import BranchPlace, every_place
from actors.institution_watch import take_note
from actors.platform import Platform
from fluxiq.domain.institution import LIVING, Registered
from fluxiq.errors import Refused, SettingsInvalid, StartRefused
from fluxiq.ports import Idempotency
from fluxiq.services.add_institution import add_institution
from fluxiq.services.enroll import enroll_merchant
from fluxiq.services.messages.envelope import digest_of
from fluxiq.services.remove_institution import remove_institution
from fluxiq.services.suspend_institution import (
    find_institution,
    resume_institution,
    suspend_institution,
)
from fluxiq.settings import Institution, check_institution, check_ledger_is_free
from fluxiq.stores.institutions import PostgresInstitutions

if TYPE_CHECKING:
    from actors.admin.desk import Desk

Turn: TypeAlias = Callable[[PostgresInstitutions, str, str], Awaitable[Registered]]

DECLARATION = "the declaration"  # in place of a file's name, where something is wrong in it


def institution_verbs(platform: Platform) -> Hooks:
    """The verbs of this platform."""
    room = _Room(platform)
    return Hooks(
        looks={
            "institutions": Verb(room.list),
            "institution": Verb(room.show, ("institution",)),
        },
        deeds={
            "institution_add": Verb(room.add, ("declaration", "reason")),
            "institution_suspend": Verb(room.turn(suspend_institution), ("institution", "reason")),
            "institution_resume": Verb(room.turn(resume_institution), ("institution", "reason")),
            "institution_remove": Verb(room.remove, ("institution", "archive", "reason")),
            "merchant_enroll": Verb(
                room.enroll,
                ("institution", "name", "document", "city", "idempotency_key", "reason"),
            ),
        },
    )


class _MovesIn(Struct, frozen=True, kw_only=True):
    """What an idempotency key stands for: asked again for another reason, it is the same."""

    name: str
    document: str
    city: str


class _Room:
    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._turn = trio.Lock()

    @property
    def _records(self) -> PostgresInstitutions:
        return PostgresInstitutions(self._platform.links.get().postgres)

    async def list(self, _desk: "Desk", arguments: Arguments) -> object:
        arguments.done()
        return [self._view(line) for line in await self._records.all()]

    async def show(self, _desk: "Desk", arguments: Arguments) -> object:
        ispb = arguments.text("institution")
        arguments.done()
        records = self._records
        line = await find_institution(records, ispb)
        return {
            **self._view(line),
            "declaration": to_builtins(self._platform.register.find(ispb) or line.declaration),
            "remainder": asdict(await records.remainder(ispb)),
            "steps": [to_builtins(one) for one in await records.steps(ispb)],
        }

    async def add(self, desk: "Desk", arguments: Arguments) -> object:
        said, reason = arguments.mapping("declaration"), arguments.reason()
        arguments.done()
        async with self._turn:
            one = await self._declared(dict(said))
            places = every_place(self._platform, desk.tree)
            added = await add_institution(self._records, places, one, reason)
            # A branch that an operator has stopped, or that a crash kept from starting.
            if added.line.state in LIVING:
                await BranchPlace(self._platform, desk.tree).make(one)
            take_note(self._platform, added.line)
            return {**self._view(added.line), "is_new": added.is_new, "notes": added.notes}

    def turn(self, turn: Turn) -> Run:
        async def run(_desk: "Desk", arguments: Arguments) -> object:
            ispb, reason = arguments.text("institution"), arguments.reason()
            arguments.done()
            async with self._turn:
                line = await turn(self._records, ispb, reason)
                take_note(self._platform, line)
                return self._view(line)

        return run

    async def remove(self, desk: "Desk", arguments: Arguments) -> object:
        ispb, archive = arguments.text("institution"), arguments.text("archive", "")
        reason = arguments.reason()
        arguments.done()
        async with self._turn:
            records, register = self._records, self._platform.register
            line = await find_institution(records, ispb)
            one = register.find(ispb) or _read(register.read, line)
            places = every_place(self._platform, desk.tree)
            removed = await remove_institution(records, places, one, reason, archive=archive)
            return {**self._view(removed.line), "notes": removed.notes}

    async def enroll(self, _desk: "Desk", arguments: Arguments) -> object:
        ispb, name = arguments.text("institution"), arguments.text("name")
        document, city = arguments.text("document"), arguments.text("city")
        key = arguments.text("idempotency_key", "")
        arguments.reason()  # for the book alone
        arguments.done()
        asked = _MovesIn(name=name, document=document, city=city)
        enrolled = await enroll_merchant(
            self._platform.tenants.get(ispb),
            name=name,
            document=document,
            city=city,
            idempotency=Idempotency(key=key, digest=digest_of(asked)) if key else None,
        )
        return {
            "merchant_id": enrolled.merchant.id,
            "account_id": enrolled.account.id,
            "pix_keys": enrolled.pix_keys,
            "api_key": enrolled.api_key,
        }

    async def _declared(self, said: dict[str, Any]) -> Institution:
        """As a file of the configuration is checked, with the same words. Without a ledger number
        it gets the next that nobody ever had. Raises Refused: institution_invalid,
        institution_exists.
        """
        lines = await self._records.all()
        ledgers = {line.ispb: line.ledger for line in lines}
        said.setdefault(
            "ledger", ledgers.get(str(said.get("ispb")), max(ledgers.values(), default=0) + 1)
        )
        register, simulated = self._platform.register, self._platform.settings.simulator.enabled
        try:
            one = check_institution(said, DECLARATION, simulated=simulated)
            check_ledger_is_free(one, register.all(), DECLARATION)
        except SettingsInvalid as error:
            raise Refused("institution_invalid", str(error)) from None
        known = register.find(one.ispb)
        if known is not None and known != one:
            raise Refused(
                "institution_exists", f"{one.ispb} is there already, and declared differently"
            )
        return one

    def _view(self, line: Registered) -> dict[str, object]:
        opened = {tenant.ispb for tenant in self._platform.tenants.all()}
        return {
            "ispb": line.ispb,
            "name": line.name,
            "ledger": line.ledger,
            "state": line.state.value,
            "is_open": line.ispb in opened and line.state in LIVING,
            "reason": line.reason,
            "archive": line.archive,
            "created_at": line.created_at,
            "changed_at": line.changed_at,
        }


def _read(read: Callable[[Registered], Institution], line: Registered) -> Institution:
    """What a line declares, of one that does not live here (any more)."""
    try:
        return read(line)
    except (StartRefused, SettingsInvalid) as error:
        raise Refused("institution_invalid", str(error)) from None
