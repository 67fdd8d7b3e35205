"""Behaviours of signals and timers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest

from dalsegno import Limits, receive, step, workflow
from dalsegno.core.commit import Commit, Fence, Refused, Send, Sent
from dalsegno.core.entries import Kind
from dalsegno.core.writes import Verdict, Write
from dalsegno.errors import NotDecodable, NotEncodable, PayloadTooLarge
from tests.helpers.room import Gate, Room, eventually

pytestmark = pytest.mark.asyncio


def interrupt_the_rest(room: Room) -> list[Verdict]:
    """Let a signal come just before the first commit that brings a run to rest; list all verdicts."""
    store = room.runtime.store
    write, seen = store.write, list[Verdict]()

    async def interrupting(group: Sequence[Write], fence: Fence | None = None) -> list[Verdict]:
        rests = any(isinstance(item, Commit) and item.rest is not None for item in group)
        if rests and not any(isinstance(verdict, Sent) for verdict in seen):
            signal = Send(Kind.SIGNAL, namespace="default", run_id="r", name="str", data=b'"late"')
            seen.extend(await write([signal]))
        verdicts = await write(group, fence)
        seen.extend(verdicts)
        return verdicts

    store.write = interrupting  # type: ignore[method-assign]
    return seen


async def test_start_and_signal_together_may_be_repeated_as_a_whole(tmp_path: Path) -> None:
    """Case 041: two idempotent verbs; the signal waits for the code, not the code for the signal."""

    @workflow
    async def greet() -> list[str]:
        return [await receive(str), await receive(str)]

    async with Room(tmp_path, greet) as room:
        for _ in range(3):
            run = await room.client.start(greet, id="r")
            await room.client.signal("r", "hello", id="first")
        await run.signal("again", id="second")
        assert await run.result() == ["hello", "again"]


async def test_the_end_of_a_run_is_decided_again_when_a_signal_comes_at_that_moment(tmp_path: Path) -> None:
    """Case 042: the code has ended and asks for nothing more, so the signal is kept and the result stands."""
    gate = Gate()

    @step
    async def last() -> str:
        await gate.pass_()
        return "done"

    @workflow
    async def finish() -> str:
        return await last()

    async with Room(tmp_path, finish) as room:
        verdicts = interrupt_the_rest(room)
        run = await room.client.start(finish, id="r")
        await gate.crowd(1)
        gate.open()
        assert await run.result() == "done"
        assert Refused.MISSED in verdicts
        row = await room.row("r")
        inbox = (await room.runtime.store.inbox([row.number]))[row.number]
        assert [(delivery.name, delivery.data) for delivery in inbox] == [("str", b'"late"')]


@pytest.mark.promise("P1")
async def test_a_signal_that_comes_as_the_run_goes_to_rest_is_not_slept_through(tmp_path: Path) -> None:
    """Case 042, where the code still asks: coming to rest is refused, and the signal is taken."""

    @workflow
    async def ask() -> str:
        return await receive(str)

    async with Room(tmp_path, ask) as room:
        verdicts = interrupt_the_rest(room)
        assert await (await room.client.start(ask, id="r")).result() == "late"
        assert Refused.MISSED in verdicts


async def test_a_signal_that_came_early_is_taken_without_a_wait(tmp_path: Path) -> None:
    """Case 047."""
    gate = Gate()

    @step
    async def first() -> None:
        await gate.pass_()

    @workflow
    async def ask() -> str:
        await first()
        return await receive(str)

    async with Room(tmp_path, ask) as room:
        run = await room.client.start(ask, id="r")
        await gate.crowd(1)
        await run.signal("early")
        gate.open()
        assert await run.result() == "early"
        assert [entry.kind.name for entry in await room.journal("r")] == ["STEP", "SIGNAL"]
        assert (await room.row("r")).turn == 1  # it never came to rest between


@pytest.mark.promise("P1")
async def test_early_signals_are_taken_in_order_and_names_are_exact(tmp_path: Path) -> None:
    """Case 051: first in, first out; "Paid" and "paid" are two names."""

    @workflow
    async def collect() -> list[int]:
        await receive(str, name="go")
        return [await receive(int, name="paid") for _ in range(3)]

    async with Room(tmp_path, collect) as room:
        run = await room.client.start(collect, id="r")
        for n, name in enumerate(["paid", "Paid", "paid", "PAID", "paid"]):
            await run.signal(n, name=name)
        await run.signal("now", name="go")
        assert await run.result() == [0, 2, 4]


@pytest.mark.promise("P1")
async def test_a_wait_that_lost_takes_no_later_signal(tmp_path: Path) -> None:
    """Case 052."""

    @workflow
    async def race() -> list[str]:
        one, two = receive(str, name="a"), receive(str, name="a")
        done, pending = await asyncio.wait({one, two}, return_when=asyncio.FIRST_COMPLETED)
        for loser in pending:
            loser.cancel()
        return [done.pop().result(), await receive(str, name="a")]

    async with Room(tmp_path, race) as room:
        run = await room.client.start(race, id="r")
        await room.reaches("r", "waiting")
        await run.signal("first", name="a")
        await room.crash()
    async with Room(tmp_path, race) as room:
        await room.client.signal("r", "second", name="a")
        assert await room.client.run("r").result() == ["first", "second"]


@pytest.mark.promise("P1")
async def test_a_repeated_message_id_counts_once_for_all_who_sent_it(tmp_path: Path) -> None:
    """Case 040, with signals: there are no other updates."""

    @workflow
    async def counter() -> int:
        total = 0
        while (amount := await receive(int)) > 0:
            total += amount
        return total

    async with Room(tmp_path, counter) as room:
        run = await room.client.start(counter, id="r")
        accepted = await asyncio.gather(*(run.signal(1, id="once") for _ in range(10)))
        assert sorted(accepted) == [False] * 9 + [True]
        await run.signal(0, id="stop")
        assert await asyncio.gather(*(room.client.run("r").result() for _ in range(3))) == [1, 1, 1]
        assert await run.signal(1, id="once") is False


@pytest.mark.promise("P1", "P11")
async def test_a_type_that_became_stricter_parks_the_run_and_loses_no_signal(tmp_path: Path) -> None:
    """Case 055: what was accepted stays in the journal; code that cannot read it any more is parked."""
    asked: list[type] = [int]
    seen: list[object] = []

    @workflow
    async def ask() -> str:
        try:
            seen.append(await receive(asked[0], name="amount"))
        except NotDecodable:
            seen.append("unreadable")
        return await receive(str)

    async with Room(tmp_path, ask) as room:
        run = await room.client.start(ask, id="r")
        await run.signal(5, name="amount")
        await room.has_entries("r", "SIGNAL")
        await room.crash()
    asked[0] = bool
    async with Room(tmp_path, ask) as room:
        await room.client.signal("r", "done")
        await eventually(partial(_parked, room), "it is parked")
        await room.crash()
    asked[0] = int
    async with Room(tmp_path, ask) as room:
        assert await room.client.retry("r")
        assert await room.client.run("r").result() == "done"
    assert seen == [5, 5]


async def _parked(room: Room) -> bool:
    return (await room.row("r")).parked


async def test_a_message_that_nobody_can_read_is_told_to_the_code_and_one_too_large_to_its_sender(
    tmp_path: Path,
) -> None:
    """Case 056: what is refused is not written; what can only be judged by the code, the code hears of."""

    @workflow
    async def ask() -> list[object]:
        heard: list[object] = []
        while len(heard) < 2:
            try:
                heard.append(await receive(int, name="amount"))
            except NotDecodable:
                heard.append("unreadable")
        return heard

    async with Room(tmp_path, ask, limits=Limits(payload=1_000)) as room:
        run = await room.client.start(ask, id="r")
        await room.reaches("r", "waiting")
        with pytest.raises(PayloadTooLarge):
            await run.signal("x" * 2_000, name="amount")
        with pytest.raises(NotEncodable):
            await run.signal(object(), name="amount")
        row = await room.row("r")
        assert (row.wakes, await room.journal("r")) == (0, [])
        await run.signal("no number", name="amount")
        await run.signal(7, name="amount")
        assert await run.result() == ["unreadable", 7]


# -- timers


async def test_a_timer_of_many_years_is_one_timer(tmp_path: Path) -> None:
    """Case 062."""

    @workflow
    async def patience() -> str:
        await asyncio.sleep(400 * 365 * 86_400)
        return "at last"

    @workflow
    async def other() -> None:
        return None

    async with Room(tmp_path, patience, other) as room:
        run = await room.client.start(patience, id="r")
        await room.reaches("r", "waiting")
        room.clock.set_on(f"{400 * 365 - 1}d")
        await (await room.client.start(other)).result()  # so the worker has looked since then
        assert await run.status() == "waiting"
        room.clock.set_on("1d")
        assert await run.result() == "at last"
        assert [entry.kind.name for entry in await room.journal("r")] == ["TIMER"]


async def test_a_timer_that_is_left_behind_is_ignored_and_the_result_kept(tmp_path: Path) -> None:
    """Case 064."""
    rang: list[str] = []

    @workflow
    async def leave() -> str:
        asyncio.get_running_loop().call_later(3_600, rang.append, "late")
        await receive(str)
        return "done"

    @workflow
    async def other() -> None:
        return None

    async with Room(tmp_path, leave, other) as room:
        run = await room.client.start(leave, id="r")
        await room.reaches("r", "waiting")
        await run.signal("go on")
        assert await run.result() == "done"
        row = await room.row("r")
        assert await room.runtime.store.timers(row.number) == []
        assert row.due_at is None
        room.clock.set_on("2h")
        await (await room.client.start(other)).result()  # so the worker has looked since then
        assert (await room.row("r")).output == b'"done"'
    assert rang == []
