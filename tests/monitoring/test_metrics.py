"""What a worker counts, and what the store says of itself, scraped over HTTP while real things happen."""

from __future__ import annotations

import json
import re
import socket
import threading
import urllib.error
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from dalsegno import NOTHING, App, Retry, Service, event, receive, saga, sleep, step, workflow
from dalsegno.errors import InvalidInput, RunFailed
from dalsegno.insight.alerts import Alert
from dalsegno.insight.metrics import names
from dalsegno.insight.metrics.metrics import Metrics
from tests.helpers.command import dalsegno, worker
from tests.helpers.waiting import until
from tests.monitoring.scraping import read, scrape, scraped_until, total, value


@step(retry=Retry(attempts=1), compensate=NOTHING)
def double(n: int) -> int:
    if n < 0:
        raise ValueError("too small")
    return 2 * n


@workflow
def calculate(n: int) -> int:
    return double(double(n))


@workflow
def wait_for_a_word() -> str:
    return receive(str, name="word").result()


@workflow
def rest_a_while() -> None:
    sleep("1h")


@step
def release(order: str) -> None: ...


@step(compensate=release)
def reserve(order: str) -> str:
    return order


@saga
def book(order: str) -> None:
    reserve(order)
    double(-1)


@event(key="order")
@dataclass
class Placed:
    order: str
    good: bool = True


@event(key="order")
@dataclass
class Paid:
    order: str


def metrics_of(app: App) -> Metrics:
    assert app._runtime is not None and app._runtime.instruments.metrics is not None
    return app._runtime.instruments.metrics


def an_app(tmp_path: Path, *things: Any, **options: Any) -> App:
    given = {"store": f"sqlite:///{tmp_path}/test.db", "metrics": "127.0.0.1:0", **options}
    return App("measured", include=things, **given)


def test_a_worker_counts_runs_steps_and_entries(tmp_path: Path) -> None:
    app = an_app(tmp_path, calculate)
    with app as client:
        for n in range(5):
            assert client.start(calculate, n).result("10s") == 4 * n
        with pytest.raises(RunFailed):
            client.start(calculate, -1).result("10s")
        seen = scraped_until(
            metrics_of(app).address, lambda s: total(s, "runs_finished_total", workflow="calculate") == 6
        )
    where = {"workflow": "calculate", "step": "double"}
    assert value(seen, "runs_started_total", workflow="calculate") == 6
    assert value(seen, "runs_finished_total", workflow="calculate", status="completed") == 5
    assert value(seen, "runs_finished_total", workflow="calculate", status="failed") == 1
    assert value(seen, "step_attempts_total", **where, outcome="done") == 10
    assert value(seen, "step_attempts_total", **where, outcome="failed") == 1
    assert value(seen, "step_duration_seconds_count", **where) == 11
    assert value(seen, "journal_entries_total") == 11
    assert value(seen, "run_duration_seconds_count", workflow="calculate") == 6
    assert value(seen, "commits_total") == value(seen, "commit_duration_seconds_count")
    assert value(seen, "sessions", state="live") == 1


def test_compensations_are_counted_by_how_they_ended(tmp_path: Path) -> None:
    app = an_app(tmp_path, book)
    with app as client:
        with pytest.raises(RunFailed):
            client.start(book, "7").result("10s")
        seen = scraped_until(
            metrics_of(app).address, lambda s: total(s, "runs_finished_total", workflow="book") == 1
        )
    assert value(seen, "compensations_total", workflow="book", outcome="done") == 1


def test_what_waits_runs_and_is_parked_is_read_of_the_store(tmp_path: Path) -> None:
    service = Service("till")

    @service.on(attempts=1, after_dead_letter="go on")
    def take(e: Placed) -> Paid:
        if not e.good:
            raise ValueError("no card")
        return Paid(e.order)

    app = an_app(tmp_path, wait_for_a_word, rest_a_while, calculate, service, Placed, Paid)
    with app as client:
        client.start(wait_for_a_word)
        client.start(rest_a_while)
        client.emit(Placed("1"), Placed("2", good=False), Placed("3"))
        seen = scraped_until(
            metrics_of(app).address,
            lambda s: (
                value(s, "dead_letters", service="till", handler="take") == 1
                and value(s, "runs", status="waiting") == 3
                and value(s, "service_lag_events", service="till") == 0
            ),
        )
    at = {"service": "till", "handler": "take"}
    assert value(seen, "parked_runs", workflow="till.take", reason="dead letter") == 1
    assert value(seen, "dead_letters_created_total", **at) == 1
    assert value(seen, "reactions_total", **at, outcome="done") == 2
    assert value(seen, "reactions_total", **at, outcome="run") == 1
    assert value(seen, "event_to_reaction_seconds_count", **at) == 2
    assert value(seen, "reaction_duration_seconds_count", **at) == 2
    assert value(seen, "events_emitted_total", type="Placed") == 3
    assert value(seen, "events_emitted_total", type="Paid") == 2
    assert value(seen, "log_last_event") == 5
    assert value(seen, "oldest_waiting_seconds", workflow="wait_for_a_word") is not None
    assert value(seen, "oldest_waiting_seconds", workflow="rest_a_while") is None  # a timer wakes it


