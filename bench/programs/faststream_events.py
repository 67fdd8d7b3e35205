"""Messages through FastStream, with a NATS server beside it that has JetStream: ``faststream_events.py FOLDER [SYNC]``.

The server comes as a wheel. The stream is a file, the consumer is durable and acknowledges each message,
and whoever publishes waits for the server's word. What the server has accepted it writes at once and syncs
to the disk by its default every two minutes; with ``always`` before each answer.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from faststream.nats import JStream, NatsBroker
from nats.js.api import StorageType
from nats.js.errors import Error as StreamError
from programs.caller import free_port
from programs.talk import Talk, an_event, shares
from pydantic import BaseModel

PATIENCE = 30.0  # seconds until a publisher gives up: a disk may stall


class Thing(BaseModel):
    key: str
    number: int
    pad: str


class Heard:
    """Counts messages, and tells who waits for the last one."""

    def __init__(self, expected: int) -> None:
        self._left = expected
        self._loop = asyncio.get_running_loop()
        self.last = asyncio.Event()

    def __call__(self) -> None:
        self._left -= 1
        if self._left == 0:
            self._loop.call_soon_threadsafe(self.last.set)


class FastStreamEvents(Talk):
    """The measures of events."""

    def __init__(self, address: str) -> None:
        super().__init__({})
        self._address = address
        self._filled = 0

    async def fill(self, count: int) -> dict[str, Any]:
        """Fill a new stream with so many messages."""
        return await self.emit(count, min(100, count))

    async def emit(self, count: int, callers: int) -> dict[str, Any]:
        """Publish messages one by one to a new stream, by so many callers at a time."""
        if self._filled:
            await self._forget()
        self._filled += 1
        broker = self._broker()
        async with broker:
            context = broker.config.connection_state.stream
            await context.add_stream(name=self._name, subjects=[self._name], storage=StorageType.FILE)
            numbers = iter(range(count))

            async def keep_going() -> None:
                for number in numbers:
                    await broker.publish(
                        Thing(**an_event(number)), self._name, stream=self._name, timeout=PATIENCE
                    )

            began = time.perf_counter()
            await asyncio.gather(*(keep_going() for _ in range(callers)))
            return {"seconds": time.perf_counter() - began, "events": count}

    async def handle(self, way: str, count: int) -> dict[str, Any]:
        """Handle what the stream was filled with, until the server knows of the last acknowledgement."""
        heard = Heard(count)
        broker = self._broker()
        self._subscribe(broker, way, lambda _: heard())
        began = time.perf_counter()
        await broker.start()
        await heard.last.wait()
        context = broker.config.connection_state.stream
        while (await context.consumer_info(self._name, "bench")).ack_floor.stream_seq < count:
            await asyncio.sleep(0.002)
        seconds = time.perf_counter() - began
        await broker.stop()
        return {"seconds": seconds, "events": count}

    async def latency(self, way: str, count: int) -> dict[str, Any]:
        """Publish messages one at a time: from then until the handler has the message."""
        await self.fill(0)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[float] = loop.create_future()

        def heard(_: Thing) -> None:
            loop.call_soon_threadsafe(answer.set_result, time.perf_counter())

        broker = self._broker()
        self._subscribe(broker, way, heard)
        await broker.start()
        took = []
        for number in range(count):
            answer = loop.create_future()
            began = time.perf_counter()
            await broker.publish(Thing(**an_event(number)), self._name, stream=self._name, timeout=PATIENCE)
            took.append(await answer - began)
        await broker.stop()
        return shares(took)

    async def _forget(self) -> None:
        """Delete the stream that was filled before."""
        async with self._broker() as broker:
            await broker.config.connection_state.stream.delete_stream(self._name)

    @property
    def _name(self) -> str:
        return f"things{self._filled}"

    def _broker(self) -> NatsBroker:
        return NatsBroker(self._address, logger=None)

    def _subscribe(self, broker: NatsBroker, way: str, heard: Callable[[Thing], None]) -> None:
        """Subscribe; the server pushes, which is quicker here than fetching messages by the hundred."""
        stream = JStream(self._name, declare=False)
        subscribe = broker.subscriber(self._name, stream=stream, durable="bench")
        if way == "def":

            @subscribe
            def handle(message: Thing) -> None:
                heard(message)
        else:

            @subscribe
            async def handle_async(message: Thing) -> None:
                heard(message)


async def main(folder: str, sync: str = "") -> None:
    port = free_port()
    config = Path(folder) / "nats.conf"
    settings = [f'store_dir: "{folder}/store"', *([f"sync_interval: {sync}"] if sync else [])]
    config.write_text(f"host: 127.0.0.1\nport: {port}\njetstream {{ {', '.join(settings)} }}\n")
    server = subprocess.Popen(
        [Path(sys.executable).parent / "nats-server", "-c", config],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    talk = FastStreamEvents(f"nats://127.0.0.1:{port}")
    for tries in range(100):
        try:
            await talk.latency("async def", 1)
            break
        except (OSError, StreamError):
            if tries == 99 or server.poll() is not None:
                raise
            await asyncio.sleep(0.1)
    await talk.serve(version=version("faststream"))
    server.terminate()
    server.wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
