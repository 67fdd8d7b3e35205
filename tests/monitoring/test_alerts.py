"""Rules that fire and resolve while real things go wrong, told once each, whoever dies meanwhile."""

from __future__ import annotations

import asyncio
import json
import signal
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dalsegno import App, Process, Service, event, receive, saga, step, workflow
from dalsegno.errors import DefinitionError, RunFailed
from dalsegno.insight.alerts import Alert, News
from tests.helpers.command import dalsegno, worker
from tests.helpers.waiting import until
from tests.monitoring.scraping import scraped_until, value
from tests.monitoring.webhook import Webhook

QUICK: dict[str, Any] = {"every": "20ms", "calm": "0s"}


@event(key="order")
@dataclass
class Placed:
    order: str
    good: bool = True


@event(key="order")
@dataclass
class Shipped:
    order: str


@workflow
def wait_for_a_word() -> str:
    return receive(str, name="word").result()


@workflow
async def wait_for_nothing() -> None:
    await asyncio.Event().wait()


@workflow
def end(well: bool) -> None:
    if not well:
        raise ValueError("down")


@step
def release(order: str, result: str) -> None: ...


@step(compensate=release)
def reserve(order: str) -> str:
    return order


@saga
def book(well: bool) -> None:
    reserve("7")
    if not well:
        raise ValueError("no courier")


class Desk:
    """Who is told, and remembers it."""

    def __init__(self) -> None:
        self.news: list[News] = []

    def hear(self, news: News) -> None:
        self.news.append(news)

    @property
    def states(self) -> list[str]:
        return [news.state for news in self.news]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def watched(tmp_path: Path, rule: Alert, *things: Any, **options: Any) -> App:
    return App("watched", include=things, store=f"sqlite:///{tmp_path}/a.db", alerts=[rule], **options)


def test_a_run_that_stands_still_is_told_once_and_its_going_on_too(tmp_path: Path, desk: Desk) -> None:
    rule = Alert.stalled("50ms", to=desk.hear, **QUICK)
    with watched(tmp_path, rule, wait_for_a_word, Placed) as client:
        client.start(wait_for_a_word, id="still")
        until(lambda: desk.news, "it is told")
        (began,) = desk.news
        assert (began.rule, began.on, began.subject) == ("stalled", "stalled", "wait_for_a_word")
        assert began.state == "began" and began.ended_at is None and "still" in began.text
        for n in range(20):  # it is looked at again and again
            client.emit(Placed(str(n)))
        client.signal("still", "go", name="word")
        until(lambda: len(desk.news) > 1, "its end is told")
    assert desk.states == ["began", "ended"]
    assert desk.news[1].ended_at is not None and desk.news[1].ended_at >= began.began_at
    assert len({news.id for news in desk.news}) == 2


def test_a_run_that_sleeps_by_its_own_will_does_not_stand_still(tmp_path: Path, desk: Desk) -> None:
    rules = [Alert.stalled("20ms", to=desk.hear, **QUICK)]

    @workflow(name="doze")
    async def doze() -> None:
        await asyncio.sleep(3_600)

    app = App("watched", include=[doze, wait_for_a_word], store=f"sqlite:///{tmp_path}/a.db", alerts=rules)
    with app as client:
        client.start(doze, id="doze")
        client.start(wait_for_a_word)
        until(lambda: desk.news, "the other one is told")
        assert [news.subject for news in desk.news] == ["wait_for_a_word"]
        assert client.runs("waiting", workflow="doze")


def test_cases_that_are_late_and_cases_that_stand_still_are_told_until_they_end(tmp_path: Path) -> None:
    late, still = Desk(), Desk()
    order = Process("order", starts=Placed, ends=Shipped, due="50ms")
    rules = [
        Alert.late(to=late.hear, **QUICK),
        Alert.stalled("50ms", process="order", to=still.hear, **QUICK),
    ]
    app = App("watched", include=[order, Placed, Shipped], store=f"sqlite:///{tmp_path}/a.db", alerts=rules)
    with app as client:
        client.emit(Placed("7"))
        until(lambda: late.news and still.news, "both are told")
        client.emit(Shipped("7"))
        until(lambda: len(late.news) > 1 and len(still.news) > 1, "their ends are told")
    assert (late.states, still.states) == (["began", "ended"], ["began", "ended"])
    for news in (late.news[0], still.news[0]):
        assert news.subject == "order" and "order-7" in news.text and news.value == 1


