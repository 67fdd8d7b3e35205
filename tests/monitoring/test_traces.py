"""Spans as a collector gets them: connected across services and processes, and none of replay."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from dalsegno import App, Retry, Service, emit, event, receive, step, workflow
from dalsegno.errors import RunFailed
from tests.helpers.command import environment, worker
from tests.helpers.waiting import until
from tests.monitoring.collector import Collector, Seen

EXAMPLES = Path(__file__).parents[2] / "examples"
SERVICES = ("payment", "inventory", "shipping", "orders", "notification")


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        yield collector


def _otlp(collector: Collector, service: str) -> dict[str, str]:
    return {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint,
        "OTEL_SERVICE_NAME": service,
        "OTEL_BSP_SCHEDULE_DELAY": "100",
    }


def _service(folder: Path, name: str) -> str:
    text = f"""
        import sys
        sys.path.insert(0, {str(EXAMPLES)!r})
        import choreography
        from dalsegno import App
        app = App({name!r}, include=[choreography.{name}], store="sqlite:///{folder}/orders.db")
    """
    (folder / f"{name}_service.py").write_text("\n".join(line.strip() for line in text.splitlines()))
    return f"{name}_service.py"


PLACE = """
import sys
sys.path.insert(0, {examples!r})
from decimal import Decimal
from choreography import OrderPlaced, order
from dalsegno import App
with App("web", include=[OrderPlaced, order], store="sqlite:///{folder}/orders.db", slots=0) as client:
    client.emit(OrderPlaced("123", Decimal("9.99")))
    client.emit(OrderPlaced("126", Decimal(20), city="Atlantis"))
"""


def test_an_order_across_five_services_in_five_processes_is_one_connected_picture(
    tmp_path: Path, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ExitStack() as stack:
        for name in SERVICES:
            for variable, value in _otlp(collector, name).items():
                monkeypatch.setenv(variable, value)
            stack.enter_context(worker(_service(tmp_path, name), cwd=tmp_path))
        said = PLACE.format(examples=str(EXAMPLES), folder=tmp_path)
        subprocess.run(
            [sys.executable, "-c", said], env=environment() | _otlp(collector, "web"), check=True, timeout=30
        )
        until(lambda: collector.named("process OrderShipped"), "the healthy order's last span", within=30)
        until(lambda: len(collector.named("process PaymentRefunded")) == 1, "the undone order's", within=30)
    healthy, undone = (_trace_of(collector, order) for order in ("order-123", "order-126"))
    assert [(span.service, span.name) for span in healthy] == [
        ("web", "send OrderPlaced"),
        ("payment", "process OrderPlaced"),
        ("inventory", "process PaymentAuthorized"),
        ("shipping", "process StockReserved"),
        ("notification", "process OrderShipped"),
    ]
    assert [(span.service, span.name) for span in undone] == [
        ("web", "send OrderPlaced"),
        ("payment", "process OrderPlaced"),
        ("inventory", "process PaymentAuthorized"),
        ("shipping", "process StockReserved"),
        ("inventory", "process NoCourier"),
        ("payment", "process StockReleased"),
        ("orders", "process PaymentRefunded"),
    ]
    for order in (healthy, undone):
        assert order[0].parent == "" and order[0].kind == "producer"
        assert [span.parent for span in order[1:]] == [span.id for span in order[:-1]]
        assert {span.kind for span in order[1:]} == {"consumer"}
    assert healthy[0].trace != undone[0].trace


def _trace_of(collector: Collector, case: str) -> list[Seen]:
    """Return a case's spans, from the root down; they all have one trace."""
    spans = [span for span in collector.spans if span.attributes.get("dalsegno.case.id") == case]
    assert len({span.trace for span in spans}) == 1
    line = [span for span in spans if not span.parent]
    while below := [span for span in spans if span.parent == line[-1].id]:
        line += below
    assert len(line) == len(spans)
    return line


# -- in one process, with the program's own provider

known = InMemorySpanExporter()


@pytest.fixture
def exported(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(known))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    known.clear()
    yield known
    provider.shutdown()
    known._stopped = False


@event(key="order")
@dataclass
class Placed:
    order: str


@event(key="order")
@dataclass
class Paid:
    order: str


bodies: list[str] = []


@step(retry=Retry(attempts=2, first="10ms"))
def charge(order: str) -> str:
    with trace.get_tracer("bank").start_as_current_span("ask the bank"):
        bodies.append(order)
    if bodies.count(order) == 1:
        raise ConnectionError("no line")
    emit(Paid(order))
    return order


