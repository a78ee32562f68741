"""One institution's own connection to NATS: what it heard, and what it was refused."""

import asyncio
from typing import Any

from nats.aio.client import Client

from actors.embedded.nats import nats_endpoint
from tests.support.merchants import Inside

FLUSH_SECONDS_MAX = 5
TOLD_SECONDS = 0.01
TOLD_TRIES = 100


class Listener:
    """On the asyncio side. The server tells a refusal before it answers the next flush."""

    def __init__(self, inside: Inside, ispb: str) -> None:
        self.heard: list[str] = []
        self.refused: list[str] = []
        self.client = Client()
        self._way = nats_endpoint(inside.directory, ispb)

    @property
    def inbox(self) -> str:
        """A subject that it may listen to."""
        return f"{self._way.inbox_prefix}.answer"

    async def connect(self) -> None:
        async def complain(error: Exception) -> None:
            self.refused.append(str(error))

        await self.client.connect(
            f"nats://{self._way.host}:{self._way.port}",
            user=self._way.user,
            password=self._way.password,
            inbox_prefix=self._way.inbox_prefix.encode(),
            error_cb=complain,
            allow_reconnect=False,
        )

    async def may_subscribe(self, subject: str) -> bool:
        async def hear(message: Any) -> None:
            self.heard.append(message.subject)

        return await self._is_let(self.client.subscribe(subject, cb=hear))

    async def may_publish(self, subject: str) -> bool:
        return await self._is_let(self.client.publish(subject, b"{}", reply=self.inbox))

    async def _is_let(self, doing: Any) -> bool:
        before = len(self.refused)
        await doing
        await self.client.flush(FLUSH_SECONDS_MAX)
        # The server has spoken; the client's callback runs in a task of its own, some time later.
        for _ in range(TOLD_TRIES):
            if len(self.refused) > before:
                return False
            await asyncio.sleep(TOLD_SECONDS)
        return True
