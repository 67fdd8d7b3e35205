"""Why many cases wait: each is looked at as ``where`` does, and they are put together by the reason that binds."""

from __future__ import annotations

from dalsegno.client.case_groups import CaseGroup, CaseGroups, StuckCase, StuckCases
from dalsegno.client.case_standing import CaseStanding
from dalsegno.client.standing import Reason
from dalsegno.core.cases import OPEN, CaseRow
from dalsegno.core.clock import nap, to_datetime
from dalsegno.core.runs import PARKED
from dalsegno.insight.binding import NEEDS_SOMEBODY
from dalsegno.insight.case_where import Scene
from dalsegno.insight.paint import Style, between, brief, columns, printable
from dalsegno.insight.workers import Gone, nobody_gone
from dalsegno.store.cases import CaseQuery
from dalsegno.store.log import DeadLetterQuery
from dalsegno.store.protocol import RunQuery, Store

_EXAMPLES = 3


async def _look(
    store: Store,
    namespace: str,
    process: str | None,
    limit: int,
    gone: Gone,
    *,
    late: bool,
    over: bool = False,
) -> tuple[list[CaseStanding], bool]:
    """Tell where open cases stand, up to a limit, and whether there are more.

    With ``over`` those too that are over and have left something that a person has to look at.
    """
    query = CaseQuery(
        namespace=namespace,
        processes=() if process is None else (process,),
        states=() if late else (OPEN,),
        late_at=store.now() if late else None,
        limit=limit + 1,
    )
    rows = await store.cases(query)
    if over and len(rows) <= limit:
        rows += await _over(store, namespace, process, limit)
    scene = await Scene.open(store, namespace, gone=gone, lines=1)
    found = []
    for row in rows[:limit]:
        found.append(await scene.case(row))
        await nap(0)  # they may all be short reads in place: whatever else lives on this loop goes on
    return found, len(rows) > limit


async def stuck_cases(
    store: Store,
    namespace: str,
    process: str | None = None,
    *,
    limit: int = 1_000,
    gone: Gone = nobody_gone,
) -> StuckCases:
    """List the cases that do not move until somebody acts, of up to so many that are looked at."""
    found, more = await _look(store, namespace, process, limit, gone, late=False, over=True)
    stuck = tuple(
        StuckCase(
            case.id, case.process or "", case.state, case.started_at, case.due_at, case.late, case.reasons
        )
        for case in found
        if case.stuck
    )
    return StuckCases(to_datetime(store.now()), len(found), more, stuck)


async def _over(store: Store, namespace: str, process: str | None, limit: int) -> list[CaseRow]:
    """Find cases that are over and of which something is a dead letter or parked, by these: the newest so many."""
    letters = await store.dead_letters(DeadLetterQuery(namespace=namespace, limit=limit))
    runs = [await store.get(letter.run) for letter in letters]
    runs += await store.runs(RunQuery(namespace=namespace, reason=PARKED, limit=limit))
    found: dict[str, CaseRow] = {}
    for name in dict.fromkeys(run.case_id for run in runs if run is not None and run.case_id is not None):
        row = await store.case(namespace, name)
        if row is not None and row.state != OPEN and process in (None, row.process):
            found[row.id] = row
    return list(found.values())


async def why_cases(
    store: Store,
    namespace: str,
    process: str | None = None,
    *,
    late: bool = False,
    limit: int = 1_000,
    gone: Gone = nobody_gone,
) -> CaseGroups:
    """Group open cases by the reason that binds, of up to so many; ``late`` takes those past their due time."""
    found, more = await _look(store, namespace, process, limit, gone, late=late)
    groups: dict[tuple[Reason | None, str], list[CaseStanding]] = {}
    for case in found:
        why = case.why
        about = "" if why is None else _about(case)
        groups.setdefault((None if why is None else why.kind, about), []).append(case)
    made = [_group(kind, about, cases) for (kind, about), cases in groups.items()]
    made.sort(key=lambda group: (-group.count, group.oldest))
    return CaseGroups(to_datetime(store.now()), len(found), more, tuple(made))


def _about(case: CaseStanding) -> str:
    """Name what is held: a run by its workflow, since each case has another one."""
    why = case.why
    assert why is not None
    return next((run.workflow for run in case.runs if run.id == why.about), why.about)


def _group(kind: Reason | None, about: str, cases: list[CaseStanding]) -> CaseGroup:
    """Tell of a group, whose cases come those first that began last."""
    first = cases[-1].why
    return CaseGroup(
        kind=kind,
        about=about,
        count=len(cases),
        late=sum(case.late is not None for case in cases),
        oldest=min(case.started_at for case in cases),
        examples=tuple(case.id for case in reversed(cases[-_EXAMPLES:])),
        text="nothing is owed" if first is None else first.text,
        next=() if first is None else first.next,
    )


# -- as text


def render_stuck(found: StuckCases, style: Style) -> str:
    """Write the cases as columns under a heading; nothing for none."""
    if not found.cases:
        return ""
    rows = [["CASE", "PROCESS", "STATE", "BEGAN", "LATE", "WHY"]]
    for case in found.cases:
        late = "" if case.due_at is None or case.late is None else between(case.due_at, found.at)
        about = f"{printable(case.why.about)}: " if case.why.about else ""
        began = style.clock(case.started_at, found.at)
        rows.append(
            [
                printable(case.id),
                printable(case.process),
                case.state,
                began,
                late,
                f"{about}{brief(case.why.text, 120)}",
            ]
        )
    heading, *lines = ["  ".join(cells).rstrip() for cells in columns(rows)]
    return "\n".join([style.paint(heading, "dim"), *lines])


def render_groups(found: CaseGroups, style: Style, *, option: str = "") -> str:
    """Write the groups, the largest first, each with an example; nothing for none."""
    lines = []
    for group in found.groups:
        kind = "nothing is owed" if group.kind is None else group.kind.value
        colour = "red" if group.kind in NEEDS_SOMEBODY else "yellow"
        about = f"  {printable(group.about)}" if group.about else ""
        late = f", {group.late} late" if group.late else ""
        since = style.clock(group.oldest, found.at)
        lines.append(f"{group.count:>6}  {style.paint(kind, colour)}{about}  since {since}{late}")
        examples = ", ".join(printable(each) for each in group.examples)
        lines.append(f"        {examples}: {brief(group.text, 160)}")
        if group.next:
            command = group.next[0]
            lines.append(f"        {printable(command)}{option if command.startswith('dalsegno') else ''}")
    return "\n".join(lines)
