"""Each cause for which a run of a case does not move, brought about for real."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from dalsegno import App, Retry, Service, emit, receive, saga, sleep, step, workflow
from dalsegno.client.standing import Reason
from tests.causes.scene import GATE, Paid, Placed
from tests.helpers.waiting import until


@step
def wait_long() -> None:
    GATE.wait(30)


@workflow
def steps(order: str) -> None:
    wait_long()


@workflow
def signalled(order: str) -> None:
    receive(str, name="underwriter").result()


@workflow
def listens(order: str) -> None:
    receive(Paid).result()


@workflow
def sleeps(order: str) -> None:
    sleep("1d")


@workflow
def parent(order: str) -> None:
    signalled.start(order, id="child-1").result()


@step
def unbook() -> None:
    raise OSError("the hotel does not answer")


@step(compensate=unbook)
def book() -> None:
    return None


@step
def board() -> None:
    raise KeyError("no seat")


@saga
def trip(order: str) -> None:
    book()
    board()


@pytest.mark.parametrize(
    ("code", "wanted"),
    [
        (steps, Reason.STEP_RUNNING),
        (signalled, Reason.SIGNAL),
        (listens, Reason.EVENT),
        (sleeps, Reason.TIMER),
        (parent, Reason.CHILD),
        (trip, Reason.PARKED),
    ],
)
def test_a_run_of_the_case_waits(opened: Any, code: Any, wanted: Reason) -> None:
    scene = opened(code, signalled)
    scene.client.start(code, "1", id="run-1", case_id="order-1")
    scene.asked = "run-1"
    scene.first(wanted)
    scene.asked = "order-1"
    assert wanted in [each.kind for each in scene.client.explain("order-1").reasons]


def test_a_run_of_the_case_failed(opened: Any) -> None:
    @workflow
    def breaks(order: str) -> None:
        raise KeyError("sku")

    scene = opened(breaks)
    scene.client.start(breaks, "1", id="run-1", case_id="order-1")
    scene.first(Reason.FAILED)


def test_a_run_of_the_case_was_cancelled(opened: Any) -> None:
    scene = opened(signalled)
    scene.client.start(signalled, "1", id="run-1", case_id="order-1")
    scene.client.emit(Placed("1"))
    scene.client.cancel("run-1")
    scene.first(Reason.CANCELLED, Reason.EVENT)


@workflow
async def waits_for_itself(order: str) -> None:
    await asyncio.get_running_loop().create_future()


def test_a_run_of_the_case_waits_for_nothing_that_can_come(opened: Any) -> None:
    scene = opened(waits_for_itself)
    scene.client.start(waits_for_itself, "1", id="run-1", case_id="order-1")
    scene.client.emit(Placed("1"))
    scene.first(Reason.PARKED, Reason.EVENT)
    (run,) = scene.client.where("order-1").case.runs
    assert "waits for nothing" in run.why.text


@step(retry=Retry(attempts=2, first="1h", max="1h"))
def unload() -> None:
    raise OSError("nobody is at the gate")


@step(compensate=unload)
def load() -> None:
    return None


@saga
def delivery(order: str) -> None:
    load()
    board()


def test_a_run_of_the_case_undoes_itself(opened: Any) -> None:
    scene = opened(delivery)
    scene.client.start(delivery, "1", id="run-1", case_id="order-1")
    scene.client.emit(Placed("1"))
    scene.asked = "run-1"
    scene.first(Reason.COMPENSATING)
    scene.asked = "order-1"
    assert Reason.COMPENSATING in [each.kind for each in scene.client.explain("order-1").reasons]


def test_a_run_of_the_case_waits_since_a_service_is_too_far_behind(opened: Any) -> None:
    @workflow
    def tells(order: str) -> None:
        for _ in range(5):
            emit(Paid(order))
            sleep("200ms")  # how far others are is looked at beside it

    service = Service("slow", max_lag=1)

    @service.on(max_in_flight=1)
    def look(e: Paid) -> None:
        GATE.wait(30)

    scene = opened(tells, service)
    scene.client.emit(*(Paid(str(n)) for n in range(3)))
    until(lambda: scene.client.services.get("slow").lag_events > 1, "it is behind")
    scene.client.start(tells, "1", id="run-1", case_id="order-1")
    scene.asked = "run-1"
    scene.first(Reason.PRESSURE)


def test_only_another_version_of_a_run_of_the_case_is_there(opened: Any, tmp_path: Path) -> None:
    newer = workflow(version=2, name="signalled")(signalled.function)
    with App("once", include=[signalled], store=f"sqlite:///{tmp_path}/c.db", slots=0) as client:
        client.start(signalled, "1", id="run-1", case_id="order-1")
    scene = opened(newer)
    scene.asked = "run-1"
    scene.first(Reason.LACKS_CODE)
    assert "version 2 only" in scene.client.explain("run-1").reasons[0].text