def test_a_service_that_falls_behind_is_told_and_when_it_has_caught_up(tmp_path: Path, desk: Desk) -> None:
    till = Service("till")

    @till.on
    def take(e: Placed) -> None: ...

    rule = Alert.lag(events=3, service="till", to=desk.hear, **QUICK)
    with watched(tmp_path, rule, till, Placed) as client:
        until(client.services.list, "the service is known")
        client.services.pause("till")
        client.emit(*(Placed(str(n)) for n in range(3)))
        client.emit(*(Placed(str(n)) for n in range(2)))
        until(lambda: desk.news, "it is told")
        client.services.resume("till")
        until(lambda: len(desk.news) > 1, "its end is told")
    assert desk.states == ["began", "ended"]
    assert desk.news[0].rule == "lag till" and desk.news[0].value == 5
    assert "5 events behind" in desk.news[0].text and "paused" in desk.news[0].text


def test_dead_letters_are_told_until_somebody_has_answered_them(tmp_path: Path, desk: Desk) -> None:
    till = Service("till")

    @till.on(attempts=1)
    def take(e: Placed) -> None:
        if not e.good:
            raise ValueError("no card")

    rule = Alert.dead_letters(to=desk.hear, **QUICK)
    with watched(tmp_path, rule, till, Placed) as client:
        client.emit(Placed("1"), Placed("2", good=False))
        until(lambda: desk.news, "it is told")
        (letter,) = client.dead_letters.list()
        client.dead_letters.discard(letter.number, why="a test order", by="ann")
        until(lambda: len(desk.news) > 1, "its end is told")
    assert desk.states == ["began", "ended"]
    assert (desk.news[0].subject, desk.news[0].value) == ("till", 1)
    assert "ValueError" in desk.news[0].text


def test_a_parked_run_is_told_until_it_is_out_of_the_way(tmp_path: Path, desk: Desk) -> None:
    rule = Alert.parked(to=desk.hear, **QUICK)
    with watched(tmp_path, rule, wait_for_nothing) as client:
        run = client.start(wait_for_nothing)
        until(lambda: desk.news, "it is told")
        run.cancel()
        until(lambda: len(desk.news) > 1, "its end is told")
    assert desk.states == ["began", "ended"]
    assert "waits for nothing" in desk.news[0].text


@pytest.mark.parametrize(
    ("rule", "kind"), [(Alert.failures, end), (Alert.compensations, book)], ids=["failures", "compensations"]
)
def test_a_share_of_runs_that_is_too_large_is_told_until_it_is_smaller(
    tmp_path: Path, desk: Desk, rule: Any, kind: Any
) -> None:
    with watched(tmp_path, rule(0.5, within="1h", at_least=4, to=desk.hear, **QUICK), kind) as client:
        for n in range(8):
            run = client.start(kind, n % 4 == 0)
            if n % 4 == 0:
                run.result("10s")
            else:
                with pytest.raises(RunFailed):
                    run.result("10s")
        until(lambda: desk.news, "it is told")
        for _ in range(8):
            client.start(kind, True).result("10s")
        until(lambda: len(desk.news) > 1, "its end is told")
    assert desk.states == ["began", "ended"]
    assert desk.news[0].subject == kind.name and desk.news[0].value > 0.5


def test_a_webhook_that_does_not_take_it_is_told_again_under_the_same_id(tmp_path: Path) -> None:
    with Webhook(500, 503) as hook, ExitStack() as stack:
        rule = Alert.stalled("20ms", to=hook.address, **QUICK)
        client = stack.enter_context(watched(tmp_path, rule, wait_for_a_word))
        client.start(wait_for_a_word, id="still")
        until(lambda: len(hook.posted) == 3, "it is told for the third time")
        client.signal("still", "go", name="word")
        until(lambda: "ended" in hook.states, "its end is told")
    assert hook.states == ["began", "began", "began", "ended"]
    assert len(set(hook.keys[:3])) == 1 and hook.keys[3] != hook.keys[0]
    assert hook.posted[0]["id"] == hook.keys[0]
    assert set(hook.posted[0]) == {
        "id", "rule", "on", "subject", "state", "text", "value", "began_at", "ended_at",
    }  # fmt: skip


