"""Streams: what waits on the bus, and how far those are who work on it."""

from msgspec import convert

from fluxiq.api.contract import Call, Rate
from fluxiq.api.v1.operations.room import LOOK_AT_ONE, NOT_YOURS, READ, OfInstitution, room
from fluxiq.services.messages.envelope import Data
from fluxiq.services.messages.operations.streams import BusStanding, StreamStandings

routes = room()


@routes.get(
    "/streams", permission=READ, rate=Rate.READ, reply=Data[StreamStandings], refuses=LOOK_AT_ONE
)
async def show_streams(call: Call, query: OfInstitution) -> Data[StreamStandings]:
    """The institution's messages in each stream, and its consumers: lag, unsettled, redelivered."""
    answer = await call.operations.look(call.operator, "streams", **query.asked)
    return Data(convert(answer, StreamStandings))


@routes.get("/bus", permission=READ, rate=Rate.READ, reply=Data[BusStanding], refuses=NOT_YOURS)
async def show_bus(call: Call) -> Data[BusStanding]:
    """The streams as everybody fills them. For operators of the platform."""
    return Data(convert(await call.operations.look(call.operator, "bus"), BusStanding))
