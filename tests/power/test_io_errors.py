"""An error, or no space, at every operation on the disk: nothing is lost or done twice, and work goes on."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw
import pytest

from dalsegno.errors import StoreError
from dalsegno.store.sqlite import SqliteStore
from dalsegno.testing.conformance.world import SetClock
from dalsegno.testing.disk import Action, Disk, Operation
from dalsegno.testing.invariants import peek
from dalsegno.testing.world import Scenario
from tests.power import failing, scenes
from tests.power.failing import CHANGES, Failure, broken, full, lasting, singles
from tests.power.script import life, live
from tests.power.stage import Still, Watched, holdings, look_at_cuts, reopened, small_wal

pytestmark = pytest.mark.promise("P1", "P3", "P6", "P11")

CountFixture = Callable[..., None]


def _fail_everywhere(
    folder: Path,
    scenario: Scenario,
    failures: Callable[[list[Operation]], Iterator[Failure]],
    count: CountFixture,
    *,
    every: int = 1,
) -> None:
    clean = failing.play(Disk(folder / "clean.db"), scenario)
    points = list(failures(clean.operations))[::every]
    met: Counter[str] = Counter()
    for number, failure in enumerate(points):
        disk = Disk(folder / f"{number}.db")
        try:
            outcome = failing.play(disk, scenario, failure)
        except Exception as error:
            error.add_note(f"{failure}: {clean.operations[failure.at - clean.operations[0].number]}")
            raise
        assert outcome.ends == clean.ends, f"{failure}: it ended otherwise"
        assert outcome.failed, f"{failure} never happened"
        met.update(outcome.failed)
        reopened(disk.path)
        disk.path.unlink()
    count("I/O errors", len(points))
    assert {what.split()[0] for what in met} >= {"read", "write", "sync", "truncate", "size"}


@pytest.mark.parametrize("failures", [singles, lasting])
def test_an_engine_on_a_disk_that_fails_at_any_operation_loses_nothing_and_ends_as_on_a_sound_one(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    count: CountFixture,
    failures: Callable[[list[Operation]], Iterator[Failure]],
) -> None:
    """Each promise is checked after each write; in the end the runs' ends are those of a sound disk."""
    with small_wal(monkeypatch, passive=8, truncating=24):
        _fail_everywhere(tmp_path, scenes.small, failures, count, every=3 if failures is lasting else 1)


@pytest.mark.slow
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("failures", [singles, lasting])
def test_a_larger_play_on_a_disk_that_fails_at_any_operation_ends_as_on_a_sound_one(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    count: CountFixture,
    failures: Callable[[list[Operation]], Iterator[Failure]],
) -> None:
    with small_wal(monkeypatch, passive=8, truncating=24):
        _fail_everywhere(tmp_path, scenes.large, failures, count)


def test_what_was_confirmed_after_a_failed_sync_survives_cuts_though_the_system_let_the_data_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: CountFixture
) -> None:
    """After a failed fsync Linux drops the data, and says "synced" the next time."""
    with small_wal(monkeypatch, passive=4, truncating=12):
        asked = _life_on(tmp_path / "clean.db", None).asked
    syncs = [operation for operation in asked if operation.action is Action.SYNC]
    assert {sync.file for sync in syncs} == {"", "-wal"}
    told = 0
    for number, sync in enumerate(syncs[::2]):
        with small_wal(monkeypatch, passive=4, truncating=12):
            lived = _life_on(tmp_path / f"life-{number}.db", Failure(sync.number, broken))
        told += bool(lived.errors)  # but for the syncs of a checkpoint, which is no commit's business
        found = look_at_cuts(lived.disk, lived.acks, tmp_path, shuffles=1, every=13, seed=number)
        count("power cuts", found.count)
        count("I/O errors")
    assert told >= 8, "the caller of a commit is told"


@pytest.mark.parametrize("threaded", [True, False], ids=["with threads", "in place"])
def test_the_same_groups_leave_the_same_rows_whichever_operation_failed_under_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: CountFixture, threaded: bool
) -> None:
    """With threads a group is first tried in place, then patiently: both ways are met."""
    with small_wal(monkeypatch, passive=8, truncating=24):
        clean = _life_on(tmp_path / "clean.db", None, threaded=threaded)
        for number, failure in enumerate(singles(clean.asked)):
            lived = _life_on(tmp_path / f"{number}.db", failure, threaded=threaded)
            assert lived.holds == clean.holds, f"{failure}: {clean.asked[failure.at - 1]}"
            assert set(lived.errors) <= {"StoreFull", "StoreUnreachable"}
            (tmp_path / f"{number}.db").unlink()
        count("I/O errors", number + 1)


