"""The app's rules match paths; what would build URLs from them is not even compiled."""

import pytest

from fluxiq.api.matching import MatchingRule
from tests.support.api_twin import World


async def test_an_app_took_most_of_its_time_to_compile_what_nobody_calls() -> None:
    rules = list(World().app().url_map.iter_rules())

    assert len(rules) > 100
    assert all(isinstance(rule, MatchingRule) for rule in rules)
    # Werkzeug would answer where it compiled its own after all, under another name.
    for rule in rules:
        with pytest.raises(AssertionError, match="no URL is built from a rule"):
            rule.build({})
