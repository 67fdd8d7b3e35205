"""Sagas that a third party has written down: which step fails, what is undone in which order, and the end.

Data: ../shared/conformance/saga_scenarios.json, transcribed there from the tests of eventuate-tram-sagas.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dalsegno import NOTHING, App, Step, saga, step
from dalsegno.errors import RunFailed
from dalsegno.store.protocol import RunQuery
from tests.helpers.counts import Count

pytestmark = pytest.mark.promise("P9")

SCENARIOS = Path(__file__).resolve().parents[3] / "shared" / "conformance" / "saga_scenarios.json"
Scenario = dict[str, Any]


class Refused(Exception):
    """A participant, or a local step, answered that it cannot."""


class Undeclared(Exception):
    """An error that nobody has declared."""


def _scenarios() -> list[Scenario]:
    if not SCENARIOS.is_file():
        return []
    found: list[Scenario] = json.loads(SCENARIOS.read_text("utf-8"))["scenarios"]
    return found


class Play:
    """The steps of one scenario as real steps, and what they did."""

    def __init__(self, scenario: Scenario) -> None:
        self.forward: list[str] = []
        self.undone: list[str] = []
        self._failure = scenario["failure"] or {}
        self.steps = [self._step(part) for part in scenario["steps"] if part.get("condition", True)]

    def _step(self, part: dict[str, Any]) -> Step[[], None]:
        name, undo = part["name"], part.get("compensation")
        fails = self._failure.get("step") == name
        # A command that is refused was sent; a local step that raises has done nothing.
        happens = part["kind"] != "compensation_only" and not (fails and part["kind"] == "local")

        def act() -> None:
            if happens:
                self.forward.append(name)
            if fails:
                undeclared = self._failure["how"] == "undeclared_exception"
                raise (Undeclared if undeclared else Refused)(name)

        act.__qualname__ = name
        return step(name=name, compensate=self._undo(undo) if undo else NOTHING)(act)

    def _undo(self, name: str) -> Callable[[], None]:
        def undo() -> None:
            self.undone.append(name)

        undo.__qualname__ = name
        return undo


def _saga(play: Play, colour: str, rollback_on: type[Exception]) -> Any:
    if colour == "def":

        @saga(name="scenario", rollback_on=rollback_on, strict=True)
        def scenario() -> str:
            for part in play.steps:
                part()
            return "done"

        return scenario

    @saga(name="scenario", rollback_on=rollback_on, strict=True)
    async def scenario_async() -> str:
        for part in play.steps:
            await part.start()
        return "done"

    return scenario_async


@pytest.mark.asyncio
@pytest.mark.parametrize("colour", ["def", "async def"])
@pytest.mark.parametrize("number", range(9))
async def test_a_saga_does_and_undoes_what_a_third_party_expects(
    shared: Path, number: int, colour: str, count: Count
) -> None:
    scenario = _scenarios()[number]
    play = Play(scenario)
    declared = Refused if (scenario["failure"] or {}).get("declared") else Exception
    workflow = _saga(play, colour, declared)
    app = App("scenarios", include=[workflow], store="memory:")
    expected = scenario["expected"]
    async with app as client:
        run = await client.start(workflow, id="one")
        failure: RunFailed | None = None
        try:
            assert await run.result("10s") == "done"
        except RunFailed as error:
            failure = error
        info = (await client.runs(limit=RunQuery().limit))[0]
    count("saga scenarios of a third party")
    assert play.forward == expected["forward_effects"]
    assert play.undone == expected["compensations_in_order"]
    ends = {
        "COMPLETED": ("completed", None),
        "ROLLED_BACK": ("failed", "compensated"),
        "EXCEPTION_TO_CALLER": ("failed", None),
    }
    assert (info.status, info.reason) == ends[expected["status"]]
    assert (failure is None) == (expected["status"] == "COMPLETED")
    if expected["status"] == "EXCEPTION_TO_CALLER":
        assert failure is not None
        standing = [name for name in play.forward if name != scenario["failure"]["step"]]
        assert all(name in "".join(failure.error.notes) for name in standing), failure.error


def test_all_scenarios_are_played(shared: Path) -> None:
    assert len(_scenarios()) == 9