class Lived:
    """A life of groups that was written on a disk."""

    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        self.asked: list[Operation] = []
        self.errors: list[str] = []
        self.acks = []
        self.holds = ""


def _life_on(path: Path, failure: Failure | None, *, threaded: bool = False) -> Lived:
    lived = Lived(Disk(path))

    def fault(operation: Operation) -> apsw.Error | None:
        lived.asked.append(operation)
        return failure.error() if failure is not None and operation.number == failure.at else None

    async def lives() -> None:
        store = Watched(lived.disk, SetClock(), threaded=threaded)
        with lived.disk.spared():
            await store.open()
        lived.disk.fault = fault
        _, lived.errors = await live(store, life())
        lived.disk.fault = None
        lived.acks, lived.holds = store.acks, holdings(store)
        await store.close()

    with lived.disk.mounted():
        asyncio.run(lives())
    return lived


def _make(path: Path) -> None:
    store = SqliteStore(str(path), Still(), threaded=False)
    peek(store.open())
    peek(live(store, life()))
    peek(store.close())


@pytest.mark.parametrize("made", [False, True], ids=["a new store", "a store with rows"])
def test_opening_on_a_failing_disk_is_refused_clearly_and_can_be_tried_again(
    tmp_path: Path, count: CountFixture, made: bool
) -> None:
    def opened(path: Path, failure: Failure | None) -> tuple[list[Operation], str, StoreError | None]:
        disk, asked, told = Disk(path), [], None

        def fault(operation: Operation) -> apsw.Error | None:
            asked.append(operation)
            if failure is None or operation.number < failure.at:
                return None
            goes_on = failure.lasting and (failure.error is not full or operation.action in CHANGES)
            return failure.error() if goes_on or operation.number == failure.at else None

        with disk.mounted():
            disk.fault = fault
            store = SqliteStore(str(path), Still(), threaded=False)
            try:
                peek(store.open())
            except StoreError as error:
                told = error
            disk.fault = None
            peek(store.close())
            holds = reopened(path)
        return asked, holds, told

    clean = tmp_path / "clean.db"
    if made:
        _make(clean)
    content = clean.read_bytes() if made else b""
    operations, holds, _ = opened(clean, None)
    told = Counter[str]()
    for number, failure in enumerate((*singles(operations), *lasting(operations))):
        path = tmp_path / f"{number}.db"
        if made:
            path.write_bytes(content)
        _, found, error = opened(path, failure)
        assert found == holds, f"{failure} of {operations[failure.at - 1]}"
        told[type(error).__name__] += 1
        count("I/O errors")
    assert set(told) <= {"NoneType", "StoreUnreachable", "StoreFull", "StoreBusy"}, told
    assert told["StoreUnreachable"] > 20


def test_closing_on_a_failing_disk_leaves_everything_for_the_next_one_who_opens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: CountFixture
) -> None:
    def closed(path: Path, failure: Failure | None) -> tuple[list[Operation], str]:
        disk, asked = Disk(path), []

        def fault(operation: Operation) -> apsw.Error | None:
            asked.append(operation)
            hit = (
                failure is not None
                and len(asked) >= failure.at
                and (failure.lasting or len(asked) == failure.at)
            )
            return failure.error() if hit and failure is not None else None

        with disk.mounted():
            store = SqliteStore(str(path), Still(), threaded=False)
            peek(store.open())
            peek(live(store, life()))
            disk.fault = fault
            peek(store.close())
            disk.fault = None
        return asked, reopened(path)

    asked, holds = closed(tmp_path / "clean.db", None)
    numbered = [operation._replace(number=number) for number, operation in enumerate(asked, 1)]
    assert {Action.WRITE, Action.SYNC, Action.LOCK, Action.DELETE} <= {
        operation.action for operation in asked
    }
    for number, failure in enumerate((*singles(numbered), *lasting(numbered))):
        _, found = closed(tmp_path / f"{number}.db", failure)
        assert found == holds, f"{failure} of {numbered[failure.at - 1]}"
        count("I/O errors")
