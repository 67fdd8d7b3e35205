"""A ``Service`` is a far side: what it is asked is an effect, and a key that it knows is none."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from dalsegno import Retry, step, step_info, workflow
from dalsegno.errors import RunFailed
from dalsegno.testing import Service, explore, rehearse


@dataclass
class Request:
    amount: int
    headers: dict[str, str]


class Bank(Service):
    """A fake with a state."""

    balance: int

    def reset(self) -> None:
        self.balance = 100

    def charge(self, request: Request) -> int:
        if request.amount > self.balance:
            raise ValueError("no funds")
        self.balance -= request.amount
        return self.balance

    async def charge_slowly(self, amount: int, key: str) -> int:
        await asyncio.sleep(0)
        self.balance -= amount
        return self.balance


class Registrar(Service):
    """A far side that goes by a number of its own."""

    def key(self, verb: str, args: tuple[Any, ...], kwargs: Any) -> str:
        return str(kwargs["number"])

    def register(self, *, number: str) -> str:
        return f"registered {number}"


bank = Bank()
registrar = Registrar()
plain = Service("plain", ask="an answer", double=lambda n: 2 * n)
deaf = Service("deaf", keys=False)


@step(retry=Retry(attempts=3, first="1s"))
def charge(amount: int) -> int:
    left: int = bank.charge(Request(amount, {"Idempotency-Key": step_info().idempotency_key}))
    if step_info().attempt == 1:
        raise ConnectionError("the answer is lost")
    return left


@step
async def charge_slowly(amount: int) -> int:
    left: int = await bank.charge_slowly(amount, key=step_info().idempotency_key)
    return left


@step
def register(number: str) -> str:
    return str(registrar.register(number=number))


@step
def shout(text: str) -> None:
    deaf.hear(text, step_info().idempotency_key)


@step
def ask_twice(n: int) -> list[Any]:
    return [plain.ask(), plain.double(n), plain.double(n), plain.nothing_in_particular()]


@workflow
def pay(amount: int) -> int:
    return charge(amount)


@workflow
async def pay_slowly(amount: int) -> int:
    return await charge_slowly(amount)


@workflow
def enrol(number: str) -> str:
    return register(number)


@workflow
def announce(text: str) -> None:
    shout(text)


@workflow
def inquire(n: int) -> list[Any]:
    return ask_twice(n)


def test_a_call_under_a_key_that_is_known_is_answered_as_before_and_does_not_happen() -> None:
    with rehearse() as play:
        assert play.start(pay, 30).result() == 70
        [effect] = play.effects("bank.charge")
        assert effect.answer == 70
        assert effect.attempt == 1
        assert effect.key
        assert bank.balance == 70


def test_a_service_is_as_new_in_each_play() -> None:
    for _ in range(2):
        with rehearse() as play:
            assert play.start(pay, 30).result() == 70


def test_a_call_that_raises_did_nothing() -> None:
    with rehearse() as play:
        run = play.start(pay, 300)
        with pytest.raises(RunFailed, match="no funds"):
            run.result()
        assert play.effects() == []


def test_a_service_answers_what_was_given_for_it() -> None:
    with rehearse() as play:
        assert play.start(inquire, 4).result() == ["an answer", 8, 8, None]
        names = [effect.name for effect in play.effects()]
        assert names == ["plain.ask", "plain.double", "plain.double", "plain.nothing_in_particular"]


def test_two_calls_of_one_body_are_no_repetition() -> None:
    found = explore(inquire, 4, passes=["orders"])
    assert found.ok
    assert found.warnings == []


@pytest.mark.parametrize(
    ("subject", "input", "warned"),
    [(pay, 30, False), (pay_slowly, 30, False), (enrol, "7", False), (announce, "hey", True)],
    ids=["key deep in a dataclass", "async verb", "a key of its own", "a service that takes no keys"],
)
def test_a_repetition_is_told_only_where_no_key_prevents_it(subject: Any, input: Any, warned: bool) -> None:
    found = explore(subject, input, check=lambda play: None, passes=["crashes"])
    assert found.ok
    assert bool(found.warnings) is warned


def test_a_crash_may_come_between_two_calls_of_one_body() -> None:
    seen: set[int] = set()

    def look(play: Any) -> None:
        seen.add(len(play.effects()))

    explore(inquire, 4, check=look, passes=["crashes"])
    assert {4, 5, 6, 7, 8} <= seen


def test_outside_of_a_play_a_service_is_a_plain_fake() -> None:
    bank.reset()
    assert bank.charge(Request(10, {})) == 90
    assert asyncio.run(bank.charge_slowly(0, key="k")) == 90
    assert plain.ask() == "an answer"


def test_a_service_is_no_bottomless_object() -> None:
    with pytest.raises(AttributeError):
        plain._secret  # noqa: B018
    assert repr(plain) == "<Service plain>"
