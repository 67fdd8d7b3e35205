"""Aggregates at work: commands from outside, in steps and in handlers; conflicts, snapshots, retention."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from dalsegno import App, Retry, Service, aggregate, async_aggregate, event, step, upcast, workflow
from dalsegno.core.commit import Emit
from dalsegno.core.reactions import Forget
from dalsegno.errors import (
    HistoryForgotten,
    InvalidInput,
    NotInRun,
    RunFailed,
    UndeclaredEvent,
    VersionConflict,
)
from dalsegno.events.aggregate import Aggregate
from dalsegno.events.emit import new_event
from tests.helpers.waiting import until

QUICK = Retry(attempts=200, first="10ms", max="20ms")


@event(key="account")
@dataclass
class Opened:
    account: str
    owner: str


@event(key="account")
@dataclass
class Deposited:
    account: str
    cents: int


@event(key="account")
@dataclass
class Withdrawn:
    account: str
    cents: int


@event(key="account")
@dataclass
class Noted:
    account: str


class TooLittle(Exception):
    pass


class Account(Aggregate, snapshot_every=5):
    owner: str = ""
    cents: int = 0
    history: list[int] = []  # noqa: RUF012 - each account gets its own, which is what is tried here

    def apply_opened(self, e: Opened) -> None:
        self.owner = e.owner

    def apply_moved(self, e: Deposited | Withdrawn) -> None:
        self.cents += e.cents if isinstance(e, Deposited) else -e.cents
        self.history.append(self.cents)

    def open(self, owner: str) -> Opened | None:
        return None if self.owner else Opened(self.id, owner)

    def deposit(self, cents: int) -> Deposited:
        return Deposited(self.id, cents)

    def withdraw(self, cents: int) -> Withdrawn:
        if cents > self.cents:
            raise TooLittle(self.cents)
        return Withdrawn(self.id, cents)

    def move_twice(self, cents: int) -> list[Deposited | Withdrawn]:
        self.emit(Deposited(self.id, cents))
        assert self.cents >= cents
        return [Withdrawn(self.id, cents), Deposited(self.id, 1)]

    def break_down(self) -> None:
        self.emit(Deposited(self.id, 1_000_000))
        raise ValueError("after all")


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return "memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/bank.db"


def test_commands_are_decided_by_what_events_have_left(store: str):
    with App("bank", include=[Account], store=store) as client:
        account = client.aggregate(Account, "a-1")
        assert account.run(Account.open, "Kim") == Opened("a-1", "Kim")
        assert account.run(Account.open, "Lee") is None
        account.run(Account.deposit, 100)
        account.run(Account.withdraw, cents=30)
        with pytest.raises(TooLittle):
            account.run(Account.withdraw, 71)
        account.run(Account.move_twice, 5)
        loaded = account.load()
        assert (loaded.owner, loaded.cents, loaded.history) == ("Kim", 71, [100, 70, 75, 70, 71])
        assert loaded.version == 6
        assert client.aggregate(Account, "a-2").load().version == 0


def test_an_aggregate_as_of_any_version_is_the_fold_of_its_prefix(store: str):
    with App("bank", include=[Account], store=store) as client:
        account = client.aggregate(Account, "a-1")
        states = {0: (0, [])}
        for number in range(1, 24):  # snapshots are written on the way
            account.run(Account.deposit, number)
            client.emit(Deposited("a-2", 1), Noted("a-1"))
            loaded = account.load()
            states[loaded.version] = (loaded.cents, list(loaded.history))
        for version, state in states.items():
            then = account.load(as_of=version)
            assert ((then.cents, then.history), then.version) == (state, version)


def test_a_time_names_the_version_that_there_was(store: str):
    with App("bank", include=[Account], store=store) as client:
        account = client.aggregate(Account, "a-1")
        account.run(Account.deposit, 1)
        at = client.events.list()[0].at
        assert account.load(as_of=at - timedelta(microseconds=1)).cents == 0
        assert account.load(as_of=at).cents == 1


def test_events_that_others_emit_are_part_of_it_and_conflict_with_commands(store: str):
    app = App("bank", include=[Account], store=store)

    async def main() -> None:
        async with app as client:
            account = client.aggregate(Account, "a-1")
            await client.emit(Deposited("a-1", 50))
            meddled: list[object] = []

            def withdraw_all(self: Account) -> Withdrawn:
                if not meddled:  # it goes into the group of commits that this command's events will be in
                    event = new_event(Withdrawn("a-1", 20))
                    app._runtime.commits.put(Emit((event,)), meddled.append)
                return self.withdraw(self.cents)

            with pytest.raises(VersionConflict):
                await account.run(withdraw_all)
            assert meddled
            assert (await account.run(withdraw_all)).cents == 30
            assert (await account.load()).cents == 0

    asyncio.run(main())


def test_a_conflict_names_both_versions_and_writes_nothing(store: str):
    async def main() -> None:
        async with App("bank", include=[Account], store=store) as client:
            account = client.aggregate(Account, "a-1")
            await account.run(Account.deposit, 10)
            results = await asyncio.gather(
                account.run(Account.deposit, 1), account.run(Account.deposit, 2), return_exceptions=True
            )
            (conflict,) = (one for one in results if isinstance(one, VersionConflict))
            assert (conflict.aggregate, conflict.key) == ("Account", "a-1")
            assert (conflict.expected, conflict.actual) == (1, 2)
            assert (await account.load()).version == 2

    asyncio.run(main())


def test_with_retry_every_command_is_decided_by_what_the_others_have_left(store: str):
    async def main() -> None:
        async with App("bank", include=[Account], store=store) as client:
            account = client.aggregate(Account, "a-1", retry=QUICK)
            await account.run(Account.deposit, 5)
            results = await asyncio.gather(
                *(account.run(Account.withdraw, 1) for _ in range(8)), return_exceptions=True
            )
            assert [type(one) for one in results].count(TooLittle) == 3
            assert (await account.load()).cents == 0

    asyncio.run(main())


def test_a_command_that_raises_or_decides_on_what_is_not_its_own_writes_nothing(store: str):
    class Strange(Aggregate):
        seen: int = 0

        def apply(self, e: Opened) -> None:
            self.seen += 1

    with App("bank", include=[Account, Strange], store=store) as client:
        account = client.aggregate(Account, "a-1")
        with pytest.raises(ValueError, match="after all"):
            account.run(Account.break_down)
        with pytest.raises(InvalidInput, match="of the key 'a-2'"):
            account.run(lambda self: Deposited("a-2", 1))
        with pytest.raises(UndeclaredEvent, match="does not apply Deposited"):
            client.aggregate(Strange, "a-1").run(lambda self: Deposited("a-1", 1))

        async def later(self: Account) -> None: ...

        with pytest.raises(InvalidInput, match="is async def"):
            account.run(later)
        assert account.load().version == 0


def test_a_step_writes_what_it_decides_on_with_its_entry(store: str):
    @step(retry=QUICK)
    def pay(cents: int) -> int:
        account = aggregate(Account, "a-1")
        account.run(Account.deposit, cents)
        again = aggregate(Account, "a-1")
        again.run(Account.withdraw, 1)
        with pytest.raises(ValueError, match="after all"):
            again.run(Account.break_down)
        return again.load().cents

    @step(retry=QUICK)
    async def pay_later(cents: int) -> int:
        account = async_aggregate(Account, "a-1")
        await account.run(Account.deposit, cents)
        return (await account.load()).cents

    @workflow
    async def paying(cents: int) -> list[int]:
        return [await pay.start(cents), await pay_later(cents)]

    with App("bank", include=[Account, paying], store=store) as client:
        assert client.start(paying, 10).result() == [9, 19]
        loaded = client.aggregate(Account, "a-1").load()
        assert (loaded.cents, loaded.version) == (19, 3)


def test_steps_that_are_in_each_others_way_fail_and_are_tried_again(store: str):
    attempts: list[int] = []

    @step(retry=QUICK)
    async def withdraw(cents: int) -> None:
        attempts.append(cents)
        await async_aggregate(Account, "a-1").run(Account.withdraw, cents)

    @workflow
    async def both(cents: int) -> None:
        await asyncio.gather(withdraw(cents), withdraw(cents))

    with App("bank", include=[Account, both], store=store) as client:
        account = client.aggregate(Account, "a-1")
        account.run(Account.deposit, 120)
        runs = [client.start(both, 10) for _ in range(6)]
        for run in runs:
            run.result(timeout="30s")
        assert account.load().cents == 0
        assert len(account.load().history) == 13
        assert len(attempts) > 12, "nobody was in anybody's way, so nothing was tried here"


def test_without_retry_a_step_in_the_way_of_another_fails_with_the_conflict(store: str):
    @step
    async def deposit(cents: int) -> None:
        account = async_aggregate(Account, "a-1")
        await account.load()
        await met.wait()
        await account.run(Account.deposit, cents)

    met = asyncio.Event()

    @workflow
    async def depositing(cents: int) -> str:
        done = await asyncio.gather(deposit(cents), deposit(cents), return_exceptions=True)
        return " ".join(type(one).__name__ for one in done)

    with App("bank", include=[Account, depositing], store=store) as client:
        run = client.start(depositing, 10)
        client._portal._loop.call_soon_threadsafe(met.set)
        assert sorted(run.result().split()) == ["NoneType", "VersionConflict"]
        assert client.aggregate(Account, "a-1").load().cents == 10


def test_a_handler_decides_by_an_aggregate_and_none_of_its_reactions_is_lost(store: str):
    payments = Service("payments")

    @event(key="order")
    @dataclass
    class Ordered:
        order: str
        account: str

    @event(key="order")
    @dataclass
    class Refused:
        order: str

    @payments.on(retry=QUICK)
    def charge(e: Ordered) -> Refused | None:
        try:
            aggregate(Account, e.account).run(Account.withdraw, 10)
        except TooLittle:
            return Refused(e.order)
        return None

    with App("bank", include=[Account, payments, Ordered, Refused], store=store) as client:
        account = client.aggregate(Account, "a-1", retry=QUICK)
        account.run(Account.deposit, 200)
        for number in range(30):
            client.emit(Ordered(f"o-{number}", "a-1"))
        reacted = lambda: len(client.events.list("Withdrawn")) + len(client.events.list("Refused"))
        until(lambda: reacted() == 30, "thirty reactions")
        assert len(client.events.list("Refused")) == 10
        assert account.load().cents == 0


def test_outside_a_step_there_is_no_aggregate_to_reach():
    with pytest.raises(NotInRun, match=r"client\.aggregate"):
        aggregate(Account, "a-1")

    @workflow
    def in_workflow_code(_: int) -> None:
        aggregate(Account, "a-1")

    app = App("bank", include=[Account, in_workflow_code], store="memory:")
    with app as client, pytest.raises(RunFailed, match="outside the body of a step"):
        client.start(in_workflow_code, 1).result()


def _forget(app: App, client: object, before: int) -> int:
    runtime = app._runtime
    assert runtime is not None
    done = app._portal.call(runtime.commits.submit(Forget(before)))  # type: ignore[union-attr]
    return done.count  # type: ignore[union-attr]


def test_retention_waits_for_snapshots_and_the_state_survives_it(store: str):
    app = App("bank", include=[Account], store=store)
    with app as client:
        for key in ("a-1", "a-2"):
            for number in range(7):
                client.aggregate(Account, key).run(Account.deposit, number)
        assert _forget(app, client, 100) < 14
        assert client.compact(Account) > 0
        assert client.compact(Account) == 0
        while _forget(app, client, 100):
            pass
        assert app._portal.call(app._runtime.store.head()).first == 15  # type: ignore[union-attr]
        account = client.aggregate(Account, "a-2")
        assert (account.load().cents, account.load().history) == (21, [0, 1, 3, 6, 10, 15, 21])
        account.run(Account.withdraw, 1)
        assert account.load().cents == 20
        with pytest.raises(HistoryForgotten, match="7 events up to number 14; 0 of them are left"):
            account.load(as_of=10)


def test_a_state_in_another_form_is_folded_anew_or_refused_where_the_log_has_lost_its_head(store: str):
    class Renamed(Aggregate, name="Account", snapshot_every=5):
        balance: int = 0

        def apply(self, e: Deposited) -> None:
            self.balance += e.cents

    class Revised(Aggregate, name="Account", snapshot_version=2):
        balance: int = 0

        def apply(self, e: Deposited) -> None:
            self.balance += 2 * e.cents

    with App("bank", include=[Account], store=store) as client:
        for number in range(7):
            client.aggregate(Account, "a-1").run(Account.deposit, number)
        client.compact(Account)
        assert client.aggregate(Renamed, "a-1").load().balance == 21
        assert client.aggregate(Revised, "a-1").load().balance == 42
    app = App("bank", include=[Renamed], store=store)
    with app as client:
        if store == "memory:":
            return
        client.compact(Renamed)
        while _forget(app, client, 100):
            pass
        assert client.aggregate(Renamed, "a-1").load().balance == 21
        with pytest.raises(HistoryForgotten, match="another form"):
            client.aggregate(Revised, "a-1").load()


def test_events_of_older_versions_are_brought_to_the_one_that_is_applied(store: str):
    @event("Rated", version=1, key="item")
    @dataclass
    class RatedOnce:
        item: str
        stars: int

    @event("Rated", version=2, key="item")
    @dataclass
    class Rated:
        item: str
        points: int

    @upcast
    def in_points(old: RatedOnce) -> Rated:
        return Rated(old.item, old.stars * 20)

    class Item(Aggregate):
        points: int = 0

        def apply(self, e: Rated) -> None:
            self.points += e.points

    with App("shop", include=[Item, RatedOnce, in_points], store=store) as client:
        client.emit(RatedOnce("i-1", 3), Rated("i-1", 5))
        assert client.aggregate(Item, "i-1").load().points == 65
