"""An account as its owner dictates it: where a payment without a PIX key goes.

The SPI calls this way of starting a payment MANU: nobody was asked who owns the account, so the
name and document are the payer's word until the payee's institution compares them (BE01, CH11).
Shapes are the SPI's own, as DICT has them too (API DICT 2.x, schema `Account`).
"""

import re
from enum import StrEnum
from typing import Final

from msgspec import Struct

from fluxiq.errors import Refused

NAME_CHARACTERS_MAX: Final = 140  # pacs.008, Cdtr/Nm

_ISPB = re.compile(r"[0-9A-Z]{8}")
_BRANCH = re.compile(r"[0-9]{1,4}")
_NUMBER = re.compile(r"[0-9A-Z]{1,20}")
_SEPARATORS = str.maketrans("", "", ".-/ ")


class AccountType(StrEnum):
    """ISO 20022's codes, of which the SPI knows these four."""

    CHECKING = "CACC"
    SAVINGS = "SVGS"
    PAYMENT = "TRAN"
    SALARY = "SLRY"


class RecipientAccount(Struct, frozen=True, kw_only=True):
    """No `branch` where the institution has none; `number` has its check digit in it."""

    branch: str | None
    number: str
    type: AccountType


def parse_ispb(text: str, *, field: str = "ispb") -> str:
    """An institution's eight characters. Raises Refused `invalid_recipient_account`."""
    ispb = _upper(text.strip())
    if _ISPB.fullmatch(ispb) is None:
        raise _refused("an ISPB has eight digits or letters", field)
    return ispb


def parse_account(
    kind: AccountType, branch: str | None, number: str, *, field: str = "account"
) -> RecipientAccount:
    """The account in the form that the SPI takes; separators in a number (`12345-6`) go. Raises
    Refused `invalid_recipient_account`, naming what is wrong below `field`.
    """
    bare = _upper(number.translate(_SEPARATORS))
    branch = (branch or "").strip() or None
    if branch is not None and _BRANCH.fullmatch(branch) is None:
        raise _refused("a branch has one to four digits, without a check digit", f"{field}.branch")
    if _NUMBER.fullmatch(bare) is None:
        message = "an account number has up to 20 digits or letters, with its check digit"
        raise _refused(message, f"{field}.number")
    return RecipientAccount(branch=branch, number=bare, type=kind)


def parse_holder_name(text: str, *, field: str = "name") -> str:
    """A name without spaces around it. Raises Refused `invalid_recipient_account`."""
    name = text.strip()
    if not (0 < len(name) <= NAME_CHARACTERS_MAX and name.isprintable()):
        message = f"a name has 1 to {NAME_CHARACTERS_MAX} printable characters"
        raise _refused(message, field)
    return name


def _upper(text: str) -> str:
    # Changing the case of what is not ASCII could make a letter of what was none.
    return text.upper() if text.isascii() else text


def _refused(message: str, field: str) -> Refused:
    return Refused("invalid_recipient_account", message, field=field)
