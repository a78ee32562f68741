"""Money of a customer that is set aside: while a fraud report is analysed, or by order of a court.

It moves between two ledger accounts of the customer: from `available` to `blocked`, and back.
"""

from fluxiq.domain import transfer_postings as postings
from fluxiq.domain.records import Account, Transfer, TransferStatus
from fluxiq.errors import Refused
from fluxiq.services.tenant import Tenant

_TOO_LITTLE = {TransferStatus.EXCEEDS_CREDITS, TransferStatus.ID_ALREADY_FAILED}


async def block_funds(tenant: Tenant, account: Account, case_id: str, amount: int) -> int:
    """Set `amount` centavos aside for the case `case_id`; return the ledger id of the movement.

    A case blocks an account once, and twice is once. Raises Refused("insufficient_funds") when
    less is available (another try for the same sum is another case), Unknown, Unavailable.
    """
    ispb, ledger = tenant.ispb, tenant.institution.ledger
    await tenant.ledger.create_accounts([postings.blocked_account(ispb, ledger, account.id)])
    return await _move(tenant, postings.block(ispb, ledger, case_id, account.id, amount))


async def release_funds(tenant: Tenant, account: Account, case_id: str, amount: int) -> int:
    """Give back `amount` centavos, all or a part of what was set aside for `case_id`; once a case.

    Raises Refused("insufficient_funds") when less is blocked, Unknown, Unavailable.
    """
    ispb, ledger = tenant.ispb, tenant.institution.ledger
    await tenant.ledger.create_accounts([postings.blocked_account(ispb, ledger, account.id)])
    return await _move(tenant, postings.release(ispb, ledger, case_id, account.id, amount))


async def _move(tenant: Tenant, posting: Transfer) -> int:
    [status] = await tenant.ledger.create_transfers([posting])
    if status in _TOO_LITTLE:
        raise Refused("insufficient_funds", "there is less than that to move", field="amount")
    if not status.stands:
        raise AssertionError(f"the ledger answered {status} to {posting!r}")

    return posting.id
