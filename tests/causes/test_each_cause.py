"""Each cause for which a case does not move, brought about for real, as the client and the command line tell it."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dalsegno import (
    App,
    Circuit,
    Client,
    Process,
    Retry,
    Service,
    all_of,
    event,
    receive,
    saga,
    sleep,
    step,
    workflow,
)
from dalsegno.client.standing import Reason
from tests.helpers.command import environment
from tests.helpers.waiting import until


@event(key="order")
@dataclass
class Placed:
    order: str
    place: int = 1


@event(key="order")
@dataclass
class Paid:
    order: str


@event(key="order")
@dataclass
class Packed:
    order: str


@event(key="order")
@dataclass
class Shipped:
    order: str


GATE = threading.Event()


@dataclass
class Scene:
    """An App whose process goes from Placed to Shipped, and what is to be asked about."""

    client: Client
    folder: Path
    asked: str = "order-1"

    def first(self, *wanted: Reason) -> None:
        """Expect that the client and the command line tell these reasons first, in this order."""

        def told() -> bool:
            return [each.kind for each in self.client.explain(self.asked).reasons][: len(wanted)] == [*wanted]

        try:
            until(told, f"{self.asked}: {wanted}")
        except AssertionError as error:
            raise AssertionError(f"{error}; it is {self.client.explain(self.asked).reasons}") from None
        command = [sys.executable, "-m", "dalsegno", "explain", self.asked, "--store", "c.db", "--json"]
        said = subprocess.run(
            command,
            cwd=self.folder,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert said.returncode == 0, said.stderr
        document = json.loads(said.stdout)
        assert [each["kind"] for each in document["reasons"]][: len(wanted)] == [
            kind.value for kind in wanted
        ]
        first = self.client.explain(self.asked).reasons[0]
        assert first.text
        assert first.evidence is not None


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., Scene]]:
    """Open Apps on one store, and close them in the end."""
    apps: list[App] = []
    GATE.clear()

    def open_(*parts: Any, starts: Any = Placed, ends: Any = Shipped, **options: Any) -> Scene:
        process = Process("order", starts=starts, ends=ends)
        app = App(
            "causes",
            include=[process, *parts],
            store=f"sqlite:///{tmp_path}/c.db",
            **{"lease": "1s", "grace": "1s", **options},
        )
        client = app.__enter__()
        apps.append(app)
        return Scene(client, tmp_path)

    yield open_
    GATE.set()
    for app in reversed(apps):
        app.__exit__(None, None, None)


def shipping(**options: Any) -> Service:
    """Make a service that ships at once."""
    service = Service("shipping")

    @service.on(**options)
    def ship(e: Placed) -> Shipped | None:
        return Shipped(e.order)

    return service


def failing(**options: Any) -> Service:
    """Make a service whose handler fails."""
    service = Service("shipping")

    @service.on(**options)
    def ship(e: Placed) -> Shipped:
        raise KeyError("sku")

    return service


def slow(**options: Any) -> Service:
    """Make a service that waits until the gate opens."""
    service = Service("shipping")

    @service.on(**options)
    def ship(e: Placed) -> Shipped:
        GATE.wait(30)
        return Shipped(e.order)

    return service


def test_what_is_needed_was_not_emitted(opened: Any) -> None:
    service = Service("shipping")

    @service.on()
    def ship(e: Placed) -> Shipped | None:
        return None

    scene = opened(service)
    scene.client.emit(Placed("1"))
    scene.first(Reason.NOT_EMITTED)


def test_a_filter_left_the_event_out(opened: Any) -> None:
    scene = opened(shipping(where=lambda e: False))
    scene.client.emit(Placed("1"))
    scene.first(Reason.FILTERED, Reason.NOT_EMITTED)


def test_an_event_came_too_late_for_the_order_of_its_key(opened: Any) -> None:
    service = Service("shipping")

    @service.on(sequence="place")
    def ship(e: Placed) -> Shipped | None:
        return None

    scene = opened(service)
    scene.client.emit(Placed("1", 1), Placed("1", 2), Placed("1", 1))
    scene.first(Reason.DUPLICATE, Reason.NOT_EMITTED)


def test_an_earlier_event_of_its_key_is_missing(opened: Any) -> None:
    scene = opened(shipping(sequence="place", gap="1h"))
    scene.client.emit(Placed("1", 2))
    scene.first(Reason.EARLIER)


def test_a_retry_waits(opened: Any) -> None:
    scene = opened(failing(retry=Retry(attempts=3, first="1h", max="1h")))
    scene.client.emit(Placed("1"))
    scene.first(Reason.RETRY)


def test_it_is_a_dead_letter(opened: Any) -> None:
    scene = opened(failing(attempts=1))
    scene.client.emit(Placed("1"))
    scene.first(Reason.DEAD_LETTER)


def test_it_is_blocked_behind_its_key(opened: Any) -> None:
    scene = opened(failing(attempts=1))
    scene.client.emit(Placed("1"))
    scene.first(Reason.DEAD_LETTER)
    (number,) = scene.client.emit(Placed("1"))
    scene.asked = f"#{number}"
    scene.first(Reason.BLOCKED, Reason.DEAD_LETTER)
    scene.asked = "order-1"
    scene.first(Reason.DEAD_LETTER, Reason.BLOCKED)


def test_its_service_is_paused(opened: Any, tmp_path: Path) -> None:
    with App("once", include=[shipping()], store=f"sqlite:///{tmp_path}/c.db") as client:
        until(client.services.list, "it is known")
        client.services.pause("shipping", by="ann")
    scene = opened(shipping())
    scene.client.emit(Placed("1"))
    scene.first(Reason.SERVICE_PAUSED)


def test_a_circuit_is_open(opened: Any) -> None:
    scene = opened(
        failing(circuit=Circuit(failures=1, cooldown="1h"), retry=Retry(attempts=None, first="10ms"))
    )
    scene.client.emit(Placed("1"))
    scene.first(Reason.CIRCUIT_OPEN)


def test_no_live_worker_has_the_code(opened: Any, tmp_path: Path) -> None:
    with App("once", include=[shipping()], store=f"sqlite:///{tmp_path}/c.db") as client:
        until(client.services.list, "it is known")
    scene = opened()
    scene.client.emit(Placed("1"))
    scene.first(Reason.LACKS_CODE)


def test_nobody_is_there(opened: Any, tmp_path: Path) -> None:
    with App("once", include=[shipping()], store=f"sqlite:///{tmp_path}/c.db") as client:
        until(client.services.list, "it is known")
    scene = opened(slots=0)
    scene.client.emit(Placed("1"), case_id="order-1")
    scene.first(Reason.NO_WORKER)


def test_it_lags(opened: Any) -> None:
    scene = opened(slow(max_in_flight=1))
    scene.client.emit(Placed("1"))
    scene.first(Reason.LAG)


def test_a_join_lacks_an_event(opened: Any) -> None:
    service, paying = Service("shipping"), Service("payments")

    @service.on(all_of(Paid, Packed))
    def ship(paid: Paid, packed: Packed) -> Shipped:
        return Shipped(paid.order)

    @paying.on()
    def pay(e: Placed) -> Paid:
        return Paid(e.order)

    scene = opened(service, paying)
    scene.client.emit(Placed("1"))
    scene.first(Reason.EVENT, Reason.JOIN)


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
