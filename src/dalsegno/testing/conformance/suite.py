"""The chapters in order, and how they are run."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from dalsegno.testing.conformance.alerts import CASES as ALERTS
from dalsegno.testing.conformance.calling_off import CASES as CALLING_OFF
from dalsegno.testing.conformance.cases import CASES as CASE_ROWS
from dalsegno.testing.conformance.claiming import CASES as CLAIMING
from dalsegno.testing.conformance.committing import CASES as COMMITTING
from dalsegno.testing.conformance.creating import CASES as CREATING
from dalsegno.testing.conformance.dead_letters import CASES as DEAD_LETTERS
from dalsegno.testing.conformance.delivering import CASES as DELIVERING
from dalsegno.testing.conformance.emitting import CASES as EMITTING
from dalsegno.testing.conformance.expecting import CASES as EXPECTING
from dalsegno.testing.conformance.figures import CASES as FIGURES
from dalsegno.testing.conformance.groups import CASES as GROUPS
from dalsegno.testing.conformance.lanes import CASES as LANES
from dalsegno.testing.conformance.log import CASES as LOG
from dalsegno.testing.conformance.projecting import CASES as PROJECTING
from dalsegno.testing.conformance.reacting import CASES as REACTING
from dalsegno.testing.conformance.reading import CASES as READING
from dalsegno.testing.conformance.schemas import CASES as SCHEMAS
from dalsegno.testing.conformance.services import CASES as SERVICES
from dalsegno.testing.conformance.sessions import CASES as SESSIONS
from dalsegno.testing.conformance.subscribing import CASES as SUBSCRIBING
from dalsegno.testing.conformance.timers import CASES as TIMERS
from dalsegno.testing.conformance.values import CASES as VALUES
from dalsegno.testing.conformance.world import Capability, Case, MakeStore, SetClock, World

CASES: Sequence[Case] = (
    *CREATING,
    *CLAIMING,
    *COMMITTING,
    *DELIVERING,
    *TIMERS,
    *SESSIONS,
    *READING,
    *VALUES,
    *GROUPS,
    *SERVICES,
    *REACTING,
    *LANES,
    *DEAD_LETTERS,
    *LOG,
    *EMITTING,
    *SUBSCRIBING,
    *EXPECTING,
    *PROJECTING,
    *SCHEMAS,
    *FIGURES,
    *CASE_ROWS,
    *ALERTS,
    *CALLING_OFF,
)


_SHOWN = 300  # characters of an error in the report


@dataclass(frozen=True, slots=True)
class Report:
    """How a store did: names of cases that passed or were left out, and what the others raised."""

    passed: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    failed: dict[str, Exception] = field(default_factory=dict)

    def __str__(self) -> str:
        counts = f"{len(self.passed)} cases passed, {len(self.failed)} failed, {len(self.left_out)} left out"
        told = (f"FAILED {name}: {_short(str(error))}" for name, error in self.failed.items())
        return "\n".join([counts, *told])

    def assert_ok(self) -> None:
        """Raise an ExceptionGroup of all failures, if there are any."""
        if self.failed:
            names = ", ".join(self.failed)
            raise ExceptionGroup(f"{len(self.failed)} cases failed: {names}", list(self.failed.values()))


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


async def check(case: Case, make_store: MakeStore) -> None:
    """Run one case on a store of its own; raises what it finds."""
    clock = SetClock()
    store = make_store(clock)
    await store.open()
    try:
        await case.check(World(store, clock))
    finally:
        await store.close()


async def exercise(make_store: MakeStore, *, able: Collection[Capability] = tuple(Capability)) -> Report:
    """Run every case that the store is able to."""
    report = Report()
    for case in CASES:
        if case.needs is not None and case.needs not in able:
            report.left_out.append(case.name)
            continue
        try:
            await check(case, make_store)
        except Exception as error:  # the next case has a store of its own
            error.add_note(f"{case.name}: {case.sentence}")
            report.failed[case.name] = error
        else:
            report.passed.append(case.name)
    return report
