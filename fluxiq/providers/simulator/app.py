"""The provider's doors: signed ones for its customers, open ones for people who pay."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import trio

from fluxiq.domain import brcode
from fluxiq.domain.documents import mask_document
from fluxiq.domain.identifiers import parse_charge_txid
from fluxiq.domain.keys import classify
from fluxiq.errors import Refused, Unavailable
from fluxiq.http1 import (
    HttpClient,
    Request,
    Response,
    bind,
    client_tls,
    port_of,
    serve_http,
    tcp_connector,
)
from fluxiq.providers.cob_messages import CobRemoval, CobWanted
from fluxiq.providers.order_messages import (
    ErrorReply,
    OrderReply,
    OwnerReply,
    PaymentOrder,
    RefundOrder,
)
from fluxiq.providers.signatures import HmacSignature
from fluxiq.providers.simulator import contest_doors, fraud_doors
from fluxiq.providers.simulator.books import read_query
from fluxiq.providers.simulator.config import ISPB, Customer, SimulatorConfig
from fluxiq.providers.simulator.journal import Journal
from fluxiq.providers.simulator.messages import (
    Falsify,
    Paid,
    PaidMany,
    PayBrCode,
    PayKey,
    PayMany,
)
from fluxiq.providers.simulator.orders import Order
from fluxiq.providers.simulator.postman import LANES, Postman
from fluxiq.providers.simulator.psp import Psp
from fluxiq.providers.simulator.timetable import Timetable
from fluxiq.providers.simulator.wanted import meaning, payment_of, refund_of
from fluxiq.providers.simulator.wire import decode as _decode
from fluxiq.providers.simulator.wire import reply as _reply
from fluxiq.providers.simulator_client import INSTITUTION

TELL_FIRST_SECONDS_MAX = 2.0
LATE_SECONDS = 5.0  # until `late@…` is answered
OWNER_DOCUMENT = "12345678909"
_FRAUD = "FR01"  # SPI's reason of a return

_STATUS_OF = {"signature_invalid": 401, "not_found": 404, "customer_unknown": 404, "conflict": 409}

Answer = Response | None
Door = Callable[["Doors", Request, str], Awaitable[Answer]]


async def serve(
    config: SimulatorConfig, *, task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED
) -> None:
    """Be the provider until cancelled; reports the port. Raises StartRefused when the port or the
    journal cannot be had.
    """
    with Journal.open(Path(config.journal)) as journal:
        timetable = Timetable()
        psp = Psp(config, journal, timetable)
        # A long past takes seconds to read, and the platform may be in the same process.
        await trio.to_thread.run_sync(lambda: psp.restore(journal.read()))

        listeners = await bind(config.host, config.port, name="the provider simulator")

        async with AsyncExitStack() as links, trio.open_nursery() as nursery:
            postmen = {}
            for customer in config.customers:
                client = await links.enter_async_context(_client(customer))
                postmen[customer.ispb] = _postman(customer, client, timetable, psp)
                nursery.start_soon(postmen[customer.ispb].run)
            psp.attach(postmen)
            nursery.start_soon(timetable.run)
            nursery.start_soon(serve_http, Doors(config, psp).answer, listeners)
            task_status.started(port_of(listeners))


def _client(customer: Customer) -> HttpClient:
    parts = urlsplit(customer.notices_url)
    assert parts.hostname, "checked by the config"
    tls = client_tls() if parts.scheme == "https" else None
    connect = tcp_connector(parts.hostname, parts.port or (443 if tls else 80), tls)
    return HttpClient(connect, parts.netloc, connections_max=LANES)


def _postman(customer: Customer, client: HttpClient, timetable: Timetable, psp: Psp) -> Postman:
    target = urlsplit(customer.notices_url).path
    return Postman(client, target, HmacSignature(customer.secret), timetable, psp.answered)


class Doors:
    """From requests to the provider and back."""

    def __init__(self, config: SimulatorConfig, psp: Psp) -> None:
        self._psp = psp
        self._signatures = {one.ispb: HmacSignature(one.secret) for one in config.customers}

    async def answer(self, request: Request) -> Answer:
        name, _, rest = request.path.lstrip("/").partition("/")
        door = _DOORS.get((request.method, name))
        if door is None:
            return _refusal(Refused("not_found", f"no {request.method} {request.path}"))
        try:
            return await door(self, request, rest)
        except Refused as refused:
            return _refusal(refused)
        except Unavailable as error:
            return _reply(503, ErrorReply(code="unavailable", message=str(error)))

    # For customers: signed.

    async def take_order(self, request: Request, rest: str) -> Answer:
        """202 the first time, 200 when repeated; the key's plan may lose the answer."""
        ispb = self._customer(request)
        return await self._take(payment_of(ispb, _decode(request.body, _ORDER), rest))

    async def take_refund(self, request: Request, rest: str) -> Answer:
        """As `take_order`; the description's plan decides, as a key's does, or what was reported of
        a payment that goes back for fraud.
        """
        ispb = self._customer(request)
        said = _decode(request.body, _REFUND)
        reported = self._psp.fraud.details_of(ispb, said.end_to_end_id)
        plan = reported if said.reason_code == _FRAUD and reported else said.description
        return await self._take(refund_of(ispb, said, plan, rest))

    async def _take(self, wanted: Order) -> Answer:
        known = self._psp.find(wanted.end_to_end_id)
        if known is not None:
            if meaning(known) != meaning(wanted):
                raise Refused("conflict", "this end-to-end id is another order's")
            return _reply(200, _order_reply(self._psp.repeat(known)))

        plan = wanted.plan
        if self._psp.is_lost(wanted.end_to_end_id, plan):
            return None
        self._psp.accept(wanted)
        if plan.tells_first:
            await self._psp.tell_first(wanted, TELL_FIRST_SECONDS_MAX)
        if plan.is_late:
            await trio.sleep(LATE_SECONDS)
        return _reply(202, OrderReply(state="accepted")) if plan.answers else None

    async def show_order(self, request: Request, end_to_end_id: str) -> Answer:
        ispb = self._customer(request)
        order = self._psp.find(end_to_end_id)
        if order is None or order.ispb != ispb:
            return _reply(404, OrderReply(state="not_found"))
        return _reply(200, _order_reply(order))

    async def show_statement(self, request: Request, rest: str) -> Answer:
        """What settled in a window, in pages as the BCB has them."""
        del rest
        ispb = self._customer(request)
        return _reply(200, self._psp.books.statement(ispb, read_query(request.target)))

    async def host_charge(self, request: Request, txid: str) -> Answer:
        ispb = self._customer(request)
        wanted = _decode(request.body, _COB)
        parse_charge_txid(txid)
        return _reply(201, self._psp.locations.put(ispb, txid, wanted))

    async def remove_charge(self, request: Request, txid: str) -> Answer:
        ispb = self._customer(request)
        _decode(request.body, _COB_REMOVAL)
        return _reply(200, self._psp.locations.remove(ispb, txid))

    async def tell_infraction(self, request: Request, rest: str) -> Answer:
        return fraud_doors.tell(self._psp.fraud, self._customer(request), request, rest)

    async def show_infraction(self, request: Request, report_id: str) -> Answer:
        return _reply(200, self._psp.fraud.show(report_id, self._customer(request)))

    async def take_contest(self, request: Request, rest: str) -> Answer:
        return contest_doors.take(self._psp.contests, self._customer(request), request, rest)

    async def tell_contest(self, request: Request, rest: str) -> Answer:
        return contest_doors.tell(self._psp.contests, self._customer(request), rest)

    async def show_contest(self, request: Request, contest_id: str) -> Answer:
        return _reply(200, self._psp.contests.show(self._customer(request), contest_id))

    async def show_owner(self, request: Request, key: str) -> Answer:
        """Every well-formed key has an owner, but for `unknown@…`."""
        self._customer(request)
        _, key = classify(key)
        if key.startswith("unknown@"):
            raise Refused("not_found", "nobody has this key")
        document = mask_document(OWNER_DOCUMENT)
        return _reply(200, OwnerReply(name="Fulano de Tal", document=document, ispb=ISPB))

    # For everybody: who pays, and who looks on.

    async def pay(self, request: Request, rest: str) -> Answer:
        del rest
        return _reply(200, self._pay(_decode(request.body, _PAY)))

    async def pay_many(self, request: Request, rest: str) -> Answer:
        """All or none, but for a full disk."""
        del rest
        payments = _decode(request.body, _PAY_MANY).payments
        for one in payments:
            self._payable(one)
        return _reply(200, PaidMany(payments=tuple(self._pay(one) for one in payments)))

    async def pay_key(self, request: Request, rest: str) -> Answer:
        del rest
        wanted = _decode(request.body, _PAY_KEY)
        self._require_customer(wanted.ispb)
        _, key = classify(wanted.pix_key)
        paid = self._psp.receive(
            wanted.ispb,
            key,
            wanted.amount,
            payer=wanted.payer,
            copies=wanted.copies,
            is_told=wanted.is_told,
        )
        return _reply(200, paid)

    async def falsify(self, request: Request, rest: str) -> Answer:
        del rest
        wanted = _decode(request.body, _FALSIFY)
        self._require_customer(wanted.ispb)
        self._psp.books.falsify(wanted)
        return _reply(200, wanted)

    async def report_fraud(self, request: Request, rest: str) -> Answer:
        if not rest:
            return fraud_doors.report(self._psp.fraud, request)
        return _reply(200, self._psp.fraud.withdraw(rest.removesuffix("/withdraw")))

    async def show_fraud(self, request: Request, report_id: str) -> Answer:
        del request
        return _reply(200, self._psp.fraud.show(report_id))

    async def show_any_order(self, request: Request, end_to_end_id: str) -> Answer:
        del request
        order = self._psp.find(end_to_end_id)
        if order is None:
            return _reply(404, OrderReply(state="not_found"))
        return _reply(200, _order_reply(order))

    async def show_statistics(self, request: Request, rest: str) -> Answer:
        del request, rest
        return _reply(200, self._psp.statistics())

    async def show_health(self, request: Request, rest: str) -> Answer:
        del request, rest
        return _reply(200, {"status": "ok"})

    def _customer(self, request: Request) -> str:
        """Who signed. Raises Refused `signature_invalid`, also for somebody unknown."""
        ispb = request.headers.get(INSTITUTION, "")
        signature = self._signatures.get(ispb)
        if signature is None:
            raise Refused("signature_invalid", "X-Institution names no customer")
        signature.verify(request.headers, request.body, datetime.now(UTC))
        return ispb

    def _require_customer(self, ispb: str) -> None:
        if ispb not in self._signatures:
            raise Refused("customer_unknown", f"{ispb} is no customer", field="ispb")

    def _pay(self, wanted: PayBrCode) -> Paid:
        key, amount, txid = self._payable(wanted)
        if txid is not None:
            self._psp.locations.paid(wanted.ispb, txid)
        return self._psp.receive(
            wanted.ispb,
            key,
            amount,
            payer=wanted.payer,
            txid=txid,
            copies=wanted.copies,
            is_told=wanted.is_told,
        )

    def _payable(self, wanted: PayBrCode) -> tuple[str, int, str | None]:
        """Key, centavos and txid. Raises Refused when the code cannot be paid."""
        self._require_customer(wanted.ispb)
        code = brcode.parse(wanted.br_code)
        if code.url is not None:
            return self._hosted(code.url, wanted)
        if code.key is None:
            raise Refused("code_without_key", "the code says nobody to pay", field="br_code")
        amount = wanted.amount or code.amount
        if amount is None:
            raise Refused("amount_missing", "neither you nor the code say how much", field="amount")
        return code.key, amount, code.txid

    def _hosted(self, location: str, wanted: PayBrCode) -> tuple[str, int, str]:
        """What the payer's app finds at a location: of it the payer chooses nothing."""
        hosted = self._psp.locations.find(location)
        if hosted.ispb != wanted.ispb:
            raise Refused("customer_unknown", "the charge is another customer's", field="ispb")
        if wanted.amount not in {None, hosted.amount}:
            raise Refused("amount_fixed", "the charge says how much", field="amount")
        return hosted.pix_key, hosted.amount, hosted.txid


