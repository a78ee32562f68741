"""What you were told, by webhooks, over the websocket, or not at all."""

from datetime import datetime

from msgspec import Struct

from fluxiq.sdk.calls import C, Call, List, Resource
from fluxiq.sdk.request import Json, Page, Request, data, get, page_of, path


class LoggedEvent(Struct, frozen=True, kw_only=True):
    """`sequence` is the number that live updates have; `data` the record as it was then."""

    id: str
    sequence: int
    type: str
    created_at: datetime
    data: Json


class Events(Resource[C]):
    @List
    def list(
        self,
        *,
        type: str | None = None,  # noqa: A002 - the API's word
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Request[Page[LoggedEvent]]:
        """The last first. `type` as webhooks write it: `pix.charge.paid`, `pix.charge.*`."""
        return page_of("/events", LoggedEvent, type=type, since=since, until=until)

    @Call
    def get(self, event_id: str) -> Request[LoggedEvent]:
        return get(path("/events/{}", event_id), data(LoggedEvent))
