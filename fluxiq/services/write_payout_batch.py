"""One person writes payouts down for another one to release: checked line by line, nothing held.

Who owns a key is not asked here. A batch that nobody releases costs nothing, so the names behind a
thousand keys could be had for nothing, past the allowance of look-ups (API DICT, policy
ENTRIES_READ_USER_ANTISCAN); it is asked as each line becomes a payout.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import trio
from msgspec import Struct

from fluxiq.domain import keys
from fluxiq.domain.identifiers import IdPrefix
from fluxiq.domain.payout_batch import (
    REFERENCE_CHARACTERS_MAX,
    BatchStatus,
    Instruction,
    NumberedInstruction,
    PayoutBatch,
)
from fluxiq.domain.records import Account
from fluxiq.errors import Refused
from fluxiq.ports import Fresh, Idempotency
from fluxiq.ports.payout_batches import BatchOpening
from fluxiq.services.accounts import working_account
from fluxiq.services.messages.envelope import Answer, Data, encode
from fluxiq.services.messages.released_batches import (
    BatchLineSaid,
    LineFaultView,
    WritePayoutBatch,
    fault_view,
    written_view,
)
from fluxiq.services.replay import replay
from fluxiq.services.tenant import Tenant

DESCRIPTION_CHARACTERS_MAX: Final = 140  # as of a payout
BITE: Final = 64  # lines checked in one go: a millisecond


class Checked(Struct, frozen=True, kw_only=True):
    """The lines that may become payouts, and what is wrong with the others."""

    lines: tuple[NumberedInstruction, ...]
    faults: tuple[LineFaultView, ...]


async def write_payout_batch(
    tenant: Tenant,
    merchant_id: str,
    actor: str,
    request: WritePayoutBatch,
    idempotency: Idempotency | None,
) -> Answer:
    """Raises Refused: batch_invalid, with the faults of its lines, account_not_found,
    account_not_active, or for the idempotency key.
    """
    account = await working_account(tenant, merchant_id, request.account_id)
    checked = await check_lines(request.lines, amount_max=tenant.settings.pix.payout_amount_max)
    if checked.faults and not (request.skip_invalid and checked.lines):
        raise _invalid(checked, len(request.lines))

    batch = _batch(tenant, account, actor, request.name, checked.lines)
    body = encode(Data(written_view(batch, checked.faults)))
    opening = await tenant.payout_batches.open(
        BatchOpening(batch=batch, lines=checked.lines, response=body, idempotency=idempotency)
    )
    return Answer(body=body) if isinstance(opening, Fresh) else replay(opening)


async def check_lines(said: Sequence[BatchLineSaid], *, amount_max: int) -> Checked:
    """Each line by itself, and that no reference is said twice: then the first one stands. Others
    have their turn in between: a thousand lines take 14 ms.
    """
    lines: list[NumberedInstruction] = []
    faults: list[LineFaultView] = []
    references: set[str] = set()
    for number, line in enumerate(said, start=1):
        if number % BITE == 0:
            await trio.lowlevel.checkpoint()
        try:
            instruction = _instruction(line, amount_max)
            _require_once(line.reference, references)
        except Refused as refused:
            faults.append(fault_view(number, refused))
        else:
            lines.append(NumberedInstruction(number=number, instruction=instruction))
    return Checked(lines=tuple(lines), faults=tuple(faults))


def _instruction(line: BatchLineSaid, amount_max: int) -> Instruction:
    if line.amount <= 0:
        raise Refused("invalid_amount", "an amount is at least 1 centavo", field="amount")
    if line.amount > amount_max:
        message = f"a payout may be at most {amount_max} centavos"
        raise Refused("amount_above_limit", message, field="amount")
    _require_short(line.description, DESCRIPTION_CHARACTERS_MAX, "description")
    _require_short(line.reference, REFERENCE_CHARACTERS_MAX, "reference")

    kind, key = _payee(line)
    return Instruction(
        amount=line.amount,
        pix_key=key,
        pix_key_type=kind,
        description=line.description,
        reference=line.reference,
    )


def _payee(line: BatchLineSaid) -> tuple[str, str]:
    said, field = line.recipient, "recipient.pix_key"
    if said.pix_key_type is None:
        return keys.classify(said.pix_key, field=field)
    return said.pix_key_type, keys.parse_key(said.pix_key_type, said.pix_key, field=field)


def _require_short(text: str, characters_max: int, field: str) -> None:
    if len(text) > characters_max:
        message = f"longer than {characters_max} characters"
        raise Refused("validation_failed", message, field=field)


def _require_once(reference: str, known: set[str]) -> None:
    if reference in known:
        message = "another line of the batch has this reference"
        raise Refused("reference_repeated", message, field="reference")
    if reference:
        known.add(reference)


def _batch(
    tenant: Tenant, account: Account, actor: str, name: str, lines: Sequence[NumberedInstruction]
) -> PayoutBatch:
    now = tenant.clock.now()
    return PayoutBatch(
        id=tenant.ids.new(IdPrefix.PAYOUT_BATCH),
        merchant_id=account.merchant_id,
        account_id=account.id,
        name=name,
        status=BatchStatus.AWAITING_RELEASE,
        line_count=len(lines),
        amount=sum(one.instruction.amount for one in lines),
        created_by=actor,
        created_at=now,
        updated_at=now,
        expires_at=now + timedelta(hours=tenant.settings.pix.batch_release_hours),
    )


def _invalid(checked: Checked, said: int) -> Refused:
    return Refused(
        "batch_invalid",
        f"{len(checked.faults)} of {said} lines are invalid; nothing was written",
        details={"lines": list(checked.faults)},
    )
