"""Every answer that a contract test gets from the twin is held against the OpenAPI document.

A status, a header, a field or an error code that the document does not have fails the test that
met it. The codes of an endpoint's own are named where it is registered, in `refuses`.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from quart import request
from quart_trio import QuartTrio
from quart_trio.wrappers import TrioResponse

from fluxiq.api.app import CONTRACTS, create_app
from tests.support import api_twin, api_world
from tests.support.api_document import objections


@pytest.fixture(autouse=True)
def answers_fit_the_document(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    wrong: list[str] = []

    def create(*args: Any, **settings: Any) -> QuartTrio:
        app = create_app(*args, **settings)
        paths = {one.name: one.path for one in app.extensions[CONTRACTS]}

        async def judge(response: TrioResponse) -> TrioResponse:
            rule = request.url_rule
            if rule is not None and request.method != "HEAD":
                body = await response.get_data(as_text=False)
                status, headers = response.status_code, response.headers
                wrong.extend(
                    objections(request.method, paths[rule.endpoint], status, headers, body)
                )
            return response

        app.after_request(judge)  # type: ignore[arg-type]
        return app

    for twin in (api_twin, api_world):
        monkeypatch.setattr(twin, "create_app", create)
    yield
    assert wrong == []