@workflow
def buy(order: str) -> str:
    charge(order)
    return receive(str, name="word").result()


@workflow
def fall() -> None:
    raise ValueError("down")


def _by_name(exported: InMemorySpanExporter) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for span in exported.get_finished_spans():
        found.setdefault(span.name, []).append(span)
    return found


def test_a_run_its_steps_and_what_their_bodies_call_are_one_trace(
    tmp_path: Path, exported: InMemorySpanExporter
) -> None:
    bodies.clear()
    till = Service("till")
    heard: list[str] = []

    @till.on
    def note(e: Paid) -> None:
        heard.append(e.order)

    with App("shop", include=[buy, till, Paid], store=f"sqlite:///{tmp_path}/a.db") as client:
        run = client.start(buy, "7", id="buy-7", case_id="case-7")
        run.signal("go", name="word")
        assert run.result("10s") == "go"
        until(lambda: heard, "the event")
        until(lambda: "process Paid" in _by_name(exported), "its span")
    spans = _by_name(exported)
    (start,), (first, second), banks = spans["start buy"], spans["step charge"], spans["ask the bank"]
    assert {span.context.trace_id for found in spans.values() for span in found} == {start.context.trace_id}
    runs = {span.context.span_id: span for span in spans["run buy"]}
    assert {span.parent.span_id for span in runs.values()} == {start.context.span_id}
    assert first.parent.span_id in runs and second.parent.span_id in runs
    assert [bank.parent.span_id for bank in banks] == [first.context.span_id, second.context.span_id]
    assert first.attributes["error.type"] == "ConnectionError" and not first.status.is_ok
    assert (first.attributes["dalsegno.step.attempt"], second.attributes["dalsegno.step.attempt"]) == (1, 2)
    assert second.status.is_unset
    assert spans["process Paid"][0].parent.span_id == second.context.span_id
    assert spans["process Paid"][0].attributes["dalsegno.case.id"] == "case-7"


def test_a_replay_makes_no_span_again(tmp_path: Path, exported: InMemorySpanExporter) -> None:
    bodies.clear()
    store = f"sqlite:///{tmp_path}/a.db"
    with App("shop", include=[buy, Paid], store=store) as client:
        client.start(buy, "7", id="buy-7")
        until(lambda: [r for r in client.runs("waiting") if r.id == "buy-7"], "it waits")
    with App("shop", include=[buy, Paid], store=store) as client:  # replayed from its journal
        client.signal("buy-7", "go", name="word")
        assert client.run("buy-7").result("10s") == "go"
    spans = _by_name(exported)
    assert len(spans["step charge"]) == 2 and len(spans["ask the bank"]) == 2
    assert len({span.context.trace_id for found in spans.values() for span in found}) == 1