_DOORS: dict[tuple[str, str], Door] = {
    ("POST", "payments"): Doors.take_order,
    ("GET", "payments"): Doors.show_order,
    ("POST", "refunds"): Doors.take_refund,
    ("GET", "refunds"): Doors.show_order,
    ("GET", "statement"): Doors.show_statement,
    ("GET", "dict"): Doors.show_owner,
    ("PUT", "cob"): Doors.host_charge,
    ("PATCH", "cob"): Doors.remove_charge,
    ("POST", "infractions"): Doors.tell_infraction,
    ("GET", "infractions"): Doors.show_infraction,
    ("PUT", "contests"): Doors.take_contest,
    ("POST", "contests"): Doors.tell_contest,
    ("GET", "contests"): Doors.show_contest,
    ("POST", "frauds"): Doors.report_fraud,
    ("GET", "frauds"): Doors.show_fraud,
    ("POST", "pay"): Doors.pay,
    ("POST", "pay-many"): Doors.pay_many,
    ("POST", "pay-key"): Doors.pay_key,
    ("POST", "statement-faults"): Doors.falsify,
    ("GET", "orders"): Doors.show_any_order,
    ("GET", "statistics"): Doors.show_statistics,
    ("GET", "health"): Doors.show_health,
}

_ORDER = msgspec.json.Decoder(PaymentOrder)
_REFUND = msgspec.json.Decoder(RefundOrder)
_COB = msgspec.json.Decoder(CobWanted)
_COB_REMOVAL = msgspec.json.Decoder(CobRemoval)
_PAY = msgspec.json.Decoder(PayBrCode)
_PAY_MANY = msgspec.json.Decoder(PayMany)
_PAY_KEY = msgspec.json.Decoder(PayKey)
_FALSIFY = msgspec.json.Decoder(Falsify)


def _order_reply(order: Order) -> OrderReply:
    return OrderReply(state=order.state, reason_code=order.reason_code)


def _refusal(refused: Refused) -> Response:
    body = ErrorReply(
        code=refused.code,
        message=refused.message,
        reason_code=refused.details.get("reason_code"),
    )
    return _reply(_STATUS_OF.get(refused.code, 422), body)
