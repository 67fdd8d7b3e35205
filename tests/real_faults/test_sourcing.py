"""Aggregates and read models while their workers are killed: nothing is lost, decided twice, or folded twice."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dalsegno import App, AsyncClient
from dalsegno.app import Runtime
from tests.helpers.counts import Count
from tests.real_faults.bank import INCLUDE, QUICK, Account, Declined, Ordered, balances, outcomes
from tests.real_faults.harness import until

pytestmark = pytest.mark.promise("P1", "P3", "P5", "P8", "P11")

ROOT = Path(__file__).parents[2]
ORDERS, ACCOUNTS, KILLS = 400, 4, 12


class Workers:
    """Worker processes, two at a time, that are killed and replaced."""

    def __init__(self, store: str, log: Path, rng: random.Random) -> None:
        self._store = store
        self._log = log.open("a")
        self._rng = rng
        self._at_work: list[subprocess.Popen[str]] = []

    def hire(self) -> None:
        command = [sys.executable, "-m", "tests.real_faults.bank", self._store]
        self._at_work.append(
            subprocess.Popen(command, stdout=self._log, stderr=self._log, text=True, cwd=ROOT)
        )

    def kill_one(self) -> None:
        worker = self._at_work.pop(self._rng.randrange(len(self._at_work)))
        worker.send_signal(signal.SIGKILL)
        worker.wait()

    def end(self) -> None:
        while self._at_work:
            self.kill_one()
        self._log.close()


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Workers]:
    made = Workers(f"sqlite:///{tmp_path}/bank.db", tmp_path / "workers.log", random.Random(5))
    yield made
    made.end()


async def the_log(client: Runtime) -> list[tuple[str, dict[str, Any]]]:
    found: list[tuple[str, dict[str, Any]]] = []
    after = 0
    while page := await client.store.read_log(after, 500):
        found += [(one.type, json.loads(bytes(one.data or b"null"))) for one in page]
        after = page[-1].number
    return found


async def acquire(client: AsyncClient, rng: random.Random) -> Counter[str]:
    """Deposit and order, beside the workers; return what was acknowledged to have been deposited."""
    deposited: Counter[str] = Counter()
    for number in range(ORDERS):
        account = f"a-{rng.randrange(ACCOUNTS)}"
        if number % 2:
            cents = rng.randrange(1, 40)
            await client.aggregate(Account, account, retry=QUICK).run(Account.deposit, cents)
            deposited[account] += cents
        await client.emit(Ordered(f"o-{number}", account, rng.randrange(1, 30)), id=f"order-{number}")
        await asyncio.sleep(0.012)
    return deposited


def accounts_of(log: list[tuple[str, dict[str, Any]]]) -> tuple[dict[str, tuple[int, int]], Counter[str]]:
    """Fold accounts from plain data, and count the decisions on each order; no prefix is in debt."""
    rows: dict[str, tuple[int, int]] = {}
    decided: Counter[str] = Counter()
    for type_, data in log:
        if type_ in ("Deposited", "Withdrawn"):
            cents, moves = rows.get(data["account"], (0, 0))
            cents += data["cents"] if type_ == "Deposited" else -data["cents"]
            assert cents >= 0, f"{data['account']} is in debt after {data}"
            rows[data["account"]] = (cents, moves + 1)
        if type_ in ("Withdrawn", "Declined"):
            decided[data["order"]] += 1
    return rows, decided


@pytest.mark.asyncio
@pytest.mark.timeout(180)
async def test_nothing_is_lost_or_decided_or_folded_twice_while_workers_are_killed(
    workers: Workers, tmp_path: Path, count: Count
) -> None:
    rng = random.Random(11)
    app = App("bank", include=INCLUDE, store=f"sqlite:///{tmp_path}/bank.db")
    runtime = app.runtime(worker=False)
    client = await runtime.open()
    try:
        workers.hire()
        workers.hire()
        shopping = asyncio.create_task(acquire(client, rng))
        for number in range(KILLS):
            await asyncio.sleep(rng.uniform(0.2, 0.7))
            workers.kill_one()
            workers.hire()
            if number == KILLS // 2:  # of what is there: else it would begin the first generation
                await client.projection(balances).wait(1, timeout="30s")
                await client.projection(outcomes).wait(1, timeout="30s")
                await client.projection(balances).rebuild()
                await client.projection(outcomes).rebuild()
        deposited = await shopping

        async def all_decided() -> bool:
            return sum(accounts_of(await the_log(runtime))[1].values()) >= ORDERS

        await until(all_decided, 60, "every order decided")
        log = await the_log(runtime)
        rows, decided = accounts_of(log)
        assert decided == Counter({f"o-{number}": 1 for number in range(ORDERS)})
        for account, cents in deposited.items():
            assert sum(d["cents"] for t, d in log if t == "Deposited" and d["account"] == account) == cents
            loaded = await client.aggregate(Account, account).load()
            assert loaded.cents == rows[account][0]
        for view in (client.projection(balances), client.projection(outcomes)):

            async def settled(view: Any = view) -> bool:
                info = await view.info()
                return info.building is None and info.lag_events == 0 and info.generation == 2

            await until(settled, 60, "the read model caught up, and rebuilt")
        found = await client.projection(balances).list(limit=1_000)
        assert {key: (row.cents, row.moves) for key, row in found} == rows
        said = {data["order"]: type_ for type_, data in log if type_ in ("Withdrawn", Declined.__name__)}
        found_outcomes = dict(await client.projection(outcomes).list(limit=1_000))
        assert found_outcomes == {order: f"ordered, {type_}" for order, type_ in said.items()}
        count("kills of workers at aggregates and read models", KILLS)
    finally:
        await runtime.close()
