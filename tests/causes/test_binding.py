"""What binds first when several things of a case are held, as the how-to tells it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from dalsegno import Circuit, Retry, Service, receive, sleep, workflow
from dalsegno.client.standing import Because, Reason
from dalsegno.insight.binding import in_order, is_stuck
from tests.causes.scene import GATE, Paid, Placed, Shipped
from tests.helpers.waiting import until

ACTS = (  # in the order of docs/how-to/where-is-order-123.md
    Reason.STORE_FULL, Reason.STORE_HELD,
    Reason.NO_WORKER, Reason.LACKS_CODE, Reason.WEDGED,
    Reason.SERVICE_PAUSED, Reason.RETENTION_PASSED,
    Reason.DEAD_LETTER, Reason.SCHEMA_REFUSED, Reason.PARKED, Reason.PERSON, Reason.NOTHING,
    Reason.FAILED, Reason.CANCELLED, Reason.FILTERED, Reason.DUPLICATE, Reason.NOT_EMITTED,
)  # fmt: skip
PASSES = (
    Reason.CIRCUIT_OPEN, Reason.PRESSURE, Reason.EARLIER, Reason.BLOCKED, Reason.SIGNAL, Reason.EVENT,
    Reason.COMPENSATING, Reason.RETRY, Reason.CHILD, Reason.JOIN, Reason.LAG, Reason.DUE,
    Reason.STEP_RUNNING, Reason.RUNNING, Reason.TIMER, Reason.NOT_YET_DUE,
)  # fmt: skip
PAIRS = list(itertools.combinations((*ACTS, *PASSES), 2))


def test_all_reasons_have_their_place_but_those_of_the_past_and_of_what_is_done() -> None:
    assert set(Reason) - {*ACTS, *PASSES} == {Reason.NOT_KNOWN, Reason.COMPLETED}


@pytest.mark.parametrize(("first", "then"), PAIRS, ids=str)
def test_of_two_things_that_are_held_the_one_that_binds_comes_first(first: Reason, then: Reason) -> None:
    one, other = (Because(first, "one", "a"),), (Because(then, "other", "b"),)
    assert [each.kind for each in in_order(other, one)] == [first, then]
    assert [each.kind for each in in_order(one, other)] == [first, then]


@pytest.mark.parametrize("reason", Reason, ids=str)
def test_a_case_is_stuck_if_and_only_if_its_reason_asks_for_somebody(reason: Reason) -> None:
    assert is_stuck((Because(reason, "", "a"),)) == (reason in ACTS)


def test_what_would_hold_a_thing_next_comes_behind_what_binds_another_one() -> None:
    letter, worker = Because(Reason.DEAD_LETTER, "", "a"), Because(Reason.NO_WORKER, "", "a")
    waits = Because(Reason.TIMER, "", "b")
    assert in_order((waits,), (letter, worker)) == (letter, waits, worker)


# -- brought about for real


def failing(name: str, **options: Any) -> Service:
    service = Service(name)

    @service.on(name="act", **options)
    def act(e: Placed) -> Shipped:
        raise KeyError("sku")

    return service


def hanging(name: str) -> Service:
    service = Service(name)

    @service.on(name="act")
    def act(e: Placed) -> Shipped:
        GATE.wait(30)
        return Shipped(e.order)

    return service


def sifting(name: str) -> Service:
    service = Service(name)

    @service.on(name="act", where=lambda e: False)
    def act(e: Placed) -> Shipped:
        return Shipped(e.order)

    return service


@workflow
def breaks(order: str) -> None:
    raise KeyError("sku")


DEAD, AGAIN = {"attempts": 1}, {"retry": Retry(attempts=2, first="1h", max="1h")}


def early(name: str) -> Service:
    """Make a service that waits for the first event of the key, and gets the second."""
    service = Service(name)

    @service.on(name="act", sequence="place", gap="1h")
    def act(e: Placed) -> Shipped:
        return Shipped(e.order)

    return service


def conducted(name: str, code: Callable[[], object]) -> Service:
    """Make a service whose reaction is a run that waits."""
    service = Service(name)

    @service.on()
    @workflow(name=f"{name}-act")
    def act(e: Placed) -> Shipped:
        code()
        return Shipped(e.order)

    return service


BROKEN = {"circuit": Circuit(failures=1, cooldown="1h"), "retry": Retry(attempts=None, first="10ms")}
CAUSES: dict[Reason, Callable[[str], Service]] = {
    Reason.DEAD_LETTER: partial(failing, **DEAD),
    Reason.CIRCUIT_OPEN: partial(failing, **BROKEN),
    Reason.EARLIER: early,
    Reason.SIGNAL: partial(conducted, code=lambda: receive(str, name="underwriter").result()),
    Reason.EVENT: partial(conducted, code=lambda: receive(Paid).result()),
    Reason.RETRY: partial(failing, **AGAIN),
    Reason.STEP_RUNNING: hanging,
    Reason.TIMER: partial(conducted, code=lambda: sleep("1d")),
}


@pytest.mark.parametrize("pair", list(itertools.combinations(CAUSES, 2)), ids=" and ".join)
def test_of_two_causes_at_once_the_one_that_binds_is_told_first(
    opened: Any, pair: tuple[Reason, Reason]
) -> None:
    one, other = sorted(pair, key=[*ACTS, *PASSES].index)
    scene = opened(CAUSES[other]("a"), CAUSES[one]("b"))  # the one that binds is declared last, and named so
    scene.client.emit(Placed("1", 2))
    scene.first(one, other)
    standing = scene.client.where("order-1").case
    assert standing is not None and standing.stuck == (one in ACTS)


@pytest.mark.parametrize(
    ("services", "wanted"),
    [
        ((sifting("a"), failing("b", **DEAD)), (Reason.DEAD_LETTER,)),
        ((sifting("a"), sifting("b")), (Reason.FILTERED, Reason.FILTERED, Reason.NOT_EMITTED)),
    ],
    ids=lambda each: " and ".join(map(str, each)) if isinstance(each[0], Reason) else "",
)
def test_two_causes_in_one_case(opened: Any, services: Any, wanted: tuple[Reason, ...]) -> None:
    scene = opened(*services)
    scene.client.emit(Placed("1"))
    scene.first(*wanted)
    assert len(scene.client.explain("order-1").reasons) == len(wanted)


def test_a_paused_service_comes_before_a_dead_letter_of_another_one(opened: Any) -> None:
    scene = opened(hanging("a"), failing("b", **DEAD))
    until(lambda: len(scene.client.services.list()) == 2, "both are known")
    scene.client.services.pause("a", by="ann")
    until(lambda: _held(scene), "an order is held", within=20)


def _held(scene: Any) -> bool:
    """Place another order: its worker sees within a second that a service is paused, and what began goes on."""
    name = f"{len(scene.client.events.list('Placed', limit=1_000))}"
    scene.client.emit(Placed(name))
    failed = partial(scene.client.dead_letters.list, limit=1_000)
    until(lambda: name in {each.key for each in failed()}, "the other one has failed")
    kinds = [each.kind for each in scene.client.explain(f"order-{name}").reasons]
    return kinds == [Reason.SERVICE_PAUSED, Reason.DEAD_LETTER]
