"""Each pass finds the mistake that it is there for, and no pass is needed to find another's."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

import pytest

from dalsegno import NOTHING, saga, step, workflow
from dalsegno.core.entries import Entry
from dalsegno.errors import NotEncodable, RunFailed
from dalsegno.store.memory import MemoryStore
from dalsegno.testing import Exploration, Play, Service, explore
from dalsegno.testing.collecting import collect
from dalsegno.testing.plans import CrashPlan
from dalsegno.testing.stage import Stage
from tests.helpers.command import environment
from tests.testing.shop import key

far = Service("far")
ROOT = Path(__file__).resolve().parents[2]


@step
def do(what: str) -> str:
    far.do(what, key=key())
    return what


@step
def do_without_a_key(what: str) -> str:
    far.do(what)
    return what


@step
async def do_in_the_loop(what: str) -> str:
    far.do(what, key=key())
    return what


@workflow
def once(what: str) -> str:
    return do_without_a_key(what)


@workflow
async def first_of_two(what: str) -> str:
    tasks = [asyncio.ensure_future(do_in_the_loop(f"{what} {n}")) for n in range(2)]
    done, rest = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)
    return min(task.result() for task in done)


@workflow
async def both(what: str) -> list[str]:
    return list(await asyncio.gather(do.start("a"), do_in_the_loop("b")))


@workflow
def child(what: str) -> str:
    return do(what)


@workflow
def takes_a_number(number: int) -> None:
    do(str(number))


@workflow
def parent(what: str) -> str:
    return f"{child.start(what).result()} {child.start(what, id='another').result()}"


@step(compensate=do)
def book(what: str) -> str:
    return do.function(what)


@step(compensate=NOTHING)
def pay(what: str) -> str:
    return do.function(f"pay {what}")


@saga
def travel(what: str) -> str:
    return book(what) + pay(what)


def at_most(times: int) -> Any:
    def check(play: Play) -> None:
        assert len(play.effects("far.do")) <= times, f"more than {times} times"

    return check


def plans(found: Exploration) -> list[str]:
    return [str(finding.plan) for finding in found.failures]


def test_a_crash_alone_finds_what_happens_twice() -> None:
    assert plans(explore(once, "x", check=at_most(1), passes=["crashes"])) == ["3a", "4a", "5b"]


def test_a_zombie_that_wakes_finds_it_too() -> None:
    found = plans(explore(once, "x", check=at_most(1), passes=["zombies"]))
    assert found
    assert all(plan.endswith("z") for plan in found)


def test_two_crashes_find_what_happens_three_times() -> None:
    assert explore(once, "x", check=at_most(2), passes=["crashes", "zombies"]).ok
    found = plans(explore(once, "x", check=at_most(2), passes=["crashes", "pairs"]))
    assert found
    assert all(plan.count(",") == 1 for plan in found)
    [again] = explore(once, "x", check=at_most(2), plan=found[0]).failures
    assert again.what == "more than 2 times"


def test_every_mishap_of_every_point_is_played_once() -> None:
    found = explore(once, "x", check=lambda play: None, passes=["crashes", "zombies", "pairs"])
    played = {each.name: each.plays for each in found.passes}
    # Start, claim, two commits: before, after, lost reply. A body: before, after. Its call: after.
    assert found.points == 6
    assert played["crashes"] == 4 * 3 + 2 + 1
    assert played["zombies"] == 4  # claim, body, two commits; the start is the client's
    assert played["pairs"] > played["crashes"]


@pytest.mark.parametrize(
    ("plan", "told"),
    [
        ("5b", ["worker1.0 is killed", "worker1.1 begins"]),
        ("5a", ["worker1.0 is killed", "worker1.1 begins"]),
        ("5l", ["! late"]),
        ("5z", ["worker1.0 stands still for 3.0 s", "worker2.0 begins", "worker2.0 has claimed once-1"]),
        ("1b", ["client.0 is killed", "client.1 begins"]),
        ("3b", ["worker1.0 is killed"]),
        ("4a", ["worker1.0 is killed"]),
    ],
)
def test_a_mishap_is_what_it_is_called(plan: str, told: list[str]) -> None:
    with Stage(collect(once, (), ())[0], CrashPlan.parse(plan)) as stage:
        assert Play(stage).start(once, "x").result() == "x"
        stage.come_to_rest()
        story = "\n".join(stage.story.lines())
        assert [each for each in told if each not in story] == []
        again = "l" not in plan and plan != "1b"
        assert (len(stage.deeds.effects) == 2) is (again and plan not in ("3b", "5a"))


def test_a_promise_of_dalsegno_that_is_broken_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    real = MemoryStore.journal

    async def forgetful(self: MemoryStore, *args: Any) -> list[Entry]:
        entries = await real(self, *args)
        return entries[1:] if len(entries) > 1 else entries

    monkeypatch.setattr(MemoryStore, "journal", forgetful)
    [finding] = explore(travel, "x", check=lambda play: None).failures
    assert finding.kind == "a promise of dalsegno is broken, please report it"
    assert finding.what.startswith("P3: ")


def test_another_order_of_answers_finds_who_counts_on_the_first() -> None:
    def always_the_first(play: Play) -> None:
        assert play.runs()[0].result() == "x 0"

    found = explore(first_of_two, "x", check=always_the_first, passes=["orders"])
    assert plans(found)
    assert all(plan.startswith("o") for plan in plans(found))
    [again] = explore(first_of_two, "x", check=always_the_first, plan=plans(found)[0]).failures
    assert again.what == found.failures[0].what


def test_an_end_that_rests_on_the_order_of_answers_is_no_failure_by_itself() -> None:
    found = explore(first_of_two, "x", passes=["orders", "crashes"])
    assert found.failures == []
    [orders] = [each for each in found.passes if each.name == "orders"]
    assert "depends on the order of answers" in orders.note


COUNTED: list[str] = []


@step
def count_up() -> int:
    COUNTED.append("")
    return len(COUNTED)


@workflow
def ends_by_how_often_its_step_ran(what: str) -> int:
    return count_up()


def starts_counting(play: Play) -> None:
    COUNTED.clear()
    play.start(ends_by_how_often_its_step_ran, "x").result()


def test_without_a_check_every_play_must_end_as_the_clean_one() -> None:
    found = explore(starts_counting, passes=["crashes"])
    assert found.failures[0].kind == "another end"
    assert "completed with 2, without faults completed with 1" in found.failures[0].what
    assert explore(starts_counting, passes=["crashes"], check=lambda play: None).ok


def test_a_failing_step_is_crossed_with_a_crash_at_each_point_that_follows() -> None:
    found = explore(travel, "x", check=lambda play: None, passes=["failing steps"])
    assert found.ok
    played = {each.name: each.plays for each in found.passes}
    assert played["failing steps"] == 4
    assert played["… and a crash"] > 25


def test_a_compensation_that_happens_twice_without_a_key_is_found_in_a_failing_play_with_a_crash() -> None:
    @step(name="undo")
    def undo(what: str) -> None:
        far.undo(what)

    @step(compensate=undo)
    def act(what: str) -> None:
        far.act(what, key=key())

    @step(compensate=NOTHING)
    def end(what: str) -> None:
        far.end(what, key=key())

    @saga
    def acts(what: str) -> None:
        act(what)
        end(what)

    found = explore(acts, "x", check=lambda play: None, passes=["failing steps"])
    [warned] = found.warnings
    assert "far.undo in step undo happened 2 times" in warned.what
    assert [letter for letter in str(warned.plan) if letter.isalpha()] in (["r", "a"], ["t", "a"])


@pytest.mark.parametrize("subject", [both, parent], ids=["gather", "children"])
def test_what_is_as_it_must_be_passes_all_passes(subject: Any) -> None:
    found = explore(subject, "x", pairs=40)
    found.assert_ok()
    assert found.warnings == []


def test_only_the_wanted_passes_are_played_and_more_pairs_than_wanted_are_drawn() -> None:
    found = explore(both, "x", passes=["pairs"], pairs=7)
    assert [each.name for each in found.passes] == ["clean", "crashes", "pairs"]
    assert found.passes[-1].plays == 7
    assert found.passes[-1].note.startswith("drawn from ")
    assert explore(both, "x", passes=[]).plays == 1


def test_the_passes_after_one_that_fails_are_left_out() -> None:
    found = explore(once, "x", check=at_most(1))
    assert [each.name for each in found.passes] == ["clean", "orders", "crashes"]


def test_a_scenario_that_starts_nothing_is_no_exploration() -> None:
    [finding] = explore(lambda play: None).failures
    assert finding.kind == "nothing to explore"


def test_a_run_that_fails_by_itself_is_told_before_anything_is_crashed() -> None:
    @workflow
    def breaks(what: str) -> None:
        raise ValueError(what)

    [finding] = explore(breaks, "x").failures
    assert finding.kind == "it fails without a mishap"
    assert re.search(r"ValueError: x at .*test_passes\.py:\d+$", finding.what)

    def knows(play: Play) -> None:
        with pytest.raises(RunFailed):
            play.start(breaks, "x").result()

    assert explore(knows, passes=["crashes"]).ok


def test_what_a_check_or_a_scenario_raises_is_told_by_its_kind() -> None:
    def broken(play: Play) -> None:
        raise KeyError("sku")

    [finding] = explore(once, "x", check=broken).failures
    assert finding.kind == "KeyError"
    assert re.search(r"^'sku' at .*test_passes\.py:\d+$", finding.what)
    assert finding.story == ("nothing has befallen this play: it is so without a crash too",)
    [finding] = explore(once, "x", check=lambda play: pytest.fail("it is not well")).failures
    assert finding.what == "it is not well"
    [finding] = explore(broken).failures
    assert finding.kind == "KeyError"
    assert isinstance(finding.error, KeyError)


def test_a_check_that_returns_false_is_a_failure_as_one_that_raises() -> None:
    [finding] = explore(once, "x", check=lambda play: len(play.effects("far.do")) == 7).failures
    assert (finding.kind, finding.what) == ("check", "it returned False")
    assert finding.story == ("nothing has befallen this play: it is so without a crash too",)
    assert explore(once, "x", check=lambda play: len(play.effects("far.do")) > 0, passes=["crashes"]).ok


def test_the_traceback_of_an_error_shows_the_lines_of_its_user_alone() -> None:
    def wrong_input(play: Play) -> None:
        play.start(takes_a_number, "seven")  # type: ignore[arg-type]

    [finding] = explore(wrong_input).failures
    assert finding.kind == "NotEncodable"
    assert re.search(r"test_passes\.py:\d+$", finding.what)
    assert isinstance(finding.error, NotEncodable)
    assert finding.error.mend in finding.story
    assert [frame.name for frame in traceback.extract_tb(finding.error.__traceback__)] == ["wrong_input"]
    shown = "".join(traceback.format_exception(finding.error))
    assert shown.count("Traceback") == 1  # and none of the coder's own error
    [finding] = explore(takes_a_number, "seven").failures
    assert finding.error is None


def test_what_cannot_be_explored_is_refused_with_a_word_on_what_can() -> None:
    anything: Any = explore
    with pytest.raises(TypeError, match="do is a step, which nothing crashes alone: write a workflow"):
        anything(do, "x")
    with pytest.raises(TypeError, match="or a scenario, not 'sold'"):
        anything("sold")
    with pytest.raises(TypeError, match="a scenario gets a Play alone"):
        anything(starts_counting, "x")
    with pytest.raises(TypeError, match="the check is True; it must be a function of a Play"):
        anything(once, "x", check=True)


def test_an_async_scenario_or_check_is_refused() -> None:
    async def wrong(play: Play) -> None:
        pass

    with pytest.raises(TypeError, match="the scenario is an async def"):
        explore(wrong)
    with pytest.raises(TypeError, match="the check is an async def"):
        explore(once, "x", check=wrong)


SCRIPT = """
import json, sys
from tests.testing.test_passes import both, travel, parent, once, at_most
from dalsegno.testing import explore

told = []
for subject, check in ((both, None), (travel, lambda play: None), (parent, None), (once, at_most(1))):
    passes = ["orders", "crashes", "zombies", "failing steps", "pairs"]
    found = explore(subject, "x", check=check, pairs=15, passes=passes)
    told.append([found.points, found.plays, [[p.name, p.plays, p.note] for p in found.passes],
                 [[str(f.plan), f.what, f.story] for f in found.failures + found.warnings]])
print(json.dumps(told))
"""


def test_an_exploration_is_the_same_under_every_hash_seed() -> None:
    told = [
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env={**environment(), "PYTHONHASHSEED": seed},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
            timeout=100,
        ).stdout
        for seed in ("0", "4711")
    ]
    assert told[0] == told[1]
    both_, _, _, once_ = json.loads(told[0])
    assert both_[1] > 50
    assert once_[3][0][0] == "3a"