def test_of_two_who_are_to_be_told_one_that_fails_keeps_the_other_from_nothing(
    tmp_path: Path, desk: Desk
) -> None:
    tries: list[News] = []

    async def fails_twice(news: News) -> None:
        tries.append(news)
        if len(tries) < 3:
            raise ConnectionError("no line")

    rule = Alert.stalled("20ms", to=[fails_twice, desk.hear], **QUICK)
    with watched(tmp_path, rule, wait_for_a_word) as client:
        client.start(wait_for_a_word)
        until(lambda: len(tries) == 3, "the third try")
    assert desk.states == ["began"]


def test_an_event_on_the_log_begins_and_ends_it_and_services_may_react(tmp_path: Path) -> None:
    @event("dalsegno.alert.began", outside=True)
    @dataclass
    class AlertBegan:
        rule: str
        subject: str
        text: str

    operators, heard = Service("operators"), []

    @operators.on
    def look(e: AlertBegan) -> None:
        heard.append(e)

    rule = Alert.stalled("20ms", to="log", **QUICK)
    with watched(tmp_path, rule, wait_for_a_word, operators) as client:
        client.start(wait_for_a_word, id="still")
        until(lambda: heard, "a service reacts")
        client.signal("still", "go", name="word")
        until(lambda: client.events.list("dalsegno.alert.ended"), "its end")
        types = [each.type for each in client.events.list()]
    assert types == ["dalsegno.alert.began", "dalsegno.alert.ended"]
    assert (heard[0].rule, heard[0].subject) == ("stalled", "wait_for_a_word")


PROGRAM = """
from dalsegno import App, receive, workflow
from dalsegno.insight.alerts import Alert

@workflow
def wait_for_a_word() -> str:
    return receive(str, name="word").result()

app = App("shared", lease="1s", alerts=[Alert.stalled("50ms", to={address!r}, every="50ms", calm="0s")])
"""


