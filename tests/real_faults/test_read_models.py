"""Read models of published logs, built anew half way, while their worker is killed and all comes thrice.

Data, read from ../shared/data: receipt phase of permit applications, doi:10.4121/12709127, and the
"Order Management" example log of the OCEL standard.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dalsegno import Projection
from tests.real_faults import read_models
from tests.real_faults.deliveries import (
    STALLED,
    Desk,
    activity,
    folded,
    happened,
    play,
    run,
    some_cases,
    things,
)
from tests.real_faults.harness import until
from tests.real_faults.logs import Row, read_rows, read_truth
from tests.real_faults.projections import Permit, Thing
from tests.real_faults.read_models import OBJECTS, permit_rows

pytestmark = [pytest.mark.promise("P1", "P8", "P11"), pytest.mark.timeout(600)]


async def _rebuilt(desk: Desk, projection: Projection[Any]) -> None:
    """Have it built anew, and let its worker die of that."""
    assert await desk.client.projection(projection).rebuild() == 2
    await desk.worker.replace()


async def _all_rows(desk: Desk, projection: Projection[Any]) -> dict[str, Any]:
    """Read every row, once the second generation serves and has all that is on the log."""
    handle, last = desk.client.projection(projection), (await desk.runtime.store.head()).last
    info = await handle.info()
    while (info.generation, info.position) != (2, last):
        before = info.generation, info.position, info.built_to

        async def moved() -> bool:
            now = await handle.info()
            return (now.generation, now.position, now.built_to) != before  # noqa: B023 - it is awaited here

        await until(moved, STALLED, f"{projection.name} gets further than {before}")
        info = await handle.info()
    found: dict[str, Any] = {}
    while page := await handle.list(after=max(found, default=""), limit=500):
        found.update(page)
    return found


def _permits(rows: list[Row], folder: Path, kills: int) -> dict[str, Permit]:
    ordered = sorted(rows, key=lambda row: row["timestamp"])  # a stable sort: within a case as they were
    found: dict[str, Permit] = {}

    async def scenario(desk: Desk) -> None:
        async def anew() -> None:
            await _rebuilt(desk, permit_rows)

        await play(desk, [activity(row) for row in ordered], kills, anew)
        found.update(await _all_rows(desk, permit_rows))

    run(folder, 6, scenario, read_models)
    return found


def _objects(rows: list[Row], folder: Path, kills: int) -> dict[str, dict[str, Thing]]:
    found: dict[str, dict[str, Thing]] = {}

    async def scenario(desk: Desk) -> None:
        async def anew() -> None:
            for projection in OBJECTS.values():
                await _rebuilt(desk, projection)

        await play(desk, [happened(row) for row in rows], kills, anew)
        await desk.caught_up("splitter")
        for name, projection in OBJECTS.items():
            found[name] = await _all_rows(desk, projection)

    run(folder, 7, scenario, read_models)
    return found


def test_a_read_model_built_anew_half_way_is_a_fold_of_the_log(tmp_path: Path, shared: Path) -> None:
    rows = some_cases(read_rows(shared, "receipt_permits"), 6)
    assert _permits(rows, tmp_path, 3) == folded(rows)


def test_so_are_those_of_what_one_line_tells_of_many_objects(tmp_path: Path, shared: Path) -> None:
    rows = read_rows(shared, "orders_object_centric")[:800]
    assert _objects(rows, tmp_path, 2) == things(rows)


@pytest.mark.slow
def test_every_permit_of_a_real_log_is_in_its_read_model(
    tmp_path: Path, shared: Path, count: Callable[..., None]
) -> None:
    rows, truth = read_rows(shared, "receipt_permits"), read_truth(shared, "receipt_permits")
    found = _permits(rows, tmp_path, 12)
    count("kills", 13)
    assert found == folded(rows)
    assert len(found) == truth["cases"] == 1434
    assert Counter(name for permit in found.values() for name in permit.trace) == truth["activities"]
    assert Counter(permit.trace[-1] for permit in found.values()) == truth["end_activities"]
    assert len({tuple(permit.trace) for permit in found.values()}) == truth["variants"]


@pytest.mark.slow
def test_every_order_item_and_package_of_a_published_log_is_in_its_read_model(
    tmp_path: Path, shared: Path, count: Callable[..., None]
) -> None:
    rows, truth = read_rows(shared, "orders_object_centric"), read_truth(shared, "orders_object_centric")
    found = _objects(rows, tmp_path, 12)
    count("kills", 15)
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
