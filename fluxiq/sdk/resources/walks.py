"""A payment's walk through the rooms of the platform."""

from datetime import datetime

from msgspec import Struct

from fluxiq.sdk.calls import C, Call, Resource
from fluxiq.sdk.request import Request, data, get, path


class Step(Struct, frozen=True, kw_only=True):
    """One room; `milliseconds` is the time spent there."""

    room: str
    entered_at: datetime
    left_at: datetime
    milliseconds: float
    detail: str


class Walks(Resource[C]):
    @Call
    def get(self, end_to_end_id: str) -> Request[tuple[Step, ...]]:
        """Every room the payment was in, in order of entry."""
        return get(path("/pix/walks/{}", end_to_end_id), data(tuple[Step, ...]))
