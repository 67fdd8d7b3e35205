"""``explore`` finds what is planted, says by which plan, and finds nothing where nothing is."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dalsegno import NOTHING, Workflow, saga, step, workflow
from dalsegno.testing import (
    EffectHappenedTwice,
    Exploration,
    ExplorationFailed,
    Finding,
    MalformedPlan,
    Play,
    Service,
    explore,
)
from tests.helpers.counts import Count
from tests.testing import shop
from tests.testing.shop import Approval, Order

ORDER = Order("o-1")


def line_of(text: str) -> str:
    """Name the line of the shop that holds a text."""
    lines = Path(shop.__file__).read_text("utf-8").splitlines()
    return f"shop.py:{next(number for number, line in enumerate(lines, 1) if text in line)}"


def charged_at_most_once(play: Play) -> None:
    assert len(play.effects("bank.charge")) <= 1, "charged twice"


def approved(play: Play) -> None:
    run = play.start(shop.sell_async, ORDER, id="o-1")
    play.sleep("2h")
    run.signal(Approval("Ada"))


def kept(play: Play) -> None:
    """What a sale keeps: charged once and for good, or refunded; nothing reserved for nobody."""
    [run] = play.runs()
    charges, refunds = len(play.effects("bank.charge")), len(play.effects("bank.refund"))
    if run.status() == "completed":
        assert (charges, refunds) == (1, 0)
        assert len(play.effects("mail.send")) == 1
    else:
        assert run.info().reason == "compensated"
        assert charges <= 1
        assert refunds >= charges
        assert len(play.effects("stock.release")) >= len(play.effects("stock.reserve"))


@pytest.mark.parametrize("subject", [shop.sell, approved], ids=["def", "async def"])
def test_a_correct_saga_has_no_failure_and_no_warning(subject: Any, count: Count) -> None:
    given = [ORDER] if isinstance(subject, Workflow) else []
    found: Exploration = explore(subject, *given, check=kept, pairs=60)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found.assert_ok()
    assert found.warnings == []
    played = {each.name: each.plays for each in found.passes}
    assert played.keys() == {
        "clean",
        "orders",
        "crashes",
        "zombies",
        "failing steps",
        "… and a crash",
        "hash seeds",
        "pairs",
    }
    assert min(played.values()) > 0
    assert played["crashes"] > 2 * found.points
    assert played["pairs"] == 60
    assert sum(played.values()) == found.plays
    count("plays of explored workflows", found.plays)


PLANTED: dict[str, tuple[Any, Callable[[Play], None] | None, str, str]] = {
    "double charge": (shop.charges_twice, charged_at_most_once, "check: charged twice", r"\d+a"),
    "double charge, async": (shop.charges_twice_async, charged_at_most_once, "check: charged twice", r"\d+a"),
    "missing compensation": (
        shop.leaves_stock_reserved,
        None,
        "not undone: .*reserve_without_undo stands",
        r"\d+t",
    ),
    "missing compensation, async": (
        shop.leaves_stock_reserved_async,
        None,
        "not undone: .*reserve_async_without_undo stands",
        r"\d+t",
    ),
    "dice": (shop.rolls_dice, None, "not deterministic: random.random\\(\\) at .*shop.py:", "clean"),
    "dice, async": (shop.rolls_dice_async, None, "not deterministic: random.random\\(\\) at .*:", "clean"),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_mistake_is_found_with_a_plan_of_one_line_that_repeats_it(
    name: str, count: Count, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject, check, told, plan = PLANTED[name]
    found = explore(subject, ORDER, check=check)
    with pytest.raises(ExplorationFailed) as failed:
        found.assert_ok()
    finding = found.failures[0]
    assert re.search(told, f"{finding.kind}: {finding.what}")
    assert re.fullmatch(plan, str(finding.plan))
    command = rf"(pytest .*--crash-plan={finding.plan}|DALSEGNO_CRASH_PLAN={finding.plan} pytest .*)\n"
    assert re.search(command, f"{failed.value}\n")

    [again] = explore(subject, ORDER, check=check, plan=str(finding.plan)).failures
    assert (again.plan, again.kind, again.what) == (finding.plan, finding.kind, finding.what)

    monkeypatch.setenv("DALSEGNO_CRASH_PLAN", str(finding.plan))
    monkeypatch.setenv("PYTEST_CURRENT_TEST", "another (call)")
    [by_the_environment] = explore(subject, ORDER, check=check).failures
    assert by_the_environment.what == finding.what
    count("planted mistakes found by explore", 1, of=1)


@pytest.mark.parametrize("what", ["bank.charge", "step"])
def test_an_effect_that_happened_twice_without_a_key_is_a_warning_though_the_check_passes(what: str) -> None:
    subject = shop.charges_twice if what == "bank.charge" else shop.prints_a_label
    found = explore(subject, ORDER, check=lambda play: None, pairs=0)
    assert found.ok
    [warned] = found.warnings
    name = "bank.charge" if what == "bank.charge" else "prints"
    assert warned.what.startswith(f"{name} ")
    assert "without an idempotency key" in warned.what
    with pytest.warns(EffectHappenedTwice, match=f"{name} .*happened 2 times"):
        found.assert_ok()
    assert f"TWICE {warned.plan}" in str(found)


@pytest.mark.parametrize("repeatable", ["bank.charge", "charge_without_a_key", shop.charge_without_a_key])
def test_what_may_repeat_is_no_warning(repeatable: Any) -> None:
    found = explore(shop.charges_twice, ORDER, passes=["crashes"], may_repeat=[repeatable])
    assert found.ok
    assert found.warnings == []


@pytest.mark.parametrize(
    "what",
    [
        "time.time()",
        "time.monotonic_ns()",
        "datetime.now()",
        "uuid.uuid4()",
        "uuid.uuid1()",
        "os.urandom()",
        "os.environ()",
        "random.choice()",
        "random.shuffle()",
        "random.Random()",
    ],
)
def test_clocks_and_chance_in_workflow_code_are_named_with_file_and_line(what: str) -> None:
    [finding] = explore(shop.asks_the_machine, what).failures
    assert finding.kind == "not deterministic"
    assert finding.what.startswith(f"{what} at ")
    assert re.search(r"shop\.py:\d+$", finding.what)


def test_a_clock_is_named_by_the_line_that_asks_it() -> None:
    [finding] = explore(shop.rolls_dice, ORDER).failures
    assert finding.what.endswith(line_of("if random.random() < 2"))


def test_the_order_of_a_set_is_found_by_a_replay_under_another_hash_seed() -> None:
    found = explore(shop.walks_over_a_set, ORDER, passes=["hash seeds"])
    finding = found.failures[0]
    assert re.fullmatch(r"h[123]", str(finding.plan))
    assert line_of("pick(name)") in finding.what
    assert re.search(r"entry (\d): the journal holds step 'pick' \(#\1\), with arguments \(", finding.what)
    assert finding.what.count("with arguments") == 2
    [again] = explore(shop.walks_over_a_set, ORDER, plan=str(finding.plan)).failures
    assert again.what.partition(", entry")[0] == finding.what.partition(", entry")[0]


def test_the_order_of_a_set_is_found_where_only_a_failing_step_leads_to_it() -> None:
    subject = shop.walks_over_a_set_when_the_mail_fails
    assert explore(subject, ORDER, passes=["hash seeds"]).ok
    found = explore(subject, ORDER, passes=["failing steps", "hash seeds"], pairs=10)
    finding = found.failures[0]
    assert re.fullmatch(r"h[123]", str(finding.plan))
    assert line_of("pick(name)") in finding.what
    again = explore(subject, ORDER, plan=str(finding.plan)).failures
    assert again[0].what.partition(", entry")[0] == finding.what.partition(", entry")[0]


def test_a_service_that_workflow_code_calls_is_found() -> None:
    [finding] = explore(shop.calls_the_bank_itself, ORDER).failures
    assert finding.kind == "SideEffectInWorkflow"
    assert "bank.charge()" in finding.what


def test_a_workflow_inside_a_function_is_explored_but_for_its_hash_seeds() -> None:
    @step
    def note(order: Order) -> str:
        return shop.key()

    @workflow
    def inner(order: Order) -> str:
        return note(order)

    found = explore(inner, ORDER, pairs=5)
    found.assert_ok()
    [hashes] = [each for each in found.passes if each.name == "hash seeds"]
    assert hashes.plays == 0
    assert "inner" in hashes.note


class SoldOut(Exception):
    pass


STATE: list[str] = []


@step
def remember(name: str) -> None:
    STATE.append(shop.key())


@workflow
def does_more_each_time(order: Order) -> None:
    for _ in range(min(len(STATE), 3)):
        remember("more")
    STATE.append("")


def test_state_that_is_kept_between_plays_is_told_from_what_a_crash_does() -> None:
    STATE.clear()
    finding: Finding = explore(does_more_each_time, ORDER, check=lambda play: None).failures[0]
    assert finding.kind in ("not deterministic", "another way")


def test_a_run_that_waits_for_a_signal_that_nobody_sends_is_told_and_not_waited_for() -> None:
    [finding] = explore(shop.waits_for_an_approval, ORDER).failures
    assert finding.kind == "it does not come to an end"
    assert re.search("waits_for_an_approval-1 waits for signal .*Approval", finding.what)
    assert "a scenario can send what it waits for" in finding.story[-1]


def test_a_step_that_times_out_after_its_effect_lets_the_compensation_cope_without_a_result() -> None:
    desk = Service("desk", book={"number": 7})

    @step
    def unbook(name: str, result: Any) -> None:
        desk.unbook(result["number"], shop.key())

    @step(compensate=unbook)
    def book(name: str) -> Any:
        return desk.book(name, key=shop.key())

    @step(compensate=NOTHING)
    def sit(name: str) -> None:
        desk.sit(name, key=shop.key())

    @saga
    def visit(name: str) -> None:
        book(name)
        sit(name)

    failures = explore(visit, "Ada", check=lambda play: None, passes=["failing steps"]).failures
    assert [str(finding.plan)[-1] for finding in failures] == ["t"]
    assert failures[0].kind == "parked: compensation failed"


def test_a_failing_step_raises_what_it_is_told_to_raise() -> None:
    raised: list[str] = []

    @step(compensate=NOTHING)
    def order_it(name: str) -> None:
        shop.stock.order(name, key=shop.key())

    @saga(rollback_on=SoldOut)
    def buy(name: str) -> str:
        try:
            order_it(name)
        except Exception as error:
            raised.append(type(error).__name__)
            raise
        return name

    explore(
        buy, "lamp", check=lambda play: None, passes=["failing steps"], error=SoldOut("no lamp")
    ).assert_ok()
    assert set(raised) >= {"SoldOut", "StepTimeout"}


def test_a_plan_that_a_play_never_comes_to_is_a_failure() -> None:
    [finding] = explore(shop.rolls_dice_async, ORDER, plan="clean").failures[:1]
    assert finding.kind == "not deterministic"
    [finding] = explore(shop.prints_a_label, ORDER, plan="900b").failures
    assert finding.kind == "not the plan"


@pytest.mark.parametrize(
    "text", ["", "7", "7q", "a7", "9a,7b", "7a,7b", "0a", "7a,", "o", "o0", "h", "clean,7a", "7a 8b", "-1a"]
)
def test_a_malformed_plan_is_refused_and_the_message_says_what_one_is(text: str) -> None:
    with pytest.raises(MalformedPlan, match="A plan is 'clean', or points in rising order"):
        explore(shop.prints_a_label, ORDER, plan=text)


def test_a_pass_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="there is no pass floods"):
        explore(shop.prints_a_label, ORDER, passes=["floods"])
