"""What nobody foresaw goes wrong in a service of the worker: it is logged and tried again, never its silent end."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from dalsegno import receive, step, workflow
from dalsegno.core.commit import Claim, Commit, EndSession
from dalsegno.store.sqlite.lane import Lane
from tests.helpers.room import Room, eventually


@step
async def note(n: int) -> int:
    return n


@workflow
async def adds(n: int) -> int:
    return await note(n) + await receive(int)


class Unforeseen(Exception):
    """No exception of ours, and none of SQLite's."""


class FailsOnce:
    """A verb that fails the first time, for arguments that concern it."""

    def __init__(self, patch: pytest.MonkeyPatch, whose: object, verb: str, kind: type | None = None) -> None:
        self.failed, self.later = 0, 0
        self._real, self._kind = getattr(whose, verb), kind
        patch.setattr(whose, verb, self)

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        if self._kind is None or any(isinstance(item, self._kind) for item in arguments[0]):
            if not self.failed:
                self.failed += 1
                raise Unforeseen
            self.later += 1
        return self._real(*arguments, **options)


async def _works(room: Room) -> None:
    run = await room.client.start(adds, 1, id="after")
    await run.signal(2)
    assert await run.result("20s") == 3


@pytest.mark.parametrize("kind", [Claim, Commit])
def test_a_group_that_could_not_be_written_is_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, kind: type
) -> None:
    async def scenario() -> None:
        async with Room(tmp_path, adds) as room:
            run = await room.client.start(adds, 1, id="before")
            await room.reaches("before", "waiting")
            fails = FailsOnce(monkeypatch, room.runtime.store, "write", kind)
            await run.signal(2)
            assert await run.result("20s") == 3
            assert fails.failed and fails.later

    asyncio.run(scenario())
    assert "failed in an unknown way" in caplog.text and "Unforeseen" in caplog.text


@pytest.mark.parametrize("verb", ["anything_due", "next_due", "load"])
def test_claiming_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, verb: str
) -> None:
    async def scenario() -> None:
        async with Room(tmp_path, adds) as room:
            await room.client.start(adds, 1, id="before")
            await room.reaches("before", "waiting")
        async with Room(tmp_path, adds) as room:
            fails = FailsOnce(monkeypatch, room.runtime.store, verb)
            await room.client.signal("before", 2)
            await eventually(lambda: fails.failed, f"{verb} failed")
            assert await room.client.run("before").result("20s") == 3
            await _works(room)

    asyncio.run(scenario())
    assert "claiming failed; it is tried again" in caplog.text


def test_the_sweeper_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with Room(tmp_path, adds, lease="1s") as room:
            fails = FailsOnce(monkeypatch, room.runtime.store, "sessions")
            await eventually(lambda: fails.later, "it looked at the sessions again")

    asyncio.run(scenario())
    assert "taking over failed; it is tried again" in caplog.text


def test_a_fenced_worker_opens_a_session_though_it_failed_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with Room(tmp_path, adds, lease="1s") as room:
            worker, session = room.runtime.worker, room.runtime.engine.session
            assert worker is not None
            fails = FailsOnce(monkeypatch, worker, "_open_session")
            await room.runtime.store.write([EndSession(session)])
            await eventually(lambda: room.runtime.engine.session not in (0, session), "a new session")
            assert fails.failed and fails.later
            await _works(room)

    asyncio.run(scenario())
    assert "a new session could not be opened; it is tried again" in caplog.text


def test_a_lane_goes_on_when_the_loop_that_asked_is_closed() -> None:
    lane = Lane("test-lane", threaded=True)
    begun, closed = threading.Event(), threading.Event()

    def job() -> None:
        begun.set()
        closed.wait(20)

    async def ask() -> int:
        return await lane.run(lambda: 7)

    left = asyncio.new_event_loop()
    task = left.create_task(lane.run(job))
    left.call_soon(left.stop)
    left.run_forever()
    assert begun.wait(20)
    task.cancel()
    left.run_until_complete(asyncio.gather(task, return_exceptions=True))
    left.close()
    left.is_closed = lambda: False  # type: ignore[method-assign]  # it was closed between the look and the call
    closed.set()
    assert asyncio.run(ask()) == 7
    del left.is_closed  # type: ignore[method-assign]
    lane.close()
