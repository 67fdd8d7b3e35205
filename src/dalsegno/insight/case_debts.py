"""What of a case is owed now: each handler and run that is to do something, with why it has not yet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dalsegno.client.case_standing import Owing
from dalsegno.client.standing import Because, Reason, Standing
from dalsegno.core.clock import to_datetime
from dalsegno.insight.flow import Flow, Frontier, Trail
from dalsegno.insight.owed import Owed
from dalsegno.store.cases import CaseTrail

_Place = tuple[str, int | None]


@dataclass(frozen=True, slots=True)
class _Debt:
    """What the frontier says of one who owes."""

    state: str
    due_at: int | None
    gives: tuple[str, ...]
    certain: tuple[str, ...]


def _debts(told: Frontier | None) -> dict[_Place, _Debt]:
    """Gather by who owes, and what it reacts to, what the frontier tells by type."""
    found: dict[_Place, _Debt] = {}
    for owed in () if told is None else told.owed:
        for debtor in owed.by:
            place = (debtor.by, debtor.event)
            known = found.get(place, _Debt(debtor.state, debtor.due_at, (), ()))
            certain = (*known.certain, owed.type) if owed.certain else known.certain
            found[place] = _Debt(known.state, known.due_at, (*known.gives, owed.type), certain)
    return found


def owing(
    left: CaseTrail,
    told: Frontier | None,
    flow: Flow,
    trail: Trail,
    found: Iterable[Owed],
    runs: Iterable[Standing],
) -> tuple[list[Owing], list[Because]]:
    """Say who owes what, and what joins wait for. ``runs`` take part and have not ended.

    A join that lacks an event owes nothing yet; that it waits is told apart.
    """
    debts, types = _debts(told), {event.number: event.type for event in left.events}
    owed, joins = [], []
    for each in found:
        debt = debts.pop((each.title, each.event), None)
        handler = flow.by_title.get(each.title)
        if debt is None and each.kind is Reason.JOIN:
            joins.append(each.reasons[0])
        elif debt is not None or told is None or _is_due(each, flow, trail):
            gives = debt.gives if debt else handler.gives if handler and told is None else ()
            due = debt.due_at if debt else None
            owed.append(
                Owing(
                    by=each.title,
                    event=each.event,
                    type=types[each.event],
                    since=each.since,
                    gives=gives,
                    certain=debt.certain if debt else (),
                    state="dead letter" if each.kind.is_dead_letter else "open",
                    due_at=None if due is None else to_datetime(due),
                    run=each.run,
                    reasons=each.reasons,
                )
            )
    return [*owed, *_runs(debts, runs)], joins


def _is_due(each: Owed, flow: Flow, trail: Trail) -> bool:
    """Tell whether a handler that gives nothing is to react all the same: not so in a case that was cancelled."""
    handler = flow.by_title.get(each.title)
    goes_on = handler is not None and handler.goes_on
    return trail.cancelled is None or each.run is not None or goes_on or each.event in trail.followers()


def _runs(debts: dict[_Place, _Debt], runs: Iterable[Standing]) -> Iterator[Owing]:
    for run in runs:
        debt = debts.get((run.workflow, None))
        yield Owing(
            by=run.workflow,
            event=None,
            type=None,
            since=run.since,
            gives=debt.gives if debt else (),
            certain=debt.certain if debt else (),
            state="running",
            due_at=None,
            run=run.id,
            reasons=run.reasons,
        )
