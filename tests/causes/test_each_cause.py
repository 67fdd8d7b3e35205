"""Each cause for which a case does not move, brought about for real, as the client and the command line tell it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dalsegno import App, Circuit, Retention, Retry, Service, all_of
from dalsegno.client.standing import Reason
from tests.causes.scene import GATE, Packed, Paid, Placed, Shipped
from tests.helpers.command import environment
from tests.helpers.waiting import until


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


def at_work(**options: Any) -> Service:
    """Make a service whose handler takes its time, in any of the ways to be called."""
    service = Service("shipping")
    if "batch" in options:

        @service.on(**options)
        def ship(events: list[Placed]) -> list[Shipped]:
            GATE.wait(30)
            return [Shipped(e.order) for e in events]
    else:
        return slow(**options)
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


ELSEWHERE = """
from dalsegno import App
from dalsegno.events.envelope import Envelope

said = {"key": "1", "case": "order-1"}
with App("elsewhere", store="sqlite:///c.db") as client:
    data = b'{"order": "1", "place": "two"}'
    client.emit(Envelope(id="1", source="/old/shop", type="Placed", data=data, extensions=said))
"""


def test_its_class_cannot_read_an_event_that_was_there_before_it(opened: Any, tmp_path: Path) -> None:
    program = [sys.executable, "-c", ELSEWHERE]
    subprocess.run(program, cwd=tmp_path, env=environment(), check=True, timeout=60)
    opened(shipping()).first(Reason.SCHEMA_REFUSED)


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
    scene.client.emit(Placed("1"), Placed("2"))
    scene.first(Reason.STEP_RUNNING)
    scene.asked = "order-2"
    scene.first(Reason.LAG)


@pytest.mark.parametrize("options", [{}, {"batch": 2}, {"circuit": Circuit(failures=1)}], ids=str)
def test_its_handler_is_at_work(opened: Any, options: dict[str, Any]) -> None:
    scene = opened(at_work(**options))
    scene.client.emit(Placed("1"))
    scene.first(Reason.STEP_RUNNING)
    (told,) = scene.client.explain("order-1").reasons
    assert told.about == "shipping.ship" and told.evidence is not None
    assert told.text.startswith("ship has been running on worker pid ")
    assert (told.evidence["event"], told.evidence["attempt"]) == (1, 1)
    GATE.set()
    until(lambda: scene.client.explain("order-1").reasons == (), "it is done")


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


def test_its_service_stands_still_since_retention_removed_what_it_had_not_read(
    opened: Any, tmp_path: Path
) -> None:
    with App("once", include=[shipping()], store=f"sqlite:///{tmp_path}/c.db") as client:
        until(client.services.list, "it is known")
        client.services.pause("shipping")
    forgetful = Retention(events=1, unread=True)
    with App("forgets", store=f"sqlite:///{tmp_path}/c.db", slots=0) as client:
        client.emit(Placed("a"), Placed("b"), Placed("1"), case_id="order-1")
    with App("forgets", include=[], store=f"sqlite:///{tmp_path}/c.db", retention=forgetful) as client:
        until(lambda: len(client.events.list()) == 1, "the others are removed")
        client.services.resume("shipping")
    scene = opened(shipping())
    scene.asked = "#3"
    scene.first(Reason.RETENTION_PASSED)
