"""What we send, read by the libraries that merchants use: Standard Webhooks, as published.

The one for Python comes with the development dependencies. The one for Node is asked when it is
there: `npm install --prefix DIR standardwebhooks`, and then `NODE_PATH=DIR/node_modules`.
"""

import base64
import json
import shutil
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec
import pytest
import trio
from standardwebhooks import Webhook, WebhookVerificationError

from fluxiq.couriers.sender import WebhookSender
from fluxiq.domain.records import Delivery, WebhookEndpoint
from fluxiq.domain.webhook import Rotated, changed
from fluxiq.http1 import Request, Response, bind, port_of, serve_http
from fluxiq.settings import load

OLD, NEW, OTHER = (
    "whsec_" + base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2, 3)
)
SETTINGS = msgspec.structs.replace(load({}).webhooks, allow_loopback=True, allow_http=True)

VERIFY_IN_NODE = """
const { Webhook } = require("standardwebhooks");
const { secret, body, headers } = JSON.parse(require("fs").readFileSync(0, "utf8"));
try {
  process.stdout.write(JSON.stringify(new Webhook(secret).verify(body, headers)));
} catch (error) {
  process.stdout.write("refused: " + error.constructor.name);
}
"""


def endpoint_at(url: str) -> WebhookEndpoint:
    return WebhookEndpoint(
        id="whk_1",
        merchant_id="mch_1",
        url=url,
        events=(),
        secret=OLD,
        created_at=datetime.now(UTC),
    )


@pytest.fixture
async def received(nursery: trio.Nursery) -> list[Request]:
    """What a merchant gets of one delivery before, and one during a rotation of the secret."""
    requests: list[Request] = []

    async def answer(request: Request) -> Response:
        requests.append(request)
        return Response(status=204)

    listeners = await bind("127.0.0.1", 0, name="a merchant")
    nursery.start_soon(serve_http, answer, listeners)
    now = datetime.now(UTC)
    before = endpoint_at(f"http://127.0.0.1:{port_of(listeners)}/hooks")
    during = changed(before, Rotated(secret=NEW, overlap_seconds=60), now)
    delivery = Delivery(
        id="dlv_1",
        endpoint_id="whk_1",
        event_id="evt_1",
        event_type="pix.charge.paid",
        body='{"id":"evt_1","data":{"note":"açaí"}}'.encode(),
        attempt=1,
        reference=None,
    )
    async with WebhookSender.open(SETTINGS) as sender:
        for endpoint in (before, during):
            assert (await sender.deliver(endpoint, delivery, now)).delivered
    return requests


def verify_in_python(secret: str, request: Request) -> str:
    try:
        return json.dumps(Webhook(secret).verify(request.body, dict(request.headers)))
    except WebhookVerificationError:
        return "refused: WebhookVerificationError"


def verify_in_node(secret: str, request: Request) -> str:
    headers: Mapping[str, str] = request.headers
    asked = {"secret": secret, "body": request.body.decode(), "headers": dict(headers)}
    done = subprocess.run(
        ["node", "-e", VERIFY_IN_NODE],
        input=json.dumps(asked).encode(),
        capture_output=True,
        timeout=20,
        check=True,
    )
    return done.stdout.decode()


def node_has_the_library() -> bool:
    if shutil.which("node") is None:
        return False
    asked = ["node", "-e", 'require.resolve("standardwebhooks")']
    return subprocess.run(asked, capture_output=True, timeout=20, check=False).returncode == 0


@pytest.mark.parametrize("language", ["python", "node"])
async def test_the_published_library_believes_us_and_during_a_rotation_with_either_secret(
    language: str, received: list[Request]
) -> None:
    if language == "node" and not node_has_the_library():
        pytest.skip("node or its package standardwebhooks is not installed (see NODE_PATH above)")
    verify = verify_in_python if language == "python" else verify_in_node

    before, during = received
    told = {"id": "evt_1", "data": {"note": "açaí"}}
    assert json.loads(verify(OLD, before)) == told
    assert json.loads(verify(OLD, during)) == told
    assert json.loads(verify(NEW, during)) == told
    assert verify(NEW, before).startswith("refused: WebhookVerificationError")
    assert verify(OTHER, during).startswith("refused: WebhookVerificationError")
    forged = msgspec.structs.replace(during, body=during.body + b" ")
    assert verify(NEW, forged).startswith("refused: WebhookVerificationError")


async def test_a_rotation_sends_two_signatures_parted_by_a_space(received: list[Request]) -> None:
    counts = [len(one.headers["webhook-signature"].split(" ")) for one in received]

    assert counts == [1, 2]
