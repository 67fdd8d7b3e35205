"""Why a reaction does not move, and what is owed to an event: for each way in which they can stand."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from dalsegno.client.standing import Awaited, Reason
from dalsegno.core.clock import MINUTE, SECOND, to_datetime
from dalsegno.core.commit import Emit
from dalsegno.core.event import NewEvent, meant_for
from dalsegno.core.reactions import (
    DeadLetterRow,
    Declared,
    Forget,
    Register,
    Registered,
    Service,
    SteerService,
)
from dalsegno.core.runs import DEAD_LETTER, Run, Status
from dalsegno.insight.owed import Owed, owed
from dalsegno.insight.proposals import next_commands
from dalsegno.insight.reacts import Reacts, event_names
from dalsegno.insight.reasons import Facts, why
from dalsegno.insight.workers import Workers
from tests.unit.insight.stage import Stage

NOW = 1_800_000_000 * SECOND
LETTER = DeadLetterRow(
    17, "default", 1, 1, 1, 5, "7", "KeyError in pay", "builtins.KeyError: 'sku'", 5, 1, "open",
    NOW - MINUTE, NOW - MINUTE, "",
)  # fmt: skip
REACTS = Reacts("payments", "pay", 5, "7", joins=False, letter=None, ahead=None)


def run(status: Status = Status.WAITING, **changes: Any) -> Run:
    fields = {"number": 1, "namespace": "default", "id": "payments.pay#5", "workflow": "payments.pay"}
    return Run(**{**fields, "version": "1", "status": status, "cause": 5, **changes})


def facts(row: Run, **known: Any) -> Facts:
    return Facts(row, NOW, Workers({}, frozenset()), None, **{"reacts": REACTS, **known})


def waits(kind: str, *names: str, **changes: Any) -> list[Awaited]:
    return [Awaited(kind, name, 1, to_datetime(NOW - MINUTE), **changes) for name in names]


def test_a_dead_letter_says_its_number_since_when_and_of_what() -> None:
    dead = facts(run(reason=DEAD_LETTER), reacts=replace(REACTS, letter=LETTER))
    told = why(dead)
    assert told.kind is Reason.DEAD_LETTER
    assert told.text == "dead letter 17 since 1m, after 5 attempts: KeyError: 'sku'"
    assert next_commands(dead, told.kind) == (
        "dalsegno dead-letters show 17",
        "dalsegno dead-letters redrive 17",
    )


def test_a_reaction_that_is_held_says_who_is_before_it() -> None:
    held = facts(run(Status.PENDING), reacts=replace(REACTS, ahead="payments.pay#4"))
    told = why(held)
    assert (told.kind, told.text) == (
        Reason.BLOCKED,
        "blocked behind key '7': payments.pay#4 is before it",
    )
    assert next_commands(held, told.kind) == ("dalsegno where 'payments.pay#4'",)


def test_a_join_says_what_is_not_there_yet() -> None:
    joins = facts(
        run(), reacts=replace(REACTS, joins=True), waits=waits("signal", "event Paid", "event Packed")
    )
    told = why(joins)
    assert (told.kind, told.text) == (
        Reason.JOIN,
        "waits for a join: Paid, Packed of its key is not there yet",
    )


def test_a_run_that_waits_for_an_event_names_it_and_how_to_emit_it() -> None:
    waiting = facts(run(workflow="order"), reacts=None, waits=waits("signal", "event Paid | event Refused"))
    told = why(waiting)
    assert (told.kind, told.text) == (Reason.EVENT, "waits for event Paid or Refused")
    assert next_commands(waiting, told.kind)[0] == "dalsegno events emit FILE.py:Paid '{...}'"
    mixed = facts(run(), reacts=None, waits=waits("signal", "event Paid | underwriter"))
    assert why(mixed).kind is Reason.SIGNAL
    assert event_names(waits("signal", "underwriter")) == []


def test_a_producer_that_is_held_back_says_so() -> None:
    held = facts(run(), reacts=None, waits=waits("pressure", "Paid", due_at=to_datetime(NOW + SECOND)))
    told = why(held)
    assert told.kind is Reason.PRESSURE
    assert told.text == "waits with event Paid, which a service that takes it is too far behind for, in 1s"


def test_a_reaction_that_failed_once_before_it_was_a_run_waits_for_its_next_attempt() -> None:
    retries = facts(
        run(Status.PENDING, due_at=NOW + SECOND),
        waits=waits("retry", "pay", due_at=to_datetime(NOW + SECOND), attempt=2, detail="KeyError: 'sku'"),
    )
    told = why(retries)
    assert (told.kind, told.text) == (Reason.RETRY, "pay: attempt 2, in 1s, after KeyError: 'sku'")


# -- owed


@pytest.fixture
def stage() -> Stage:
    """A service of one handler and one event for it."""
    stage = Stage()
    declared = json.dumps({"takes": [["Paid", 1]], "joins": []}).encode()
    (known,) = stage.store.apply(
        [Register("default", (Service("shipping", (Declared("ship", declared),), partitions=1),))]
    )
    assert isinstance(known, Registered)
    stage.store.apply([Emit((NewEvent(type="Paid", id="1"), NewEvent(type="Other", id="2")))])
    stage.clock.go_on(2 * SECOND)
    return stage


def said(stage: Stage, number: int = 1) -> Owed | None:
    async def ask() -> tuple[Owed, ...]:
        event = await stage.store.event(number)
        assert event is not None
        return await owed(stage.store, event)

    found = asyncio.run(ask())
    assert len(found) < 2
    return found[0] if found else None


def test_an_event_that_no_handler_takes_is_owed_nothing(stage: Stage) -> None:
    assert said(stage, 2) is None


def test_without_a_worker_nobody_can_react(stage: Stage) -> None:
    one = said(stage)
    assert one is not None
    assert (one.service, one.handler, one.kind) == ("shipping", "ship", Reason.NO_WORKER)
    assert one.text == "no worker is alive"
    stage.worker("order")
    again = said(stage)
    assert again is not None
    assert again.text == "no live worker has the code of service shipping"


def test_a_service_that_is_behind_says_how_far(stage: Stage) -> None:
    stage.worker("shipping.ship")
    one = said(stage)
    assert one is not None
    assert (one.kind, one.text) == (Reason.LAG, "lag 1 event, on the log for 2s")


def test_a_paused_service_without_a_worker_needs_the_worker_first(stage: Stage) -> None:
    stage.store.apply([SteerService("default", "shipping", "ann", pause=True)])
    one = said(stage)
    assert one is not None
    assert [each.kind for each in one.reasons] == [Reason.NO_WORKER, Reason.SERVICE_PAUSED]
    stage.worker("shipping.ship")
    one = said(stage)
    assert one is not None
    assert (one.kind, one.text) == (Reason.SERVICE_PAUSED, "service shipping is paused by ann for 0s")
    assert one.next == ("dalsegno services resume shipping",)


def test_an_open_circuit_says_for_how_long(stage: Stage) -> None:
    stage.worker("shipping.ship")
    handler = asyncio.run(stage.store.handlers(1))[0]
    until = stage.clock.now() + 30 * SECOND
    stage.store.apply([SteerService("default", "shipping", circuit=(handler.number, until))])
    one = said(stage)
    assert one is not None
    assert (one.kind, one.text) == (Reason.CIRCUIT_OPEN, "its circuit is open for another 30s")


def test_a_hole_in_the_log_keeps_a_service(stage: Stage) -> None:
    stage.worker("shipping.ship")
    stage.store.apply([Emit((NewEvent(type="Paid", id="3"),)), Forget(3)])
    one = said(stage, 3)
    assert one is not None
    assert (one.kind, one.next) == (Reason.RETENTION_PASSED, ("dalsegno services skip shipping",))


def test_an_event_for_another_service_only_is_not_owed(stage: Stage) -> None:
    stage.store.apply([Emit((NewEvent(type="Paid", id="3", extra=meant_for(None, "billing")),))])
    assert said(stage, 3) is None
