"""The model gives the answers that the failover protocol leans on."""

import pytest

from fluxiq.ledgers.expiry import SECOND_NS
from fluxiq.ledgers.model_cluster import ModelCluster
from tests.support.ledger_golden import GOLDEN, GOLDEN_OF_TIGERBEETLE, Pause, Steps
from tests.support.ledger_histories import ACCOUNTS

ALL = GOLDEN | GOLDEN_OF_TIGERBEETLE


@pytest.mark.parametrize("steps", ALL.values(), ids=ALL.keys())
def test_a_golden_history_has_its_answers(steps: Steps) -> None:
    cluster = ModelCluster()
    cluster.create_accounts(ACCOUNTS)

    for step in steps:
        if isinstance(step, Pause):
            cluster.expire(cluster.now + step.seconds * SECOND_NS)
        else:
            results = cluster.create_transfers(step.transfers)
            assert [result.status for result in results] == step.statuses