def test_a_service_that_is_paused_falls_behind_and_a_store_that_cannot_be_read_is_told(
    tmp_path: Path,
) -> None:
    service = Service("till")
    seen: list[str] = []

    @service.on
    def take(e: Placed) -> None:
        seen.append(e.order)

    app = an_app(tmp_path, service, Placed)
    with app as client:
        until(client.services.list, "the service is known")
        client.services.pause("till")
        client.emit(*(Placed(str(n)) for n in range(7)))
        page = scraped_until(
            metrics_of(app).address, lambda s: value(s, "service_lag_events", service="till") == 7
        )
        assert value(page, "service_paused", service="till") == 1
        assert value(page, "store_up") == 1
        client.services.resume("till")
        scraped_until(metrics_of(app).address, lambda s: value(s, "service_lag_events", service="till") == 0)
        assert len(seen) == 7


PROGRAM = """
from dalsegno import App, receive, step, workflow

@step
def double(n: int) -> int:
    return 2 * n

@workflow
def calculate(n: int) -> int:
    return double(n)

@workflow
def wait_for_a_word() -> str:
    return receive(str, name="word").result()

app = App("shared")
"""


def test_two_workers_count_each_their_own_and_read_the_same_store(tmp_path: Path) -> None:
    (tmp_path / "shared.py").write_text(PROGRAM)
    store = f"sqlite:///{tmp_path}/shared.db"
    serving = ("shared.py", "--metrics", "127.0.0.1:0")
    with worker(*serving, cwd=tmp_path) as one, worker(*serving, cwd=tmp_path) as two:
        addresses = [_served_at(one.said), _served_at(two.said)]
        with App("asking", include=[calculate, wait_for_a_word], store=store, slots=0) as client:
            client.start(wait_for_a_word)
            runs = [client.start(calculate, n) for n in range(20)]
            assert [run.result("20s") for run in runs] == [2 * n for n in range(20)]
        pages = [
            scraped_until(address, lambda s: value(s, "runs", status="waiting") == 1) for address in addresses
        ]
    assert sum(total(page, "runs_finished_total", workflow="calculate") for page in pages) == 20
    assert [value(page, "sessions", state="live") for page in pages] == [2, 2]


def _served_at(said: str) -> str:
    found = re.search(r"metrics +http://(\S+)/metrics", said)
    assert found is not None, said
    return found[1]


def test_a_page_for_other_machines_needs_a_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        pytest.raises(InvalidInput, match="can be read from other machines"),
        an_app(tmp_path, calculate, metrics="0.0.0.0:0"),
    ):
        pass
    monkeypatch.setenv("DALSEGNO_METRICS_TOKEN", "s3cret")
    app = an_app(tmp_path, calculate, metrics="0.0.0.0:0")
    with app:
        address = f"127.0.0.1:{metrics_of(app).address.rpartition(':')[2]}"
        for headers in ({}, {"Authorization": "Bearer wrong"}):
            with pytest.raises(urllib.error.HTTPError, match="401"):
                scrape(address, headers)
        assert value(scrape(address, {"Authorization": "Bearer s3cret"}), "store_up") == 1


def test_a_page_without_a_token_is_refused_under_another_name(tmp_path: Path) -> None:
    app = an_app(tmp_path, calculate)
    with app:
        with pytest.raises(urllib.error.HTTPError, match="403"):
            scrape(metrics_of(app).address, {"Host": "evil.example:9464"})
        with pytest.raises(urllib.error.HTTPError, match="404"):
            scrape(f"{metrics_of(app).address}/other")
        assert scrape(metrics_of(app).address, {"Host": "localhost:1"})


