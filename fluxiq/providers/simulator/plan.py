"""Magic recipient keys: the part before the `@` says how an order fares, in a plan.

`confirmed`, `rejected-<BACEN code>`, `slow`, `lost`, `lost-never`, `duplicate`, `disorder`,
`silent`, `endless` (accepted for ever), `late` (its answer, by five seconds), `returned` (whole,
after it was confirmed), `returned-half`; anything else is confirmed. A suffix tells keys apart:
`slow+17@example.com`. A refund has no key: its description decides.

Of an account, its number says it, in capitals and without hyphens, with any digits after it:
`AC0317` is rejected with AC03, `BE01` with BE01, `SLOW42` is slow. Numbers of digits are confirmed.
"""

import re

from msgspec import Struct

from fluxiq.domain.reasons import REASONS

_MAGIC = re.compile(r"([a-z-]+?)(?:-([a-z]{2}[a-z0-9]{2}))?(?:[+.][^@]*)?@.*")


class Plan(Struct, frozen=True, kw_only=True):
    """What happens to an order that is not simply accepted, confirmed and told once."""

    reason_code: str | None = None  # rejected, with this code
    is_slow: bool = False
    arrives: bool = True  # False: the first try is lost before it was read
    answers: bool = True  # False: accepted, but the connection closes without a word
    tells: bool = True  # False: only an enquiry finds out
    ends: bool = True  # False: whoever asks hears that it was accepted, and never more
    tells_first: bool = False  # the notice overtakes the answer to the order
    is_late: bool = False  # accepted at once, answered after seconds
    contradicts: bool = False  # a late rejection follows the confirmation
    copies: int = 1
    returned_parts: int = 0  # of two: how much of it comes back once it was confirmed


CONFIRMED = Plan()

_PLANS = {
    "slow": Plan(is_slow=True),
    "lost": Plan(answers=False),
    "lost-never": Plan(arrives=False),
    "duplicate": Plan(copies=3),
    "disorder": Plan(tells_first=True, contradicts=True),
    "silent": Plan(tells=False),
    "endless": Plan(ends=False),
    "late": Plan(is_late=True),
    "returned": Plan(returned_parts=2),
    "returned-half": Plan(returned_parts=1),
}


_NUMBERS = {word.replace("-", "").upper(): plan for word, plan in _PLANS.items()}
_CODE_LENGTH = 4


def plan_of(pix_key: str) -> Plan:
    match = _MAGIC.fullmatch(pix_key)
    if match is None:
        return CONFIRMED

    word, code = match.groups()
    if word == "rejected" and code:
        return Plan(reason_code=code.upper())
    return _PLANS.get(f"{word}-{code}" if code else word, CONFIRMED)


def plan_of_account(number: str) -> Plan:
    plan = _NUMBERS.get(number.rstrip("0123456789"))
    if plan is not None:
        return plan  # before the codes: DUPLICATE begins with one
    code = number[:_CODE_LENGTH]
    return Plan(reason_code=code) if code in REASONS else CONFIRMED
