"""What JetStream says of a stream or a consumer, read into records."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from fluxiq.bus.records import ConsumerState, StreamState

_NEVER_YEAR: Final = 1  # Go's zero time, which says that there was none


def stream_state(info: Mapping[str, Any]) -> StreamState:
    """Of the answer to STREAM.INFO."""
    config, state = info["config"], info["state"]
    bytes_max = config.get("max_bytes", -1)
    return StreamState(
        name=config["name"],
        messages=state["messages"],
        bytes=state["bytes"],
        bytes_max=bytes_max if bytes_max > 0 else None,
        first_sequence=state["first_seq"],
        last_sequence=state["last_seq"],
        last_at=_moment(state.get("last_ts")),
        consumers=state["consumer_count"],
        by_subject=state.get("subjects") or {},
    )


def consumer_state(info: Mapping[str, Any]) -> ConsumerState:
    """Of the answer to CONSUMER.INFO."""
    return ConsumerState(
        name=info["name"],
        subject=info["config"].get("filter_subject", ""),
        pending=info["num_pending"],
        unsettled=info["num_ack_pending"],
        redelivered=info["num_redelivered"],
        pulls=info["num_waiting"],
        delivered_sequence=info["delivered"]["stream_seq"],
        settled_sequence=info["ack_floor"]["stream_seq"],
        last_delivered_at=_moment(info["delivered"].get("last_active")),
    )


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    found = msgspec.convert(text, datetime)
    return None if found.year == _NEVER_YEAR else found
