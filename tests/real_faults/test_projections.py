"""Published logs as events, each delivered three times, through services whose worker is killed: every fold is right.

Data, read from ../shared/data: receipt phase of permit applications, doi:10.4121/12709127, and the
"Order Management" example log of the OCEL standard.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.real_faults import projections
from tests.real_faults.deliveries import (
    Desk,
    activity,
    folded,
    happened,
    play,
    run,
    some_cases,
    things,
)
from tests.real_faults.logs import Row, read_rows, read_truth
from tests.real_faults.projections import Permit, Thing

pytestmark = [pytest.mark.promise("P1", "P8", "P11"), pytest.mark.timeout(600)]


# -- permits: one key


def _permits(rows: list[Row], folder: Path, kills: int, *, replay: bool) -> dict[str, Permit]:
    """Send the rows, as time has mixed them, to a service whose worker is killed; return what it keeps."""
    ordered = sorted(rows, key=lambda row: row["timestamp"])  # a stable sort: within a case as they were
    found: dict[str, Permit] = {}

    async def scenario(desk: Desk) -> None:
        async def again() -> None:
            await desk.client.services.replay("permits", after=0, by="test")

        await play(desk, [activity(row) for row in ordered], kills, again if replay else None)
        await desk.caught_up("permits")
        found.update(await desk.states("permits", Permit, sorted({row["case_id"] for row in rows})))

    run(folder, 4, scenario)
    return found


@pytest.mark.parametrize("replay", [False, True], ids=["", "replayed half way"])
def test_the_state_of_a_case_is_a_fold_of_its_events_whatever_is_repeated_or_killed(
    tmp_path: Path, shared: Path, *, replay: bool
) -> None:
    rows = some_cases(read_rows(shared, "receipt_permits"), 6)
    assert _permits(rows, tmp_path, 3, replay=replay) == folded(rows)


@pytest.mark.slow
@pytest.mark.parametrize("replay", [False, True], ids=["", "replayed half way"])
def test_every_permit_of_a_real_log_is_what_the_log_says(
    tmp_path: Path, shared: Path, count: Callable[..., None], *, replay: bool
) -> None:
    rows, truth = read_rows(shared, "receipt_permits"), read_truth(shared, "receipt_permits")
    found = _permits(rows, tmp_path, 12, replay=replay)
    count("kills", 12)
    assert found == folded(rows)
    assert len(found) == truth["cases"] == 1434
    assert Counter(name for permit in found.values() for name in permit.trace) == truth["activities"]
    assert Counter(permit.trace[-1] for permit in found.values()) == truth["end_activities"]
    assert len({tuple(permit.trace) for permit in found.values()}) == truth["variants"]


# -- orders, items, packages: three keys in one line of the log


def _objects(rows: list[Row], folder: Path, kills: int, *, replay: bool) -> dict[str, dict[str, Thing]]:
    """Send the rows to the services of their objects; return what each of these keeps."""
    expected = things(rows)
    found: dict[str, dict[str, Thing]] = {}

    async def scenario(desk: Desk) -> None:
        async def again() -> None:
            for name in projections.OBJECTS:
                await desk.client.services.replay(name, after=0, by="test")

        await play(desk, [happened(row) for row in rows], kills, again if replay else None)
        await desk.caught_up("splitter", *projections.OBJECTS)
        for name, those in expected.items():
            found[name] = await desk.states(name, Thing, sorted(those))

    run(folder, 5, scenario)
    return found


@pytest.mark.parametrize("replay", [False, True], ids=["", "replayed half way"])
def test_what_concerns_many_objects_reaches_each_of_them_once_and_in_order(
    tmp_path: Path, shared: Path, *, replay: bool
) -> None:
    rows = read_rows(shared, "orders_object_centric")[:1_200]
    assert _objects(rows, tmp_path, 3, replay=replay) == things(rows)


@pytest.mark.slow
@pytest.mark.parametrize("replay", [False, True], ids=["", "replayed half way"])
def test_every_order_item_and_package_of_a_published_log_is_what_the_log_says(
    tmp_path: Path, shared: Path, count: Callable[..., None], *, replay: bool
) -> None:
    rows, truth = read_rows(shared, "orders_object_centric"), read_truth(shared, "orders_object_centric")
    found = _objects(rows, tmp_path, 12, replay=replay)
    count("kills", 12)
    assert found == things(rows)
    done = {name: Counter(a for thing in found[name].values() for a in thing.trace) for name in found}
    activities = truth["activities"]
    assert len(found["orders"]) == done["orders"]["place order"] == activities["place order"] == 2_000
    for name in ("confirm order", "pay order", "payment reminder"):
        assert done["orders"][name] == activities[name]
    for name in ("pick item", "item out of stock", "reorder item"):
        assert done["items"][name] == activities[name]
    for name in ("create package", "send package", "failed delivery", "package delivered"):
        assert done["packages"][name] == activities[name]
    assert sum(truth["activities"].values()) == truth["events"] == len(rows)
