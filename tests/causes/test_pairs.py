"""Two causes at once, for one event that a handler is to react to: the one that binds is told first."""

from __future__ import annotations

import asyncio
import itertools
import json
from dataclasses import replace

import pytest

from dalsegno.client.standing import Reason
from dalsegno.core.clock import HOUR, SECOND
from dalsegno.core.commit import Emit
from dalsegno.core.event import NewEvent
from dalsegno.core.reactions import Declared, Forget, Register, Service, SteerService, TakePartitions
from dalsegno.insight.binding import in_order, is_stuck, rank
from dalsegno.insight.owed import Ledger, Owed
from dalsegno.insight.where import Look
from dalsegno.insight.workers import Workers, read_workers
from tests.unit.insight.stage import SESSION, Stage

IN_ORDER = [
    Reason.STORE_FULL,
    Reason.STORE_HELD,
    Reason.NO_WORKER,
    Reason.LACKS_CODE,
    Reason.WEDGED,
    Reason.SERVICE_PAUSED,
    Reason.RETENTION_PASSED,
    Reason.CIRCUIT_OPEN,
]
EXCLUSIVE = [  # of two of these there is never both
    {Reason.NO_WORKER, Reason.LACKS_CODE, Reason.WEDGED},
    {Reason.STORE_FULL, Reason.STORE_HELD},
]
PAIRS = [
    pair for pair in itertools.combinations(IN_ORDER, 2) if not any(set(pair) <= group for group in EXCLUSIVE)
]


def bring_about(stage: Stage, causes: tuple[Reason, ...]) -> Look:
    """Make a service that does not react to event 2, for these causes."""
    declared = json.dumps({"takes": [["Paid", 1]], "joins": []}).encode()
    stage.store.apply(
        [Register("default", (Service("shipping", (Declared("ship", declared),), partitions=1),))]
    )
    stage.store.apply([Emit((NewEvent(type="Paid", id="1"), NewEvent(type="Paid", id="2")))])
    if Reason.NO_WORKER not in causes:
        stage.worker("order" if Reason.LACKS_CODE in causes else "shipping.ship")
        stage.store.apply([TakePartitions(SESSION, 1, 1)])
    if Reason.SERVICE_PAUSED in causes:
        stage.store.apply([SteerService("default", "shipping", "ann", pause=True)])
    if Reason.RETENTION_PASSED in causes:
        stage.store.apply([Forget(2)])
    if Reason.CIRCUIT_OPEN in causes:
        handler = asyncio.run(stage.store.handlers(1))[0]
        until = stage.clock.now() + HOUR
        stage.store.apply([SteerService("default", "shipping", circuit=(handler.number, until))])
    workers = asyncio.run(read_workers(stage.store))
    if Reason.WEDGED in causes:
        workers = _wedged(workers)
    holder = 4711 if Reason.STORE_HELD in causes else None
    return Look(stage.store, workers, holder, full=Reason.STORE_FULL in causes)


def _wedged(workers: Workers) -> Workers:
    views = {number: replace(view, state="wedged", seconds=4.0) for number, view in workers.views.items()}
    return Workers(views, workers.abilities)


def asked(stage: Stage, look: Look) -> Owed:
    async def ask() -> tuple[Owed, ...]:
        event = await stage.store.event(2)
        assert event is not None
        return await Ledger(stage.store, look, await look.roster("default")).owed(event, [])

    (one,) = asyncio.run(ask())
    return one


def test_there_are_twenty_pairs_and_more() -> None:
    assert len(PAIRS) >= 20


@pytest.mark.parametrize("pair", PAIRS, ids=" and ".join)
def test_of_two_causes_the_one_that_binds_comes_first(pair: tuple[Reason, Reason]) -> None:
    stage = Stage()
    one = asked(stage, bring_about(stage, pair))
    assert tuple(each.kind for each in one.reasons) == pair
    assert one.kind is pair[0]
    assert all(each.text for each in one.reasons)


@pytest.mark.parametrize("cause", IN_ORDER)
def test_one_cause_alone_is_told_alone(cause: Reason) -> None:
    stage = Stage()
    one = asked(stage, bring_about(stage, (cause,)))
    assert [each.kind for each in one.reasons] == [cause]
    assert one.next or cause is Reason.CIRCUIT_OPEN


def test_without_any_it_only_lags() -> None:
    stage = Stage()
    look = bring_about(stage, ())
    stage.clock.go_on(2 * SECOND)
    assert [each.kind for each in asked(stage, look).reasons] == [Reason.LAG]


def test_whatever_needs_somebody_makes_a_case_stuck_and_comes_before_what_moves() -> None:
    stage = Stage()
    paused = asked(stage, bring_about(stage, (Reason.SERVICE_PAUSED,)))
    other = Stage()
    lags = asked(other, bring_about(other, ()))
    together = in_order(lags.reasons, paused.reasons)
    assert [each.kind for each in together] == [Reason.SERVICE_PAUSED, Reason.LAG]
    assert is_stuck(together)
    assert not is_stuck(in_order(lags.reasons))


def test_every_reason_has_its_place() -> None:
    assert sorted(rank(reason) for reason in Reason) == list(range(len(Reason)))
