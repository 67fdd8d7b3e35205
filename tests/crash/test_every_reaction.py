"""Services, crashed at every write of them or of their client: nothing is lost, nothing happens twice."""

from __future__ import annotations

import pytest

from dalsegno.core.notes import decode
from dalsegno.core.runs import Status
from dalsegno.testing.explorer import Explorer
from dalsegno.testing.faults import WRITE_CRASHES, ZOMBIES, Exactly, Fault
from dalsegno.testing.setting import Setting
from dalsegno.testing.world import World
from tests.helpers.counts import Count
from tests.simulation.choreographies import CHOREOGRAPHIES, Choreography
from tests.simulation.eventful import facts, known, registry

pytestmark = pytest.mark.promise("P1", "P2", "P5", "P6", "P8", "P11")

LEASE = 300_000
PAIRS = 40
SETTINGS = {
    "one worker": Setting(lease=LEASE),
    "two workers": Setting(lease=LEASE, workers=2, cache=0),
}


def explore(name: str, setting: Setting, modes: tuple[Fault, ...], pairs: int = 0) -> int:
    """Play it with each fault at each write, and pairs of them; return how many plays had one."""
    choreography = CHOREOGRAPHIES[name]
    found = Explorer(
        choreography, registry(), setting=setting, known=known(choreography.services), ends=facts
    ).explore(modes=modes, pairs=pairs)
    found.assert_ok()
    assert found.plays == found.writes * len(modes) + pairs
    return found.plays


@pytest.mark.parametrize("name", CHOREOGRAPHIES)
def test_services_survive_a_crash_at_every_write(name: str, count: Count) -> None:
    count("crash points of services", explore(name, SETTINGS["one worker"], WRITE_CRASHES))


@pytest.mark.parametrize("name", ["a reaction that returns an event", "a dead letter redriven"])
def test_two_workers_with_services_survive_a_crash_at_every_write(name: str, count: Count) -> None:
    count("crash points of services", explore(name, SETTINGS["two workers"], WRITE_CRASHES))


@pytest.mark.slow
@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("name", CHOREOGRAPHIES)
def test_services_survive_crashes_and_pairs_of_crashes(name: str, setting: str, count: Count) -> None:
    count("crash points of services", explore(name, SETTINGS[setting], WRITE_CRASHES, PAIRS))


@pytest.mark.slow
@pytest.mark.parametrize("name", CHOREOGRAPHIES)
def test_services_survive_a_process_that_freezes_at_every_write(name: str, count: Count) -> None:
    count("frozen services", explore(name, SETTINGS["two workers"], ZOMBIES))


@pytest.mark.parametrize("name", CHOREOGRAPHIES)
def test_a_choreography_does_something(name: str) -> None:
    choreography = CHOREOGRAPHIES[name]
    explorer = Explorer(choreography, registry(), known=known(choreography.services))
    found = facts(explorer.play(Exactly()))
    assert sum(found.log.values()) > 2 and found.log == dict.fromkeys(found.log, 1)


def test_the_stamps_that_crashes_leave_alone_have_the_parts_of_all_services() -> None:
    choreography = CHOREOGRAPHIES["a stacked workflow"]
    explorer = Explorer(choreography, registry(), known=known(choreography.services))
    paid = {"payments": {"paid": 1, "mood": ""}}
    shipped = {**paid, "shipping": {"shipped": 1}}
    of_a = {
        kind: parts for (kind, key, _), parts in facts(explorer.play(Exactly())).stamps.items() if key == "a"
    }
    assert of_a == {
        "sim.Ordered": {},
        "sim.Paid": paid,
        "sim.Rumoured": paid,
        "sim.Reserved": {},
        "sim.Shipped": shipped,
        "sim.Packed": shipped,
    }


def test_a_run_that_ends_with_events_held_back_rests_with_them() -> None:
    choreography = CHOREOGRAPHIES["a run that ends with events held back"]
    held: list[str] = []

    def look(world: World) -> bool:
        (run,) = (run for run in world.runs() if run.id == "last") if world.runs() else (None,)
        waits = decode(run.notes).waits if run is not None and run.status is Status.WAITING else ()
        held[:] = [wait.kind for wait in waits]
        return "pressure" in held

    async def lead(world: World) -> None:
        await choreography.lead(world)
        await world.until(lambda: look(world), "the run is held")

    explorer = Explorer(
        Choreography(lead, choreography.services), registry(), known=known(choreography.services)
    )
    assert facts(explorer.play(Exactly())).log["sim.Reserved", "a", 9] == 1
    assert held == ["pressure", "pressure"]