def test_several_workers_tell_once_also_when_the_one_that_told_is_killed(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/shared.db"
    with Webhook() as hook, ExitStack() as stack:
        (tmp_path / "shared.py").write_text(PROGRAM.format(address=hook.address))
        workers = [stack.enter_context(worker("shared.py", cwd=tmp_path)) for _ in range(2)]
        client = stack.enter_context(App("asking", include=[wait_for_a_word], store=store, slots=0))
        client.start(wait_for_a_word, id="still")
        until(lambda: _told(tmp_path) == ["began"], "it is told, and that it was is written")
        (teller,) = (one for one in workers if "alert stalled began" in one.said)
        teller.tell(signal.SIGKILL)
        teller.ended()
        workers.append(stack.enter_context(worker("shared.py", cwd=tmp_path)))
        client.signal("still", "go", name="word")
        until(lambda: "ended" in hook.states, "its end is told", within=30)
    assert hook.states == ["began", "ended"]


def _told(folder: Path) -> list[str]:
    listed = dalsegno("alerts", "list", "--json", cwd=folder)
    return [alert["told"] for alert in json.loads(listed.stdout)["alerts"]]


def test_a_restart_neither_tells_again_nor_forgets_to_tell_the_end(tmp_path: Path, desk: Desk) -> None:
    rule = Alert.stalled("20ms", to=desk.hear, **QUICK)
    with watched(tmp_path, rule, wait_for_a_word) as client:
        client.start(wait_for_a_word, id="still")
        until(lambda: desk.news, "it is told")
        until(lambda: _told(tmp_path) == ["began"], "and that it was is written")
    with watched(tmp_path, rule, wait_for_a_word) as client:
        client.signal("still", "go", name="word")
        until(lambda: len(desk.news) > 1, "its end is told", within=30)
    assert desk.states == ["began", "ended"]


def test_what_holds_is_a_metric(tmp_path: Path, desk: Desk) -> None:
    rule = Alert.stalled("20ms", to=desk.hear, **QUICK)
    app = watched(tmp_path, rule, wait_for_a_word, metrics="127.0.0.1:0")
    with app as client:
        client.start(wait_for_a_word)
        assert app._runtime is not None and app._runtime.instruments.metrics is not None
        scraped_until(
            app._runtime.instruments.metrics.address, lambda page: value(page, "alerts", rule="stalled") == 1
        )


# -- the command line, and rules in a file

SETTINGS = """
store = "shared.db"

[[alerts]]
on = "stalled"
after = "50ms"
every = "50ms"
calm = "0s"
to = "{address}"

[[alerts]]
on = "dead_letters"
over = 3
name = "letters"
"""

PLAIN = """
from dalsegno import App, receive, workflow

@workflow
def wait_for_a_word() -> str:
    return receive(str, name="word").result()

app = App("shared")
"""


def test_rules_in_a_file_of_settings_are_looked_after_listed_and_checked(tmp_path: Path) -> None:
    (tmp_path / "shared.py").write_text(PLAIN)
    store = f"sqlite:///{tmp_path}/shared.db"
    with Webhook() as hook:
        (tmp_path / "dalsegno.toml").write_text(SETTINGS.format(address=hook.address))
        with worker("shared.py", cwd=tmp_path) as one:
            one.says("alerts     stalled, letters")
            with App("asking", include=[wait_for_a_word], store=store, slots=0) as client:
                client.start(wait_for_a_word, id="still")
                until(lambda: hook.posted, "it is told")
            found = dalsegno("alerts", "list", "--json", cwd=tmp_path)
            (alert,) = json.loads(found.stdout)["alerts"]
            assert (alert["rule"], alert["subject"], alert["ended_at"]) == (
                "stalled",
                "wait_for_a_word",
                None,
            )
            shown = dalsegno("alerts", "list", cwd=tmp_path)
            assert "ALERT" in shown.stdout and "wait_for_a_word" in shown.stdout
            checked = dalsegno("alerts", "check", cwd=tmp_path)
            assert checked.returncode == 1
            assert "dalsegno where still" in checked.stdout and "letters" in checked.stdout
            with App("asking", include=[wait_for_a_word], store=store, slots=0) as client:
                client.signal("still", "go", name="word")
                assert client.run("still").result("10s") == "go"
                until(lambda: "ended" in hook.states, "its end is told")
        assert dalsegno("alerts", "check", cwd=tmp_path).returncode == 0
        assert json.loads(dalsegno("alerts", "list", "--json", cwd=tmp_path).stdout)["alerts"] == []
        (past,) = json.loads(dalsegno("alerts", "list", "--all", "--json", cwd=tmp_path).stdout)["alerts"]
        assert past["told"] == "ended"


def test_rules_of_a_program_are_checked_and_without_any_there_is_nothing_to_check(tmp_path: Path) -> None:
    (tmp_path / "shared.py").write_text(PROGRAM.format(address="http://127.0.0.1:1/"))
    with App("made", include=[wait_for_a_word], store=f"sqlite:///{tmp_path}/shared.db"):
        pass
    assert dalsegno("alerts", "check", "shared.py", cwd=tmp_path).returncode == 0
    assert dalsegno("alerts", "check", cwd=tmp_path).returncode == 2


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"on": "rain"}, "an alert on 'rain'"),
        ({}, "an alert on None"),
        ({"on": "lag"}, "no bound"),
        ({"on": "stalled"}, "cannot be read"),
        ({"on": "stalled", "after": "1m", "untill": 3}, "untill"),
        ({"on": "failures", "over": 5}, "a share of the runs"),
        ({"on": "parked", "to": "somebody"}, "cannot be told"),
        ({"on": "parked", "to": [1]}, "no text"),
    ],
)
def test_a_rule_that_cannot_be_read_is_refused_with_what_is_wrong(table: dict[str, Any], says: str) -> None:
    from dalsegno.insight.alerts.rules import read_rules

    with pytest.raises(DefinitionError, match=says):
        read_rules([table], "dalsegno.toml")


def test_two_rules_of_one_name_and_what_is_no_rule_are_refused() -> None:
    with pytest.raises(DefinitionError, match="the name 'parked'"):
        App("a", store="memory:", alerts=[Alert.parked(), Alert.parked(3)])
    with pytest.raises(DefinitionError, match="no rule"):
        App("a", store="memory:", alerts=["parked"])