def test_after_a_long_sleep_a_run_goes_on_in_a_trace_of_its_own_linked_to_the_first(
    tmp_path: Path, exported: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dalsegno.insight.traces import traces

    bodies.clear()
    store = f"sqlite:///{tmp_path}/a.db"
    with App("shop", include=[buy, Paid], store=store) as client:
        client.start(buy, "7", id="buy-7")
        until(lambda: [r for r in client.runs("waiting") if r.id == "buy-7"], "it waits")
        until(lambda: "run buy" in _by_name(exported), "its span")
        monkeypatch.setattr(traces, "LONG_SLEEP", 1)  # a microsecond is long
        client.signal("buy-7", "go", name="word")
        assert client.run("buy-7").result("10s") == "go"
        until(
            lambda: _by_name(exported)["run buy"][-1].attributes["dalsegno.workflow.status"] == "completed",
            "its end",
        )
    spans = _by_name(exported)
    start, last = spans["start buy"][0], spans["run buy"][-1]
    assert last.context.trace_id != start.context.trace_id
    later = [span for span in spans["run buy"] if span.context.trace_id == last.context.trace_id]
    (root,) = (span for span in later if span.parent is None)
    assert [link.context.trace_id for link in root.links] == [start.context.trace_id]


def _last_status(exported: InMemorySpanExporter) -> str:
    return str(_by_name(exported)["run buy"][-1].attributes["dalsegno.workflow.status"])


def test_a_handler_that_fails_and_its_run_are_below_the_same_event(
    tmp_path: Path, exported: InMemorySpanExporter
) -> None:
    till, tries = Service("till"), []

    @till.on(attempts=2)
    def take(e: Placed) -> Paid:
        tries.append(e.order)
        if len(tries) == 1:
            raise ConnectionError("no line")
        return Paid(e.order)

    with App("shop", include=[till, Placed, Paid], store=f"sqlite:///{tmp_path}/a.db") as client:
        client.emit(Placed("7"))
        until(lambda: "run till.take" in _by_name(exported), "the run's span")
    spans = _by_name(exported)
    (sent,), (failed,), runs = spans["send Placed"], spans["process Placed"], spans["run till.take"]
    assert failed.attributes["error.type"] == "ConnectionError"
    assert {span.parent.span_id for span in (failed, *runs)} == {sent.context.span_id}
    assert {span.parent.span_id for span in spans["step take"]} <= {span.context.span_id for span in runs}


def test_what_came_without_a_trace_gets_the_same_one_from_all_who_see_it(
    tmp_path: Path, exported: InMemorySpanExporter
) -> None:
    one, two = Service("one"), Service("two")
    heard: list[str] = []
    for service in (one, two):

        @service.on(name="hear")
        def hear(e: Placed) -> None:
            heard.append(e.order)

    store = f"sqlite:///{tmp_path}/a.db"
    with App("web", include=[Placed], store=store, slots=0, traces=False) as client:
        client.emit(Placed("7"))
    with App("shop", include=[one, two], store=store):
        until(lambda: len(_by_name(exported).get("process Placed", ())) == 2, "two spans")
    first, second = _by_name(exported)["process Placed"]
    assert first.context.trace_id == second.context.trace_id
    assert first.parent.span_id == second.parent.span_id


def test_a_batch_is_one_span_linked_to_the_events_in_it(
    tmp_path: Path, exported: InMemorySpanExporter
) -> None:
    till = Service("till")

    @till.on(batch=3, linger="10s")
    def take(events: list[Placed]) -> None: ...

    with App("shop", include=[till, Placed], store=f"sqlite:///{tmp_path}/a.db") as client:
        for order in "123":
            client.emit(Placed(order))
        until(lambda: "process Placed" in _by_name(exported), "the span")
    (span,) = _by_name(exported)["process Placed"]
    sent = [each.context.trace_id for each in _by_name(exported)["send Placed"]]
    assert span.attributes["messaging.batch.message_count"] == 3
    assert [span.context.trace_id, *sorted(link.context.trace_id for link in span.links)] == [
        sent[2],
        *sorted(sent[:2]),
    ]


def test_a_run_that_fails_says_so(tmp_path: Path, exported: InMemorySpanExporter) -> None:
    with App("shop", include=[fall], store=f"sqlite:///{tmp_path}/a.db") as client:
        with pytest.raises(RunFailed):
            client.start(fall).result("10s")
        until(lambda: "run fall" in _by_name(exported), "its span")
    (run,) = _by_name(exported)["run fall"]
    assert run.attributes["dalsegno.workflow.status"] == "failed" and not run.status.is_ok


def test_an_app_that_wants_none_makes_none(tmp_path: Path, exported: InMemorySpanExporter) -> None:
    bodies.clear()
    app = App("shop", include=[buy, Paid], store=f"sqlite:///{tmp_path}/a.db", traces=False)
    with app as client:
        client.signal(client.start(buy, "7").id, "go", name="word")
        until(lambda: client.runs("completed"), "its end")
        assert app._runtime is not None
        assert app._runtime.engine.on_wake is None and app._runtime.operations.sending.tracing is None
    assert set(_by_name(exported)) == {"ask the bank"}


WITHOUT_THE_SDK = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter")):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent())
from dalsegno import App, workflow
from dalsegno.errors import DefinitionError
@workflow
def answer() -> int:
    return 42
app = App("plain", store="memory:")
with app as client:
    assert client.start(answer).result("10s") == 42
    assert app._runtime.engine.on_wake is None
assert not [name for name in sys.modules if name.startswith(("opentelemetry", "prometheus_client"))]
try:
    with App("asked", store="memory:", traces=True):
        pass
except DefinitionError as error:
    assert "dalsegno[otel]" in str(error)
else:
    raise AssertionError("it should have been refused")
"""


def test_without_the_sdk_nothing_is_made_and_nothing_imported_and_asking_for_it_is_refused(
    tmp_path: Path,
) -> None:
    (tmp_path / "plain.py").write_text(WITHOUT_THE_SDK)
    subprocess.run([sys.executable, "plain.py"], cwd=tmp_path, env=environment(), check=True, timeout=60)
