"""What the provider has settled, customer by customer, and the statement it makes of that.

The statement tells the truth unless it is told otherwise: a line can be made to be missing, to be
there twice, or to have another amount. The truth stays in the books.
"""

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from operator import itemgetter
from urllib.parse import parse_qs

import msgspec
from msgspec.structs import replace

from fluxiq.domain.identifiers import is_return_id
from fluxiq.domain.money import reais
from fluxiq.domain.reconciliation import Window
from fluxiq.errors import Refused
from fluxiq.providers.order_messages import ReceiptNotice, ReturnNotice
from fluxiq.providers.simulator.messages import Falsify, StatementFault
from fluxiq.providers.simulator.orders import Order
from fluxiq.providers.statement_messages import (
    LINES_PER_PAGE_MAX,
    Paging,
    Parameters,
    RefundedLine,
    SentLine,
    StatementReply,
)

FAULTS_MAX = 10_000

Item = ReceiptNotice | SentLine | RefundedLine | ReturnNotice
Asked = tuple[Window, int, int]  # the number of the page, and how many lines it has

_at = itemgetter(0)


class Books:
    """In memory: the journal has what it is made of. At most `lines_max` lines for each customer,
    the oldest are forgotten.
    """

    def __init__(self, lines_max: int) -> None:
        self._lines_max = lines_max
        self._lines: dict[str, list[tuple[datetime, Item]]] = defaultdict(list)
        self._ids: dict[str, set[str]] = defaultdict(set)
        self._faults: dict[tuple[str, str], Falsify] = {}

    def received(self, ispb: str, notice: ReceiptNotice) -> None:
        self._book(ispb, notice)

    def returned(self, ispb: str, notice: ReturnNotice) -> None:
        self._book(ispb, notice)

    def settled(self, order: Order, at: datetime) -> None:
        """A payment's order, or a refund's."""
        valor = reais(order.amount)
        if is_return_id(order.end_to_end_id):
            self._book(order.ispb, RefundedLine(rtrId=order.end_to_end_id, valor=valor, horario=at))
        else:
            self._book(
                order.ispb, SentLine(endToEndId=order.end_to_end_id, valor=valor, horario=at)
            )

    def falsify(self, wanted: Falsify) -> None:
        """Raises Refused when there is no such line, or too much is false already."""
        if wanted.id not in self._ids[wanted.ispb]:
            raise Refused("not_found", f"{wanted.id} has not settled here", field="id")
        if wanted.fault is StatementFault.NONE:
            self._faults.pop((wanted.ispb, wanted.id), None)
            return
        if len(self._faults) >= FAULTS_MAX:
            raise Refused("too_many_faults", f"at most {FAULTS_MAX} lines can be false")
        self._faults[wanted.ispb, wanted.id] = wanted

    def statement(self, ispb: str, asked: Asked) -> StatementReply:
        """A page of what settled in a window, in the order of time."""
        window, number, size = asked
        lines = self._lines[ispb]
        first = bisect_left(lines, window.since, key=_at)
        last = bisect_left(lines, window.until, key=_at)
        told = [one for _, item in lines[first:last] for one in self._told(ispb, item)]
        page = told[number * size : (number + 1) * size]
        paging = Paging(
            paginaAtual=number,
            itensPorPagina=size,
            quantidadeDePaginas=-(-len(told) // size),
            quantidadeTotalDeItens=len(told),
        )
        return StatementReply(
            parametros=Parameters(inicio=window.since, fim=window.until, paginacao=paging),
            pix=_of(page, ReceiptNotice),
            payments=_of(page, SentLine),
            refunds=_of(page, RefundedLine),
            returns=_of(page, ReturnNotice),
        )

    def _book(self, ispb: str, item: Item) -> None:
        """Once for each id, however often it is said."""
        if (name := _id_of(item)) in self._ids[ispb]:
            return
        lines = self._lines[ispb]
        insort(lines, (item.horario, item), key=_at)
        self._ids[ispb].add(name)
        if len(lines) > self._lines_max:
            forgotten = max(1, len(lines) // 10)
            self._ids[ispb].difference_update(_id_of(one) for _, one in lines[:forgotten])
            del lines[:forgotten]

    def _told(self, ispb: str, item: Item) -> Iterator[Item]:
        wrong = self._faults.get((ispb, _id_of(item)))
        match wrong and wrong.fault:
            case StatementFault.MISSING:
                return
            case StatementFault.DOUBLED:
                yield item
            case StatementFault.AMOUNT:
                assert wrong is not None, "matched"
                yield replace(item, valor=reais(wrong.amount))
                return
        yield item


def read_query(target: str) -> Asked:
    """What a listing is asked for (API Pix 2.9.0). Raises Refused naming the parameter."""
    said = {name: values[-1] for name, values in parse_qs(target.partition("?")[2]).items()}
    number, size = said.get("paginacao.paginaAtual", "0"), said.get("paginacao.itensPorPagina", "")
    if not (number.isascii() and number.isdigit()):
        raise Refused("request_invalid", "not a page", field="paginacao.paginaAtual")
    if not (size.isascii() and size.isdigit() and 1 <= int(size[:9]) <= LINES_PER_PAGE_MAX):
        message = f"1 to {LINES_PER_PAGE_MAX}"
        raise Refused("request_invalid", message, field="paginacao.itensPorPagina")
    window = Window(_moment(said, "inicio"), _moment(said, "fim"))
    return window, int(number[:9]), int(size)


def _moment(said: dict[str, str], name: str) -> datetime:
    try:
        at = msgspec.convert(said.get(name), datetime)
    except msgspec.ValidationError:
        at = None
    if at is None or at.tzinfo is None:
        raise Refused("request_invalid", "not a time of RFC 3339", field=name)
    return at


def _id_of(item: Item) -> str:
    return item.rtrId if isinstance(item, RefundedLine | ReturnNotice) else item.endToEndId


def _of(page: Sequence[Item], kind: type) -> tuple:  # type: ignore[type-arg]
    return tuple(one for one in page if isinstance(one, kind))
