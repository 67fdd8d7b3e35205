"""The testing kit with annotations. Read by type checkers."""

from __future__ import annotations

from dataclasses import dataclass

from dalsegno import Service as Reacting
from dalsegno import event, step, step_info, workflow
from dalsegno.testing import (
    Effect,
    Exploration,
    Play,
    PlayedRun,
    Service,
    explore,
    record_journal,
    rehearse,
    replay_journals,
)


class Bank(Service):
    balance: int

    def reset(self) -> None:
        self.balance = 100

    def charge(self, amount: int, *, key: str) -> int:
        self.balance -= amount
        return self.balance


bank = Bank()


@step
def charge(amount: int) -> int:
    return bank.charge(amount, key=step_info().idempotency_key)


@workflow
async def pay(amount: int) -> int:
    return await charge.start(amount)


@workflow
def ping() -> str:
    return "pong"


def check(play: Play) -> None:
    effects: list[Effect] = play.effects("bank.charge")
    assert len(effects) == 1


def scenario(play: Play) -> None:
    run: PlayedRun[int] = play.start(pay, 40, id="pay-1")
    play.sleep("30d")
    left: int = run.result()
    assert left == 60


@event(key="order")
@dataclass
class Placed:
    order: str


payments = Reacting("payments")


def told(play: Play) -> bool:
    numbers: list[int] = play.emit(Placed("1"))
    placed: list[Placed] = play.events(Placed, key="1")
    rows = play.events()
    return placed[0].order == rows[numbers[0]].key and not play.dead_letters()


explore(Placed("1"), services=[payments], check=told, pairs=5).assert_ok()
explore(told, services=[payments]).assert_ok()
found: Exploration = explore(pay, 40, check=check, pairs=5)
found.assert_ok()
explore(ping).assert_ok()
explore(scenario, check=check, may_repeat=[charge, "bank.charge"], passes=["crashes"]).assert_ok()
with rehearse() as play:
    pong: str = play.start(ping).result(timeout="1h")
number: int = replay_journals("journals")
print(record_journal("sqlite:///pay.db", "pay-1", "journals"))
