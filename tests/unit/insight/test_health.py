"""What a doctor finds."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from dalsegno.core.clock import SECOND
from dalsegno.core.commit import Emit, EndSession
from dalsegno.core.event import NewEvent
from dalsegno.core.reactions import Declared, Forget, Register, Service, SteerService
from dalsegno.insight.health import Health, examine
from dalsegno.insight.paint import Style
from dalsegno.insight.tables import render_health
from dalsegno.store.protocol import StoreFacts
from tests.unit.insight.stage import SESSION, Stage


@pytest.fixture
def stage() -> Stage:
    return Stage()


def health(stage: Stage) -> Health:
    return asyncio.run(examine(stage.store, "default"))


def levels(found: Health) -> dict[str, str]:
    return {finding.what: finding.level for finding in found.findings}


def test_a_store_with_a_live_worker_and_nothing_due_is_well(stage: Stage) -> None:
    stage.worker()
    found = health(stage)
    assert found.well
    assert levels(found) == {"store": "ok", "wal": "ok", "lock": "ok", "workers": "ok", "parked": "ok"}


def test_no_worker_is_worth_a_note_while_nothing_is_due(stage: Stage) -> None:
    found = health(stage)
    assert levels(found)["workers"] == "note"
    assert found.well


def test_due_runs_that_no_live_worker_has_the_code_of_are_bad(stage: Stage) -> None:
    stage.worker("ship")
    stage.start(1, "a")
    stage.start(2, "b")
    stage.clock.go_on(3 * SECOND)
    found = health(stage)
    assert not found.well
    assert [f.text for f in found.findings if f.what == "due"] == [
        "2 due runs of order v1, the oldest for 3s: no live worker has it"
    ]


def test_due_runs_that_wait_though_a_worker_has_them_are_worth_a_note(stage: Stage) -> None:
    stage.worker()
    stage.start(1, "a")
    assert levels(health(stage))["due"] == "ok"
    stage.clock.go_on(3 * SECOND)
    assert levels(health(stage))["due"] == "note"


def test_a_worker_that_went_silent_is_named(stage: Stage) -> None:
    stage.worker()
    stage.clock.go_on(12 * SECOND)
    (text,) = [f.text for f in health(stage).findings if f.what == "workers"]
    assert text.startswith("worker pid 77 (orders.py) on here: its lease ran out 2s ago")


def test_a_worker_that_said_goodbye_is_not_asked_after(stage: Stage) -> None:
    stage.worker()
    stage.store.apply([EndSession(SESSION, goodbye=True)])
    assert health(stage).workers == ()


def test_parked_runs_are_named_and_bad(stage: Stage) -> None:
    stage.start(1, "order-1")
    stage.worker()
    stage.claim()
    stage.waits(1, reason="parked: diverged")
    found = health(stage)
    assert not found.well
    assert [run.id for run in found.parked] == ["order-1"]
    assert "✗ parked   1 parked run waits for a person: order-1" in render_health(found, Style())


def test_a_log_that_does_not_shrink_is_bad(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = replace(asyncio.run(stage.store.facts()), wal=80 << 20)

    async def large() -> StoreFacts:
        return facts

    monkeypatch.setattr(stage.store, "facts", large)
    (finding,) = [f for f in health(stage).findings if f.what == "wal"]
    assert (finding.level, finding.text[:8]) == ("bad", "80.0 MiB")


def test_who_keeps_the_lock_is_named(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage.store, "holder", lambda: 4711)
    found = health(stage)
    assert levels(found)["lock"] == "bad"
    assert "kill -CONT 4711" in render_health(found, Style())


def test_who_has_the_lock_in_passing_is_not(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    holders = iter([4711, None])
    monkeypatch.setattr(stage.store, "holder", lambda: next(holders))
    assert levels(health(stage))["lock"] == "ok"


def test_a_busy_store_is_not_a_held_one(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    marks = iter(range(100))
    monkeypatch.setattr(stage.store, "holder", lambda: 4711)
    monkeypatch.setattr(stage.store, "change_mark", lambda: next(marks))
    assert levels(health(stage))["lock"] == "ok"


@pytest.mark.parametrize(
    ("free", "level"), [(0, "bad"), (40_000, "bad"), (90 << 20, "note"), (1 << 40, None)]
)
def test_a_disk_that_is_full_is_bad_and_one_that_soon_will_be_is_worth_a_note(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, free: int, level: str | None
) -> None:
    facts = replace(asyncio.run(stage.store.facts()), free=free)

    async def told() -> StoreFacts:
        return facts

    monkeypatch.setattr(stage.store, "facts", told)
    assert levels(health(stage)).get("space") == level


# -- services


@pytest.fixture
def served(stage: Stage) -> Stage:
    """A stage with a service of one handler, and two events on the log."""
    service = Service("shipping", (Declared("ship"),), partitions=1)
    stage.store.apply([Register("default", (service,))])
    stage.store.apply([Emit((NewEvent(type="Paid", id="1"), NewEvent(type="Paid", id="2")))])
    return stage


def service_finding(stage: Stage) -> tuple[str, str]:
    (found,) = [(one.level, one.text) for one in health(stage).findings if one.what == "service"]
    return found


def test_a_service_that_is_behind_is_well_only_while_somebody_has_its_code(served: Stage) -> None:
    assert service_finding(served) == ("bad", "shipping: no live worker has its code, 2 events behind")
    served.worker("shipping.ship")
    assert service_finding(served) == ("ok", "shipping is 2 events behind")


def test_a_paused_service_is_worth_a_note(served: Stage) -> None:
    served.store.apply([SteerService("default", "shipping", "ann", pause=True)])
    served.clock.go_on(3 * SECOND)
    assert service_finding(served) == ("note", "shipping has been paused by ann for 3s, 2 events behind")


def test_a_service_that_lost_events_is_bad(served: Stage) -> None:
    served.store.apply([Forget(3)])
    level, text = service_finding(served)
    assert (level, text) == (
        "bad",
        "shipping stands still: retention removed 2 events that it had not read",
    )


def test_an_open_circuit_is_worth_a_note(served: Stage) -> None:
    served.worker("shipping.ship")
    (handler,) = asyncio.run(served.store.handlers(1))
    until = served.clock.now() + SECOND
    served.store.apply([SteerService("default", "shipping", circuit=(handler.number, until))])
    assert service_finding(served) == ("note", "shipping: circuit open: ship, 2 events behind")
