"""A process of its own: the official Python client's rate, as one line of JSON.

    python official.py ADDRESSES TRANSFERS BATCH

Its transfers are made before the clock starts; its packing is a part of the call, and so is not.
"""

import json
import secrets
import sys
from collections.abc import Sequence
from time import perf_counter

import tigerbeetle

LEDGER = 1
ACCOUNTS = 1_000


def main(addresses: str, transfers: int, batch: int) -> None:
    """Send batches one after the other, as a client does that has one request in flight."""
    first = secrets.randbits(62) << 64
    with tigerbeetle.ClientSync(cluster_id=0, replica_addresses=addresses) as client:
        accounts = [
            tigerbeetle.Account(id=first + number, ledger=LEDGER, code=1)
            for number in range(1, ACCOUNTS + 1)
        ]
        _demand(client.create_accounts(accounts), tigerbeetle.CreateAccountStatus.CREATED)

        batches = [
            [_transfer(first, number) for number in range(start, min(start + batch, transfers))]
            for start in range(0, transfers, batch)
        ]
        seconds = []
        began = perf_counter()
        for one in batches:
            started = perf_counter()
            results = client.create_transfers(one)
            seconds.append(perf_counter() - started)
            _demand(results, tigerbeetle.CreateTransferStatus.CREATED)
        rate = transfers / (perf_counter() - began)

    seconds.sort()
    last = len(seconds) - 1
    p50, p99 = (1000 * seconds[round(share * last)] for share in (0.5, 0.99))
    sys.stdout.write(json.dumps({"rate": rate, "p50_ms": p50, "p99_ms": p99}) + "\n")


def _transfer(first: int, number: int) -> tigerbeetle.Transfer:
    return tigerbeetle.Transfer(
        id=first + number + 1,
        debit_account_id=first + number % ACCOUNTS + 1,
        credit_account_id=first + (number * 7 + 1) % ACCOUNTS + 1,
        amount=1,
        ledger=LEDGER,
        code=1,
    )


def _demand(
    results: Sequence[tigerbeetle.CreateAccountResult | tigerbeetle.CreateTransferResult],
    status: object,
) -> None:
    refused = [one for one in results if one.status != status]
    if refused:
        raise SystemExit(f"refused: {refused[:3]}")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
