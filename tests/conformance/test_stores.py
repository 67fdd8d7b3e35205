"""Every store of ours does what the conformance suite asks for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dalsegno.core.clock import Clock
from dalsegno.core.entries import Timer
from dalsegno.store.memory import MemoryStore
from dalsegno.store.protocol import Store
from dalsegno.store.sqlite import SqliteStore
from dalsegno.testing.conformance import (
    CASES,
    Capability,
    Case,
    MakeStore,
    StoreMisbehaves,
    check,
    exercise,
)
from tests.helpers.counts import Count

pytestmark = pytest.mark.promise("P1", "P2", "P3", "P4", "P5", "P7")

ABLE: dict[str, set[Capability]] = {
    "memory": {Capability.DURABLE},  # its rows live as long as the object does
    "sqlite": {Capability.DURABLE},
    "sqlite-in-place": {Capability.DURABLE},
}


def factory(kind: str, folder: Path) -> MakeStore:
    made = 0

    def make(clock: Clock) -> Store:
        nonlocal made
        made += 1
        if kind == "memory":
            return MemoryStore(clock)
        path = str(folder / f"{made}.db")
        return SqliteStore(path, clock, threaded=kind == "sqlite")

    return make


@pytest.fixture
def make_store(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Clock], Store]:
    return factory(request.param, tmp_path)


def _cases() -> list[object]:
    return [
        pytest.param(kind, case, id=f"{kind}-{case.name}")
        for kind, able in ABLE.items()
        for case in CASES
        if case.needs is None or case.needs in able
    ]


@pytest.mark.asyncio
@pytest.mark.parametrize(("make_store", "case"), _cases(), indirect=["make_store"])
async def test_a_store_keeps_its_contract(make_store: MakeStore, case: Case, count: Count) -> None:
    await check(case, make_store)
    count("cases of the store's contract")


def test_every_case_is_told_in_a_sentence_and_has_a_name_of_its_own() -> None:
    assert len({case.name for case in CASES}) == len(CASES) > 80
    for case in CASES:
        assert case.sentence.endswith("."), case.name


def test_every_case_of_a_chapter_is_in_its_list() -> None:
    import importlib
    import inspect

    listed = {case.check for case in CASES}
    for chapter in {case.check.__module__ for case in CASES}:
        module = importlib.import_module(chapter)
        for name, function in inspect.getmembers(module, inspect.iscoroutinefunction):
            if function.__module__ == chapter and not name.startswith("_"):
                assert function in listed, f"{chapter}.{name} is never run"


class ForgetfulStore(MemoryStore):
    """A store that keeps no timers."""

    async def timers(self, number: int) -> list[Timer]:
        return []


@pytest.mark.asyncio
async def test_the_suite_tells_which_case_a_store_failed() -> None:
    report = await exercise(ForgetfulStore)
    assert "timers.a_timer_is_set_anew" in report.failed
    assert "creating.namespaces_are_apart" in report.passed
    with pytest.raises(ExceptionGroup) as raised:
        report.assert_ok()
    assert raised.group_contains(StoreMisbehaves, match="the timers")


@pytest.mark.asyncio
async def test_a_case_that_needs_more_than_a_store_can_is_left_out_by_name() -> None:
    report = await exercise(MemoryStore, able=())
    assert str(report) == f"{len(report.passed)} cases passed, 0 failed, {len(report.left_out)} left out"
    assert report.left_out == ["reading.everything_is_there_after_reopening"]
