"""The leanest client that speaks HTTP/1.1 and keeps its connections: it must not slow down who is measured."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from typing import Any

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def free_port() -> int:
    """Find a port that nobody listens at."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


class Caller:
    """Posts JSON to one port of this machine over as many connections as are needed at once."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[Connection] = []

    async def post(self, path: str, value: object) -> Any:
        """Post a value and return the answer's; raise when it is no success."""
        connection = (
            self._idle.pop() if self._idle else await asyncio.open_connection("127.0.0.1", self._port)
        )
        reader, writer = connection
        body = json.dumps(value).encode()
        fields = "host: bench\r\ncontent-type: application/json"
        head = f"POST {path} HTTP/1.1\r\n{fields}\r\ncontent-length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        status, answer = await _read(reader)
        self._idle.append(connection)
        if not 200 <= status < 300:
            raise RuntimeError(f"{path} answered {status}: {answer[:300]!r}")
        return json.loads(answer) if answer else None


async def post(port: int, path: str, value: object, *, patience: float) -> Any:
    """Post once; try again for that many seconds while the other side is not ready."""
    ends = time.monotonic() + patience
    while True:
        try:
            return await Caller(port).post(path, value)
        except (OSError, RuntimeError, asyncio.IncompleteReadError):
            if time.monotonic() > ends:
                raise
            await asyncio.sleep(0.2)


async def _read(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
    if headers.get("transfer-encoding") == "chunked":
        return int(head[0].split()[1]), await _read_chunks(reader)
    return int(head[0].split()[1]), await reader.readexactly(int(headers.get("content-length", 0)))


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int((await reader.readline()).split(b";")[0], 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readexactly(2)
    return body
