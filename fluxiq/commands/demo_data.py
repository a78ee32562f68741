"""The demo merchants: one in each declared institution, made once, their keys kept in `secrets/`.

Only for a platform with a simulator: a real one shows an API key once and keeps no copy.
"""

from pathlib import Path

import msgspec

from actors.platform import Platform
from fluxiq.services.enroll import enroll_merchant

# Valid by their check digits, and belonging to nobody: the numbers of BACEN's own examples.
# Companies: a natural person would have a limit at night, and a demo at 23:00 an end of its own.
_PEOPLE = (
    ("Café Aurora", "00038166000105", "Curitiba"),
    ("Livraria Boreal", "12ABC34501DE35", "Recife"),
)


class Login(msgspec.Struct, frozen=True, kw_only=True):
    ispb: str
    institution: str
    merchant: str
    merchant_id: str
    account_id: str
    pix_key: str
    api_key: str


async def demo_logins(platform: Platform) -> list[Login]:
    """The demo merchants of every declared institution; made now where they are missing."""
    file = _file(platform.directory.path)
    known = {login.ispb: login for login in read_logins(platform.directory.path)}
    for number, ispb in enumerate(platform.ispbs):
        if ispb not in known:
            known[ispb] = await _enroll(platform, ispb, number)
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


def _file(data_dir: Path) -> Path:
    return data_dir / "secrets" / "demo.json"
