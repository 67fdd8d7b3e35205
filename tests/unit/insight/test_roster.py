"""What is registered is read once for many cases, again once somebody has written, and its flow is kept."""

from __future__ import annotations

import asyncio
import json

from dalsegno.core.cases import NewProcess, RegisterProcesses
from dalsegno.core.commit import Emit
from dalsegno.core.event import NewEvent
from dalsegno.core.reactions import Declared, HandlerRow, Register, Service
from dalsegno.insight.case_groups import stuck_cases
from dalsegno.insight.roster import read_roster
from dalsegno.insight.where import Look
from dalsegno.insight.workers import read_workers
from dalsegno.store.memory import MemoryStore
from tests.unit.insight.stage import Stage

PROCESS = json.dumps({"name": "order", "starts": [["Placed", 1]], "ends": [[["Paid", 1]]], "cancel": None})


def declared(name: str, takes: str) -> Declared:
    told = {
        "service": "desk", "name": name, "takes": [[takes, 1]], "joins": [], "follows": {"none": True},
        "gives": [], "emits": [], "compensates": None,
    }  # fmt: skip
    return Declared(name, json.dumps(told).encode())


class CountingStore(MemoryStore):
    """Counts how often handlers are read."""

    reads = 0

    async def handlers(self, service: int) -> list[HandlerRow]:
        self.reads += 1
        return await super().handlers(service)


def stage_of(cases: int) -> Stage:
    stage = Stage()
    stage.store = CountingStore(stage.clock)
    register(stage, declared("note", "Placed"))
    stage.store.apply([RegisterProcesses("default", (NewProcess("order", data=PROCESS.encode()),))])
    for number in range(cases):
        stage.store.apply([Emit((NewEvent(type="Placed", id=str(number), key=str(number)),))])
    return stage


def register(stage: Stage, *handlers: Declared) -> None:
    stage.store.apply([Register("default", (Service("desk", handlers, partitions=1),))])


def test_many_cases_are_told_of_with_one_reading_of_what_is_registered() -> None:
    stage = stage_of(5)
    found = asyncio.run(stuck_cases(stage.store, "default"))
    assert [case.id for case in found.cases] == [f"order-{number}" for number in (4, 3, 2, 1, 0)]
    assert isinstance(stage.store, CountingStore)
    assert stage.store.reads == 1


def test_what_is_registered_meanwhile_is_read() -> None:
    stage = stage_of(1)

    async def look() -> Look:
        return Look(stage.store, await read_workers(stage.store), None)

    async def rosters() -> None:
        one = await look()
        before = await one.roster("default")
        assert await one.roster("default") is before
        register(stage, declared("note", "Placed"), declared("count", "Paid"))
        after = await one.roster("default")
        assert [room.title for room in before.rooms] == ["desk.note"]
        assert [room.title for room in after.rooms] == ["desk.note", "desk.count"]
        assert "Paid" not in before.takers and "Paid" in after.takers

    asyncio.run(rosters())


def test_a_flow_is_kept_for_as_long_as_its_declarations_are_the_same() -> None:
    stage = stage_of(1)
    first = asyncio.run(read_roster(stage.store, "default"))
    stage.store.apply([Emit((NewEvent(type="Placed", id="later", key="later"),))])
    second = asyncio.run(read_roster(stage.store, "default"))
    assert second.mark != first.mark
    assert second.flow is first.flow
    register(stage, declared("note", "Paid"))
    third = asyncio.run(read_roster(stage.store, "default"))
    assert third.flow is not first.flow
    assert third.flow.by_title["desk.note"].takes == ("Paid",)
