"""The demo merchants: one in each declared institution, made once, their keys kept in `secrets/`,
and an owner of each for the apps, and one of the institution itself.

Only for a platform with a simulator: a real one shows an API key once and keeps no copy.
"""

from pathlib import Path

import msgspec

from actors.platform import Platform
from fluxiq.domain.roles import Role
from fluxiq.services.enroll import enroll_merchant
from fluxiq.services.operate_users import enroll_user
from fluxiq.services.tenant import Tenant

# Valid by their check digits, and belonging to nobody: the numbers of BACEN's own examples.
# Companies: a natural person would have a limit at night, and a demo at 23:00 an end of its own.
_PEOPLE = (
    ("Café Aurora", "00038166000105", "Curitiba"),
    ("Livraria Boreal", "12ABC34501DE35", "Recife"),
)


# The owners: CPFs whose check digits are right, of examples that nobody has.
_OWNER = ("Aurora dos Santos", "52998224725")
_CHIEF = ("Bento de Oliveira", "11144477735")


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who logs in."""

    document: str
    password: str


class Login(msgspec.Struct, frozen=True, kw_only=True):
    ispb: str
    institution: str
    merchant: str
    merchant_id: str
    account_id: str
    pix_key: str
    api_key: str
    owner: Person | None = None  # of the merchant; None in a directory of before there were people
    chief: Person | None = None  # of the institution


async def demo_logins(platform: Platform) -> list[Login]:
    """The demo merchants of every declared institution; made now where they are missing."""
    file = _file(platform.directory.path)
    known = {login.ispb: login for login in read_logins(platform.directory.path)}
    for number, ispb in enumerate(platform.ispbs):
        before = known.get(ispb)
        if before is None:
            before = await _enroll(platform, ispb, number)
        if before.owner is None or before.chief is None:
            before = await _with_people(platform, before)
        if known.get(ispb) != before:
            known[ispb] = before
            platform.directory.write(file, msgspec.json.encode(list(known.values())).decode())
    return [known[ispb] for ispb in platform.ispbs]


def read_logins(data_dir: Path) -> list[Login]:
    """The demo merchants that this data directory has so far."""
    try:
        return msgspec.json.decode(_file(data_dir).read_bytes(), type=list[Login])
    except FileNotFoundError:
        return []


async def _enroll(platform: Platform, ispb: str, number: int) -> Login:
    name, document, city = _PEOPLE[number % len(_PEOPLE)]
    enrolled = await enroll_merchant(
        platform.tenants.get(ispb), name=name, document=document, city=city
    )
    return Login(
        ispb=ispb,
        institution=platform.institution(ispb).name,
        merchant=name,
        merchant_id=enrolled.merchant.id,
        account_id=enrolled.account.id,
        pix_key=enrolled.pix_keys[0],
        api_key=enrolled.api_key,
    )


async def _with_people(platform: Platform, login: Login) -> Login:
    tenant = platform.tenants.get(login.ispb)
    owner = await _person(tenant, *_OWNER, merchant_id=login.merchant_id)
    chief = await _person(tenant, *_CHIEF, merchant_id=None)
    return msgspec.structs.replace(login, owner=owner, chief=chief)


async def _person(tenant: Tenant, name: str, document: str, *, merchant_id: str | None) -> Person:
    _, password = await enroll_user(
        tenant,
        document=document,
        name=name,
        role=Role.OWNER,
        merchant_id=merchant_id,
        one_time=False,
    )
    return Person(document=document, password=password)


def _file(data_dir: Path) -> Path:
    return data_dir / "secrets" / "demo.json"
