"""``rehearse`` lets months pass in milliseconds, the same way each time."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

import dalsegno
from dalsegno import Retry, receive, sleep, step, step_info, workflow
from dalsegno.errors import ResultTimeout, RunCancelled, RunFailed, RunNotFound
from dalsegno.testing import Play, Stuck, rehearse
from tests.testing import shop


@dataclass
class Approval:
    by: str


@step
def note(what: str) -> str:
    return what


@step(retry=Retry(attempts=4, first="1d", factor=10, max="365d", jitter=0))
def stubborn(fails: int) -> int:
    if step_info().attempt <= fails:
        raise ConnectionError(f"attempt {step_info().attempt}")
    return step_info().attempt


@step
def sleepy(seconds: float) -> str:
    time.sleep(seconds)
    return "rested"


@workflow
def reminds_after_a_month(text: str) -> str:
    sleep("30d")
    return note(text)


@workflow
async def asks_for_a_day(name: str) -> str:
    try:
        async with asyncio.timeout(86_400):
            approval = await receive(Approval)
    except TimeoutError:
        return f"nobody for {name}"
    return f"{approval.by} for {name}"


@workflow
def insists(fails: int) -> int:
    return stubborn(fails)


@workflow
def counts_days(days: int) -> list[str]:
    counted = []
    for _ in range(days):
        sleep("1d")
        counted.append(dalsegno.now().date().isoformat())
    return counted


@workflow
def naps_in_a_step(seconds: float) -> str:
    return sleepy(seconds)


@workflow
def waits_for_ever() -> str:
    return receive(Approval).result().by


@workflow
def lets_two_race(n: int) -> list[str]:
    first, second = note.start("first"), note.start("second")
    return [first.result(), second.result()]


def test_a_month_passes_when_the_test_says_so_and_not_before() -> None:
    with rehearse() as play:
        run = play.start(reminds_after_a_month, "water the plants")
        play.sleep("29d")
        assert run.status() == "waiting"
        assert play.effects() == []
        play.sleep("2d")
        assert run.status() == "completed"
        assert run.result() == "water the plants"
        assert [effect.args for effect in play.effects("note")] == [("water the plants",)]


def test_a_result_is_waited_for_however_long_it_takes() -> None:
    with rehearse() as play:
        began = play.now()
        assert play.start(reminds_after_a_month, "hello").result() == "hello"
        assert timedelta(days=30) <= play.now() - began < timedelta(days=30, seconds=5)


@pytest.mark.parametrize(("answer_after", "result"), [("23h", "Ada for x"), ("25h", "nobody for x")])
def test_a_durable_timeout_fires_after_its_time_and_not_before(answer_after: str, result: str) -> None:
    with rehearse() as play:
        run = play.start(asks_for_a_day, "x")
        play.sleep(answer_after)
        if run.status() == "waiting":
            run.signal(Approval("Ada"))
        assert run.result() == result


def test_a_backoff_of_years_is_no_wait_at_all() -> None:
    with rehearse() as play:
        began = play.now()
        assert play.start(insists, 3).result() == 4
        assert play.now() - began >= timedelta(days=1 + 10 + 100)
        assert [entry.kind.name for entry in play.runs()[0].journal()] == ["ATTEMPT"] * 3 + ["STEP"]


def test_what_comes_due_happens_in_its_order_and_at_its_time() -> None:
    with rehearse() as play:
        run = play.start(counts_days, 400)
        play.sleep("399d")
        assert run.status() == "waiting"
        days = run.result()
        assert len(days) == len(set(days)) == 400
        assert days == sorted(days)


def test_a_step_that_sleeps_takes_long_in_virtual_time_only() -> None:
    with rehearse() as play:
        began = play.now()
        assert play.start(naps_in_a_step, 90.0).result() == "rested"
        assert timedelta(seconds=90) <= play.now() - began < timedelta(seconds=120)


def test_a_wait_for_a_result_may_have_an_end_in_virtual_time() -> None:
    with rehearse() as play:
        run = play.start(reminds_after_a_month, "x")
        with pytest.raises(
            ResultTimeout, match=f"{run.id} had no result after 7d of virtual time; it is waiting"
        ):
            run.result(timeout="7d")
        assert run.result(timeout="30d") == "x"


def test_a_run_that_is_not_there_is_said_not_to_be_with_those_that_are(tmp_path: Path) -> None:
    with rehearse() as play:
        with pytest.raises(RunNotFound, match=r"no run 'b' in this play[^$]*It holds no run yet"):
            play.run("b").journal()
        play.start(waits_for_ever, id="a")
        with pytest.raises(RunNotFound, match=r"no run 'b' in this play[^$]*It holds a\. Start it"):
            play.run("b").record(tmp_path)


def test_a_run_that_waits_for_what_nobody_will_do_is_said_to() -> None:
    with (
        rehearse() as play,
        pytest.raises(Stuck, match=r"waits_for_ever-1 waits for signal .*Approval, and nothing"),
    ):
        play.start(waits_for_ever).result()


def test_a_step_that_sleeps_for_hours_is_told_apart_from_one_that_hangs() -> None:
    @workflow
    def rests(seconds: int) -> str:
        return sleepy(seconds)

    with rehearse(rests) as play:
        assert play.start(rests, 120).result() == "rested"
        with pytest.raises(
            Stuck, match="rests-2 has been at work for 600 s of virtual time; if a step of it"
        ):
            play.start(rests, 7_200, id="rests-2").result()


def test_a_run_can_be_cancelled_and_signalled_as_by_any_program() -> None:
    with rehearse() as play:
        waiting = play.start(waits_for_ever, id="a")
        assert waiting.cancel(sender="Grace")
        with pytest.raises(RunCancelled):
            waiting.result()
        other = play.start(waits_for_ever, id="b")
        assert other.signal(Approval("Ada"), id="once")
        assert not other.signal(Approval("Ada"), id="once")
        assert other.result() == "Ada"
        assert [run.id for run in play.runs()] == ["a", "b"]


def test_a_failure_comes_as_it_does_to_a_program() -> None:
    with rehearse() as play, pytest.raises(RunFailed, match="attempt 4"):
        play.start(insists, 9).result()


def test_definitions_can_be_named_instead_of_found() -> None:
    with rehearse(shop) as play:
        assert play.start(shop.sell, shop.Order("o-1")).result() == "receipt"
    with rehearse(insists) as play:
        assert play.start(insists, 0).result() == 1


def _told(play: Play) -> list[object]:
    play.start(lets_two_race, 2).result()
    play.start(insists, 2).result()
    return [(effect.name, effect.args, effect.at) for effect in play.effects()] + [
        entry.at for run in play.runs() for entry in run.journal()
    ]


def test_two_plays_are_the_same_to_the_microsecond() -> None:
    with rehearse() as one:
        first = _told(one)
    with rehearse() as other:
        assert _told(other) == first


def test_a_play_inside_a_running_loop_is_refused_with_a_sentence() -> None:
    async def inside() -> None:
        with rehearse():
            raise AssertionError("it was let in")

    with pytest.raises(RuntimeError, match="call this in a plain def test"):
        asyncio.run(inside())


def test_time_and_chance_are_as_before_once_a_play_is_over() -> None:
    sleeping = time.sleep
    with rehearse() as play:
        assert time.sleep is not sleeping
        play.start(insists, 0).result()
    assert time.sleep is sleeping
