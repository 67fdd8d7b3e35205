"""One process of a simulated world, from its start to its end."""

from __future__ import annotations

import asyncio

from dalsegno.app import Runtime
from dalsegno.client import AsyncClient
from dalsegno.testing.simloop import Host


class Life:
    """A process: its host, and the parts of dalsegno that run in it."""

    def __init__(self, host: Host, runtime: Runtime) -> None:
        self.host = host
        self.runtime = runtime
        loop = asyncio.get_running_loop()
        self.client: asyncio.Future[AsyncClient] = loop.create_future()
        self.died: asyncio.Future[None] = loop.create_future()
        self.opening: asyncio.Future[None] | None = None
        self.burial: asyncio.Future[None] | None = None
