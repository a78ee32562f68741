"""What a password may be: long, not a person's own data, not what everybody tries first.

Length instead of kinds of characters, and nothing expires: NIST SP 800-63B, 5.1.1.2.
"""

import re
import unicodedata
from typing import Final

from fluxiq.errors import Refused

LENGTH_MIN: Final = 12
LENGTH_MAX: Final = 256  # characters: whoever hashes a megabyte makes others wait
DISTINCT_MIN: Final = 5

# What is left of common passwords without their digits and signs, as of `Password123!`.
_COMMON_WORDS: Final = """
abc abcd abcde abcdef abcdefg abcdefgh abcdefghijkl acesso admin adminadmin administrador
administrator amominhafamilia amor asdf asdfgh asdfghjkl asdfghjklzxcvbnm banco bancobanco brasil
brasilbrasil changeme changemenow contasenha corinthians deusefiel deusemais deusmeama dinheiro
dragon empresa eusouomelhor familia felicidade financeiro flamengo fluxiq football futebol gremio
iloveyou iloveyouforever internacional jesus jesuscristo jesusmeama jesusteama letmein letmeinnow
master meuamor minhafamilia minhasenha minhasenhasegura monkey mudar mudarsenha nossasenha
novasenha operador pagamento palmeiras passphrase passw password passwordpassword passwort pix
pixpix princesa princess qazwsx qazwsxedc qazwsxedcrfv qwe qweasd qweasdzxc qwer qwert qwerty
qwertyqwerty qwertyui qwertyuiop qwertyuiopasdf qwertyuiopasdfghjkl root rootroot santos saopaulo
secret secreta secretpassword segredo segura senha senhaforte senhasecreta senhasegura senhasenha
sucesso sunshine superman teamo test teste testeteste testing trocar trocarsenha trustnoone user
usuario vasco vitoria welcome welcomehome welcometo welcomewelcome yourpassword zaqwsx zxcvbn
zxcvbnm
"""
COMMON: Final = frozenset(_COMMON_WORDS.split())

_LETTERS = re.compile(r"[^a-z]+")
_NUMBERS = re.compile(r"[^0-9A-Za-z]+")


def normalized(text: str) -> str:
    """The one way to write a password, whatever keyboard composed it (NFKC)."""
    return unicodedata.normalize("NFKC", text)


def check_password(text: str, *, document: str, field: str) -> None:
    """Raises Refused("password_weak") naming `field`, never the text."""
    text = normalized(text)
    if problem := _problem(text, document):
        raise Refused("password_weak", problem, field=field)


def _problem(text: str, document: str) -> str:
    if len(text) < LENGTH_MIN:
        return f"at least {LENGTH_MIN} characters are needed"

    if len(text) > LENGTH_MAX:
        return f"at most {LENGTH_MAX} characters are taken"

    if len(set(text)) < DISTINCT_MIN:
        return f"at least {DISTINCT_MIN} different characters are needed"

    if document.lower() in _NUMBERS.sub("", text).lower():
        return "a document is no secret: leave it out"

    # An accent or another alphabet is kept apart from what it looks like: only ASCII is common.
    stem = _LETTERS.sub("", text.lower())
    if text.isascii() and (stem in COMMON or not stem):
        return "this is one of the first that everybody tries"
    return ""
