"""The heart of a worker that the system refuses a thread."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from dalsegno import workflow
from tests.helpers.room import Room, eventually


@workflow
def idle() -> int:
    return 1


def test_it_beats_on_the_loop_and_the_lease_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    start = threading.Thread.start

    def scarce(thread: threading.Thread) -> None:
        if thread.name == "dalsegno-heart":
            raise RuntimeError("can't start new thread")
        start(thread)

    async def scenario() -> None:
        async with Room(tmp_path, idle, lease="1s") as room:
            (session,) = await room.runtime.store.sessions()

            async def renewed() -> bool:
                (now,) = await room.runtime.store.sessions()
                return now.number == session.number and now.lease_until > session.lease_until

            await eventually(renewed, "the lease is renewed though nothing is committed")
            assert await (await room.client.start(idle, id="it")).result("20s") == 1

    monkeypatch.setattr(threading.Thread, "start", scarce)
    asyncio.run(scenario())
    assert "it got no thread" in caplog.text
