"""Runs that wait for one version of an event, and get another."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dalsegno import event, receive, upcast, workflow
from dalsegno.errors import NoConverter, NotDecodable
from tests.events.two_programs import Paid, Renamed, Wider, renamed
from tests.helpers.room import Room

pytestmark = [pytest.mark.promise("P3", "P8"), pytest.mark.asyncio]


@event("Counted", version=1)
@dataclass
class Old:
    many: int


@event("Counted", version=2)
@dataclass
class New:
    many: int


@upcast
def broken(old: Old) -> New:
    raise ValueError(f"{old.many} cannot be counted")


async def told(type_: type[Any]) -> str:
    try:
        first = await receive(type_)
    except NotDecodable as error:
        first = type(error).__name__
    await asyncio.sleep(0.05)
    return f"{first}"


@workflow
async def wants_renamed(_: str) -> str:
    return await told(Renamed)


@workflow
async def wants_paid(_: str) -> str:
    return await told(Paid)


@workflow
async def wants_new(_: str) -> str:
    return await told(New)


@pytest.mark.parametrize(
    ("flow", "sent", "include", "heard"),
    [
        (wants_renamed, Paid("a", 5), [renamed], f"{Renamed('a', 5)}"),
        (wants_paid, Wider("a", 5, "USD"), [Wider], f"{Paid('a', 5)}"),
        (wants_paid, Renamed("a", 5), [Renamed, renamed], NoConverter.__name__),
        (wants_new, Old(5), [broken], NotDecodable.__name__),
    ],
    ids=["by a converter", "as it is", "by no way", "by a converter that fails"],
)
async def test_it_is_heard_alike_live_and_in_replay(
    tmp_path: Path, flow: Any, sent: object, include: list[object], heard: str
) -> None:
    async with Room(tmp_path, flow, *include, cache=0) as room:
        run = await room.client.start(flow, "", id="run")
        await room.client.emit(sent, case_id="run")
        assert await run.result("20s") == heard
