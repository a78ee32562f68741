"""Money is an int of centavos. Other notations come in and go out through this one door.

Providers write amounts as decimal strings ("150.00", the BCB standard), integer cents, or JSON
floats; which of them is a fact about the provider, never a guess from the value.
"""

import re
from decimal import Decimal
from enum import Enum

from fluxiq.errors import Refused

# Thirteen characters in a BR Code's field 54 and in the BCB's `valor`: 9999999999.99.
AMOUNT_MAX_CENTAVOS = 999_999_999_999

_REAIS = re.compile(r"[0-9]{1,10}(\.[0-9]{1,2})?")
_CENTAVOS = re.compile(r"[0-9]{1,12}")


class AmountUnit(Enum):
    """What a provider's number counts."""

    REAIS = "reais"
    CENTAVOS = "centavos"


def centavos_of(value: str | float, *, unit: AmountUnit = AmountUnit.REAIS) -> int:
    """Centavos, 0 to AMOUNT_MAX_CENTAVOS, of an amount as a provider writes it.

    In reais: a string of at most ten digits and two decimals, an int, or a float whose shortest
    decimal form has at most two decimals (0.1 + 0.2 has seventeen, and is refused: whoever sent it
    was calculating with floats). In centavos: an int or a string of digits.
    Raises Refused `invalid_amount`; nothing is ever rounded.
    """
    text = _decimal_text(value)
    pattern = _REAIS if unit is AmountUnit.REAIS else _CENTAVOS
    if text is None or pattern.fullmatch(text) is None:
        raise Refused("invalid_amount", f"not an amount in {unit.value}", field="amount")

    if unit is AmountUnit.CENTAVOS:
        return int(text)

    whole, _, fraction = text.partition(".")
    return int(whole) * 100 + int(fraction.ljust(2, "0"))


def reais(centavos: int) -> str:
    """The BCB's notation, two decimals and no thousands separator: 15000 -> "150.00"."""
    assert 0 <= centavos <= AMOUNT_MAX_CENTAVOS, f"{centavos} centavos is not an amount"
    return f"{centavos // 100}.{centavos % 100:02d}"


def require_amount(centavos: int, *, field: str = "amount") -> int:
    """The same number when it may be paid: 1 to AMOUNT_MAX_CENTAVOS (SPI refuses a zero: AM01).

    Raises Refused `invalid_amount`.
    """
    if isinstance(centavos, bool) or not 1 <= centavos <= AMOUNT_MAX_CENTAVOS:
        raise Refused(
            "invalid_amount",
            f"the amount must be between 1 and {AMOUNT_MAX_CENTAVOS} centavos",
            field=field,
        )

    return centavos


def _decimal_text(value: str | float) -> str | None:
    """Plain decimal notation of `value`; None for NaN, infinity and huge ints."""
    if isinstance(value, str):
        return value

    if isinstance(value, int):
        # A bool is an int too, but its text is no number.
        return str(value) if abs(value) <= AMOUNT_MAX_CENTAVOS else None

    # repr is the shortest text that reads back as the same float: what the sender meant.
    exact = Decimal(repr(value))
    if not exact.is_finite():
        return None

    text = format(exact, "f")
    return text.removesuffix(".0")
