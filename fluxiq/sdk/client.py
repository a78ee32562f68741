"""The clients. Close them, or use them in a `with` block: they keep connections open."""

import ssl
from types import TracebackType
from typing import Final, Generic, Self

import httpx

from fluxiq.sdk.calls import C
from fluxiq.sdk.connections import TIMEOUT_SECONDS, AsyncConnection, Connection
from fluxiq.sdk.exchange import Retries
from fluxiq.sdk.live import AsyncLive, Live, Place, place_of
from fluxiq.sdk.resources.accounts import Accounts
from fluxiq.sdk.resources.audit import AuditTrail
from fluxiq.sdk.resources.charges import Charges
from fluxiq.sdk.resources.contests import Contests
from fluxiq.sdk.resources.directory import Directory
from fluxiq.sdk.resources.events import Events
from fluxiq.sdk.resources.fees import Fees
from fluxiq.sdk.resources.limits import Limits
from fluxiq.sdk.resources.live_data import LiveData
from fluxiq.sdk.resources.med import MedReports
from fluxiq.sdk.resources.merchants import ApiKeys, Merchants
from fluxiq.sdk.resources.payers import Payers
from fluxiq.sdk.resources.payout_batches import PayoutBatches
from fluxiq.sdk.resources.payouts import Payouts
from fluxiq.sdk.resources.products import Products
from fluxiq.sdk.resources.qr_codes import QrCodes
from fluxiq.sdk.resources.receipts import Receipts
from fluxiq.sdk.resources.refunds import Refunds
from fluxiq.sdk.resources.requests import Requests
from fluxiq.sdk.resources.settlements import Settlements
from fluxiq.sdk.resources.statistics import Statistics
from fluxiq.sdk.resources.transfers import Transfers
from fluxiq.sdk.resources.users import Users
from fluxiq.sdk.resources.walks import Walks
from fluxiq.sdk.resources.webhooks import Webhooks

BASE_URL: Final = "http://localhost:4000"

_PATIENT: Final = Retries()


class _Resources(Generic[C]):
    def __init__(self, connection: C) -> None:
        self._connection = connection
        self.charges = Charges(connection)
        self.payouts = Payouts(connection)
        self.payout_batches = PayoutBatches(connection)
        self.refunds = Refunds(connection)
        self.med_reports = MedReports(connection)
        self.contests = Contests(connection)
        self.directory = Directory(connection)
        self.qr_codes = QrCodes(connection)
        self.accounts = Accounts(connection)
        self.limits = Limits(connection)
        self.products = Products(connection)
        self.transfers = Transfers(connection)
        self.merchants = Merchants(connection)
        self.api_keys = ApiKeys(connection)
        self.users = Users(connection)
        self.webhooks = Webhooks(connection)
        self.live_data = LiveData(connection)
        self.receipts = Receipts(connection)
        self.walks = Walks(connection)
        self.events = Events(connection)
        self.payers = Payers(connection)
        self.fees = Fees(connection)
        self.statistics = Statistics(connection)
        self.audit = AuditTrail(connection)
        self.requests = Requests(connection)
        self.settlements = Settlements(connection)

    def _place(self, tls: ssl.SSLContext | None) -> Place:
        """Where live updates come from."""
        at = self._connection
        return place_of(at.base_url, at.headers, at.timeout_seconds, tls)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._connection.base_url!r})"


class FluxiQ(_Resources[Connection]):
    """The API, for programs that wait. Threads may share one.

    `timeout_seconds` is for one attempt, `retries` for a call; `transport` is httpx's, for a proxy,
    client certificates or a test. Raises ValueError for a key or URL that cannot be one.
    """

    def __init__(
        self,
        api_key: str,
        base_url: str = BASE_URL,
        *,
        timeout_seconds: float = TIMEOUT_SECONDS,
        retries: Retries = _PATIENT,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        super().__init__(
            Connection(
                api_key,
                base_url,
                timeout_seconds=timeout_seconds,
                retries=retries,
                transport=transport,
            )
        )

    def live(
        self, *topics: str, since: int | None = None, tls: ssl.SSLContext | None = None
    ) -> Live:
        """What happens from now on, or behind the event of number `since`: events unless `topics`
        (payments, balances, deliveries, live_data) say otherwise. It is a connection of its own:
        `transport` has no part in it, `tls` is what https trusts (None: the system's authorities).
        """
        return Live(self._place(tls), topics, self._connection.retries, since=since)

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class AsyncFluxiQ(_Resources[AsyncConnection]):
    """The same, to be awaited, on trio or asyncio. Tasks of one event loop may share one."""

    def __init__(
        self,
        api_key: str,
        base_url: str = BASE_URL,
        *,
        timeout_seconds: float = TIMEOUT_SECONDS,
        retries: Retries = _PATIENT,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        super().__init__(
            AsyncConnection(
                api_key,
                base_url,
                timeout_seconds=timeout_seconds,
                retries=retries,
                transport=transport,
            )
        )

    def live(
        self, *topics: str, since: int | None = None, tls: ssl.SSLContext | None = None
    ) -> AsyncLive:
        """As `FluxiQ.live`, for `async with` and `async for`."""
        return AsyncLive(self._place(tls), topics, self._connection.retries, since=since)

    async def close(self) -> None:
        await self._connection.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()
