"""Steps and handlers with rows in the store's own database, crashed at every write: each row is there once."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count as counting
from pathlib import Path

import pytest

from dalsegno.core.transact import Transact
from dalsegno.store.memory import MemoryStore
from dalsegno.store.protocol import Store
from dalsegno.store.sqlite import SqliteStore
from dalsegno.testing.explorer import Explorer
from dalsegno.testing.faults import WRITE_CRASHES, ZOMBIES, Exactly, Fault, Moment
from dalsegno.testing.setting import Setting
from dalsegno.testing.simclock import SimClock
from tests.helpers.counts import Count
from tests.transactions.worlds import asked_in_order, known, registry, three_bookings

pytestmark = pytest.mark.promise("P5", "P6", "P8", "P11")

LEASE = 300_000
SETTINGS = {
    "one worker": Setting(lease=LEASE),
    "two workers that keep nothing in memory": Setting(lease=LEASE, workers=2, cache=0),
}
SCENARIOS = {"steps": three_bookings, "handlers": asked_in_order}


class Noting(Exactly):
    """No fault, and a note of the writes that have user code in them."""

    def __init__(self) -> None:
        super().__init__()
        self.transactions: list[int] = []

    def write(self, moment: Moment) -> Fault | None:
        if isinstance(moment.group[0], Transact):
            self.transactions.append(moment.number)
        return None


def explorer(name: str, setting: Setting, store: Callable[[SimClock], Store] = MemoryStore) -> Explorer:
    """Make what plays a scenario."""
    with_service = known if name == "handlers" else None
    return Explorer(SCENARIOS[name], registry(), setting=setting, store=store, known=with_service)


def crash_at_transactions(plays: Explorer, modes: tuple[Fault, ...]) -> int:
    """Play with each fault at each write that has user code in it; return how many plays that were."""
    clean = Noting()
    plays.play(clean)
    assert len(clean.transactions) >= 4
    plans = [Exactly({number: mode}) for number in clean.transactions for mode in modes]
    for plan in plans:
        plays.play(plan)
    return len(plans)


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_steps_rows_are_there_once_whatever_write_a_process_dies_at(setting: str, count: Count) -> None:
    found = explorer("steps", SETTINGS[setting]).explore(modes=(*WRITE_CRASHES, *ZOMBIES), pairs=20)
    found.assert_ok()
    count("crash points", found.plays)


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_handlers_rows_are_there_once_whatever_transaction_a_process_dies_at(
    setting: str, count: Count
) -> None:
    # Whose reactions become runs depends on the moment, so only the rows and events are compared.
    plays = explorer("handlers", SETTINGS[setting])
    count("crash points", crash_at_transactions(plays, (*WRITE_CRASHES, *ZOMBIES)))


@pytest.mark.parametrize("name", SCENARIOS)
def test_on_a_file_rows_are_there_once_whatever_transaction_a_process_dies_at(
    name: str, tmp_path: Path, count: Count
) -> None:
    numbers = counting()

    def store(clock: SimClock) -> Store:
        return SqliteStore(str(tmp_path / f"{next(numbers)}.db"), clock, threaded=False)

    plays = explorer(name, SETTINGS["one worker"], store)
    count("crash points", crash_at_transactions(plays, (Fault.AFTER, Fault.LATE)))