def test_a_port_that_is_taken_stops_the_app_from_starting(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with (
            pytest.raises(InvalidInput, match="cannot be served on"),
            an_app(tmp_path, calculate, metrics=f"{port}"),
        ):
            pass


@pytest.mark.parametrize("text", ["", "nowhere", "127.0.0.1", "127.0.0.1:99999", ":9464"])
def test_what_is_no_address_is_refused(tmp_path: Path, text: str) -> None:
    from dalsegno.insight.metrics.server import read_address

    with pytest.raises(InvalidInput, match="no address"):
        read_address(text, None)


def test_a_loop_that_stands_still_costs_a_page_only_what_the_store_would_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dalsegno.insight.metrics import metrics

    monkeypatch.setattr(metrics, "_PATIENCE", 0.2)
    app = an_app(tmp_path, calculate)
    with app as client:
        client.start(calculate, 1).result("10s")
        held, let_go = threading.Event(), threading.Event()

        def hold() -> None:
            held.set()
            let_go.wait(20)

        assert app._portal is not None
        app._portal._loop.call_soon_threadsafe(hold)
        held.wait(20)
        try:
            page = scrape(metrics_of(app).address)
        finally:
            let_go.set()
        assert value(page, "store_up") == 0
        assert value(page, "runs_started_total", workflow="calculate") == 1
        assert value(page, "runs", status="running") is None
        scraped_until(metrics_of(app).address, lambda s: value(s, "store_up") == 1)


def test_an_app_without_metrics_counts_nothing(tmp_path: Path) -> None:
    app = an_app(tmp_path, calculate, metrics=None)
    with app as client:
        assert client.start(calculate, 1).result("10s") == 4
        assert app._runtime is not None
        assert app._runtime.instruments.metrics is None and app._runtime.commits.on_landed is None


def test_the_reference_lists_every_metric_with_its_kind_its_labels_and_what_it_means() -> None:
    page = (Path(__file__).parents[2] / "docs/reference/metrics.md").read_text("utf-8")
    listed = set(re.findall(r"^\| `(dalsegno_\w+)` \| (\w+) \| ([\w, -]+) \| (.*) \|$", page, re.MULTILINE))
    assert listed == {
        (metric.name, metric.kind, ", ".join(metric.labels) or "-", metric.help) for metric in names.ALL
    }


def test_every_metric_is_exported_under_its_name_and_with_its_labels(tmp_path: Path) -> None:
    service = Service("till")

    @service.on(attempts=1)
    def take(e: Placed) -> Paid:
        if not e.good:
            raise ValueError("no card")
        return Paid(e.order)

    with an_app(tmp_path, rest_a_while, slots=0) as client:  # due, and no worker has it
        client.start(rest_a_while)
    rule = Alert.dead_letters(every="20ms")
    app = an_app(tmp_path, wait_for_a_word, book, calculate, service, Placed, Paid, alerts=[rule])
    with app as client:
        client.start(wait_for_a_word)
        client.start(book, "1")
        client.emit(Placed("1"), Placed("2", good=False))
        page = scraped_until(
            metrics_of(app).address,
            lambda s: (
                total(s, "alerts")
                and total(s, "parked_runs")
                and total(s, "compensations_total")
                and total(s, "reactions_total") > 1
            ),
        )
    exported: dict[str, set[str]] = {}
    for name, labels in page:
        base = re.sub(r"_(bucket|sum|count)$", "", name)
        exported.setdefault(base, set()).update(label for label, _ in labels if label != "le")
    ours = {name: labels for name, labels in exported.items() if name.startswith("dalsegno_")}
    assert ours == {metric.name: set(metric.labels) for metric in names.ALL}


# -- files for Grafana and Prometheus

_NAME = re.compile(r"\b(dalsegno_[a-z_]+?)(?:_bucket|_sum|_count)?(?=[\s{}()\[\]/]|$)")


def _expressions(file: str) -> list[str]:
    text = resources.files("dalsegno.insight.metrics").joinpath(file).read_text("utf-8")
    if file.endswith(".json"):
        return [target["expr"] for panel in json.loads(text)["panels"] for target in panel["targets"]]
    return re.findall(r"^ +expr: (?:\|\n)?((?:.+\n(?: {12,}.+\n)*))", text, re.MULTILINE)


@pytest.mark.parametrize("file", ["dashboard.json", "rules.yml"])
def test_a_file_names_only_metrics_that_are_exported_with_labels_that_they_have(file: str) -> None:
    known = {metric.name: metric for metric in names.ALL}
    expressions = _expressions(file)
    assert len(expressions) >= 9
    for expression in expressions:
        used = _NAME.findall(expression)
        assert used, expression
        assert set(used) <= known.keys(), expression
        histograms = {name for name in used if known[name].kind == "histogram"}
        assert all(f"{name}_bucket" in expression for name in histograms), expression
        labels = {label for name in used for label in known[name].labels} | {"le"}
        grouped = {label for by in re.findall(r"by \(([\w, ]+)\)", expression) for label in by.split(", ")}
        chosen = set(re.findall(r"[{,](\w+)[=!]", expression))
        assert grouped | chosen <= labels, expression
        whole_store = [
            name for name in used if known[name] in names.READ and known[name] is not names.STORE_UP
        ]
        assert not whole_store or "max(" in expression, f"every worker tells the same: {expression}"


def test_the_commands_print_the_files_and_what_a_store_says(tmp_path: Path) -> None:
    with an_app(tmp_path, wait_for_a_word, metrics=None) as client:
        client.start(wait_for_a_word)
        until(lambda: client.runs("waiting"), "it waits")
    shown = dalsegno("metrics", "show", cwd=tmp_path)
    assert value(read(shown.stdout), "runs", status="waiting") == 1
    assert json.loads(dalsegno("metrics", "dashboard", cwd=tmp_path).stdout)["title"] == "dalsegno"
    assert "groups:" in dalsegno("metrics", "rules", cwd=tmp_path).stdout
