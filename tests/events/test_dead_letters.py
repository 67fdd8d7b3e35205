"""What people do with dead letters, through the client, with a real worker on a real file."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from dalsegno import App, AsyncClient, Service, event
from dalsegno.client.dead_letters import DeadLetterInfo
from dalsegno.core.commit import Retry, Sent, SentHow
from dalsegno.errors import DeadLetterNotFound, InvalidInput, RedriveRefused, ServiceNotFound
from tests.helpers.room import eventually

pytestmark = [pytest.mark.promise("P11"), pytest.mark.asyncio]


@event("Ordered", key="order_id")
@dataclass
class Ordered:
    order_id: str
    amount: int


class Bank:
    """A handler that fails while it is down, and for what is below zero always."""

    def __init__(self, **options: Any) -> None:
        self.down = True
        self.calls: list[tuple[str, int]] = []
        self.service = Service("bank")
        self.service.on(name="pay", attempts=1, **options)(self.pay)

    def pay(self, e: Ordered) -> None:
        self.calls.append((e.order_id, e.amount))
        if e.amount < 0:
            raise ValueError(f"{e.amount} is no amount")
        if self.down:
            raise ConnectionError("no answer")


@pytest.fixture
def bank() -> Bank:
    return Bank()


@pytest_asyncio.fixture
async def client(bank: Bank, tmp_path: Path) -> AsyncIterator[AsyncClient]:
    async with App("bank", include=[bank.service, Ordered], store=f"sqlite:///{tmp_path}/bank.db") as client:
        yield client


async def letters(client: AsyncClient, count: int, state: str = "open") -> list[DeadLetterInfo]:
    async def there() -> list[DeadLetterInfo] | None:
        found = await client.dead_letters.list(state=state)
        return found if len(found) == count else None

    found: list[DeadLetterInfo] = await eventually(there, f"{count} dead letters are {state}")
    return found


async def test_a_dead_letter_is_shown_with_its_event_its_error_and_what_waits_behind_it(
    bank: Bank, client: AsyncClient
) -> None:
    await client.emit(Ordered("7", 5), Ordered("7", 6), Ordered("7", 7))
    await eventually(lambda: len(bank.calls) == 1, "the first is tried")
    (letter,) = await letters(client, 1)
    assert (letter.service, letter.handler, letter.event, letter.key) == ("bank", "pay", 1, "7")
    assert (letter.error, letter.cause) == ("ConnectionError: no answer", "ConnectionError in pay")
    assert (letter.attempts, letter.times, letter.run) == (1, 1, "bank.pay#1")

    async def waits() -> bool:
        return (await client.dead_letters.show(letter.number)).waiting == 2

    await eventually(waits, "two wait behind it")
    story = await client.dead_letters.show(letter.number)
    assert story.event is not None and story.event.number == 1
    assert story.data == {"order_id": "7", "amount": 5}
    assert 'raise ConnectionError("no answer")' in story.traceback
    assert story.behind == ("bank.pay#2", "bank.pay#3")
    assert story.answers == ()


async def test_a_redrive_goes_on_with_the_key_in_its_order_and_says_who_and_why(
    bank: Bank, client: AsyncClient
) -> None:
    await client.emit(Ordered("7", 5), Ordered("7", 6))
    (letter,) = await letters(client, 1)
    bank.down = False
    assert await client.dead_letters.redrive(letter.number, by="ann", why="the bank is back")
    (solved,) = await letters(client, 1, "resolved")
    assert (solved.changed_by, solved.why) == ("ann", "the bank is back")
    await eventually(lambda: len(bank.calls) == 3, "the second is done")
    assert bank.calls == [("7", 5), ("7", 5), ("7", 6)]
    (answer,) = (await client.dead_letters.show(letter.number)).answers
    assert (answer.what, answer.by, answer.why) == ("redrive", "ann", "the bank is back")


async def test_a_second_redrive_is_a_no_op_whether_or_not_the_first_has_ended(
    bank: Bank, client: AsyncClient
) -> None:
    await client.emit(Ordered("7", 5))
    (letter,) = await letters(client, 1)
    said = await asyncio.gather(*(client.dead_letters.redrive(letter.number) for _ in range(5)))
    assert sorted(said) == [False, False, False, False, True]

    async def back() -> bool:
        return (await client.dead_letters.show(letter.number)).letter.times == 2

    await eventually(back, "it came back")
    assert len(bank.calls) == 2
    assert (await client.dead_letters.show(letter.number)).letter.state == "open"
    bank.down = False
    assert await client.dead_letters.redrive(letter.number)
    await letters(client, 1, "resolved")
    assert not await client.dead_letters.redrive(letter.number)
    assert not await client.dead_letters.discard(letter.number, why="no")
    assert not await client.dead_letters.edit(letter.number, Ordered("7", 1))


async def test_what_came_back_three_times_is_redriven_only_if_somebody_insists(
    bank: Bank, client: AsyncClient
) -> None:
    await client.emit(Ordered("7", 5))
    for times in (1, 2, 3):
        (letter,) = await letters(client, 1)
        assert letter.times == times
        await client.dead_letters.redrive(letter.number)
        await eventually(lambda times=times: len(bank.calls) > times, "it is tried again")
    await eventually(lambda: len(bank.calls) == 4, "it came back three times")
    (letter,) = await letters(client, 1)
    with pytest.raises(RedriveRefused, match="came back 3 times"):
        await client.dead_letters.redrive(letter.number)
    (foretold,) = (await client.dead_letters.redrive_many(letter.number)).letters
    assert foretold.outcome == "refused"
    bank.down = False
    assert await client.dead_letters.redrive(letter.number, force=True)
    await letters(client, 1, "resolved")


async def test_an_edited_event_is_tried_with_its_new_data_and_stays_on_the_log_as_it_was(
    bank: Bank, client: AsyncClient
) -> None:
    bank.down = False
    await client.emit(Ordered("7", -5))
    (letter,) = await letters(client, 1)
    assert await client.dead_letters.edit(letter.number, {"order_id": "7", "amount": 5}, by="ann", why="typo")
    await letters(client, 1, "resolved")
    assert bank.calls == [("7", -5), ("7", 5)]
    story = await client.dead_letters.show(letter.number)
    assert story.answers[0].what == "edit"
    assert story.data == {"order_id": "7", "amount": 5}
    assert (await client.events.get(1)).data == {"order_id": "7", "amount": -5}


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ({"order_id": "7"}, "does not fit Ordered"),
        ({"order_id": "7", "amount": "much"}, "does not fit Ordered"),
        (Ordered("8", 5), "its key would be '8' instead of '7'"),
        (b'{"order_id": "8", "amount": 5}', "its key would be '8' instead of '7'"),
    ],
)
async def test_an_edit_that_does_not_fit_the_event_is_refused_and_changes_nothing(
    bank: Bank, client: AsyncClient, data: Any, why: str
) -> None:
    await client.emit(Ordered("7", -5))
    (letter,) = await letters(client, 1)
    with pytest.raises(RedriveRefused, match=why):
        await client.dead_letters.edit(letter.number, data)
    assert await letters(client, 1) == [letter]


async def test_an_edit_that_is_no_json_is_refused(client: AsyncClient) -> None:
    await client.emit(Ordered("7", -5))
    (letter,) = await letters(client, 1)
    with pytest.raises(InvalidInput, match="no JSON"):
        await client.dead_letters.edit(letter.number, b"{")


async def test_a_discarded_event_is_given_up_for_a_reason_and_the_next_of_its_key_goes_on(
    bank: Bank, client: AsyncClient
) -> None:
    await client.emit(Ordered("7", -5), Ordered("7", 6))
    (letter,) = await letters(client, 1)
    with pytest.raises(InvalidInput, match="for a reason"):
        await client.dead_letters.discard(letter.number, why=" ")
    bank.down = False
    assert await client.dead_letters.discard(letter.number, why="a test order", by="ann")
    (gone,) = await letters(client, 1, "discarded")
    assert (gone.changed_by, gone.why) == ("ann", "a test order")
    await eventually(lambda: ("7", 6) in bank.calls, "the next goes on")
    assert (await client.run("bank.pay#1").info()).status == "failed"


async def test_dead_letters_that_failed_alike_are_a_group_and_redriven_together(
    bank: Bank, client: AsyncClient
) -> None:
    await client.emit(*(Ordered(str(number), 5) for number in range(4)), Ordered("bad", -1))
    await letters(client, 5)
    first, second = await client.dead_letters.groups()
    assert (first.count, first.cause, second.count) == (4, "ConnectionError in pay", 1)
    plan = await client.dead_letters.redrive_many(alike=first.example)
    assert plan.dry_run
    assert [one.outcome for one in plan.letters] == ["chosen"] * 4
    assert len(bank.calls) == 5
    bank.down = False
    report = await client.dead_letters.redrive_many(alike=first.example, dry_run=False, by="ann", why="up")
    assert report.count("redriven") == 4
    await letters(client, 4, "resolved")
    (left,) = await client.dead_letters.list(service="bank", handler="pay")
    assert left.key == "bad"
    assert [one.number for one in await client.dead_letters.list(cause=second.cause)] == [left.number]


async def test_a_redrive_of_a_query_is_no_faster_than_its_rate(
    bank: Bank, client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    naps: list[float] = []

    async def nap(seconds: float) -> None:
        naps.append(seconds)
        await asyncio.sleep(0)

    monkeypatch.setattr("dalsegno.client.redriving.nap", nap)
    await client.emit(*(Ordered(str(number), 5) for number in range(4)))
    await letters(client, 4)
    await client.dead_letters.redrive_many(service="bank", rate=20, dry_run=False)
    assert naps == [1 / 20] * 4
    with pytest.raises(InvalidInput, match="rate"):
        await client.dead_letters.redrive_many(service="bank", rate=0)


async def test_where_a_key_goes_on_its_dead_letters_are_still_redriven_one_after_the_other(
    tmp_path: Path,
) -> None:
    bank = Bank(after_dead_letter="go on")
    async with App("bank", include=[bank.service, Ordered], store=f"sqlite:///{tmp_path}/bank.db") as client:
        await client.emit(Ordered("7", 1), Ordered("7", 2), Ordered("7", 3))
        await letters(client, 3)
        bank.calls.clear()
        report = await client.dead_letters.redrive_many(service="bank", dry_run=False)
        assert [one.outcome for one in report.letters] == ["redriven", "left", "left"]
        assert "has not succeeded" in report.letters[1].note
        await eventually(lambda: bank.calls == [("7", 1)], "the first alone is tried")
        await letters(client, 3)
        bank.down = False
        report = await client.dead_letters.redrive_many(service="bank", dry_run=False)
        assert [one.outcome for one in report.letters] == ["redriven"] * 3
        await letters(client, 3, "resolved")
        assert bank.calls == [("7", 1), ("7", 1), ("7", 2), ("7", 3)]


async def test_who_asks_for_what_is_not_there_is_told(client: AsyncClient) -> None:
    with pytest.raises(DeadLetterNotFound):
        await client.dead_letters.show(17)
    with pytest.raises(DeadLetterNotFound):
        await client.dead_letters.redrive_many(17)
    with pytest.raises(ServiceNotFound, match="no service 'cash'"):
        await client.dead_letters.redrive_many(service="cash")
    await eventually(client.services.list, "the service is known")
    with pytest.raises(ServiceNotFound, match="no handler 'spend'"):
        await client.dead_letters.list(handler="bank.spend")


async def test_an_order_that_came_beside_the_client_is_taken_once_too(
    bank: Bank, client: AsyncClient
) -> None:
    await client.emit(Ordered("7", 5))
    (letter,) = await letters(client, 1)
    bank.down = False
    desk = client.dead_letters.desk
    orders = [desk.write(Retry("default", letter.run, "kim", why="by hand")) for _ in range(5)]
    verdicts = await asyncio.gather(*orders)
    assert [isinstance(verdict, Sent) and verdict.how for verdict in verdicts].count(SentHow.ACCEPTED) == 1
    (solved,) = await letters(client, 1, "resolved")
    assert (solved.changed_by, solved.why) == ("kim", "by hand")
    assert len(bank.calls) == 2


async def test_an_answer_that_is_given_while_no_worker_lives_is_taken_once_by_the_next(
    bank: Bank, tmp_path: Path
) -> None:
    store = f"sqlite:///{tmp_path}/bank.db"
    async with App("bank", include=[bank.service, Ordered], store=store) as client:
        await client.emit(Ordered("7", 5))
        (letter,) = await letters(client, 1)
    bank.down = False
    async with App("asking", include=[Ordered], store=store, slots=0) as client:
        assert await client.dead_letters.redrive(letter.number, by="ann")
        assert not await client.dead_letters.redrive(letter.number, by="bob")
        assert (await client.dead_letters.show(letter.number)).letter.state == "redriving"
    async with App("bank", include=[bank.service, Ordered], store=store) as client:
        (solved,) = await letters(client, 1, "resolved")
        assert (solved.changed_by, bank.calls) == ("ann", [("7", 5), ("7", 5)])
        (answer,) = (await client.dead_letters.show(letter.number)).answers
        assert answer.by == "ann"
